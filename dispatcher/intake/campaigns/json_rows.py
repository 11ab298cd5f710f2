"""Contact rows from newline-delimited JSON: one object a line."""

from collections.abc import Iterator
from math import isfinite
from typing import TextIO

from pydantic_core import from_json

from dispatcher.intake.campaigns.rows import BadRow, Lines, RawRow, TooLong, storable


class JsonReader:
    """Reads one JSON object a line. A line that can't be read costs only itself."""

    def __init__(self, stream: TextIO) -> None:
        self._lines = Lines(stream)

    @property
    def position(self) -> int:
        """How many characters have been read so far."""
        return self._lines.position

    def __iter__(self) -> Iterator[RawRow | BadRow]:
        lines = self._lines
        while True:
            lines.taken.clear()
            try:
                line = next(lines)
            except StopIteration:
                return
            except TooLong as error:
                yield BadRow(lines.number, "", str(error))
                continue
            if not line.isspace():
                yield _row(lines.number, line)


def _row(number: int, line: str) -> RawRow | BadRow:
    try:
        document = from_json(line, allow_inf_nan=False)
    except ValueError as error:
        return BadRow(number, "", f"not a JSON object: {error}")
    if not isinstance(document, dict):
        return BadRow(number, "", "not a JSON object")
    if "\\u" in line:
        document = storable(document)
    if not _is_finite(document):
        return BadRow(number, "", "a number in it is too large")
    return RawRow(
        number,
        document.pop("number", None),
        document.pop("name", None),
        document.pop("external_id", None),
        document.pop("timezone", None),
        document,
    )


def _is_finite(value: object) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return all(map(_is_finite, value)) if isinstance(value, list) else True
