"""Pairs of tokens, and addresses that are blocked for their wrong secrets (guide, "Get Access Token")."""

import hmac
import secrets
import time
from collections.abc import Mapping
from typing import Any

from dispatcher.simulator.settings import SimulatorSettings
from dispatcher.simulator.yeastar.bodies import required
from dispatcher.simulator.yeastar_p.bodies import PRefusal
from dispatcher.simulator.yeastar_p.words import ACCESS_DENIED, BLOCKED, LIMIT, TOKEN_EXPIRED

MOST_TOKENS = 8
REFRESH_SECONDS = 86_400.0


class Tokens:
    """Access tokens that lapse after their time, however much they are used, and tokens to refresh them."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self._settings = settings
        self._access: dict[str, float] = {}
        self._refresh: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._blocked: dict[str, float] = {}

    @property
    def live(self) -> int:
        """How many access tokens are good."""
        now = time.monotonic()
        self._access = {token: lapses for token, lapses in self._access.items() if lapses > now}
        return len(self._access)

    def log_in(self, peer: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A new pair. Refusal 70004 (blocked), 10005 (wrong: inferred), 60002 (eight are good already)."""
        if self._blocked.get(peer, 0.0) > time.monotonic():
            raise PRefusal(BLOCKED)
        name, secret = required(body, "username", "password")
        own = self._settings
        if name != own.username or not hmac.compare_digest(secret.encode(), own.password.encode()):
            self._count_failure(peer)
            raise PRefusal(ACCESS_DENIED)
        self._failures.pop(peer, None)
        return self._pair()

    def refresh(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A new pair in the place of one; the old access token stays good for its time (inferred)."""
        (token,) = required(body, "refresh_token")
        if self._refresh.pop(token, 0.0) <= time.monotonic():
            raise PRefusal(TOKEN_EXPIRED)
        return self._pair()

    def check(self, token: str) -> None:
        """Refusal 10004 unless the token is good."""
        if self._access.get(token, 0.0) <= time.monotonic():
            raise PRefusal(TOKEN_EXPIRED)

    def revoke(self, token: str) -> None:
        """The token is good no more."""
        self._access.pop(token, None)

    def forget_all(self) -> None:
        """Every token and block is gone, as after a restart."""
        self.expire_all()
        self._failures.clear()
        self._blocked.clear()

    def expire_all(self) -> None:
        """Every token lapses now."""
        self._access.clear()
        self._refresh.clear()

    def _pair(self) -> Mapping[str, Any]:
        if self.live >= MOST_TOKENS:
            raise PRefusal(LIMIT)
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        now = time.monotonic()
        self._access[access] = now + self._settings.token_lifetime
        self._refresh[refresh] = now + REFRESH_SECONDS
        return {
            "access_token_expire_time": round(self._settings.token_lifetime),
            "access_token": access,
            "refresh_token_expire_time": round(REFRESH_SECONDS),
            "refresh_token": refresh,
        }

    def _count_failure(self, peer: str) -> None:
        failures = self._failures.get(peer, 0) + 1
        self._failures[peer] = failures
        if failures >= self._settings.lockout_failures:
            self._blocked[peer] = time.monotonic() + self._settings.lockout_seconds
            self._failures.pop(peer)
