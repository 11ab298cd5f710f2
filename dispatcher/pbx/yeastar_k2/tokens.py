"""The session of API v2.0.0: a token, and, where login gave one, the token that refreshes it.

A Cloud PBX, which knows no heartbeat, gives both (Cloud PBX API v2.0.0 manual, 'Refresh API token').
The dispatcher keeps one string for a session and never looks into it, so the two share it, a line each.
"""

from typing import Any

from dispatcher.pbx.protocol import Session
from dispatcher.pbx.yeastar.client import text, unreadable

_BETWEEN = "\n"


def session_of(endpoint: str, answer: dict[str, Any]) -> Session:
    """The session that an answer opens; raises :class:`PbxInDoubt` when it has no token."""
    token, refresh = text(answer.get("token")), text(answer.get("refreshtoken"))
    if not token:
        raise unreadable(endpoint, "no token")
    return Session(_BETWEEN.join((token, refresh)) if refresh else token)


def bare(session: Session) -> Session:
    """The session as requests name it: its token alone."""
    token, is_pair, _ = session.token.partition(_BETWEEN)
    return Session(token) if is_pair else session


def refresh_token(session: Session) -> str:
    """What refreshes the session, or an empty string."""
    return session.token.partition(_BETWEEN)[2]
