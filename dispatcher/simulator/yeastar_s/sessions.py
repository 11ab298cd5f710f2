"""Logins, tokens, lockout and the one destination of reports (manual, chapter "API verification")."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from dispatcher.simulator.connection import Destination
from dispatcher.simulator.settings import SimulatorSettings


class ApiError(Exception):
    """A request that the PBX refuses; `errno` is a code of the manual's last chapter."""

    def __init__(self, errno: str) -> None:
        super().__init__(errno)
        self.errno = errno


class Sessions:
    """Tokens that lapse when idle, and the way of reports: to the last login or heartbeat."""

    def __init__(self, settings: SimulatorSettings, direct: Callable[[Destination | None], None]) -> None:
        self._settings = settings
        self._password = hashlib.md5(settings.password.encode()).hexdigest()
        self._direct = direct
        self._tokens: dict[str, tuple[float, bool]] = {}
        self._expired: set[str] = set()
        self._failures: dict[str, int] = {}
        self._locked: dict[str, float] = {}
        self._owner = ""

    def login(self, peer: str, body: Mapping[str, Any]) -> str:
        """A new token; ApiError 20002 (locked), 20003 (wrong), 10004 (blank), 20008 (port)."""
        if self._locked.get(peer, 0.0) > time.monotonic():
            raise ApiError("20002")
        name, password, port = (str(body.get(key) or "") for key in ("username", "password", "port"))
        if not name or not password or not port:
            raise ApiError("10004")
        if name != self._settings.username or not hmac.compare_digest(
            password.encode(), self._password.encode()
        ):
            self._wrong_password(peer)
            raise ApiError("20003")
        well_formed = str(body.get("version") or "") == "1.0.2"
        destination = _destination(peer, port, body, well_formed=well_formed)
        self._failures.pop(peer, None)
        token = secrets.token_hex(16)
        self._tokens[token] = (time.monotonic(), well_formed)
        self._owner = token
        self._direct(destination)
        return token

    def _wrong_password(self, peer: str) -> None:
        failures = self._failures.get(peer, 0) + 1
        self._failures[peer] = failures
        if failures >= self._settings.lockout_failures:
            self._locked[peer] = time.monotonic() + self._settings.lockout_seconds
            self._failures.pop(peer)

    def heartbeat(self, token: str, peer: str, body: Mapping[str, Any]) -> None:
        """Re-point the reports; ApiError 10004, 20008. The token's time was renewed by `check`."""
        host, port = (str(body.get(key) or "") for key in ("ipaddr", "port"))
        if not host or not port:
            raise ApiError("10004")
        well_formed = self._tokens[token][1]
        self._owner = token
        self._direct(_destination(host or peer, port, body, well_formed=well_formed))

    def logout(self, token: str) -> None:
        """The token is gone, and with it the reports if they were its own."""
        self._forget(token)

    def check(self, token: str) -> None:
        """Accept a request's token and renew it; ApiError 20005 (blank), 20006 (lapsed), 20004 (unknown)."""
        known = self._tokens.get(token)
        if known is None:
            raise ApiError("20006" if token in self._expired else "20004" if token else "20005")
        now = time.monotonic()
        if now - known[0] > self._settings.token_lifetime:
            self._expire(token)
            raise ApiError("20006")
        self._tokens[token] = (now, known[1])

    def sweep(self) -> None:
        """Let idle tokens lapse, so that reports stop in time."""
        limit = time.monotonic() - self._settings.token_lifetime
        for token in [token for token, (used, _) in self._tokens.items() if used < limit]:
            self._expire(token)

    def forget_all(self) -> None:
        """Every token and lock is gone, as after a restart."""
        self._tokens.clear()
        self._expired.clear()
        self._failures.clear()
        self._locked.clear()
        self._owner = ""
        self._direct(None)

    def expire_all(self) -> None:
        """Every token lapses now."""
        for token in list(self._tokens):
            self._expire(token)

    @property
    def live(self) -> int:
        """How many tokens are good."""
        return len(self._tokens)

    def _expire(self, token: str) -> None:
        self._expired.add(token)
        self._forget(token)

    def _forget(self, token: str) -> None:
        self._tokens.pop(token, None)
        if token == self._owner:
            self._owner = ""
            self._direct(None)


def _destination(peer: str, port: str, body: Mapping[str, Any], *, well_formed: bool) -> Destination:
    """`urltag` "1" makes `url` complete (`ip:port/path`); else it is a path at the peer's address."""
    if not port.isdigit() or int(port) > 65535:
        raise ApiError("20008")
    url = str(body.get("url") or "").removeprefix("http://")
    if str(body.get("urltag") or body.get("urlflag") or "0") != "1" or not url:
        return Destination(peer, int(port), "/" + url.lstrip("/"), well_formed)
    address, _, path = url.partition("/")
    host, _, url_port = address.partition(":")
    if url_port and not url_port.isdigit():
        raise ApiError("20008")
    return Destination(host, int(url_port or port), "/" + path, well_formed)
