"""A dial request, and what its answer says."""

from dataclasses import dataclass

from dispatcher.domain.reports import Report
from dispatcher.domain.vocabulary import MessageKind, TargetKind


@dataclass(frozen=True, slots=True)
class Message:
    """What is played: an IVR, queue or ring group number, or prompt names joined by ``+``."""

    kind: MessageKind
    value: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class DialOrder:
    """One dial request. ``digits`` already carries the trunk's prefix when a number is dialled."""

    target: TargetKind
    digits: str
    message: Message
    from_extension: str = ""
    trunk: str = ""
    """The trunk that is to be taken, for families that are told."""
    callid: str = ""
    """The id that the call is to have, for families that take ours; each id is dialled once."""


@dataclass(frozen=True, slots=True)
class TransferOrder:
    """Whom a call that was answered is put through to: the ``target``, by ``digits`` as in a dial request."""

    leg: str
    """Of the callee."""
    target: TargetKind
    digits: str
    from_extension: str = ""
    trunk: str = ""
    """The trunk that an outside number is to be reached over, for families that are told."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The PBX has taken a dial request. ``seen`` is what its answer already says of the call."""

    callid: str
    seen: tuple[Report, ...] = ()
