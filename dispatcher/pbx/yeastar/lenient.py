"""Reading JSON as Yeastar PBXs write it.

Strict JSON goes through the standard decoder. What that refuses goes through a tolerant reader, which
accepts every defect seen in the manuals' own samples and in old firmware: a missing or trailing comma,
unquoted keys and values, single quotes, mismatched brackets, raw control characters, a byte order
mark, trailing NULs, text that is not UTF-8. It never invents the end of a string or number that was cut off.

In both cases all scalars come out as strings (a callid written as a number must not lose its last
zero), keys are lower-case without blanks around them, and a key that occurs twice in one object is
kept twice (:class:`Repeated`): reports of sessions without ``version`` list their parties so.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

_DEEPEST = 32
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<mark>[{}\[\]:,])
    | "(?P<quoted>[^"\\]*(?:\\.[^"\\]*)*)"
    | '(?P<single>[^'\\]*(?:\\.[^'\\]*)*)'
    | (?P<bare>[^\s{}\[\]:,"'][^{}\[\]:,"'\r\n]*)
    )""",
    re.VERBOSE | re.DOTALL,
)
_AROUND = "\ufeff\x00 \t\r\n"
_OPENER = {"}": "{", "]": "["}
_WORDS = {"null": None, "true": True, "false": False}


class Repeated(dict[str, Any]):
    """An object in which a key occurs more than once; as a mapping it holds the last of each."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = {key.strip().lower(): value for key, value in pairs}
    if len(made) == len(pairs):
        return made
    return Repeated([(key.strip().lower(), value) for key, value in pairs])


_STRICT = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=str, strict=False
)


def pairs_of(item: dict[str, Any]) -> list[tuple[str, Any]]:
    """Every key with its value, in order, repeated keys included."""
    return item.pairs if isinstance(item, Repeated) else list(item.items())


def read_object(body: bytes, *, whole: bool = False) -> dict[str, Any]:
    """The JSON object in ``body``; raises ``ValueError`` when there is none to be understood.

    With ``whole`` the object must be closed: half a list of live calls is worse than none. Without, its
    end may be missing, but for a string or number that was cut.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("latin-1")
    try:
        found = _STRICT.decode(text)
    except (ValueError, RecursionError):
        found = _repaired(text.strip(_AROUND), whole)
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


@dataclass(slots=True)
class _Open:
    """An object or array that is not closed yet; ``key`` is the one that waits for its value."""

    mark: str
    pairs: list[tuple[str, Any]] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)
    key: str | None = None
    colon: bool = False

    def add(self, value: Any) -> None:
        if self.mark == "[":
            self.items.append(value)
        elif self.key is None and isinstance(value, str):
            self.key = value
        elif self.key is not None and self.colon:
            self.pairs.append((self.key, value))
            self.key, self.colon = None, False
        else:
            raise ValueError("a key without a value")

    def made(self) -> Any:
        if self.mark == "[":
            return self.items
        if self.key is not None:
            raise ValueError("a key without a value")
        return _object(self.pairs)


def _repaired(text: str, whole: bool) -> Any:
    if not text.startswith("{"):
        raise ValueError("not a JSON object")
    stack: list[_Open] = []
    position, bare = 0, False
    while token := _TOKEN.match(text, position):
        position = token.end()
        mark = token["mark"]
        if mark is None:
            stack[-1].add(_scalar(token))
            bare = token["bare"] is not None
        elif mark in "{[":
            if len(stack) == _DEEPEST:
                raise ValueError("nested too deeply")
            stack.append(_Open(mark))
        elif mark in "}]":
            if (done := _close(stack, _OPENER[mark])) is not None:
                return done
        else:
            _separate(stack[-1], mark)
    if text[position:].strip():
        raise ValueError("a string without an end")
    if whole or (bare and not text.endswith(("}", "]", ","))):
        raise ValueError("the end is missing")
    return _close_all(stack)


def _scalar(token: re.Match[str]) -> Any:
    bare = token["bare"]
    if bare is not None:
        bare = bare.rstrip()
        return _WORDS.get(bare, bare)
    raw = token["quoted"]
    if raw is None:
        raw = token["single"].replace('"', '\\"')
    try:
        return _STRICT.decode(f'"{raw}"')
    except ValueError:
        return re.sub(r"\\(.)", r"\1", raw, flags=re.DOTALL)


def _separate(top: _Open, mark: str) -> None:
    """A colon makes the waiting word a key. A comma says nothing new, but for a value left out."""
    if mark == ":" and top.key is not None:
        top.colon = True
    elif mark == "," and top.colon:
        top.add(None)


def _close(stack: list[_Open], opener: str) -> Any:
    """Close the nearest ``opener`` and all within it; returns the outermost object when that was it.

    A closing bracket that nothing waits for is ignored.
    """
    if all(item.mark != opener for item in stack):
        return None
    while True:
        closed = stack.pop()
        made = closed.made()
        if not stack:
            return made
        stack[-1].add(made)
        if closed.mark == opener:
            return None


def _close_all(stack: list[_Open]) -> Any:
    """The outermost object, when only closing brackets are missing at the end."""
    while True:
        made = stack.pop().made()
        if not stack:
            return made
        stack[-1].add(made)
