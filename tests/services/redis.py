"""A private Redis server."""

import socket
from typing import ClassVar

from tests.services.binaries import redis_server
from tests.services.process import HOST, ServerProcess


class RedisServer(ServerProcess):
    """Redis on a free loopback port.

    Unless `durable`, it keeps nothing on disk, so that `kill` or `restart` loses every message, as the design
    allows it to; with `durable` each write is in the append-only file.
    """

    name: ClassVar[str] = "redis"

    def __init__(self, *, durable: bool = False) -> None:
        super().__init__()
        self._durable = durable

    @property
    def url(self) -> str:
        """Where it listens, as `redis://…/0`."""
        return f"redis://{HOST}:{self.port}/0"

    def _command(self) -> list[str]:
        return [
            str(redis_server()),
            *("--bind", HOST, "--port", str(self.port)),
            *("--dir", str(self.folder), "--save", ""),
            *("--appendonly", "yes" if self._durable else "no"),
        ]

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(5) == b"+PONG"
        except OSError:
            return False
