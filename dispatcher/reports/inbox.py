"""The inbox: reports become durable here, are linked to their attempts, and are entered."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from dispatcher.core import Core, write_counts
from dispatcher.domain.facts import NOTHING, join
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.numbers import similar_number
from dispatcher.domain.reports import Report, ReportEvent
from dispatcher.domain.vocabulary import Disposition, Phase
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.entry import News
from dispatcher.metrics import catalogue
from dispatcher.metrics.counting import Count
from dispatcher.pbx.protocol import Driver
from dispatcher.reports.incoming import Arrival, Incoming, read
from dispatcher.reports.sorting import Waiting, attempts_without_callid, comes_in, known_cases, most_likely
from dispatcher.signals import Topic
from dispatcher.store import foreign, reports, sessions
from dispatcher.store.arrivals import Body
from dispatcher.store.attempts import Case, lock_by_id
from dispatcher.store.engine import is_outage

_log = logging.getLogger(__name__)

PATIENCE = timedelta(seconds=60)
"""So long a report with an unknown callid waits for its dial's answer before it is an orphan."""


class Inbox:
    """Takes reports in, in batches, each in one transaction.

    A report whose callid is unknown is kept as pending, and looked at again after the commit: the
    dial worker commits the callid and then looks for pending reports, this commits the report and
    then looks for the callid, so whichever of the two commits last sees the other.
    """

    def __init__(
        self, core: Core, drivers: Mapping[str, Driver], extensions: Mapping[str, frozenset[str]]
    ) -> None:
        self._core = core
        self._drivers = drivers
        self._extensions = extensions
        """The extensions whose outbound right our calls use, by PBX."""

    def take(self, batch: Sequence[Incoming]) -> None:
        """Make a batch durable and enter what is understood of it, in one transaction.

        Raises when the database is away; the PBX then sends everything again. A report that can't be
        entered for a reason of its own is kept for later, and does not take the others with it.
        """
        try:
            aftermath = self._core.store.transact(lambda tx: self._take(tx, batch))
        except Exception as error:
            if is_outage(error):
                raise
            self._take_apart(batch)
            return
        self._follow_up(batch, aftermath)

    def keep(self, batch: Sequence[Incoming]) -> Arrival:
        """Make a batch durable, to be entered by :meth:`enter` or, after a crash, by the sweep."""
        core = self._core
        bodies = [Body(item.pbx, item.received_at, item.body) for item in batch]
        return Arrival(core.arrivals.keep(core.clock(), bodies), batch)

    def enter(self, arrived: Sequence[Arrival]) -> None:
        """Enter batches that are durable; those that somebody else has entered already are left out.

        Raises when the database is away: nothing is lost, it may be called again.
        """
        try:
            entered, aftermath = self._core.store.transact(lambda tx: self._enter(tx, arrived))
        except Exception as error:
            if is_outage(error):
                raise
            self._enter_apart(arrived)
            return
        self._core.arrivals.let_go([arrival.key for arrival in arrived])
        self._follow_up(entered, aftermath)

    def enter_left(self, older: timedelta) -> int:
        """Enter what a process that died has left since more than ``older``; returns how many batches."""
        arrivals, now = self._core.arrivals, self._core.clock()
        arrivals.tidy(now)
        found = arrivals.left(now - older)
        for key, bodies in found:
            self.enter([Arrival(key, [self._read(body) for body in bodies])])
        if found:
            arrivals.tidy(now)
        return len(found)

    def revisit(self, pbx: str, callids: Collection[str] | None = None) -> int:
        """Look again at pending reports, all or those of some callids; returns how many found a home."""
        with self._core.store.read() as tx:
            if not reports.any_pending(tx, pbx, callids):
                return 0
        try:
            return self._settle(pbx, lambda tx: reports.pending(tx, pbx, callids))
        except Exception as error:
            if is_outage(error):
                raise
            _log.warning("the pending reports of %s are entered one by one after an error", pbx)
        with self._core.store.read() as tx:
            rows = reports.pending(tx, pbx, callids)
        return sum(self._settle_alone(pbx, row) for row in rows)

    def _take_apart(self, batch: Sequence[Incoming]) -> None:
        """Take the reports of a failed batch one by one; called while its error is handled."""
        if len(batch) > 1:
            _log.warning("a batch of %d reports failed and is entered one by one", len(batch))
            for item in batch:
                self.take([item])
            return
        self._set_by(batch)

    def _enter_apart(self, arrived: Sequence[Arrival]) -> None:
        """Enter the reports of failed batches one by one; called while their error is handled."""
        if len(arrived) > 1:
            for arrival in arrived:
                self.enter([arrival])
            return
        [arrival] = arrived
        if len(arrival.items) == 1:
            self._set_by(arrival.items, arrival.key)
            return
        _log.warning("a batch of %d reports failed and is entered one by one", len(arrival.items))
        for single in self._split(arrival):
            self.enter([single])

    def _split(self, arrival: Arrival) -> list[Arrival]:
        """Keep each report of a batch by itself, then give the batch up.

        A process that dies in between leaves both, and the reports pass for repeated ones.
        """
        core, now = self._core, self._core.clock()
        singles = [self.keep([item]) for item in arrival.items]
        is_ours = core.store.transact(lambda tx: core.arrivals.take_over(tx, now, [arrival.key]))
        if not is_ours:
            self._give_up(singles)
        core.arrivals.let_go([arrival.key])
        return singles if is_ours else []

    def _give_up(self, arrived: Sequence[Arrival]) -> None:
        """Forget batches that are not to be entered."""
        core, keys = self._core, [arrival.key for arrival in arrived]
        core.store.transact(lambda tx: core.arrivals.take_over(tx, core.clock(), keys))
        core.arrivals.let_go(keys)

    def _set_by(self, batch: Sequence[Incoming], arrival: str | None = None) -> None:
        """Keep as pending what can't be entered; called while its error is handled."""
        _log.exception("a report of %s could not be entered and is kept for later", batch[0].pbx)
        for item in batch:
            item.disposition, item.attempt_id = Disposition.PENDING, None
        core, keys = self._core, [arrival] if arrival is not None else []
        with core.store.write() as tx:
            if not keys or core.arrivals.take_over(tx, core.clock(), keys):
                reports.keep(tx, [_row(item) for item in batch])
        core.arrivals.let_go(keys)

    def _follow_up(self, batch: Sequence[Incoming], aftermath: Aftermath) -> None:
        """What is to be done once a batch has been entered."""
        self._core.after(aftermath)
        for pbx in {item.pbx for item in batch if item.restarts}:
            self._tell_of_restart(pbx)
        pending = [item for item in batch if item.disposition is Disposition.PENDING]
        for pbx in {item.pbx for item in pending}:
            self._look_again(pbx, {item.callid for item in pending if item.pbx == pbx})

    def _tell_of_restart(self, pbx: str) -> None:
        """Name the session that the restart has ended, so that of several processes one logs in anew."""
        try:
            with self._core.store.read() as tx:
                row = sessions.of_pbx(tx, pbx)
        except Exception as error:
            # A request that meets the dead session logs in just as well.
            _log.warning("the session of %s is not taken anew at once: %s", pbx, type(error).__name__)
            return
        self._core.signals.send(Topic.SESSION, f"{pbx} {row.generation if row is not None else 0}")

    def _look_again(self, pbx: str, callids: Collection[str]) -> None:
        """Revisit what has just been kept: it is durable, so an error here is none of its sender's."""
        try:
            self.revisit(pbx, callids)
        except Exception as error:
            _log.warning("reports of %s wait for the next sweep: %s", pbx, type(error).__name__)

    def _settle(self, pbx: str, find: Callable[[Connection], Sequence[Any]]) -> int:
        linked, aftermath = self._core.store.transact(lambda tx: self._revisit(tx, pbx, find(tx)))
        if linked:
            self._core.after(aftermath)
        return linked

    def _settle_alone(self, pbx: str, row: Any) -> int:
        """Settle one pending report; one that keeps failing is given up after a while, and stays kept."""
        try:
            return self._settle(pbx, lambda tx: reports.pending_one(tx, row.id))
        except Exception as error:
            if is_outage(error):
                raise
            if self._core.clock() - row.received_at < PATIENCE:
                _log.warning("report %d of %s waits: %s", row.id, pbx, type(error).__name__)
                return 0
            _log.exception("report %d of %s can't be entered and is set aside", row.id, pbx)
        self._core.store.transact(partial(_set_aside, row=row))
        return 1

    def _take(self, tx: Connection, batch: Sequence[Incoming]) -> Aftermath:
        now, count = self._core.clock(), Count()
        news = self._sort(tx, now, batch, count)
        reports.keep(tx, [_row(item) for item in batch])
        aftermath = self._core.ledger.enter(tx, now, news, count)
        write_counts(tx, count)
        return aftermath

    def _enter(self, tx: Connection, arrived: Sequence[Arrival]) -> tuple[list[Incoming], Aftermath]:
        core = self._core
        ours = core.arrivals.take_over(tx, core.clock(), [arrival.key for arrival in arrived])
        batch = [item for arrival in arrived if arrival.key in ours for item in arrival.items]
        return batch, self._take(tx, batch) if batch else Aftermath()

    def _read(self, body: Body) -> Incoming:
        driver = self._drivers.get(body.pbx)
        if driver is None:
            return Incoming(body.pbx, body.text, body.received_at)  # Its PBX is not configured any more.
        return read(driver, body.pbx, body.text.encode(), body.received_at)

    def _revisit(self, tx: Connection, pbx: str, rows: Sequence[Any]) -> tuple[int, Aftermath]:
        if not rows:
            return 0, Aftermath()
        driver, now, count = self._drivers[pbx], self._core.clock(), Count()
        batch = [read(driver, pbx, row.body.encode(), row.received_at, row.id) for row in rows]
        news = self._sort(tx, now, batch, count)
        settled = [item for item in batch if item.disposition is not Disposition.PENDING]
        reports.dispose(tx, [(item.row_id or 0, item.disposition, item.attempt_id) for item in settled])
        aftermath = self._core.ledger.enter(tx, now, news, count)
        write_counts(tx, count)
        return len(settled), aftermath

    def _sort(self, tx: Connection, now: datetime, batch: Sequence[Incoming], count: Count) -> list[News]:
        """Give every item its disposition, and return the news for each attempt."""
        news: dict[str, News] = {}
        for pbx in sorted({item.pbx for item in batch}):
            items = [item for item in batch if item.pbx == pbx]
            cases, waiting = self._whose(tx, pbx, {item.callid for item in items if item.callid}, now)
            for item in items:
                item.attempt_id = None
                case = cases.get(item.callid) or self._adopt(tx, item, waiting, cases)
                if case is not None:
                    _note(news, case, item)
                else:
                    item.disposition = self._of_stranger(tx, now, item, waiting)
        for item in batch:
            if item.disposition is not Disposition.PENDING:
                count.add(catalogue.REPORTS, item.pbx, item.word, item.disposition)
        return list(news.values())

    def _whose(
        self, tx: Connection, pbx: str, callids: set[str], now: datetime
    ) -> tuple[dict[str, Case], list[Waiting]]:
        """The attempts with these callids, and, if some are unknown, those that wait for a callid.

        A dial that commits its callid between the two looks is in neither, and its reports would pass
        for a stranger's; so the unknown are looked for once more after the second.
        """
        requests = self._core.ledger.requests
        cases = known_cases(tx, requests, pbx, callids, now)
        unknown = callids - cases.keys()
        if not unknown:
            return cases, []
        waiting = attempts_without_callid(tx, pbx, now)
        return cases | known_cases(tx, requests, pbx, unknown, now), waiting

    def _adopt(
        self, tx: Connection, item: Incoming, waiting: Sequence[Waiting], cases: dict[str, Case]
    ) -> Case | None:
        """Link a call whose attempt is in doubt: the report names its number, and only that attempt's."""
        if not item.callid or not item.reports or not any(one.in_doubt for one in waiting):
            return None
        own = self._extensions.get(item.pbx, frozenset())
        matching = most_likely([one for one in waiting if one.can_be(item.reports[0], own)])
        if len(matching) != 1 or not matching[0].in_doubt:
            return None
        if any(case.attempt_id == matching[0].attempt_id for case in cases.values()):
            return None  # Another call of this batch has just been linked to it.
        locked = lock_by_id(tx, self._core.ledger.requests, [matching[0].attempt_id])
        if not locked or locked[0].callid is not None:
            return None
        case = locked[0]
        case.callid = item.callid
        if case.phase is Phase.IN_DOUBT:
            case.phase = Phase.UP
        cases[item.callid] = case
        foreign.end(tx, item.received_at, item.pbx, [item.callid])
        return case

    def _of_stranger(
        self, tx: Connection, now: datetime, item: Incoming, waiting: Sequence[Waiting]
    ) -> Disposition:
        if not item.reports:
            return Disposition.MALFORMED
        report = item.reports[0]
        if report.event is ReportEvent.BOOT:
            return Disposition.APPLIED
        if not report.callid:
            return Disposition.FOREIGN if report.event is ReportEvent.OTHER else Disposition.ORPHAN
        own = self._extensions.get(item.pbx, frozenset())
        could_be_ours = any(not report.number or one.can_be(report, own, similar_number) for one in waiting)
        if could_be_ours and not comes_in(report) and now - item.received_at < PATIENCE:
            return Disposition.PENDING
        if not report.parties and report.cdr is None:
            return Disposition.ORPHAN
        if report.trunk and (item.pbx, report.trunk) in self._core.ledger.trunks:
            self._note_foreign(tx, now, item.pbx, report)
        return Disposition.FOREIGN

    def _note_foreign(self, tx: Connection, now: datetime, pbx: str, report: Report) -> None:
        # The first party of a BYE is the one that has hung up.
        released = report.parties[0].kind if report.event is ReportEvent.RELEASED else None
        ended = report.event in (ReportEvent.CDR, ReportEvent.FAILED, ReportEvent.OVER)
        foreign.note(tx, now, pbx, report.callid, report.trunk, ended=ended, released=released)


