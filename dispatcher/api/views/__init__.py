"""How alarms, calls, attempts and trunks look to the outside: the only place that says so."""

from dispatcher.api.views.alarms import AlarmSummary, AlarmView, alarm_summary, alarm_view
from dispatcher.api.views.calls import (
    AttemptView,
    CallDetail,
    CallView,
    RawReportView,
    WithdrawnView,
    attempt_view,
    call_members,
    raw_report_view,
)
from dispatcher.api.views.events import EventView, event_view
from dispatcher.api.views.trunks import TrunkView, trunk_view

__all__ = [
    "AlarmSummary",
    "AlarmView",
    "AttemptView",
    "CallDetail",
    "CallView",
    "EventView",
    "RawReportView",
    "TrunkView",
    "WithdrawnView",
    "alarm_summary",
    "alarm_view",
    "attempt_view",
    "call_members",
    "event_view",
    "raw_report_view",
    "trunk_view",
]
