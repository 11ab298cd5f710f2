"""The channels in use, as we hold them, against those that the PBX shows."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from dispatcher.core import Core, write_counts
from dispatcher.domain.facts import Facts
from dispatcher.domain.vocabulary import TargetKind
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.entry import News
from dispatcher.metrics import catalogue
from dispatcher.metrics.catalogue import Drift
from dispatcher.metrics.counting import Count
from dispatcher.sessions import Pbx, Sessions
from dispatcher.signals import Topic
from dispatcher.store import foreign, marks
from dispatcher.store.attempts import attempts, lock_by_id
from dispatcher.store.tables import HELD, among
from dispatcher.upkeep.live import live_calls
from dispatcher.upkeep.matching import Matched, gone, match, name_of, unheard_of

_log = logging.getLogger(__name__)

STALE = timedelta(seconds=30)
"""A call that is younger is left alone, since the list may have been made before it began."""


class Comparison:
    """Corrects what is believed of the channels of a PBX's trunks, and counts each correction."""

    def __init__(self, core: Core, sessions: Sessions, pbxes: Mapping[str, Pbx]) -> None:
        self._core = core
        self._sessions = sessions
        self._pbxes = pbxes
        self._longest = timedelta(seconds=core.settings.pacing.longest_call)

    def compare(self, pbx: str) -> None:
        """Bring others' calls, and the trunks of our own, in line with the PBX's live calls.

        Some calls of others end without a report. Some begin without one: those from before our login,
        and all on a trunk whose status the PBX does not monitor.

        Where there is no list, others' calls whose end nobody reported lapse once they have lasted for longer
        than any call does, and no list was to be had for as long.
        """
        live = live_calls(self._sessions, self._pbxes[pbx])
        now = self._core.clock()
        if live is None:
            self._let_lapse(now, pbx)
            return
        names = {trunk for of_pbx, trunk in self._core.ledger.trunks if of_pbx == pbx}
        with self._core.store.read() as tx:
            ours = _ours(tx, now, pbx)
        matched = match([call for call in live if call.trunk in names], ours)
        self._correct_others(now, pbx, matched)
        self._correct_ours(pbx, matched)

    def _correct_others(self, now: datetime, pbx: str, matched: Matched) -> None:
        count = Count()
        with self._core.store.write() as tx:
            believed = foreign.live(tx, pbx)
            stale = [row for row in believed if row.since < now - STALE]
            ended = foreign.end(tx, now, pbx, gone(stale, matched.strangers))
            _count_ended(count, pbx, ended)
            for call in unheard_of(believed, matched.strangers):
                if foreign.note(tx, now, pbx, name_of(call), call.trunk):
                    count.add(catalogue.CHANNEL_DRIFT, pbx, call.trunk, Drift.OTHERS_UNHEARD)
            marks.locked(tx, _listed(pbx))
            marks.put(tx, _listed(pbx), at=now)
            write_counts(tx, count)
        if ended:
            self._core.signals.send(Topic.PACER)

    def _let_lapse(self, now: datetime, pbx: str) -> None:
        """End others' calls that were neither shown nor begun for longer than any call lasts."""
        before = now - self._longest
        with self._core.store.read() as tx:
            listed = marks.find(tx, _listed(pbx))
            if listed is not None and listed.at >= before:
                return
            if not any(row.since < before for row in foreign.live(tx, pbx)):
                return
        count = Count()
        with self._core.store.write() as tx:
            ended = foreign.lapse(tx, now, pbx, before)
            _count_ended(count, pbx, ended)
            write_counts(tx, count)
        if ended:
            _log.warning(
                "%d calls of others at %s are taken to be over: none lasts longer than pacing.longest_call, "
                "and the PBX does not show which are up",
                len(ended),
                pbx,
            )
            self._core.signals.send(Topic.PACER)

    def _correct_ours(self, pbx: str, matched: Matched) -> None:
        """A call of ours that took another trunk than we believe holds its channel there."""
        moved = {
            row.id: call.trunk for row, call in matched.ours if row.channel_held and row.trunk != call.trunk
        }
        if not moved:
            return

        def correct(tx: Connection) -> Aftermath:
            count = Count()
            cases = lock_by_id(tx, self._core.ledger.requests, moved)
            news = [News(case, Facts(trunk=moved[case.attempt_id])) for case in cases]
            aftermath = self._core.ledger.enter(tx, self._core.clock(), news, count)
            for item in news:
                count.add(catalogue.CHANNEL_DRIFT, pbx, item.facts.trunk, Drift.OURS_ELSEWHERE)
            write_counts(tx, count)
            return aftermath

        self._core.after(self._core.store.transact(correct))


def _listed(pbx: str) -> str:
    """The name of the mark that says when the PBX's list of live calls was last had."""
    return f"live calls of {pbx}"


def _count_ended(count: Count, pbx: str, trunks: Sequence[str]) -> None:
    for trunk in trunks:
        count.add(catalogue.CHANNEL_DRIFT, pbx, trunk, Drift.OTHERS_ENDED)


def _ours(tx: Connection, now: datetime, pbx: str) -> Sequence[Any]:
    """Our calls to outside numbers that are up, or have just ended; those that are up come first."""
    query = select(
        attempts.c.id,
        attempts.c.callid,
        attempts.c.leg,
        attempts.c.digits_dialled,
        attempts.c.trunk,
        attempts.c.channel_held,
    ).where(attempts.c.pbx == pbx, among(attempts.c.target_kind, TargetKind.NUMBER))
    up = tx.execute(query.where(HELD)).all()
    just_ended = tx.execute(query.where(attempts.c.freed_at > now - STALE)).all()
    return [*up, *just_ended]
