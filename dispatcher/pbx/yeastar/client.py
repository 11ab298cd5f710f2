"""The envelope of Yeastar's HTTP APIs: a JSON body in, ``status`` and ``errno`` out.

The PBX answers HTTP 200 to everything. ``{"status": "Success", …}`` means that the request was
accepted, ``{"status": "Failed", "errno": "10003"}`` that it was not (S-Series API v1.1.0 manual,
'Response'). An errno in the manual's table says what happened; one that is not follows its range:

* 10xxx: the request was understood and turned down, so certainly nothing was done;
* anything else: the fault may have come after the request was carried out, so it is in doubt.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from dispatcher.domain.reasons import Nature, Reason, meaning
from dispatcher.pbx.answers import clean, unreadable
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.http import PbxHttp
from dispatcher.pbx.observing import observed, result_of
from dispatcher.pbx.protocol import Observe, Session
from dispatcher.pbx.yeastar.lenient import read_object

_REQUEST_ERRNOS = range(10000, 20000)
_BEFORE_JSON = b"\xef\xbb\xbf\x00 \t\r\n"


@dataclass(frozen=True, slots=True)
class Errno:
    """One row of a manual's error table: the dispatcher's reason and the manual's meaning."""

    reason: Reason
    meaning: str

    def error(self, what: str) -> PbxError:
        """The error of a request that was answered with it: in doubt where the reason is."""
        doubtful = meaning(self.reason).nature is Nature.IN_DOUBT
        return (PbxInDoubt if doubtful else PbxRefused)(self.reason, f"{what} ({self.meaning})")


class YeastarClient:
    """Sends one request at a time to one API of one PBX, and tells the metrics how it went."""

    def __init__(self, http: PbxHttp, base: str, errnos: Mapping[int, Errno], observe: Observe) -> None:
        self._http = http
        self._base = base
        self._errnos = errnos
        self._observe = observe

    def ask(
        self, operation: str, endpoint: str, params: Mapping[str, str], session: Session | None = None
    ) -> dict[str, Any]:
        """Send ``params`` to ``endpoint`` and return the answer's fields (keys in lower case).

        Raises :class:`PbxRefused` or :class:`PbxInDoubt`. Sent once, whatever happens.
        """
        with observed(self._observe, operation):
            return self._exchange(endpoint, params, session)

    def ask_together(
        self,
        operation: str,
        asked: Sequence[tuple[str, Mapping[str, str]]],
        session: Session,
        send_by: float,
    ) -> Iterator[list[tuple[int, dict[str, Any] | PbxError]]]:
        """Send many requests, as (endpoint, params), at once; yields answers and errors by place."""
        started = time.perf_counter()
        posts = [(self._base + endpoint, json.dumps(params).encode()) for endpoint, params in asked]
        for done in self._http.post_together(posts, _token(session), send_by):
            found = [(place, self._understood(asked[place][0], came)) for place, came in done]
            for _, answer in found:
                self._observe(operation, result_of(answer), time.perf_counter() - started)
            yield found

    def _understood(self, endpoint: str, came: bytes | PbxError) -> dict[str, Any] | PbxError:
        if isinstance(came, PbxError):
            return came
        try:
            return self._read(endpoint, came)
        except PbxError as error:
            return error

    def download(self, operation: str, endpoint: str, params: Mapping[str, str], session: Session) -> bytes:
        """Fetch a file, with ``params`` in the query, once.

        In its place there may come JSON with an errno, which raises what it means.
        """
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in params.items())
        with observed(self._observe, operation):
            body = self._http.send("GET", self._base + endpoint, query=f"{query}&{_token(session)}").body
            if body.lstrip(_BEFORE_JSON).startswith(b"{"):
                self._read(endpoint, body)
                raise unreadable(endpoint, "JSON in place of a file")
            return body

    def listed(
        self, operation: str, endpoint: str, key: str, params: Mapping[str, str], session: Session
    ) -> list[dict[str, Any]]:
        """The entries of a query; that there are none may come as an error, or as no list (inferred)."""
        try:
            found = self.ask(operation, endpoint, params, session).get(key)
        except PbxRefused as refusal:
            if refusal.reason in (Reason.CALL_OVER, Reason.NOTHING_FOUND):
                return []
            raise
        return objects(found)

    def close(self) -> None:
        """Drop the connections."""
        self._http.close()

    def _exchange(self, endpoint: str, params: Mapping[str, str], session: Session | None) -> dict[str, Any]:
        query = _token(session) if session is not None else ""
        body = self._http.post(self._base + endpoint, json.dumps(params).encode(), query)
        return self._read(endpoint, body)

    def _read(self, endpoint: str, body: bytes) -> dict[str, Any]:
        """The fields of an answer of success; raises what any other means."""
        try:
            answer = read_object(body, whole=True)
        except ValueError:
            raise PbxInDoubt(Reason.RESPONSE_UNREADABLE, f"{endpoint}: the answer is not JSON") from None
        status = text(answer.get("status")).lower()
        if status == "success":
            return answer
        if status == "failed":
            raise self._failed(endpoint, text(answer.get("errno")))
        raise unreadable(endpoint, "no status")

    def _failed(self, endpoint: str, errno: str) -> PbxError:
        number = int(errno) if errno.isascii() and errno.isdigit() and len(errno) <= 9 else 0
        known = self._errnos.get(number)
        if known is not None:
            return known.error(f"{endpoint}: errno {number}")
        if number in _REQUEST_ERRNOS:
            return PbxRefused(Reason.FAILED, f"{endpoint}: errno {number}, which the manual does not list")
        return PbxInDoubt(
            Reason.PBX_FAULT, f"{endpoint}: failed with errno {number or 'missing or not a number'}"
        )


def _token(session: Session) -> str:
    return f"token={quote(session.token, safe='')}"


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, whatever else is in it; a single object counts as a list of one."""
    entries = value if isinstance(value, list) else [value]
    return [entry for entry in entries if isinstance(entry, dict)]


def text(value: Any) -> str:
    """A text of an answer or report, clean; anything else is an empty string."""
    return clean(value) if value.__class__ is str else ""
