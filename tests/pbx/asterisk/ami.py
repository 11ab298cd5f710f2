"""A manager interface whose every answer a test writes."""

import select
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from dispatcher.pbx.asterisk.wire import read
from dispatcher.pbx.protocol import PbxAccount
from tests.pbx.drivers import account_at

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
SECRET = "hunter2"
Answer = Callable[[dict[str, str]], Sequence[bytes]]
"""What is sent for an action; a None in its place is the connection's end."""

CUT = b"cut"


class ScriptedManager:
    """Accepts connections, answers logins with `login`, and everything else with `answer`."""

    def __init__(
        self,
        answer: Answer,
        *,
        banner: bytes = BANNER,
        login: bytes = b"Success",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.actions: list[dict[str, str]] = []
        self.connections = 0
        self._answer = answer
        self._banner = banner
        self._tls = tls
        self._login = login
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._turn = threading.Lock()
        """A TLS connection can't be read and written by two threads at once."""
        self.port = int(self._server.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown(socket.SHUT_RDWR)  # Or the thread that accepts would keep it open.
        self._server.close()
        self.cut()

    def account(self, **changed: object) -> PbxAccount:
        more: dict[str, object] = {"dials": {"provider": "PJSIP/{number}@provider"}, "timeout_seconds": 2.0}
        return account_at(
            f"ami://127.0.0.1:{self.port}",
            family="asterisk",
            host="127.0.0.1",
            port=self.port,
            username="dispatcher",
            password=SECRET,
            **(more | changed),
        )

    def cut(self) -> None:
        """End every connection."""
        while self._open:
            connection = self._open.pop()
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()

    def tell(self, *messages: bytes) -> None:
        """Send events over every connection."""
        for connection in self._open:
            self._send(connection, b"".join(message + b"\r\n\r\n" for message in messages))

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            if self._tls is not None:
                try:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                except OSError:
                    continue  # Our certificate was not taken.
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._send(connection, self._banner)
            heard = b""
            while chunk := self._heard(connection):
                heard += chunk
                while b"\r\n\r\n" in heard:
                    block, _, heard = heard.partition(b"\r\n\r\n")
                    if not self._reply(connection, dict(read(block))):
                        return
        except (OSError, ValueError):
            return  # It was cut.

    def _heard(self, connection: socket.socket) -> bytes:
        select.select([connection], [], [])
        with self._turn:
            return connection.recv(65_536)

    def _send(self, connection: socket.socket, text: bytes) -> None:
        with self._turn:
            connection.sendall(text)

    def _reply(self, connection: socket.socket, action: dict[str, str]) -> bool:
        self.actions.append(action)
        if action["Action"] == "Challenge":
            messages: Sequence[bytes] = [b"Response: Success\r\nChallenge: 12345"]
        elif action["Action"] == "Login":
            messages = [b"Response: " + self._login + b"\r\nMessage: as you like it"]
        else:
            messages = self._answer(action)
        for message in messages:
            if message == CUT:
                connection.shutdown(socket.SHUT_RDWR)
                return False
            self._send(connection, message + b"\r\n\r\n")
        return True


def success(action: dict[str, str], more: str = "") -> bytes:
    """An answer of success to an action."""
    text = f"Response: Success\r\nActionID: {action['ActionID']}\r\nMessage: done"
    return (f"{text}\r\n{more}" if more else text).encode()


def refusal(action: dict[str, str], why: str) -> bytes:
    """A refusal of an action."""
    return f"Response: Error\r\nActionID: {action['ActionID']}\r\nMessage: {why}".encode()


def started(action: dict[str, str], at: str = "08:00:00") -> bytes:
    """The answer to CoreStatus."""
    return success(action, f"CoreStartupDate: 2026-11-21\r\nCoreStartupTime: {at}")


def usual(action: dict[str, str]) -> Sequence[bytes]:
    """An Asterisk that has everything, and nothing up."""
    name = action["Action"]
    if name == "CoreStatus":
        return [started(action)]
    if name in ("ShowDialPlan", "CoreShowChannels", "QueueSummary"):
        key = action["ActionID"]
        row = f"Event: {name}\r\nActionID: {key}\r\nContext: dispatcher-ivr\r\nExtension: 6500"
        end = f"Event: {name}Complete\r\nActionID: {key}\r\nEventList: Complete\r\nListItems: 1"
        return [success(action, "EventList: start"), row.encode(), end.encode()]
    return [success(action)]
