"""Contact rows from CSV: a header row, then a row per person, however it is delimited and quoted."""

import csv
from collections.abc import Iterator
from typing import TextIO

from dispatcher.errors import Fault, Refused
from dispatcher.intake.campaigns.rows import KNOWN, BadRow, Lines, RawRow, TooLong

DELIMITERS = (",", ";", "\t")
MOST_COLUMNS = 200
MOST_LINES = 50
"""Lines of one record: a quote that is never closed must not swallow the rest of the file."""


class _Unclosed(Exception):
    """A record of too many lines."""


class _Record:
    """The lines of one record, as the csv module asks for them."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def __iter__(self) -> "_Record":
        return self

    def __next__(self) -> str:
        if len(self._lines.taken) >= MOST_LINES:
            raise _Unclosed(f"a quoted text runs over more than {MOST_LINES} lines; is a quote missing?")
        return next(self._lines)


class CsvReader:
    """Reads CSV with a header row. Raises ``Refused`` for a header that can't be used.

    The delimiter is the one of comma, semicolon and tab under which the header names ``number``. A row
    that can't be read costs only itself: reading goes on with the line after its first.
    """

    def __init__(self, stream: TextIO) -> None:
        self._lines = Lines(stream)
        self._delimiter = self._sniffed()
        self._columns = self._header()
        places = {name: place for place, name in enumerate(self._columns)}
        self._places = tuple(places.pop(name, -1) for name in KNOWN)
        places.pop("", None)
        self._further = tuple(places.items())

    @property
    def position(self) -> int:
        """How many characters have been read so far."""
        return self._lines.position

    def __iter__(self) -> Iterator[RawRow | BadRow]:
        width = len(self._columns)
        blanks = [""] * (width + 1)
        number, name, external_id, timezone = self._places
        for line, cells in self._records():
            if isinstance(cells, str):
                yield BadRow(line, "", cells)
                continue
            if not any(cells):
                continue
            if any(cells[width:]):
                yield BadRow(line, "", f"{len(cells)} columns, but the header names {width}")
                continue
            # Columns at the end may be left out; the blank behind them all is what index -1 finds for a
            # column that the header lacks.
            whole = [*cells, *blanks[min(len(cells), width) :]]
            fields = {key: whole[place] for key, place in self._further}
            yield RawRow(line, whole[number], whole[name], whole[external_id], whole[timezone], fields)

    def _records(self) -> Iterator[tuple[int, list[str] | str]]:
        """The first line of every record with its cells, or with what is wrong with it."""
        lines = self._lines
        reader = self._reader()
        while True:
            lines.taken.clear()
            line = lines.number + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _Unclosed, TooLong) as error:
                lines.put_back(lines.taken[1:])
                reader = self._reader()
                yield line, f"can't be read as CSV: {error}"
                continue
            yield line, cells

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(_Record(self._lines), delimiter=self._delimiter, strict=True)

    def _sniffed(self) -> str:
        try:
            first = next((line for line in self._lines if line.strip()), "")
        except TooLong as error:
            raise _refused(f"the header row is {error}") from None
        self._lines.put_back(self._lines.taken[-1:] if first else [])

        def fitness(delimiter: str) -> tuple[bool, int]:
            cells = [_known_name(cell) for cell in next(csv.reader([first], delimiter=delimiter), [])]
            return "number" in cells, len(cells)

        return max(DELIMITERS, key=fitness)

    def _header(self) -> list[str]:
        _, cells = next(self._records(), (1, ""))
        if not cells:
            raise _refused("send a header row that names the columns, then a row per person")
        if isinstance(cells, str):
            raise _refused(f"the header row {cells}")
        columns = [_known_name(cell) for cell in cells]
        while columns and not columns[-1]:
            columns.pop()
        if "number" not in columns:
            told = ", ".join(columns)[:200]
            raise _refused(f"the header row names no column 'number'; it names: {told}")
        repeated = sorted({name for name in columns if name and columns.count(name) > 1})
        if repeated:
            raise _refused(f"the header row names a column twice: {', '.join(repeated)[:200]}")
        if "" in columns:
            raise _refused(f"column {columns.index('') + 1} has no name in the header row")
        if len(columns) > MOST_COLUMNS:
            raise _refused(f"{len(columns)} columns; at most {MOST_COLUMNS} are kept")
        return columns


def _known_name(cell: str) -> str:
    """A column's name; those with a meaning may be written in any case."""
    name = cell.strip()
    return name.lower() if name.lower() in KNOWN else name


def _refused(detail: str) -> Refused:
    return Refused(Fault(("number",), detail))
