"""A simulated PBX: real HTTP, scripted callees, switchable faults, and a judge of what happened.

It imports nothing of the dispatcher, so that one misreading of a manual can not pass on both sides.
"""

from dispatcher.simulator.callees import BEHAVIOUR_BY_SUFFIX, Behaviour
from dispatcher.simulator.families import FAMILIES, username_of
from dispatcher.simulator.faults import Fault, Faults
from dispatcher.simulator.judge import Judge
from dispatcher.simulator.outage import OutageKind
from dispatcher.simulator.records import CallRecord, DialRecord, LogEntry, TrunkTally
from dispatcher.simulator.runner import SimulatedPbx, serve
from dispatcher.simulator.settings import (
    DeliverySettings,
    ExtensionSettings,
    IvrSettings,
    QueueSettings,
    SimulatorSettings,
    StreamSettings,
    Timing,
    TrunkSettings,
)

__all__ = [
    "BEHAVIOUR_BY_SUFFIX",
    "FAMILIES",
    "Behaviour",
    "CallRecord",
    "DeliverySettings",
    "DialRecord",
    "ExtensionSettings",
    "Fault",
    "Faults",
    "IvrSettings",
    "Judge",
    "LogEntry",
    "OutageKind",
    "QueueSettings",
    "SimulatedPbx",
    "SimulatorSettings",
    "StreamSettings",
    "Timing",
    "TrunkSettings",
    "TrunkTally",
    "serve",
    "username_of",
]
