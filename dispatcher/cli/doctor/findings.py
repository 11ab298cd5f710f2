"""What the doctor finds."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Result(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"
    """It could not be checked, since something else is wrong or the PBX does not tell."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was found, and how to mend it."""

    check: str
    result: Result
    detail: str
    mend: str = ""

    def document(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return asdict(self)


def ok(check: str, detail: str) -> Finding:
    """Nothing to mend."""
    return Finding(check, Result.OK, detail)


def warn(check: str, detail: str, mend: str) -> Finding:
    """It works, but not as it should."""
    return Finding(check, Result.WARN, detail, mend)


def fail(check: str, detail: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(check, Result.FAIL, detail, mend)


def skip(check: str, detail: str) -> Finding:
    """It could not be checked."""
    return Finding(check, Result.SKIP, detail)


def counted(number: int, one: str, many: str) -> str:
    """A number with what it counts."""
    return f"{number} {one if number == 1 else many}"
