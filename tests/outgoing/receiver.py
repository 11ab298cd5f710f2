"""Somebody who takes webhooks: a real HTTP server whose answers a test chooses."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        return str(self.document["type"])

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    def is_signed_with(self, secret: str) -> bool:
        """Standard Webhooks' check, from its text: HMAC-SHA256 over id, timestamp and body, in base64."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.message_id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        return f"v1,{expected}" in self.headers.get("webhook-signature", "").split(" ")


@dataclass(frozen=True)
class Reply:
    """What is answered, after a while."""

    status: int = 204
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    after: float = 0.0
    missing: int = 0
    """So many bytes more than there are its headers promise."""
    cut: bool = False
    """Whether the connection ends then; else it stays open."""


class Receiver:
    """Listens on this machine from ``start`` to ``stop``; can be started again on the same port."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.reply: Callable[[Got], Reply] = lambda got: Reply()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self._let_go = threading.Event()
        self._guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/hook"

    @property
    def kinds(self) -> list[str]:
        return [one.kind for one in self.got]

    def start(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                got = Got(self.path, headers, body, time.monotonic())
                with receiver._guard:
                    receiver.got.append(got)
                reply = receiver.reply(got)
                receiver._let_go.wait(reply.after)
                try:
                    self.send_response(reply.status)
                    for name, value in reply.headers:
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(reply.body) + reply.missing))
                    self.end_headers()
                    self.wfile.write(reply.body)
                    self.close_connection |= reply.cut
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._let_go.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        self._let_go.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
