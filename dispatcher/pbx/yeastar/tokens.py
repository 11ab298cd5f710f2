"""Sessions of more than a token: with it goes the token that refreshes it, and whatever else must be kept.

The dispatcher keeps one string for a session and never looks into it, so the parts share it, a line each.
A Cloud PBX of API v2.0.0, which knows no heartbeat, gives a pair of tokens (Cloud PBX API v2.0.0 manual,
'Refresh API token'), and so does every P-Series (P-Series developer guide, 'Get Access Token').
"""

from typing import Any

from dispatcher.pbx.answers import unreadable
from dispatcher.pbx.protocol import Session
from dispatcher.pbx.yeastar.client import text

_BETWEEN = "\n"


def session_of(
    endpoint: str,
    answer: dict[str, Any],
    names: tuple[str, str] = ("token", "refreshtoken"),
    note: str = "",
) -> Session:
    """The session that an answer opens, whose ``names`` are those of the tokens, with a ``note`` of ours.

    Raises :class:`PbxInDoubt` when it has no token.
    """
    token, refresh = (text(answer.get(name)) for name in names)
    if not token:
        raise unreadable(endpoint, "no token")
    return Session(_BETWEEN.join((token, refresh, note)).rstrip(_BETWEEN))


def bare(session: Session) -> Session:
    """The session as requests name it: its token alone."""
    token, is_more, _ = session.token.partition(_BETWEEN)
    return Session(token) if is_more else session


def refresh_token(session: Session) -> str:
    """What refreshes the session, or an empty string."""
    return _part(session, 1)


def note_of(session: Session) -> str:
    """What was noted with the session, or an empty string."""
    return _part(session, 2)


def _part(session: Session, place: int) -> str:
    parts = session.token.split(_BETWEEN)
    return parts[place] if place < len(parts) else ""
