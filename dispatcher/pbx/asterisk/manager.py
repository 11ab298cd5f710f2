"""Asking Asterisk's manager interface: one connection a process, made anew when it is lost.

A session is one life of Asterisk: its token is the time at which it was started. What is asked in the name of
another life is refused, and so is a call that a restart would have ended unnoticed.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.asterisk.connection import Connection, Fields, open_socket
from dispatcher.pbx.asterisk.wire import Block
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import Observe, PbxAccount, Session

OK, REFUSED, IN_DOUBT = "ok", "refused", "in_doubt"

_NOT_FOUND = ("not found", "did not find", "no such", "does not exist", "unknown command")


class Manager:
    """Asks one Asterisk, in the name of a session. Thread-safe."""

    def __init__(self, account: PbxAccount, observe: Observe) -> None:
        self._account = account
        self._observe = observe
        self._opening = threading.Lock()
        self._open: tuple[Connection, str] | None = None
        self._is_closed = False

    def began(self) -> str:
        """When this Asterisk was started, by its own clock; connects if need be."""
        return self._connected()[1]

    def current(self, session: Session) -> Connection:
        """The connection, if it leads to the Asterisk that the session is of.

        A login that is refused now shows as a session that is gone, so that whoever keeps the sessions logs
        in, and remembers the refusal for every process.
        """
        try:
            connection, began = self._connected()
        except PbxRefused as refusal:
            if refusal.reason is Reason.CREDENTIALS_REFUSED:
                raise PbxRefused(Reason.TOKEN_INVALID, refusal.detail) from None
            raise
        if session.token != began:
            raise PbxRefused(Reason.TOKEN_INVALID, f"this Asterisk was started at {began} of its clock")
        return connection

    def send(
        self, connection: Connection, action: str, fields: Fields = (), *, lists: bool = False, key: str = ""
    ) -> Sequence[Block]:
        """Send one action, once, and return the answer whatever it says, and the list that follows it."""
        return connection.ask(action, fields, timeout=self._account.timeout_seconds, lists=lists, key=key)

    def ask(
        self,
        operation: str,
        session: Session,
        action: str,
        fields: Fields = (),
        *,
        lists: bool = False,
        missing: Reason = Reason.NOTHING_FOUND,
    ) -> Sequence[Block]:
        """Send one action and return its answer, or, where it ``lists``, the list alone.

        Raises :class:`PbxRefused` where the answer is a refusal, with ``missing`` if there is no such thing.
        """
        with self.observed(operation):
            blocks = self.send(self.current(session), action, fields, lists=lists)
            refuse(blocks, action, missing)
        return blocks[1:-1] if lists else blocks

    @contextmanager
    def observed(self, operation: str) -> Iterator[None]:
        """Measure an operation, however it ends."""
        started, result = time.perf_counter(), OK
        try:
            yield
        except PbxError as error:
            result = IN_DOUBT if isinstance(error, PbxInDoubt) else REFUSED
            raise
        finally:
            self._observe(operation, result, time.perf_counter() - started)

    def close(self) -> None:
        """Drop the connection."""
        with self._opening:
            self._is_closed = True
            if self._open is not None:
                self._open[0].close()

    def _connected(self) -> tuple[Connection, str]:
        """The connection, made if there is none, and the time at which its Asterisk was started."""
        with self._opening:
            if self._is_closed:
                raise PbxRefused(Reason.PBX_AWAY, "the driver is closed")
            if self._open is None or self._open[0].is_broken:
                self._open = None
                connection = Connection(open_socket(self._account, "off")[0], self._account.timeout_seconds)
                try:
                    self._open = connection, self._started(connection)
                except BaseException:
                    connection.close()
                    raise
            return self._open

    def _started(self, connection: Connection) -> str:
        try:
            blocks = self.send(connection, "CoreStatus")
        except PbxInDoubt as doubt:  # Nothing but this was asked of it.
            raise PbxRefused(Reason.PBX_AWAY, doubt.detail) from None
        refuse(blocks, "CoreStatus", Reason.PBX_CONFIG)
        started = f"{blocks[0].get('CoreStartupDate', '')} {blocks[0].get('CoreStartupTime', '')}".strip()
        if not started:
            raise PbxRefused(Reason.PBX_AWAY, "CoreStatus: no time at which Asterisk was started")
        return started


def is_missing(answer: Sequence[Mapping[str, str]]) -> bool:
    """Whether an answer says that there is no such thing. Its text decides, since there are no codes."""
    told = answer[0].get("Message", "").lower()
    return answer[0].get("Response") == "Error" and any(words in told for words in _NOT_FOUND)


def refuse(answer: Sequence[Mapping[str, str]], action: str, missing: Reason) -> None:
    """Raise :class:`PbxRefused` where an answer is a refusal."""
    if answer[0].get("Response") == "Success":
        return
    told = answer[0].get("Message", "no reason given")
    if "permission" in told.lower():
        raise PbxRefused(Reason.PBX_CONFIG, f"{action}: the manager account lacks a right: {told}")
    raise PbxRefused(missing if is_missing(answer) else Reason.FAILED, f"{action}: {told}")
