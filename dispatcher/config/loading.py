"""From a file and the environment to settings, or to an error that names every mistake."""

import copy
import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from dispatcher.config.checks import problems_of
from dispatcher.config.environment import Overrides, fill_secrets, overlay
from dispatcher.config.keys import Path, dotted, field_at, variable
from dispatcher.config.places import Places
from dispatcher.config.problems import ConfigError, Problem, in_words, of_schema
from dispatcher.config.settings import Settings
from dispatcher.pbx.registry import FAMILIES

CONFIG_VARIABLE = "DISPATCHER_CONFIG"
_REPAIRS = 4


def load(
    path: FilePath | None = None,
    env: Mapping[str, str] | None = None,
    *,
    families: Collection[str] = FAMILIES.keys(),
) -> Settings:
    """The settings from ``path``, or else from the file that ``DISPATCHER_CONFIG`` names, or the defaults.

    ``env``, the process's environment unless given, overrides every key. Raises :class:`ConfigError`
    with everything that is wrong.
    """
    environment = os.environ if env is None else env
    if path is None and environment.get(CONFIG_VARIABLE):
        path = FilePath(environment[CONFIG_VARIABLE])
    text = _read(path) if path is not None else ""
    origin = _Origin(str(path) if path is not None else "configuration")
    data = _parsed(origin.file, text)
    problems = _overridden(data, environment, origin)
    problems += fill_secrets(data, environment)
    settings, found = _validated(data)
    problems += found
    if settings is not None:
        broken = {wrong for problem in problems for wrong in (problem.path, *problem.others)}
        problems += [one for one in problems_of(settings, families) if not _is_hearsay(one, broken)]
    if problems or settings is None:
        raise in_words(problems, partial(origin.place, Places(text)))
    settings._source = origin.file
    return settings


@dataclass(slots=True)
class _Origin:
    """Where each key was written: on a line of the file, or in the environment."""

    file: str
    overridden: set[Path] = field(default_factory=set)

    def place(self, places: Places, path: Path) -> tuple[int, str]:
        """The line for sorting, and the place in words."""
        if any(path[:length] in self.overridden for length in range(1, len(path) + 1)):
            return 0, f"environment: {variable(path)}"
        line = places.line(path)
        return (
            (line, f"{self.file}: {dotted(path)} (line {line})")
            if line
            else (0, f"{self.file}: {dotted(path)}")
        )


def _read(path: FilePath) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: byte {error.start} is not UTF-8. Save the file as UTF-8"]) from None
    except OSError as error:
        mend = f"Name the configuration file with --config or {CONFIG_VARIABLE}"
        raise ConfigError([f"{path}: {error.strerror or 'can not be read'}. {mend}"]) from None


def _parsed(file: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        mend = "Mend that line: text stands in quotes, tables begin with [name] or [[name]]"
        raise ConfigError([f"{file}: is not TOML: {error}. {mend}"]) from None


def _overridden(data: dict[str, Any], environment: Mapping[str, str], origin: _Origin) -> list[Problem]:
    source = Overrides(environment)
    problems = list(source.misfits())
    for item in overlay(data, source()):
        if isinstance(item, Problem):
            problems.append(item)
        else:
            origin.overridden.add(item)
    origin.overridden |= {problem.path for problem in problems}
    return problems


def _validated(data: dict[str, Any]) -> tuple[Settings | None, list[Problem]]:
    """The settings, and what the schema finds wrong.

    Wrong values are replaced by examples, so that the other keys can still be checked against each
    other; the settings are None where that does not help.
    """
    problems: list[Problem] = []
    mended = copy.deepcopy(data)
    for attempt in range(_REPAIRS):
        try:
            return Settings(**mended), problems
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False, include_input=False)
        found = [of_schema(detail) for detail in details]
        problems = problems if attempt else found
        for problem in found:
            _mend(mended, problem.path)
    return None, problems


def _mend(data: dict[str, Any], path: Path) -> None:
    """Put something right in the place of what is wrong at ``path``."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    table: Any = data
    for part in path[:-1]:
        if isinstance(part, int):
            table = table[part] if isinstance(table, list) and part < len(table) else None
        else:
            table = table.get(part) if isinstance(table, dict) else None
    known = field_at(path)
    if not isinstance(table, dict):
        return
    if known is not None and known.examples:
        table[path[-1]] = copy.deepcopy(known.examples[0])
    elif known is not None and known.is_required():
        table[path[-1]] = dotted(path)
    else:
        table.pop(path[-1], None)


def _is_hearsay(problem: Problem, broken: set[Path]) -> bool:
    """Whether a problem rests on a key that is wrong by itself, and so on an example of ours."""
    paths = (problem.path, *problem.others)
    return any(path[:length] in broken for path in paths for length in range(len(path) + 1))
