"""What the readers of uploads hand on: rows as they were written, and rows that can't be used."""

import re
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, TextIO

LONGEST_LINE = 65_536
"""Characters of one line."""

KNOWN = ("number", "name", "external_id", "timezone")
"""The columns with a meaning; any others are kept and returned."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SHOWN = 100


class RawRow(NamedTuple):
    """A row as it was written; ``line`` is where it begins, the first line being 1."""

    line: int
    number: object
    name: object
    external_id: object
    timezone: object
    fields: dict[str, Any]


class BadRow(NamedTuple):
    """A row that is not taken: where, which field (empty: the whole row), why, and what it held."""

    line: int
    field: str
    reason: str
    value: str | None = None

    def document(self) -> dict[str, Any]:
        """As the answer to an upload shows it."""
        told: dict[str, Any] = {"line": self.line, "field": self.field or None, "reason": self.reason}
        if self.value is not None:
            told["value"] = self.value if len(self.value) <= _SHOWN else f"{self.value[:_SHOWN]}…"
        return told


class Reader(Protocol):
    """Reads the rows of one kind of upload."""

    def __iter__(self) -> Iterator[RawRow | BadRow]:
        """Every row in order; blank ones are left out."""
        ...

    @property
    def position(self) -> int:
        """How many characters have been read so far."""
        ...


class TooLong(Exception):
    """A line beyond the longest; it has been passed over."""


class Lines:
    """The lines of a text, counted, of bounded length; lines may be put back to be read again."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._again: deque[str | None] = deque()
        self.taken: list[str | None] = []
        """The lines since this list was last cleared; None stands for one that was too long."""
        self.number = 0
        """The number of the line that was read last."""
        self.position = 0
        """How many characters have been read so far."""

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        """The next line with its end; raises :class:`TooLong` for one that is not held."""
        line = self._again.popleft() if self._again else self._read()
        self.number += 1
        self.taken.append(line)
        if line is None:
            raise TooLong(f"longer than {LONGEST_LINE} characters")
        return line

    def put_back(self, lines: list[str | None]) -> None:
        """Read ``lines``, the last that were taken, once more."""
        self._again.extendleft(reversed(lines))
        self.number -= len(lines)

    def _read(self) -> str | None:
        line = self._stream.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        self.position += len(line)
        if len(line) < LONGEST_LINE or line[-1] in "\r\n":
            return line.replace("\x00", "\ufffd") if "\x00" in line else line
        while line and line[-1] not in "\r\n":
            line = self._stream.readline(LONGEST_LINE)
        return None


def storable(value: Any) -> Any:
    """``value`` with U+FFFD for the characters that no database can hold."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    return value
