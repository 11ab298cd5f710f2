"""Events over a WebSocket of ours (P-Series developer guide, 'Monitor Events via WebSocket').

We connect with a token in the query, send the list of topics, and get one event a message. The PBX closes a
connection on which nothing was said for a minute, so ``heartbeat`` is sent, to which it answers.

The stream has a token pair of its own, since it lives longer than any session is lent, and takes it back in
the end: a PBX knows eight at most. Whether a connection outlives its token is documented nowhere, so
before it lapses the pair is refreshed, and a second connection opened and subscribed with the new token. The
first one is read for some seconds more, since what was sent on it before may still be under way: meanwhile
events come twice, which does no harm.

Whatever happens while nobody is connected is lost, so the first look at a new stream says ``missed``.
"""

import json
import logging
import ssl
import threading
import time
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxError, PbxRefused
from dispatcher.pbx.http import trust
from dispatcher.pbx.protocol import PbxAccount, Pulled, Session
from dispatcher.pbx.yeastar.client import text
from dispatcher.pbx.yeastar.lenient import read_object
from dispatcher.pbx.yeastar_p.api import BASE, USER_AGENT, OpenApi, access_token, error_in
from dispatcher.pbx.yeastar_p.reports import TOPICS
from dispatcher.pbx.yeastar_p.sessions import give_back, is_due, opened, renewed

READ_SECONDS = 5.0
HEARTBEAT_SECONDS = 25.0
SILENCE_SECONDS = 120.0
"""A PBX that has answered none of several heartbeats is gone without a word."""

AT_ONCE = 500
_SHORT_SECONDS = 0.1
"""So long each of two connections is waited for in turn."""
BOTH_SECONDS = 5.0
_CLOSE_SECONDS = 1.0
_LARGEST = 1024 * 1024

# A logger that nobody hears: the library would log the request's target, which holds the token.
_unheard = logging.getLogger(f"{__name__}.frames")
_unheard.setLevel(logging.CRITICAL + 1)


class EventSocket:
    """An open stream of events; see :class:`~dispatcher.pbx.protocol.ReportStream`."""

    def __init__(self, api: OpenApi, account: PbxAccount) -> None:
        """Log in, connect and subscribe; raises :class:`PbxError`, having left nothing behind."""
        self._api = api
        self._account = account
        self._guard = threading.Lock()
        self._is_closed = False
        self._is_new = True
        self._session = opened(api.log_in())
        self._waiting: list[bytes] = []
        self._previous: ClientConnection | None = None
        self._end_previous_at = 0.0
        try:
            self._connection = self._subscribed()
        except PbxError:
            give_back(api, self._session)
            raise
        self._heard_at = self._beat_at = time.monotonic()

    def read(self) -> Pulled:
        """The events that have come, or none after some seconds without any."""
        if self._is_new:
            self._is_new = False
            return self._pulled(missed=True)
        until = time.monotonic() + READ_SECONDS
        while not self._waiting and (left := until - time.monotonic()) > 0:
            self._keep()
            self._read_previous()
            self._receive(min(left, _SHORT_SECONDS if self._previous else left))
        try:
            while self._waiting and len(self._waiting) < AT_ONCE and self._receive(0.0):
                pass
        except PbxError:
            pass  # What came before the end is told first; the next look meets the end again.
        return self._pulled()

    def close(self) -> None:
        """Break the stream off and give its token back; a ``read`` that waits ends with an error."""
        with self._guard:
            if self._is_closed:
                return
            self._is_closed = True
            connections, session = (self._connection, self._previous), self._session
        for connection in connections:
            if connection is not None:
                connection.close()
        give_back(self._api, session)

    def _pulled(self, *, missed: bool = False) -> Pulled:
        bodies, self._waiting = tuple(self._waiting), []
        return Pulled(bodies, missed=missed)

    def _receive(self, seconds: float) -> bool:
        """Take one message in; False when none came in time."""
        try:
            message = self._connection.recv(timeout=seconds)
        except TimeoutError:
            return False
        except ConnectionClosed:
            raise _away("the connection for events was closed") from None
        self._heard_at = time.monotonic()
        self._take(message)
        return True

    def _take(self, message: str | bytes) -> bool:
        """Keep a message that is an event; whether it was one."""
        body = message.encode() if isinstance(message, str) else message
        if _is_event(body):
            self._waiting.append(body)
            return True
        return False

    def _keep(self) -> None:
        """Send the heartbeat when it is time, and take a new token before the old one lapses."""
        now = time.monotonic()
        if now - self._heard_at > SILENCE_SECONDS:
            raise _away(f"nothing was heard of the PBX for {SILENCE_SECONDS:.0f} seconds")
        if now - self._beat_at >= HEARTBEAT_SECONDS:
            self._beat_at = now
            try:
                self._connection.send("heartbeat")
            except ConnectionClosed:
                raise _away("the connection for events was closed") from None
        if is_due(self._session):
            self._renew()

    def _renew(self) -> None:
        session = renewed(self._api, self._session)
        with self._guard:
            self._session = session
        connection = self._subscribed()
        with self._guard:
            if self._is_closed:
                connection.close()
                return
            self._previous, self._connection = self._connection, connection
        self._heard_at = self._beat_at = time.monotonic()
        self._end_previous_at = self._heard_at + BOTH_SECONDS

    def _read_previous(self) -> None:
        """Take in what still comes over the connection whose place another has taken."""
        previous = self._previous
        if previous is None:
            return
        is_over = time.monotonic() >= self._end_previous_at
        try:
            while len(self._waiting) < AT_ONCE:
                self._take(previous.recv(timeout=0))
        except TimeoutError:
            pass
        except ConnectionClosed:
            is_over = True
        if is_over:
            self._previous = None
            previous.close()

    def _subscribed(self) -> ClientConnection:
        """A connection on which events come; those that came before the answer are kept."""
        connection = _connected(self._account, self._session)
        deadline = time.monotonic() + self._account.timeout_seconds
        try:
            connection.send(json.dumps({"topic_list": TOPICS}))
            while True:
                message = connection.recv(timeout=max(0.0, deadline - time.monotonic()))
                if not self._take(message):
                    _check_answer(message)
                    return connection
        except (TimeoutError, ConnectionClosed):
            connection.close()
            raise _away("no answer to the list of topics") from None
        except PbxError:
            connection.close()
            raise


