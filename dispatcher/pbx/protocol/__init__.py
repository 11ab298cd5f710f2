"""The one protocol that every PBX family's driver offers, and its optional capabilities.

A driver turns the dispatcher's requests into the vendor's HTTP API and the vendor's reports into
:class:`~dispatcher.domain.reports.Report`. It keeps no state but its HTTP connections: the session
(token) is handed to it, so that every process can share one. It never reads the database.

* every family: :mod:`.account`, :mod:`.orders`, :mod:`.capabilities`, :mod:`.driver`
* those that can: :mod:`.calls`, :mod:`.records`, :mod:`.streams`, :mod:`.equipment`

The rest of the dispatcher imports the names from here.
"""

from dispatcher.pbx.protocol.account import Contexts, PbxAccount, Session
from dispatcher.pbx.protocol.calls import (
    DialsTogether,
    HangsUp,
    LiveCall,
    SeesCall,
    SeesLiveCalls,
    Transfers,
)
from dispatcher.pbx.protocol.capabilities import ALL_OF_PHONES, Capabilities
from dispatcher.pbx.protocol.driver import Driver, Observe
from dispatcher.pbx.protocol.equipment import (
    Device,
    Examined,
    Examines,
    Ivr,
    SeesClock,
    SeesDevice,
    SeesIvrs,
    SeesTrunks,
    TrunkState,
)
from dispatcher.pbx.protocol.orders import Accepted, DialOrder, Message, TransferOrder
from dispatcher.pbx.protocol.records import Endings, KeepsRecords, KnowsOwnCalls
from dispatcher.pbx.protocol.streams import Pulled, PullsReports, ReportStream, SignsReports

__all__ = [
    "ALL_OF_PHONES",
    "Accepted",
    "Capabilities",
    "Contexts",
    "Device",
    "DialOrder",
    "DialsTogether",
    "Driver",
    "Endings",
    "Examined",
    "Examines",
    "HangsUp",
    "Ivr",
    "KeepsRecords",
    "KnowsOwnCalls",
    "LiveCall",
    "Message",
    "Observe",
    "PbxAccount",
    "Pulled",
    "PullsReports",
    "ReportStream",
    "SeesCall",
    "SeesClock",
    "SeesDevice",
    "SeesIvrs",
    "SeesLiveCalls",
    "SeesTrunks",
    "Session",
    "SignsReports",
    "TransferOrder",
    "Transfers",
    "TrunkState",
]
