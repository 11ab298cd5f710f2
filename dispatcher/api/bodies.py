"""Request bodies: their size, their kind and their text are checked before anything is begun.

Whatever reaches an endpoint is JSON in UTF-8, within the limits, and can be stored as it is. Paths
that take streams of any size are left to their endpoints.
"""

import json
import re
from collections.abc import Mapping, Sequence
from email.message import Message
from typing import Any, NoReturn

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from dispatcher.api.problems import Problem

DEEPEST = 64
"""So many levels of objects and lists a body may have."""

RAW_BODY = "dispatcher.raw_body"
"""Where a request's scope has the body as it was sent: what a sender has signed."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class CheckedBodies:
    """Refuses bodies that are too large (413), no JSON (415), or neither UTF-8 nor well-formed (400).

    ``streamed`` are the paths, as regular expressions, whose endpoints read their bodies themselves.
    ``others`` are those with another limit: its size, and the configuration's key for it.
    """

    def __init__(
        self,
        app: ASGIApp,
        limit: int,
        streamed: Sequence[re.Pattern[str]] = (),
        others: Mapping[re.Pattern[str], tuple[int, str]] | None = None,
    ) -> None:
        self._app = app
        self._limit = limit, "api.max_body_bytes"
        self._streamed = streamed
        self._others = others or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then pass on with the body in one piece."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check_address(scope)
            receive = await self._checked(scope, receive)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        if scope["method"] not in ("POST", "PUT", "PATCH"):
            return receive
        if any(path.fullmatch(scope["path"]) for path in self._streamed):
            return receive
        headers = Headers(scope=scope)
        limit, key = self._limit_of(scope["path"])
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            _too_large(limit, key)
        body = await _read(receive, limit, key)
        if body:
            _check_kind(headers)
            scope[RAW_BODY] = body
            body = storable_json(body)
        return _given_back(body, receive)

    def _limit_of(self, path: str) -> tuple[int, str]:
        """How large a body may be, and the configuration's key for it."""
        return next((limit for one, limit in self._others.items() if one.fullmatch(path)), self._limit)


async def _read(receive: Receive, limit: int, key: str) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "the connection ended within the body")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            _too_large(limit, key)
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


def _too_large(limit: int, key: str) -> NoReturn:
    raise Problem(413, f"the body is larger than {limit} bytes ({key})", headers={"Connection": "close"})


def _given_back(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that hands out the body that was read, and then what follows it."""
    handed_out = False

    async def again() -> Any:
        nonlocal handed_out
        if handed_out:
            return await receive()
        handed_out = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _check_address(scope: Scope) -> None:
    """No name in the store holds a NUL, which PostgreSQL can't even be asked for."""
    if "\x00" in scope["path"] or b"%00" in scope.get("query_string", b""):
        raise Problem(400, "the address holds a NUL character")


def content_kind(headers: Headers) -> str:
    """The media type of the body, in lower case and without parameters; refuses (415) all but UTF-8."""
    message = Message()
    message["content-type"] = headers.get("content-type", "none/none")
    charset = str(message.get_param("charset") or "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise Problem(415, f"send the body as UTF-8, not {charset!r}")
    if headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "send the body as it is, without a Content-Encoding")
    return message.get_content_type()


def _check_kind(headers: Headers) -> None:
    kind = content_kind(headers)
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Problem(415, f"send JSON with the header Content-Type: application/json, not {kind!r}")


def storable_json(body: bytes) -> bytes:
    """``body`` when it is JSON that can be stored; raises a 400 problem when it is not JSON.

    NUL characters and lone surrogates, which JSON can write and databases can't hold, become
    U+FFFD: an alarm is not lost for a stray character in one of its labels.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Problem(400, f"the body is not UTF-8: byte {error.start} can't be read") from None
    try:
        document = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise Problem(400, f"the body is not well-formed JSON: {error}") from None
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"the body can't be read as JSON: {error}") from None
    if "\\u" not in text and text.count("{") + text.count("[") <= DEEPEST:
        return body
    return json.dumps(_cleaned(document, 0), ensure_ascii=False).encode()


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return number


def _cleaned(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise Problem(400, f"the body is nested deeper than {DEEPEST} levels")
    if isinstance(value, str):
        return _UNSTORABLE.sub(_REPLACEMENT, value)
    if isinstance(value, dict):
        return {_cleaned(key, depth): _cleaned(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item, depth + 1) for item in value]
    return value
