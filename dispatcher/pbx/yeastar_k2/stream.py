"""Events over TCP: we connect to the PBX, log in, and read (K2 API v2.0.0 manual, 'TCP events').

The manual shows the login's four lines and ``Login Success``, and nothing of how lines or events end, nor of
what is said to a wrong password. So lines end as those of Asterisk's manager interface do, which the login
is made after, with an empty one behind the last, and events are told by their braces (inferred).

Whatever happens while nobody is connected is lost, so the first look at a new stream says ``missed``. A
PBX that has said nothing for half an hour may be one that has forgotten us, so the stream is taken anew.
"""

import re
import socket
import time
from urllib.parse import urlsplit

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxError, PbxRefused
from dispatcher.pbx.protocol import PbxAccount, Pulled
from dispatcher.pbx.yeastar.client import text
from dispatcher.pbx.yeastar.lenient import read_object
from dispatcher.pbx.yeastar_k2.errnos import ERRNOS
from dispatcher.pbx.yeastar_k2.objects import ObjectDecoder

READ_SECONDS = 5.0
SILENCE_SECONDS = 1800.0
CUT_OFF_SECONDS = 30.0
"""An event that has begun and gets no further for so long will not be completed."""

_CHUNK = 65_536
_LONGEST_WELCOME = 4096
_KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""Seconds and a count: a PBX that is gone without a word shows after a minute."""

_WELCOME = re.compile(rb"login\s+success[a-z]*|response:\s*success", re.IGNORECASE)
_LOCKED = re.compile(rb"lock", re.IGNORECASE)
_REFUSED = re.compile(rb"fail|error|unsuccess|denied|invalid|incorrect|wrong|refus|reject", re.IGNORECASE)


class EventStream:
    """An open stream of events; see :class:`~dispatcher.pbx.protocol.ReportStream`."""

    def __init__(self, connection: socket.socket, already: bytes = b"") -> None:
        """``connection`` is logged in; ``already`` is what came behind the answer to the login."""
        self._connection = connection
        self._decoder = ObjectDecoder()
        self._waiting = self._decoder.feed(already)
        self._is_new = True
        self._heard_at = time.monotonic()

    def read(self) -> Pulled:
        """The events that have come, or none after some seconds without any."""
        if self._is_new:
            self._is_new = False
            return Pulled(tuple(self._waiting), missed=True)
        until = time.monotonic() + READ_SECONDS
        while (left := until - time.monotonic()) > 0:
            try:
                self._connection.settimeout(left)
                chunk = self._connection.recv(_CHUNK)
            except TimeoutError:
                break
            except OSError as error:
                raise _away(f"the connection for events is lost: {error.strerror or error}") from None
            if not chunk:
                raise _away("the connection for events was closed")
            self._heard_at = time.monotonic()
            if found := self._decoder.feed(chunk):
                return Pulled(tuple(found))
        return self._after_silence()

    def close(self) -> None:
        """Break the stream off; a ``read`` that waits ends with an error."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._connection.close()

    def _after_silence(self) -> Pulled:
        silence = time.monotonic() - self._heard_at
        if silence > SILENCE_SECONDS:
            raise _away(f"no event for {silence / 60:.0f} minutes")
        if self._decoder.is_within and silence > CUT_OFF_SECONDS:
            return Pulled(tuple(self._decoder.cut_off()))
        return Pulled()


def open_stream(account: PbxAccount) -> EventStream:
    """Connect and log in. Raises :class:`PbxRefused`, which never says what the PBX or we have written."""
    deadline = time.monotonic() + account.timeout_seconds
    login = _login(account)
    host = urlsplit(account.url).hostname or ""
    try:
        connection = socket.create_connection((host, account.report_port), account.timeout_seconds)
    except OSError as error:
        words = "time-out" if isinstance(error, TimeoutError) else error.strerror or type(error).__name__
        raise _away(f"no connection to port {account.report_port} for events: {words}") from None
    try:
        _keep_alive(connection)
        connection.sendall(login)
        return EventStream(connection, _welcomed(connection, deadline))
    except OSError as error:
        connection.close()
        words = "no answer to the login" if isinstance(error, TimeoutError) else "the connection is lost"
        raise _away(f"port {account.report_port} for events: {words}") from None
    except PbxError:
        connection.close()
        raise


def _login(account: PbxAccount) -> bytes:
    """The login's lines; here the password goes as it is, and not as its md5."""
    if not (account.username + account.password).isprintable():
        raise PbxRefused(Reason.PBX_CONFIG, "a line break in user name or password can't be sent for events")
    lines = (
        "Action: login",
        f"Username: {account.username}",
        f"Secret: {account.password}",
        "Version: 2.0.0",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _keep_alive(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _welcomed(connection: socket.socket, deadline: float) -> bytes:
    """Wait for the answer to the login, and return what came behind it.

    Raises ``TimeoutError`` at the deadline, another ``OSError``, or :class:`PbxRefused`.
    """
    heard = b""
    while len(heard) <= _LONGEST_WELCOME:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        chunk = connection.recv(_CHUNK)
        if not chunk:
            raise _away("the connection for events was closed without an answer to the login")
        heard += chunk
        rest = _behind_welcome(heard)
        if rest is not None:
            return rest
    raise _stranger()


def _behind_welcome(heard: bytes) -> bytes | None:
    """What follows the answer to the login, None while it is not complete; raises when it is a refusal.

    An event in its place, or an answer as the HTTP API gives it, is understood as well (inferred).
    """
    if welcome := _WELCOME.search(heard):
        return heard[welcome.end() :]
    begin = heard.find(b"{")
    if begin >= 0:
        found = ObjectDecoder().feed(heard)
        if not found:
            return None
        return heard[begin + len(found[0]) :] if _is_acceptance(found[0]) else heard[begin:]
    if _LOCKED.search(heard):
        raise PbxRefused(Reason.LOCKED_OUT, "the login for events is refused: our address is locked")
    if _REFUSED.search(heard):
        raise _bad_credentials()
    return None


def _is_acceptance(body: bytes) -> bool:
    """Whether an object says that the login is taken, and is no event; raises when it says anything else."""
    try:
        answer = read_object(body)
    except ValueError:
        raise _stranger() from None
    if not answer.keys().isdisjoint(("event", "action")):
        return False
    match text(answer.get("status")).lower():
        case "success":
            return True
        case "failed":
            errno = text(answer.get("errno"))
            known = ERRNOS.get(int(errno)) if errno.isdecimal() else None
            if known is None or known.reason is Reason.CREDENTIALS_REFUSED:
                raise _bad_credentials()
            raise PbxRefused(known.reason, f"the login for events is refused: {known.meaning}")
    raise _stranger()


def _stranger() -> PbxRefused:
    return _away("something else than the PBX's events answers at the port for events")


def _bad_credentials() -> PbxRefused:
    return PbxRefused(Reason.CREDENTIALS_REFUSED, "the login for events is refused")


def _away(what: str) -> PbxRefused:
    return PbxRefused(Reason.PBX_AWAY, what)