def _note(news: dict[str, News], case: Case, item: Incoming) -> None:
    """Add an item to its attempt's news, or find that it repeats one that was entered before."""
    item.attempt_id = case.attempt_id
    entry = news.setdefault(case.attempt_id, News(case, NOTHING))
    digest = item.digest
    if digest in case.seen or digest in entry.digests:
        item.disposition = Disposition.DUPLICATE
        return
    item.disposition = Disposition.APPLIED
    if case.phase in (Phase.DIALING, Phase.IN_DOUBT):
        case.phase = Phase.UP  # The call bears our own id, so whoever reports of it has taken the request.
    learned = entry.facts
    for report in item.reports:
        learned = join(learned, facts_of(report, case.target, item.received_at))
        if report.event is ReportEvent.TRANSFERRED:
            entry.transfers.append(_put_through_to(report, case))
    entry.facts, entry.digests = learned, f"{entry.digests} {digest}".strip()


def _put_through_to(report: Report, case: Case) -> str:
    """To whom, in the report's own words, else those whom it names beside the callee."""
    others = [party.number for party in report.parties if party.number]
    named = dict.fromkeys(one for one in others if not similar_number(case.target.digits, one))
    return report.reason_text or ", ".join(named)


def _set_aside(tx: Connection, row: Any) -> None:
    """Give up a pending report that can't be entered, unless somebody else has settled it."""
    if reports.pending_one(tx, row.id):
        count = Count()
        count.add(catalogue.REPORTS, row.pbx, row.word, Disposition.MALFORMED)
        reports.dispose(tx, [(row.id, Disposition.MALFORMED, None)])
        write_counts(tx, count)


def _row(item: Incoming) -> reports.Row:
    return reports.Row(
        item.pbx,
        item.received_at,
        item.word,
        item.callid,
        item.body,
        item.disposition,
        item.attempt_id,
    )
