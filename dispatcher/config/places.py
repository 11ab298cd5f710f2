"""On which line of a TOML file each key stands."""

import tomllib
from typing import Any

from dispatcher.config.keys import Path

_LONGEST_STATEMENT = 500


class Places:
    """The lines of a TOML document that parses."""

    def __init__(self, document: str) -> None:
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        self._table: Path = ()
        lines = document.splitlines()
        number = 0
        while number < len(lines):
            number += self._read(lines, number)

    def line(self, path: Path) -> int | None:
        """The line of the key at ``path``, or of the nearest table or key that holds it."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return None

    def _read(self, lines: list[str], start: int) -> int:
        """Take in the statement that begins on a line; returns how many lines it has."""
        if not lines[start].strip():
            return 1
        for end in range(start + 1, min(len(lines), start + _LONGEST_STATEMENT) + 1):
            try:
                parsed = tomllib.loads("\n".join(lines[start:end]))
            except tomllib.TOMLDecodeError:
                continue
            if lines[start].lstrip().startswith("["):
                self._enter(parsed, start + 1)
            elif parsed:
                self._note(self._table, parsed, start + 1)
            return end - start
        return 1

    def _enter(self, header: dict[str, Any], line: int) -> None:
        path: Path = ()
        value: Any = header
        while value:
            (name, value), *_ = value.items()
            path = (*path, name)
            if isinstance(value, list):
                self._counts[path] = self._counts.get(path, -1) + 1
                value = value[0]
            if path in self._counts:
                self._lines.setdefault(path, line)
                path = (*path, self._counts[path])
        self._lines.setdefault(path, line)
        self._forget_below(path)
        self._table = path

    def _forget_below(self, path: Path) -> None:
        """Lists within a new table begin anew."""
        for known in [known for known in self._counts if known[: len(path)] == path and known != path]:
            del self._counts[known]

    def _note(self, table: Path, parsed: dict[str, Any], line: int) -> None:
        for name, value in parsed.items():
            path = (*table, name)
            self._lines.setdefault(path, line)
            if isinstance(value, dict):
                self._note(path, value, line)
