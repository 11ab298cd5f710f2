"""The IVRs of each PBX, remembered, so that a message with one that does not exist is refused at once."""

import logging
from collections.abc import Sequence

from dispatcher.core import Core
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import Driver, Ivr, SeesIvrs, Session
from dispatcher.sessions import Sessions
from dispatcher.store import ivrs

_log = logging.getLogger(__name__)

LOOKED_EVERY = 300.0
FIRST_LOOK = 30.0
"""Seconds; at its start a process has better things to ask a PBX."""


class IvrWatch:
    """Keeps what is known of the PBXs' IVRs in line with what they show."""

    def __init__(self, core: Core, sessions: Sessions) -> None:
        self._core = core
        self._sessions = sessions

    def look(self, pbx: str) -> None:
        """Ask a PBX for its IVRs. One that can't tell, or does not answer, leaves what was known to age."""
        try:
            found = self._sessions.use(pbx, _ivrs_of)
        except PbxError as error:
            _log.warning("the IVRs of %s can't be seen: %s", pbx, error)
            return
        if found is not None:
            with self._core.store.write() as tx:
                ivrs.note(tx, self._core.clock(), pbx, (ivr.number for ivr in found))


def _ivrs_of(driver: Driver, session: Session) -> Sequence[Ivr] | None:
    return driver.ivrs(session) if isinstance(driver, SeesIvrs) else None
