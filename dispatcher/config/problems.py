"""What is wrong with a configuration: the key, its place, and how to mend it."""

import difflib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from dispatcher.config.keys import Path, dotted, field_at, is_list, known_at, models_in

_SECRETS = {
    "password": 'Add password = "…", or password_env = "NAME" and set that environment variable',
    "token": 'Add token = "…", or token_env = "NAME" and set that environment variable',
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. ``others`` are the keys that it is a mistake together with."""

    path: Path
    wrong: str
    mend: str
    others: tuple[Path, ...] = ()


class ConfigError(Exception):
    """A configuration that nothing can start with. The text names every mistake, one a line."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


def in_words(problems: Iterable[Problem], place: Callable[[Path], tuple[int, str]]) -> ConfigError:
    """The error for these problems; ``place`` gives a key's line, for sorting, and its place in words."""
    found = []
    for problem in problems:
        line, where = place(problem.path)
        found.append((line, f"{where}: {problem.wrong}. {problem.mend}"))
    found.sort(key=lambda item: item[0])
    return ConfigError(dict.fromkeys(text for _, text in found))


def of_schema(error: ErrorDetails) -> Problem:
    """What the schema finds wrong, without the value that it found."""
    path = tuple(part for part in error["loc"] if not _is_branch(part))
    kind, name = error["type"], str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        return Problem(path, "unknown key", _nearest(name, known_at(path[:-1])))
    if kind == "missing":
        return Problem(path, "missing", _SECRETS.get(name) or f"Add e.g. {_example(path)}")
    if kind in ("model_type", "model_attributes_type", "list_type", "dict_type"):
        return Problem(path, *_wrong_shape(path, kind))
    wrong = error["msg"].removeprefix("Value error, ")
    for spoken in ("Input should ", "String should ", "List should ", "Value should "):
        wrong = wrong.replace(spoken, "must ")
    if kind == "string_pattern_mismatch":
        wrong = "has characters that are not allowed here, or is blank"
    mend = _SECRETS.get(name) or f"Write e.g. {_example(path)}"
    return Problem(path, wrong, mend)


def _is_branch(part: str | int) -> bool:
    """Whether a part of an error's place names a branch of a union and not a key."""
    return isinstance(part, str) and (part.startswith(("function-", "literal[")) or "[" in part)


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]}?"
    return f"The keys here are {', '.join(known)}" if known else "Remove it"


def _wrong_shape(path: Path, kind: str) -> tuple[str, str]:
    field, name = field_at(path), dotted(tuple(part for part in path if isinstance(part, str)))
    if field is not None and models_in(field.annotation) is not None:
        if is_list(field) and not isinstance(path[-1], int):
            return "must be a list of tables", f"Begin each with [[{name}]]"
        return "must be a table", f"Begin it with {f'[[{name}]]' if is_list(field) else f'[{name}]'}"
    return ("must be a list" if kind == "list_type" else "must be a table"), f"Write e.g. {_example(path)}"


def _example(path: Path) -> str:
    while path and isinstance(path[-1], int):
        path = path[:-1]
    field = field_at(path)
    value = None if field is None else field.examples[0] if field.examples else field.get_default()
    return f"{path[-1]} = {'…' if value is None else toml(value)}"


def toml(value: Any) -> str:
    """``value`` as it is written in the file."""
    if isinstance(value, dict):
        if not value:
            return "{}"
        return f"{{ {', '.join(f'{name} = {toml(item)}' for name, item in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(toml(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)
