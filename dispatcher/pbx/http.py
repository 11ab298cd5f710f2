"""One kept HTTP client for one PBX, and what each way of failing says about the request.

Whether the PBX can have acted on a request that failed is decided here, by how it failed:

=========================================================  ==========================================
what happened                                              what is known
=========================================================  ==========================================
no connection: refused, no such host, TLS, time-out        refused: nothing was sent
no connection free in our own pool                         refused: nothing was sent
the request could not be written in HTTP at all            refused: nothing was sent
HTTP 3xx or 4xx (not 408)                                  refused: not the API answered, but a proxy, a
                                                           redirect or a PBX with its API off
time-out or cut while sending                              in doubt: the last bytes may have got out
time-out or cut while waiting or reading                   in doubt
any other HTTP status, a body too large or not readable    in doubt
=========================================================  ==========================================

A PBX that closes an idle connection just as a request goes out on it looks exactly like one that took the
request and died, so this is in doubt as well. It is kept rare: idle connections are dropped after
four seconds, before embedded servers drop theirs, and a connection that is seen closed is never used.
Nothing is ever sent twice.

The query string, which carries the session's token, is given to the connection beside the URL and not
within it, so that no log line and no exception can hold it.
"""

import ssl
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import httpx

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.transport import LARGEST_RESPONSE, PbxTransport, SentTooLate, TooLarge

KEEPALIVE_SECONDS = 4.0
MOST_URLS = 100
"""So many are kept: some paths hold the id of a call, so there is no end to them."""
CONNECTIONS = 64
"""Enough for every dial thread of a worker process; a further one waits for a free connection."""

_HEADERS = [
    (b"Content-Type", b"application/json; charset=utf-8"),
    (b"Accept", b"application/json"),
    (b"Accept-Encoding", b"identity"),
    (b"User-Agent", b"ivr-dispatcher"),
]


_REFUSED_BY_STATUS = {400: Reason.BAD_REQUEST, 429: Reason.TOO_FREQUENT}


