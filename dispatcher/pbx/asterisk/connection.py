"""One connection to the manager interface: logged in, shared by every thread of a process.

A reader thread gives each answer to whoever asked, by its ActionID. Login is by challenge, so that the secret
does not cross the network (Asterisk documentation, 'Challenge').
"""

import hashlib
import itertools
import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.asterisk.wire import Block, Splitter, read, write
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.http import trust
from dispatcher.pbx.protocol import PbxAccount

_log = logging.getLogger(__name__)

Fields = Iterable[tuple[str, str]]

_CHUNK = 65_536
_BANNER = b"Asterisk Call Manager/"
_LONGEST_BANNER = 256
_KEEP_ALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""Seconds and a count: a PBX that is gone without a word shows after some 35 seconds."""


@dataclass(slots=True)
class _Waiting:
    """Whoever waits for the answer to one action."""

    lists: bool
    blocks: list[Block] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    is_lost: bool = False

    def take(self, block: Block) -> bool:
        """Add a block; whether it was the last."""
        self.blocks.append(block)
        if len(self.blocks) == 1:
            return not self.lists or block.get("Response") != "Success"
        return block.get("EventList") == "Complete"


class Connection:
    """A connection that is logged in. Thread-safe; once broken it stays so."""

    def __init__(self, connection: socket.socket, timeout: float) -> None:
        """``connection`` is logged in; ``timeout`` is how long sending may take."""
        self._socket = connection
        self._socket.setblocking(False)
        self._timeout = timeout
        self._ids = itertools.count(1)
        self._using = threading.Lock()
        """Held while the socket is read or written: over TLS both at once is not safe."""
        self._guard = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._is_broken = False
        threading.Thread(target=self._read, name="ami", daemon=True).start()

    @property
    def is_broken(self) -> bool:
        """Whether nothing can be asked over it any more."""
        return self._is_broken

    def ask(
        self, action: str, fields: Fields = (), *, timeout: float, lists: bool = False, key: str = ""
    ) -> Sequence[Block]:
        """Send one action, once, and return its answer, with the events of its list where it ``lists``.

        ``key`` is its ActionID, made up unless given. Raises :class:`PbxRefused` with
        ``Reason.PBX_AWAY`` when nothing was sent, else :class:`PbxInDoubt`.
        """
        key = key or f"dispatcher-{next(self._ids)}"
        body = write([("Action", action), ("ActionID", key), *fields])
        waiting = _Waiting(lists)
        with self._guard:
            if self._is_broken:
                raise PbxRefused(Reason.PBX_AWAY, "the connection is lost")
            self._waiting[key] = waiting
        try:
            self._send(body)
            if not waiting.done.wait(timeout):
                self.close()
                raise PbxInDoubt(Reason.TIMED_OUT, f"{action}: no answer within the time-out")
        finally:
            with self._guard:
                self._waiting.pop(key, None)
        if waiting.is_lost:
            raise PbxInDoubt(Reason.CONNECTION_LOST, f"{action}: the connection was lost")
        return waiting.blocks

    def close(self) -> None:
        """Break the connection off; whoever waits learns of it."""
        self._is_broken = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _send(self, body: bytes) -> None:
        try:
            with self._using:
                self._socket.settimeout(self._timeout)
                try:
                    self._socket.sendall(body)
                finally:
                    self._socket.setblocking(False)
        except OSError as error:
            self.close()
            raise PbxInDoubt(Reason.CONNECTION_LOST, f"the connection was lost: {words(error)}") from None

    def _read(self) -> None:
        splitter = Splitter()
        try:
            while chunk := self._receive():
                for block in splitter.feed(chunk):
                    self._give(read(block))
        except (OSError, ValueError) as error:
            _log.debug("a connection to a manager interface ended: %s", words(error))
        finally:
            with self._guard:
                self._is_broken = True
                left = list(self._waiting.values())
            self._socket.close()
            for waiting in left:
                waiting.is_lost = True
                waiting.done.set()

    def _receive(self) -> bytes:
        """What comes next; empty at the end."""
        ready = select.poll()
        ready.register(self._socket, select.POLLIN)
        while True:
            ready.poll()
            with self._using:
                try:
                    return self._socket.recv(_CHUNK)
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    continue  # A part of a TLS record, or nothing for us.

    def _give(self, block: Block) -> None:
        with self._guard:
            waiting = self._waiting.get(block.get("ActionID", ""))
        if waiting is not None and waiting.take(block):
            waiting.done.set()


def open_socket(account: PbxAccount, events: str) -> tuple[socket.socket, bytes]:
    """Connect and log in with the classes of ``events`` ("off" for none); also what came behind the answer.

    Raises :class:`PbxRefused`: ``Reason.CREDENTIALS_REFUSED`` when the login was, else ``Reason.PBX_AWAY``.
    """
    try:
        connection = _connect(account)
    except (OSError, ssl.SSLError) as error:
        raise away(f"no connection to {account.url}: {words(error)}") from None
    try:
        rest = _Login(connection, account).perform(events)
        connection.settimeout(None)
        return connection, rest
    except OSError as error:
        connection.close()
        raise away(f"login at {account.url}: {words(error)}") from None
    except BaseException:
        connection.close()
        raise


def _connect(account: PbxAccount) -> socket.socket:
    plain = socket.create_connection((account.host, account.port), account.timeout_seconds)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE.items():
            if hasattr(socket, name):
                plain.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        if not account.tls:
            return plain
        return trust(account.verify_tls).wrap_socket(plain, server_hostname=account.host)
    except BaseException:
        plain.close()
        raise


class _Login:
    """The conversation that opens a connection, before anybody else reads from it."""

    def __init__(self, connection: socket.socket, account: PbxAccount) -> None:
        self._socket = connection
        self._account = account
        self._deadline = time.monotonic() + account.timeout_seconds
        self._heard = b""

    def perform(self, events: str) -> bytes:
        """Log in, and return what came behind the answer."""
        self._read_banner()
        challenge = self._ask([("Action", "Challenge"), ("AuthType", "MD5")])
        if challenge.get("Response") != "Success":
            raise away("no challenge was given for the login")
        # The interface's own scheme, which knows no other digest.
        proof = f"{challenge.get('Challenge', '')}{self._account.password}".encode()
        key = hashlib.md5(proof, usedforsecurity=False).hexdigest()
        answer = self._ask(
            [
                ("Action", "Login"),
                ("AuthType", "MD5"),
                ("Username", self._account.username),
                ("Key", key),
                ("Events", events),
            ]
        )
        if answer.get("Response") != "Success":
            raise PbxRefused(Reason.CREDENTIALS_REFUSED, "the manager interface refuses the login")
        return self._heard

    def _read_banner(self) -> None:
        while b"\n" not in self._heard:
            if len(self._heard) > _LONGEST_BANNER:
                break
            self._receive()
        if not self._heard.startswith(_BANNER):
            raise away(f"something else than a manager interface answers at {self._account.url}")
        self._heard = self._heard.partition(b"\n")[2]

    def _ask(self, fields: Fields) -> Block:
        self._socket.settimeout(self._account.timeout_seconds)
        self._socket.sendall(write(fields))
        while True:
            while b"\r\n\r\n" in self._heard:
                block, _, self._heard = self._heard.partition(b"\r\n\r\n")
                if (found := read(block)).get("Response"):
                    return found
            self._receive()

    def _receive(self) -> None:
        self._socket.settimeout(max(0.001, self._deadline - time.monotonic()))
        chunk = self._socket.recv(_CHUNK)
        if not chunk:
            raise away("the connection was closed without an answer to the login")
        self._heard += chunk


def away(what: str) -> PbxRefused:
    """The PBX can't be asked."""
    return PbxRefused(Reason.PBX_AWAY, what)


def words(error: Exception) -> str:
    """What the operating system or the TLS library says of a failure."""
    if isinstance(error, TimeoutError):
        return "no answer within the time-out"
    return getattr(error, "strerror", None) or type(error).__name__