def _connected(account: PbxAccount, session: Session) -> ClientConnection:
    """Raises :class:`PbxRefused`, which never says what the library says: its words hold the token."""
    parts = urlsplit(account.url)
    is_tls = parts.scheme == "https"
    address = f"{'wss' if is_tls else 'ws'}://{parts.netloc}{parts.path.rstrip('/')}{BASE}subscribe"
    try:
        # Entered at once, since the connection outlives every block.
        return connect(
            f"{address}?{access_token(session)}",
            ssl=trust(account.verify_tls) if is_tls else None,
            user_agent_header=USER_AGENT,
            compression=None,
            proxy=None,
            open_timeout=account.timeout_seconds,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=None,
            max_size=_LARGEST,
            logger=_unheard,
        ).__enter__()
    except InvalidStatus as error:
        raise _away(f"the WebSocket for events is refused: HTTP {error.response.status_code}") from None
    except ssl.SSLError as error:
        raise _away(f"no connection for events: {error.strerror or 'TLS'}") from None
    except (OSError, WebSocketException) as error:
        words = "time-out" if isinstance(error, TimeoutError) else type(error).__name__
        if isinstance(error, OSError) and error.strerror:
            words = error.strerror
        raise _away(f"no connection for events: {words}") from None


def _is_event(body: bytes) -> bool:
    """Whether a message is an event, and not the answer to a heartbeat or to the list of topics."""
    return body.lstrip().startswith(b"{") and b'"type"' in body


def _check_answer(message: str | bytes) -> None:
    """Raise what the answer to the list of topics means."""
    try:
        answer = read_object(message.encode() if isinstance(message, str) else message)
    except ValueError:
        raise _away("something else than the list of topics was answered") from None
    error = error_in("subscribe", answer) if text(answer.get("errcode")) else None
    if error is not None:
        raise PbxRefused(error.reason, error.detail)


def _away(what: str) -> PbxRefused:
    return PbxRefused(Reason.PBX_AWAY, what)
