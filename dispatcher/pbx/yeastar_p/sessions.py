"""Sessions of a P-Series: a pair of tokens, and when it is to be refreshed.

An access token is good for half an hour, however much it is used, its refresh token for a day (P-Series
developer guide, 'Get Access Token', 'Refresh Access Token'). A refresh gives a new pair; whether it ends the
old one is documented nowhere. A PBX knows eight tokens at most, so a pair is refreshed late: of each
session two are good at the most.
"""

import time
from typing import Any

from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import Session
from dispatcher.pbx.yeastar.client import text
from dispatcher.pbx.yeastar.tokens import note_of, refresh_token, session_of
from dispatcher.pbx.yeastar_p.api import OpenApi

_NAMES = ("access_token", "refresh_token")
_USUAL_SECONDS = 1800
_REFRESH_AFTER = 2 / 3
"""Of its time; what is left is more than the pause between two heartbeats of ours."""


def opened(answer: dict[str, Any], endpoint: str = "get_token") -> Session:
    """The session of a new pair; raises :class:`PbxInDoubt` when the answer has none."""
    told = text(answer.get("access_token_expire_time"))
    seconds = int(told) if told.isascii() and told.isdigit() else _USUAL_SECONDS
    return session_of(endpoint, answer, _NAMES, note=str(int(time.time() + seconds * _REFRESH_AFTER)))


def is_due(session: Session) -> bool:
    """Whether the pair is to be refreshed now."""
    refresh_at = note_of(session)
    return refresh_at.isdigit() and time.time() >= int(refresh_at)


def give_back(api: OpenApi, session: Session) -> None:
    """End a token that nobody needs any more; where that fails it lapses by itself."""
    try:
        api.get("del_token", session)
    except PbxError:
        return


def renewed(api: OpenApi, session: Session) -> Session:
    """The session that takes the place of ``session``; raises :class:`PbxError`."""
    answer = api.post("refresh_token", {"refresh_token": refresh_token(session)})
    return opened(answer, "refresh_token")
