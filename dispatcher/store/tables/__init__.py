"""The tables, with the constraints that keep them true, a file for each part of the house.

Table models validate nothing in Python; requests are validated by their own schemas before they get
here, and the database holds the line with CHECK, UNIQUE and foreign keys.
"""

from dispatcher.store.tables.alarms import Alarm, Page
from dispatcher.store.tables.calls import HELD, Attempt, Call, Doubt
from dispatcher.store.tables.campaigns import Campaign
from dispatcher.store.tables.columns import among, table
from dispatcher.store.tables.directory import (
    Contact,
    ContactGroup,
    DoNotCall,
    GroupMember,
    Policy,
    Schedule,
    ScheduleOverride,
)
from dispatcher.store.tables.exchanges import (
    ForeignCall,
    Inquiry,
    PbxIvrs,
    PbxSession,
    ReportStreamState,
    Trunk,
)
from dispatcher.store.tables.journal import AuditState, Event, Tally
from dispatcher.store.tables.outgoing import Delivery, Heartbeat, Mark, Webhook
from dispatcher.store.tables.processes import IdempotencyKey, Lease, ProcessSign
from dispatcher.store.tables.quiet import AlarmGroup, Inhibition, Silence
from dispatcher.store.tables.reports import Arrival, EnteredArrival, RawReport

__all__ = [
    "HELD",
    "Alarm",
    "AlarmGroup",
    "Arrival",
    "Attempt",
    "AuditState",
    "Call",
    "Campaign",
    "Contact",
    "ContactGroup",
    "Delivery",
    "DoNotCall",
    "Doubt",
    "EnteredArrival",
    "Event",
    "ForeignCall",
    "GroupMember",
    "Heartbeat",
    "IdempotencyKey",
    "Inhibition",
    "Inquiry",
    "Lease",
    "Mark",
    "Page",
    "PbxIvrs",
    "PbxSession",
    "Policy",
    "ProcessSign",
    "RawReport",
    "ReportStreamState",
    "Schedule",
    "ScheduleOverride",
    "Silence",
    "Tally",
    "Trunk",
    "Webhook",
    "among",
    "table",
]
