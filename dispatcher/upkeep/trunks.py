"""The trunks as the PBX shows them: which of them work, and whether the PBX is there at all."""

import logging
from collections.abc import Mapping
from datetime import timedelta

from dispatcher.core import Core
from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import Driver, SeesTrunks, Session
from dispatcher.sessions import Pbx, Sessions
from dispatcher.signals import Topic
from dispatcher.store import health, inquiries
from dispatcher.store.health import Shown
from dispatcher.store.trunks import INTERNAL

_log = logging.getLogger(__name__)

ASKED_EVERY = timedelta(seconds=30)
"""How often the PBX is asked for its trunks while all is well; otherwise at each turn of the task."""

_AWAY = frozenset(
    {Reason.PBX_AWAY, Reason.TIMED_OUT, Reason.CONNECTION_LOST, Reason.HTTP_ERROR, Reason.PBX_FAULT}
)
"""What says that the PBX itself does not work; with any other error it has answered."""

_OF_THE_QUERY = frozenset({Reason.HTTP_ERROR, Reason.PBX_FAULT})
"""What may be the fault of the one query: some firmware fails at it while everything else works."""

_EXTENSIONS = Shown("answering", usable=True)
"""A PBX that answers can call its own extensions, as far as anybody can see."""


class TrunkWatch:
    """Keeps the health of each PBX's trunks in line with what it shows of them."""

    def __init__(self, core: Core, sessions: Sessions, pbxes: Mapping[str, Pbx]) -> None:
        self._core = core
        self._sessions = sessions
        self._pbxes = pbxes

    def look_at_trunks(self, pbx: str) -> None:
        """Ask the PBX how its trunks are, when it is time to, and let the pacer know what has changed."""
        core = self._core
        with core.store.read() as tx:
            if not health.is_due(tx, core.clock(), pbx, ASKED_EVERY):
                return
            names = health.names(tx, pbx)
        shown = self._ask(pbx)
        changed = False
        for name in names:
            of_trunk = shown.get(name, Shown()) if shown is not None else None
            # One trunk a transaction: whoever enters outcomes locks several, in an order of its own.
            with core.store.write() as tx:
                changed = health.look(tx, core.clock(), pbx, name, of_trunk) or changed
        if changed:
            core.signals.send(Topic.PACER)
            core.signals.send(Topic.EVENTS)

    def _ask(self, pbx: str) -> dict[str, Shown] | None:
        """What the PBX shows, by trunk; None when it does not answer.

        A single failure proves nothing, so a PBX that was there is asked twice. One that fails at this query
        but gives a sign of life is there, and nobody knows how its trunks are.
        """
        core = self._core
        with core.store.read() as tx:
            tries = 1 if health.is_away(tx, pbx) else 2
        error = None
        for _ in range(tries):
            try:
                shown = self._sessions.use(pbx, _trunks_of)
            except PbxError as failure:
                error = failure
                if failure.reason not in _AWAY:
                    break
            else:
                with core.store.write() as tx:
                    health.note_back(tx, pbx)
                return shown | {INTERNAL: _EXTENSIONS}
        _log.warning("the trunks of %s can't be seen: %s", pbx, error)
        if error is not None and error.reason in _OF_THE_QUERY and self._is_there(pbx):
            return {INTERNAL: _EXTENSIONS}
        if error is not None and error.reason in _AWAY:
            with core.store.write() as tx:
                health.note_away(tx, pbx, error.detail)
                if tries > 1:
                    # It was there before. What was up on it is asked for, and an alarm does not wait for it.
                    inquiries.demand(tx, pbx, core.clock(), "the PBX does not answer")
        return None

    def _is_there(self, pbx: str) -> bool:
        """Whether the PBX gives a sign of life."""
        try:
            self._sessions.greet(pbx)
        except PbxError:
            return False
        with self._core.store.write() as tx:
            health.note_back(tx, pbx)
        return True


def _trunks_of(driver: Driver, session: Session) -> dict[str, Shown]:
    """The PBX's trunks by name. A family without such a list is asked for a sign of life."""
    if isinstance(driver, SeesTrunks):
        return {state.name: Shown(state.status, state.usable) for state in driver.trunks(session)}
    driver.keep_alive(session)
    return {}
