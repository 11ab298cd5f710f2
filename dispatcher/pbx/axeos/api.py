"""Requests to ``/apis/pbx/`` and what their answers mean (Axeos manual, 'PBX API').

There is no session: every request carries the credential as HTTP Basic, and each answer's HTTP status says
how it went. JSON is asked for by the ``Accept`` header, since XML can't tell null from an empty text.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.answers import clean
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.http import PbxHttp
from dispatcher.pbx.observing import observed
from dispatcher.pbx.protocol import Observe, PbxAccount

T = TypeVar("T")

_BASE = "/apis/pbx/"
_UNAUTHORIZED, _FORBIDDEN = 401, 403


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with a status that its caller knows the meaning of, and its JSON: None if unreadable."""

    status: int
    found: Any

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields of the object that was answered; none of anything else."""
        return self.found if isinstance(self.found, dict) else {}


class AxeosApi:
    """Sends one request at a time to one PBX, and tells the metrics how it went. Thread-safe."""

    def __init__(self, account: PbxAccount, observe: Observe) -> None:
        credential = b64encode(f"{account.username}:{account.password}".encode()).decode("ascii")
        self._http = PbxHttp(
            account.url,
            verify_tls=account.verify_tls,
            timeout=account.timeout_seconds,
            headers={"Authorization": f"Basic {credential}"},
        )
        self._timeout = account.timeout_seconds
        self._observe = observe

    def ask(
        self,
        operation: str,
        method: str,
        path: str,
        read: Callable[[Answer], T],
        *,
        body: Mapping[str, Any] | None = None,
        query: str = "",
        expected: Collection[int] = (200,),
        waits: float = 0.0,
    ) -> T:
        """Send one request once, and return what ``read`` makes of an answer with an ``expected`` status.

        ``waits`` are the seconds that the PBX may wait before it answers. Raises what ``read`` raises,
        :class:`PbxInDoubt`, or :class:`PbxRefused`: ``TOKEN_INVALID`` where the credential is not taken,
        ``NOT_PERMITTED`` where it is not enough.
        """
        with observed(self._observe, operation):
            answer = self._http.send(
                method,
                _BASE + path,
                json.dumps(body).encode() if body is not None else b"",
                query,
                expected={*expected, _UNAUTHORIZED, _FORBIDDEN},
                timeout=self._timeout + waits,
            )
            if answer.status == _UNAUTHORIZED:
                raise PbxRefused(Reason.TOKEN_INVALID, f"{path}: the user name or key is not taken")
            if answer.status == _FORBIDDEN:
                raise PbxRefused(Reason.NOT_PERMITTED, f"{path}: this user or key has no right to it")
            return read(Answer(answer.status, _json(answer.body)))

    def close(self) -> None:
        """Drop the connections."""
        self._http.close()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def text(value: Any) -> str:
    """A text or whole number of an answer or event, clean; anything else is an empty string."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return clean(value) if isinstance(value, str) else ""
