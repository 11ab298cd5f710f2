"""Optional: what a PBX shows of itself, of its trunks and IVRs, and of how it is set up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from dispatcher.pbx.protocol.account import Session


@dataclass(frozen=True, slots=True)
class TrunkState:
    """A trunk as the PBX shows it. ``usable`` is None when the PBX does not know."""

    name: str
    status: str
    kind: str
    usable: bool | None


@dataclass(frozen=True, slots=True)
class Ivr:
    """An IVR of the PBX."""

    number: str
    name: str = ""
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """What the PBX says of itself."""

    model: str = ""
    serial: str = ""
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing about how a PBX is set up: whether it is right (None: not to be seen), and how to mend it."""

    check: str
    is_right: bool | None
    detail: str
    mend: str = ""


@runtime_checkable
class SeesTrunks(Protocol):
    """Families that can say how their trunks are."""

    def trunks(self, session: Session) -> Sequence[TrunkState]:
        """Every trunk with its state."""
        ...


@runtime_checkable
class SeesIvrs(Protocol):
    """Families that can list their IVRs."""

    def ivrs(self, session: Session) -> Sequence[Ivr]:
        """Every IVR."""
        ...


@runtime_checkable
class SeesDevice(Protocol):
    """Families that can describe the device."""

    def device(self, session: Session) -> Device:
        """Model, serial number and firmware."""
        ...


@runtime_checkable
class SeesClock(Protocol):
    """Families that tell what time it is there."""

    def clock(self, session: Session) -> datetime:
        """The PBX's clock, now; an instant."""
        ...


@runtime_checkable
class Examines(Protocol):
    """Families whose set-up can be looked at for what we need of it."""

    def examine(self, session: Session, queues: Sequence[str]) -> Sequence[Examined]:
        """What has to be set up for us, and whether it is; ``queues`` are those that calls are led into."""
        ...