def trust(verify_tls: bool) -> ssl.SSLContext:
    """The usual authorities and those of the machine, where a site installs its own."""
    context = httpx.create_ssl_context(verify=verify_tls, trust_env=False)
    if verify_tls:
        context.load_default_certs()
    return context


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer with a status that its caller knows the meaning of."""

    status: int
    body: bytes


class PbxHttp:
    """Sends requests to one PBX and reads the answers. Thread-safe."""

    def __init__(
        self, url: str, *, verify_tls: bool, timeout: float, headers: Mapping[str, str] | None = None
    ) -> None:
        """``headers`` go with every request, in place of ours; they may hold a credential: never logged."""
        self._base = httpx.URL(url.rstrip("/"))
        self._prefix = self._base.raw_path.rstrip(b"/").decode("ascii")
        self._timeout = timeout
        self._timeouts = httpx.Timeout(timeout).as_dict()
        given = {name.encode(): value.encode() for name, value in (headers or {}).items()}
        self._headers = [*(own for own in _HEADERS if own[0] not in given), *given.items()]
        self._urls: dict[str, httpx.URL] = {}
        self._is_closed = False
        # The transport alone: a client's cookies, redirects and authentication have no use here.
        self._transport = PbxTransport(
            self._base,
            trust(verify_tls) if self._base.scheme == "https" else None,
            most=CONNECTIONS,
            keep=KEEPALIVE_SECONDS,
        )

    def post(self, path: str, body: bytes, query: str = "") -> bytes:
        """Send ``body`` to ``path`` once and return the body of the answer.

        ``query`` is an encoded query string. Raises :class:`PbxRefused` or :class:`PbxInDoubt`, by the
        table above.
        """
        return self.send("POST", path, body, query).body

    def post_together(
        self, posts: Sequence[tuple[str, bytes]], query: str, send_by: float
    ) -> Iterator[list[tuple[int, bytes | PbxError]]]:
        """Send many bodies, each to its path, at once, and yield answers or errors as they come, by place.

        Every one is sent once at most, and by ``send_by`` (monotonic seconds) or not at all.
        """
        if self._is_closed:
            yield [(place, _CLOSED) for place in range(len(posts))]
            return
        requests = [self._request("POST", path, body, query, self._timeouts) for path, body in posts]
        for done in self._transport.handle_together(requests, send_by):
            yield [(place, _outcome(answer)) for place, answer in done]

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        query: str = "",
        *,
        expected: Collection[int] = (httpx.codes.OK,),
        timeout: float | None = None,
    ) -> HttpAnswer:
        """Send one request once, and return the answer if its status is one of ``expected``.

        ``timeout`` (seconds) is how long the answer may take, for requests that wait at the PBX; to connect
        and to send has its usual time. Raises :class:`PbxRefused` or :class:`PbxInDoubt`, by the table above.
        """
        if self._is_closed:
            raise _CLOSED
        try:
            return self._exchange(method, path, body, query, expected, timeout or self._timeout)
        except PbxError:
            raise
        except Exception as error:
            raise _failure(error) from None

    def close(self) -> None:
        """Drop the connections."""
        self._is_closed = True
        self._transport.close()

    def _exchange(
        self, method: str, path: str, body: bytes, query: str, expected: Collection[int], timeout: float
    ) -> HttpAnswer:
        timeouts = self._timeouts if timeout == self._timeout else self._timeouts | {"read": timeout}
        request = self._request(method, path, body, query, timeouts)
        deadline = time.monotonic() + 2 * timeout
        response = self._transport.handle_request(request)
        try:
            if response.status_code not in expected:
                raise _by_status(response)
            return HttpAnswer(response.status_code, self._read(response, deadline))
        finally:
            response.close()

    def _request(
        self, method: str, path: str, body: bytes, query: str, timeouts: Mapping[str, float | None]
    ) -> httpx.Request:
        return httpx.Request(
            method,
            self._url(path),
            headers=self._headers,
            content=body or None,
            extensions={"timeout": timeouts, "target": self._target(path, query)},
        )

    def _url(self, path: str) -> httpx.URL:
        known = self._urls.get(path)
        if known is None:
            if len(self._urls) >= MOST_URLS:
                self._urls.clear()
            known = self._urls[path] = self._base.copy_with(path=self._prefix + path)
        return known

    def _target(self, path: str, query: str) -> bytes:
        target = f"{self._prefix}{path}?{query}" if query else f"{self._prefix}{path}"
        return target.encode("ascii")

    def _read(self, response: httpx.Response, deadline: float) -> bytes:
        """The whole body, within a sane size and before the deadline, however slowly it trickles in."""
        chunks: list[bytes] = []
        for chunk in response.iter_bytes():
            chunks.append(chunk)
            if time.monotonic() > deadline:
                raise PbxInDoubt(Reason.TIMED_OUT, "the answer trickled in for twice the time-out")
        return b"".join(chunks)


_CLOSED = PbxRefused(Reason.PBX_AWAY, "the driver is closed")


def _outcome(answer: httpx.Response | Exception) -> bytes | PbxError:
    """What came of one of many requests."""
    if isinstance(answer, Exception):
        return _failure(answer)
    return answer.content if answer.status_code == httpx.codes.OK else _by_status(answer)


def _by_status(response: httpx.Response) -> PbxError:
    """The APIs answer 200 to everything, errors included, so another status comes from something else."""
    status = response.status_code
    if 300 <= status < 500 and status != httpx.codes.REQUEST_TIMEOUT:
        detail = f"HTTP {status} instead of an answer of the API"
        if response.has_redirect_location:
            detail += ": it redirects, so the configured url is not the API's own"
        return PbxRefused(_REFUSED_BY_STATUS.get(status, Reason.PBX_AWAY), detail)
    return PbxInDoubt(Reason.HTTP_ERROR, f"HTTP {status} instead of an answer of the API")


_NOTHING_SENT: Mapping[type[Exception], tuple[Reason, str]] = {
    SentTooLate: (
        Reason.NEVER_PLACED,
        "the process was stopped for too long before it could send the request",
    ),
    httpx.ConnectTimeout: (Reason.PBX_AWAY, "no connection within the time-out"),
    httpx.ConnectError: (Reason.PBX_AWAY, "no connection"),
    httpx.PoolTimeout: (Reason.PBX_AWAY, "all connections to the PBX were in use for the whole time-out"),
    httpx.UnsupportedProtocol: (Reason.PBX_CONFIG, "the configured url is neither http nor https"),
    httpx.LocalProtocolError: (Reason.BAD_REQUEST, "the request can't be expressed in HTTP"),
}
_PERHAPS_SENT: Mapping[type[Exception], tuple[Reason, str]] = {
    TooLarge: (Reason.RESPONSE_UNREADABLE, f"an answer larger than {LARGEST_RESPONSE} bytes"),
    httpx.TimeoutException: (Reason.TIMED_OUT, "no answer within the time-out"),
    httpx.NetworkError: (Reason.CONNECTION_LOST, "the connection was lost"),
    httpx.RemoteProtocolError: (Reason.CONNECTION_LOST, "the connection ended without a whole answer"),
    httpx.DecodingError: (Reason.RESPONSE_UNREADABLE, "the answer's encoding is broken"),
}


def _failure(error: Exception) -> PbxError:
    """What an exception of the HTTP library means, in our own words.

    An exception that is not listed counts as in doubt: better to look for a call that does not exist
    than to dial a person twice.
    """
    for kind, (reason, words) in _NOTHING_SENT.items():
        if isinstance(error, kind):
            return PbxRefused(reason, words + _cause(error))
    for kind, (reason, words) in _PERHAPS_SENT.items():
        if isinstance(error, kind):
            return PbxInDoubt(reason, words)
    return PbxInDoubt(Reason.CONNECTION_LOST, f"the exchange broke off ({type(error).__name__})")


def _cause(error: Exception) -> str:
    """Why there was no connection: only the operating system's or the TLS library's own words."""
    return f": {error}" if isinstance(error, httpx.ConnectError) and str(error) else ""
