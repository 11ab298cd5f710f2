"""The tables, with the constraints that keep them true, a file for each part of the house.

Table models validate nothing in Python; requests are validated by their own schemas before they get
here, and the database holds the line with CHECK, UNIQUE and foreign keys.
"""

from dispatcher.store.tables.alarms import Alarm
from dispatcher.store.tables.calls import HELD, Attempt, Call, Doubt
from dispatcher.store.tables.campaigns import Campaign
from dispatcher.store.tables.columns import among, table
from dispatcher.store.tables.exchanges import ForeignCall, Inquiry, PbxSession, ReportStreamState, Trunk
from dispatcher.store.tables.journal import AuditState, Event, Tally
from dispatcher.store.tables.processes import IdempotencyKey, Lease, ProcessSign
from dispatcher.store.tables.reports import Arrival, RawReport

__all__ = [
    "HELD",
    "Alarm",
    "Arrival",
    "Attempt",
    "AuditState",
    "Call",
    "Campaign",
    "Doubt",
    "Event",
    "ForeignCall",
    "IdempotencyKey",
    "Inquiry",
    "Lease",
    "PbxSession",
    "ProcessSign",
    "RawReport",
    "ReportStreamState",
    "Tally",
    "Trunk",
    "among",
    "table",
]
