"""Open calls in question: asking the PBX about them, in the order of :mod:`dispatcher.domain.doubt`."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from dispatcher.core import Core, write_counts
from dispatcher.domain.doubt import JUST_PLACED, Known, Question, Step, Waits, next_step
from dispatcher.domain.pacing import ALARMS
from dispatcher.domain.vocabulary import Phase, TargetKind
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.metrics.counting import Count
from dispatcher.reports import Inbox
from dispatcher.sessions import Pbx, Sessions
from dispatcher.store import doubts, inquiries, sessions
from dispatcher.store.attempts import lock_by_id
from dispatcher.store.doubts import Silence
from dispatcher.upkeep import downloads, sight
from dispatcher.upkeep.conclusions import Conclusions, is_heard_of
from dispatcher.upkeep.downloads import Download, Told, Wanted
from dispatcher.upkeep.sight import Sight, Ways

_log = logging.getLogger(__name__)

LOOKS_EVERY = timedelta(seconds=2)
"""The live calls of one PBX are asked for at most this often, however many calls are in question."""


AWAY_AFTER = 2
"""So many questions in a row that a PBX has not answered show that it is away."""


class Recovery:
    """Finds out what became of calls of which the reports do not tell. One for all PBXs of a process.

    Everything that is known lies in the store, so whoever runs the next sweep goes on where the last one
    stopped. One question answers for all calls of a PBX.
    """

    def __init__(self, core: Core, sessions: Sessions, pbxes: Mapping[str, Pbx], inbox: Inbox) -> None:
        self._core = core
        self._sessions = sessions
        self._pbxes = pbxes
        self._inbox = inbox
        self._ways = {name: Ways.of(pbx.driver) for name, pbx in pbxes.items()}
        self._own = {
            pbx.name: frozenset(trunk.extension for trunk in pbx.trunk if trunk.extension)
            for pbx in core.settings.pbx
        }
        pacing = core.settings.pacing
        self._every = timedelta(seconds=pacing.records_every)
        self._waits = Waits(timedelta(seconds=pacing.record_wait), 2 * self._every)
        self._settle = timedelta(seconds=pacing.doubt_wait)
        self._silence = timedelta(seconds=pacing.silence)

    def sweep(self, pbx: str) -> None:
        """Take up what has come into question, ask what is due, and conclude what can be.

        Nothing is asked while nothing is in question. A PBX that does not answer is asked less and less.
        """
        self._take_up(pbx)
        with self._core.store.read() as tx:
            rows = doubts.in_question(tx, pbx)
            inquiry = inquiries.of_pbx(tx, pbx)
        if not rows:
            return
        now = self._core.clock()
        due = self._due(pbx, rows, now)
        is_over = any(_is_moot(row) for row in rows)
        if not due and not is_over:
            return
        seen = records = None
        if inquiry is None or inquiry.not_before is None or inquiry.not_before <= now:
            seen = self._look(pbx, rows, due, inquiry, now)
            if self._ways[pbx].own_ids:
                records = self._ends(pbx, rows, due, inquiry, now, seen)
            else:
                records = self._fetch(pbx, rows, due, inquiry, now)
        urgent = set()
        if seen is None and inquiry is not None and inquiry.failures:
            urgent = {row.attempt_id for row in rows if self._is_urgent(row, inquiry.failures, now)}
        if is_over or urgent or seen or records or due & {Step.CLOSE, Step.NEVER_PLACED}:
            self._inbox.revisit(pbx)
            self._conclude(pbx, seen, records, urgent)

    def _take_up(self, pbx: str) -> None:
        """Bring into question what is in doubt or silent, and, on demand, everything that is open."""
        now = self._core.clock()
        with self._core.store.read() as tx:
            inquiry = inquiries.of_pbx(tx, pbx)
            wanted_at, because = (inquiry.wanted_at, inquiry.wanted_because) if inquiry else (None, "")
            found = doubts.unquestioned(tx, pbx, self._silence_of(pbx, now), wanted_at)
        if not found and wanted_at is None:
            return
        questioned = [(row.id, *_brought_by(row, because, wanted_at)) for row in found]
        with self._core.store.write() as tx:
            doubts.take_up(tx, pbx, questioned)
            if wanted_at is not None:
                doubts.hasten(tx, pbx, now)
            if wanted_at is not None and len(found) < doubts.BATCH:
                inquiries.taken_up(tx, pbx, wanted_at)
        if found and wanted_at is not None:
            _log.warning("%d open calls of %s are asked for: %s", len(found), pbx, because)

    def _silence_of(self, pbx: str, now: datetime) -> Silence:
        return Silence(now - self._silence / 3, self._ways[pbx].quick_kinds, now - self._silence)

    def _due(self, pbx: str, rows: Sequence[Any], now: datetime) -> set[Step]:
        """The steps that are due for any of the calls in question."""
        due = set()
        for row in rows:
            following = next_step(self._question(pbx, row), doubts.known_of(row), self._waits_at(pbx), now)
            at = following.at
            if following.step is Step.LOOK:
                at = min(at, row.next_at)  # A demand may have brought it forward.
            if at <= now:
                due.add(following.step)
        return due

    def _question(self, pbx: str, row: Any) -> Question:
        ways, kind = self._ways[pbx], TargetKind(row.target_kind)
        can_be_seen = ways.can_see(kind, row.callid)
        # One that has ended, and still holds its channel, was let go unresolved.
        in_doubt = row.phase in (Phase.IN_DOUBT, Phase.ENDED)
        if in_doubt:
            answered = row.dialed_at + timedelta(seconds=self._pbxes[pbx].dial_seconds)
            settled = max((row.doubted_at or row.since) + self._settle, answered)
        elif can_be_seen:
            settled = max(row.since, (row.accepted_at or row.dialed_at) + JUST_PLACED)
        else:
            settled = row.last_sign + self._silence
        # A callid that we gave ourselves says nothing of the PBX.
        is_taken = row.accepted_at is not None or row.last_sign != row.dialed_at
        is_placed = not in_doubt or (is_taken if ways.own_ids else row.callid is not None)
        return Question(row.since, settled, is_placed, can_be_seen, ways.records)

    def _is_urgent(self, row: Any, failures: int, now: datetime) -> bool:
        """Whether an alarm has waited long enough for a PBX that does not say what became of its call.

        One that was accepted goes on only when the PBX has failed twice in a row, and nothing has been
        heard of the call since.
        """
        if row.lane != ALARMS or row.absent_at is not None or _is_moot(row):
            return False
        if row.phase == Phase.UP:
            last = max(row.since, row.shown_at or row.since)
            return failures >= AWAY_AFTER and now >= last + 2 * self._settle
        unanswered = row.phase == Phase.IN_DOUBT and row.shown_at is None
        return unanswered and now >= row.since + 2 * self._settle

    def _look(
        self, pbx: str, rows: Sequence[Any], due: set[Step], inquiry: Any, now: datetime
    ) -> Sight | None:
        if Step.LOOK not in due or _asked_within(inquiry and inquiry.looked_at, LOOKS_EVERY, now):
            return None
        ways = self._ways[pbx]
        listed = any(ways.in_list(TargetKind(row.target_kind)) for row in rows)
        by_need = sorted(rows, key=lambda row: row.next_at)
        seen = sight.look(self._sessions, self._pbxes[pbx], self._core.clock, by_need, listed=listed)
        with self._core.store.write() as tx:
            if seen is None:
                failures = inquiry.failures if inquiry is not None else 0
                inquiries.failed(tx, pbx, self._core.clock(), failures + 1)
            else:
                inquiries.looked(tx, pbx, seen.sent)
        return seen

    def _fetch(
        self, pbx: str, rows: Sequence[Any], due: set[Step], inquiry: Any, now: datetime
    ) -> Download | None:
        if Step.FETCH not in due or _asked_within(inquiry and inquiry.records_at, self._every, now):
            return None
        trunks = [trunk for of_pbx, trunk in sorted(self._core.ledger.trunks) if of_pbx == pbx]
        with self._core.store.read() as tx:
            since = downloads.begin_of(tx, pbx, trunks, [row.dialed_at for row in rows], now)
        records = downloads.fetch(self._sessions, self._pbxes[pbx], self._core.clock, since)
        with self._core.store.write() as tx:
            inquiries.fetched(tx, pbx, now)
        return records

    def _ends(
        self, pbx: str, rows: Sequence[Any], due: set[Step], inquiry: Any, now: datetime, seen: Sight | None
    ) -> Download | None:
        """How the calls in question that are not shown have ended; asked with every look, as it is cheap."""
        is_due = Step.FETCH in due and not _asked_within(inquiry and inquiry.records_at, LOOKS_EVERY, now)
        shown = {call.callid for call in seen.calls or ()} if seen is not None else set()
        wanted = [row for row in rows if row.callid and row.callid not in shown]
        if not wanted or (seen is None and not is_due):
            return None
        since = min(row.dialed_at for row in wanted)
        callids = [row.callid for row in wanted]
        records = downloads.ends(self._sessions, self._pbxes[pbx], self._core.clock, callids, since)
        with self._core.store.write() as tx:
            inquiries.fetched(tx, pbx, now)
        return records

    def _waits_at(self, pbx: str) -> Waits:
        """How long things take at a PBX: where calls bear our ids, an end is kept before the call is gone."""
        return replace(self._waits, written=timedelta(0)) if self._ways[pbx].own_ids else self._waits

    def _conclude(
        self, pbx: str, seen: Sight | None, records: Download | None, urgent: Collection[str]
    ) -> None:
        core = self._core

        def work(tx: Connection) -> Aftermath:
            now, count = core.clock(), Count()
            rows = doubts.in_question(tx, pbx)
            conclusions = self._conclusions(tx, pbx, rows, seen, records, now)
            for row in rows:
                known = doubts.known_of(row)
                if records is not None and self._is_final(pbx, records, known):
                    known = replace(known, records_at=records.sent)
                if row.attempt_id in urgent:
                    conclusions.let_go(
                        row, "the PBX can't be asked; the alarm does not wait for it any longer"
                    )
                else:
                    conclusions.consider(row, self._question(pbx, row), known, seen)
            aftermath = conclusions.write(tx, count)
            write_counts(tx, count)
            return aftermath

        core.after(core.store.transact(work))

    def _is_final(self, pbx: str, records: Download, known: Known) -> bool:
        """Whether a call of which a download does not tell has no record, and will have none.

        One is written a while after the end, but calls that bear our ids are asked for at once.
        """
        if records.is_whole or not self._ways[pbx].own_ids:
            return True
        return known.absent_at is not None and records.sent >= known.absent_at + self._waits.written

    def _conclusions(
        self,
        tx: Connection,
        pbx: str,
        rows: Sequence[Any],
        seen: Sight | None,
        records: Download | None,
        now: datetime,
    ) -> Conclusions:
        """Lock what the answers may be about, and begin to conclude."""
        wanted = downloads.wanted_by(tx, pbx, records, now) if records else Wanted()
        live = {call.callid for call in seen.calls or () if call.callid} if seen else set()
        if live and not records:
            wanted.lost = downloads.without_callid(tx, pbx, now)
        ids = {row.attempt_id for row in rows} | wanted.ids()
        cases = {case.attempt_id: case for case in lock_by_id(tx, self._core.ledger.requests, ids)}
        own, told = self._own.get(pbx, frozenset()), Told()
        if records is not None:
            told = downloads.read(records, wanted, cases, own, self._settle)
        inquiry = inquiries.of_pbx(tx, pbx)
        fetched_at = inquiry.records_at if inquiry is not None else None
        every = LOOKS_EVERY if self._ways[pbx].own_ids else self._every
        session = sessions.of_pbx(tx, pbx)
        conclusions = Conclusions(
            self._core.ledger,
            self._ways[pbx],
            cases,
            told,
            now,
            self._waits_at(pbx),
            records_from=fetched_at + every if fetched_at is not None else now,
            session_began=session.began_at if session is not None else None,
        )
        if seen is not None and live:
            lost = [row.id for row in wanted.lost]
            conclusions.adopt(seen, lost, live - downloads.known_callids(tx, pbx, live, now), own)
        return conclusions


def _is_moot(row: Any) -> bool:
    """Whether a call has ended meanwhile, or has been heard of again."""
    return not row.channel_held or row.reported_end is not None or is_heard_of(row)


def _asked_within(last: datetime | None, every: timedelta, now: datetime) -> bool:
    return last is not None and last + every > now


def _brought_by(row: Any, because: str, wanted_at: datetime | None) -> tuple[str, datetime]:
    """What brought a call into question, and when."""
    if row.phase == Phase.IN_DOUBT:
        return row.cause_text or "its dial request was not answered", row.doubted_at
    if wanted_at is not None and row.last_sign <= wanted_at:
        return because, wanted_at
    return f"no report since {row.last_sign:%H:%M:%S} UTC", row.last_sign
