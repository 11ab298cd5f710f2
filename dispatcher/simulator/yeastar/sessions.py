"""Logins, tokens, lockout and the one destination of reports (manuals, chapter "API verification")."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from dispatcher.simulator.connection import Destination
from dispatcher.simulator.exchange.refusal import Refusal
from dispatcher.simulator.settings import SimulatorSettings


class Sessions:
    """Tokens that lapse when idle, and the way of reports: to the last login or heartbeat."""

    def __init__(self, settings: SimulatorSettings, direct: Callable[[Destination | None], None]) -> None:
        self._settings = settings
        self._password = hashlib.md5(settings.password.encode()).hexdigest()
        self._direct = direct
        self._tokens: dict[str, tuple[float, str]] = {}
        self._expired: set[str] = set()
        self._failures: dict[str, int] = {}
        self._locked: dict[str, float] = {}
        self._owner = ""

    def login(self, peer: str, body: Mapping[str, Any], *, reports: bool = True) -> str:
        """A new token; Refusal 20002 (locked), 20003 (wrong), 10004 (blank), 20008 (port).

        Without `reports` they go another way, and the login needs no port.
        """
        if self.locked(peer):
            raise Refusal("20002")
        name, password, port = (str(body.get(key) or "") for key in ("username", "password", "port"))
        if not name or not password or (reports and not port):
            raise Refusal("10004")
        if name != self._settings.username or not hmac.compare_digest(
            password.encode(), self._password.encode()
        ):
            self.wrong_password(peer)
            raise Refusal("20003")
        version = str(body.get("version") or "")
        destination = _destination(peer, port, body, version) if reports else None
        self._failures.pop(peer, None)
        token = secrets.token_hex(16)
        self._tokens[token] = (time.monotonic(), version)
        self._owner = token
        self._direct(destination)
        return token

    def locked(self, peer: str) -> bool:
        """Whether this address is locked for its wrong passwords."""
        return self._locked.get(peer, 0.0) > time.monotonic()

    def replace(self, token: str) -> str:
        """A new token in the place of one that may have lapsed; reports stay its own if they were.

        Whether reports that had stopped come back is told nowhere; here they wait for a heartbeat.
        """
        _, version = self._tokens.pop(token, (0.0, ""))
        fresh = secrets.token_hex(16)
        self._tokens[fresh] = (time.monotonic(), version)
        if self._owner == token:
            self._owner = fresh
        return fresh

    def wrong_password(self, peer: str) -> None:
        """Count a wrong password of this address; after too many in a row it is locked."""
        failures = self._failures.get(peer, 0) + 1
        self._failures[peer] = failures
        if failures >= self._settings.lockout_failures:
            self._locked[peer] = time.monotonic() + self._settings.lockout_seconds
            self._failures.pop(peer)

    def heartbeat(self, token: str, body: Mapping[str, Any], version: str | None = None) -> None:
        """Re-point the reports; Refusal 10004, 20008. The token's time was renewed by `check`.

        `version` is the report format from now on; None keeps that of the login.
        """
        host, port = (str(body.get(key) or "") for key in ("ipaddr", "port"))
        if not host or not port:
            raise Refusal("10004")
        kept = self._tokens[token][1] if version is None else version
        self._owner = token
        self._direct(_destination(host, port, body, kept))

    def logout(self, token: str) -> None:
        """The token is gone, and with it the reports if they were its own."""
        self._forget(token)

    def check(self, token: str) -> None:
        """Accept a request's token and renew it; Refusal 20005 (blank), 20006 (lapsed), 20004 (unknown)."""
        known = self._tokens.get(token)
        if known is None:
            raise Refusal("20006" if token in self._expired else "20004" if token else "20005")
        now = time.monotonic()
        if now - known[0] > self._settings.token_lifetime:
            self._expire(token)
            raise Refusal("20006")
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


def _destination(peer: str, port: str, body: Mapping[str, Any], version: str) -> Destination:
    """`urltag` "1" makes `url` complete (`ip:port/path`); else it is a path at the peer's address."""
    if not port.isdigit() or int(port) > 65535:
        raise Refusal("20008")
    url = str(body.get("url") or "").removeprefix("http://")
    if str(body.get("urltag") or body.get("urlflag") or "0") != "1" or not url:
        return Destination(peer, int(port), "/" + url.lstrip("/"), version)
    address, _, path = url.partition("/")
    host, _, url_port = address.partition(":")
    if url_port and not url_port.isdigit():
        raise Refusal("20008")
    return Destination(host, int(url_port or port), "/" + path, version)
