"""The trunks as the PBX shows them: which of them work, and what others have on them."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from dispatcher.core import Core
from dispatcher.domain.numbers import same_number
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import LiveCall, SeesTrunks, TrunkState
from dispatcher.sessions import Pbx, Sessions
from dispatcher.store import foreign
from dispatcher.store.attempts import attempts
from dispatcher.store.tables import HELD, Trunk, table
from dispatcher.upkeep.live import live_calls

_log = logging.getLogger(__name__)
_trunks = table(Trunk)

STALE_FOREIGN = timedelta(seconds=30)
"""A foreign call that is younger is left alone, since the list may have been made before it began."""


class TrunkWatch:
    """Keeps the trunks of each PBX in line with what it shows of them."""

    def __init__(self, core: Core, sessions: Sessions, pbxes: Mapping[str, Pbx]) -> None:
        self._core = core
        self._sessions = sessions
        self._pbxes = pbxes

    def compare_others(self, pbx: str) -> None:
        """Bring the calls of others in line with what the PBX shows.

        Some end without a report. Some begin without one: those from before our login, and all on a
        trunk whose status the PBX does not monitor.
        """
        live = live_calls(self._sessions, self._pbxes[pbx])
        if live is None:
            return
        now = self._core.clock()
        strangers = self._strangers(pbx, live, now)
        with self._core.store.write() as tx:
            believed = foreign.live(tx, pbx)
            stale = [row for row in believed if row.since < now - STALE_FOREIGN]
            foreign.end(tx, now, pbx, _surplus(stale, Counter(call.trunk for call in strangers)))
            for call in _unheard_of(believed, strangers):
                foreign.note(tx, now, pbx, _name(call), call.trunk)

    def look_at_trunks(self, pbx: str) -> None:
        """Keep each trunk's state as the PBX shows it."""
        driver = self._pbxes[pbx].driver
        if not isinstance(driver, SeesTrunks):
            return
        asked: SeesTrunks = driver
        try:
            states: Sequence[TrunkState] = self._sessions.use(pbx, lambda _, session: asked.trunks(session))
        except PbxError as error:
            _log.warning("the trunks of %s can't be seen: %s", pbx, error)
            return
        with self._core.store.write() as tx:
            for state in states:
                tx.execute(
                    update(_trunks)
                    .where(_trunks.c.pbx == pbx, _trunks.c.name == state.name)
                    .values(pbx_status=state.status, pbx_usable=state.usable, checked_at=self._core.clock())
                )

    def _strangers(self, pbx: str, live: Sequence[LiveCall], now: datetime) -> list[LiveCall]:
        """The live calls on our trunks that are to no number that we are calling, or have just called."""
        names = {trunk for of_pbx, trunk in self._core.ledger.trunks if of_pbx == pbx}
        just_now = attempts.c.freed_at > now - STALE_FOREIGN
        query = select(attempts.c.digits_dialled).where(attempts.c.pbx == pbx)
        with self._core.store.read() as tx:
            ours = list(tx.execute(query.where(HELD)).scalars())
            ours += tx.execute(query.where(attempts.c.trunk.in_(names), just_now)).scalars()
        return [
            call
            for call in live
            if call.trunk in names and not any(same_number(number, call.number) for number in ours)
        ]


def _surplus(believed: Sequence[Any], shown: Mapping[str, int]) -> list[str]:
    """The oldest foreign calls of each trunk, as many as are believed in beyond what the PBX shows.

    The list of live calls names legs, and the reports name calls, so the two can only be counted.
    """
    by_trunk: dict[str, list[Any]] = {}
    for row in sorted(believed, key=lambda row: row.since):
        by_trunk.setdefault(row.trunk, []).append(row)
    gone: list[str] = []
    for trunk, rows in by_trunk.items():
        gone += [row.callid for row in rows[: max(0, len(rows) - shown.get(trunk, 0))]]
    return gone


def _unheard_of(believed: Sequence[Any], shown: Sequence[LiveCall]) -> list[LiveCall]:
    """The calls of each trunk that are shown beyond those believed in."""
    known = {row.callid for row in believed}
    named = {_name(call) for call in shown}
    reported = Counter(row.trunk for row in believed if row.callid not in named)
    found = []
    for call in sorted(shown, key=_name):
        if _name(call) in known:
            continue
        if reported[call.trunk] > 0:
            reported[call.trunk] -= 1
        else:
            found.append(call)
    return found


def _name(call: LiveCall) -> str:
    """What a live call is kept under: its callid, or, where the list names none, its leg."""
    return call.callid or f"leg {call.leg}"
