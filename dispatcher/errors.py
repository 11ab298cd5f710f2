"""Why a request is not done. The API turns each into a problem document, the command line into a line.

IntakeError
 ├─ Refused       the request can't be carried out as it stands; names the fields
 ├─ Unknown       there is no such alarm, call, campaign or trunk
 ├─ NotPossible   it exists, but its present status does not allow this
 └─ Clash         its name is taken, or something else needs it
"""

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
Place = tuple[str | int, ...]
"""Where in the request: names and indexes from the outside in, such as ``("to", 0, "number")``."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request: where, and how to mend it."""

    place: Place
    detail: str
    source: str = "body"
    """Which part of an HTTP request the place is in: ``body`` or ``query``."""

    def __str__(self) -> str:
        return f"{'.'.join(str(part) for part in self.place)}: {self.detail}"


class Misfit(ValueError):
    """Members that do not fit together; ``place`` is the one to change, as seen from what was checked."""

    def __init__(self, detail: str, *place: str | int) -> None:
        super().__init__(detail)
        self.place: Place = place


class IntakeError(Exception):
    """A request that is not done; nothing of it has been stored."""


class Refused(IntakeError):
    """The request can't be carried out. ``faults`` says all that is wrong with it, not only the first."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults


class Unknown(IntakeError):
    """There is no such thing."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"there is no {what} {name!r}")


class NotPossible(IntakeError):
    """The thing's present ``status`` does not allow what was asked."""

    def __init__(self, detail: str, status: str) -> None:
        super().__init__(detail)
        self.status = status


class Clash(IntakeError):
    """Something that exists stands in the way; the message says what."""


def existing(row: T | None, what: str, name: str) -> T:
    """The row that was looked for; raises :class:`Unknown` where there is none."""
    if row is None:
        raise Unknown(what, name)
    return row
