"""A PBX's list of live calls."""

import logging
from collections.abc import Sequence

from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import LiveCall, SeesLiveCalls
from dispatcher.sessions import Pbx, Sessions

_log = logging.getLogger(__name__)


def live_calls(sessions: Sessions, pbx: Pbx) -> Sequence[LiveCall] | None:
    """The calls that are up on ``pbx``; None when it has no such list, or does not answer."""
    driver = pbx.driver
    if not isinstance(driver, SeesLiveCalls):
        return None
    asked: SeesLiveCalls = driver
    try:
        return sessions.use(pbx.account.name, lambda _, session: asked.live_calls(session))
    except PbxError as error:
        _log.warning("the live calls of %s can't be seen: %s", pbx.account.name, error)
        return None
