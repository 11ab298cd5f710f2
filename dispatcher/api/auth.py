"""Who may ask for what: bearer keys with scopes, or loopback clients when no key is configured.

``intake`` raises and resolves alarms. ``operate`` runs campaigns and steers alarms, calls and trunks;
since nobody can steer what they do not see, it includes ``read``. ``admin`` includes all.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from dispatcher.api.problems import Problem
from dispatcher.config import ApiKey, Scope
from dispatcher.config.fields import is_loopback

_INCLUDES = {
    Scope.INTAKE: frozenset({Scope.INTAKE}),
    Scope.OPERATE: frozenset({Scope.OPERATE, Scope.READ}),
    Scope.READ: frozenset({Scope.READ}),
    Scope.ADMIN: frozenset(Scope),
}


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks: the key's name, and everything it may do."""

    name: str
    scopes: frozenset[Scope]


LOOPBACK = Client("loopback", frozenset(Scope))
"""Whoever asks from this machine while no key is configured."""


class Keys:
    """The configured keys. Only digests of the tokens are kept."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._clients = [(_digest(key.secret()), _client(key)) for key in keys]

    @property
    def are_configured(self) -> bool:
        """Whether there is any key."""
        return bool(self._clients)

    def holder(self, token: str) -> Client | None:
        """Whose token this is. Takes the same time whichever key it is, and whether it is one."""
        offered = _digest(token)
        found = None
        for digest, client in self._clients:
            if hmac.compare_digest(digest, offered):
                found = client
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _client(key: ApiKey) -> Client:
    return Client(key.name, frozenset().union(*(_INCLUDES[scope] for scope in key.scopes)))


_bearer = HTTPBearer(
    auto_error=False, description="`Authorization: Bearer TOKEN`, a key of the configuration."
)
Offered = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def client_of(request: Request, offered: Offered) -> Client:
    """Who asks; raises a 401 or 403 problem."""
    keys: Keys = request.app.state.keys
    if not keys.are_configured:
        _check_loopback(request)
        return LOOPBACK
    client = keys.holder(offered.credentials) if offered else None
    if client is None:
        detail = "the API key is not known" if offered else "send an API key: Authorization: Bearer TOKEN"
        challenge = 'Bearer error="invalid_token"' if offered else "Bearer"
        raise Problem(401, detail, headers={"WWW-Authenticate": challenge})
    return client


def needs(scope: Scope) -> Callable[..., Awaitable[Client]]:
    """A dependency that gives the client, and refuses one whose key lacks ``scope``."""

    async def check(client: Annotated[Client, Depends(client_of)]) -> Client:
        if scope not in client.scopes:
            challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
            raise Problem(403, f"the key {client.name!r} lacks the scope '{scope}'", headers=challenge)
        return client

    return check


Intake = Annotated[Client, Depends(needs(Scope.INTAKE))]
Operate = Annotated[Client, Depends(needs(Scope.OPERATE))]
Read = Annotated[Client, Depends(needs(Scope.READ))]
Admin = Annotated[Client, Depends(needs(Scope.ADMIN))]


def _check_loopback(request: Request) -> None:
    """Without keys, only this machine may ask, and only by a name of this machine.

    The second keeps out web pages that a browser here has open: their name may be made to lead to
    this address, but the Host header still tells it.
    """
    asking = request.client.host if request.client else ""
    if not (is_loopback(asking) and is_loopback(request.url.hostname or "")):
        raise Problem(
            403, "without a configured [[api.key]] only this machine may ask, by a loopback address"
        )
