"""A PBX's call records, fetched afterwards, and what they say of our calls."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from dispatcher.clock import Clock
from dispatcher.domain.facts import NOTHING, Facts, join
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.records import Familiar, Linked, Lost, link, vouched_trunks
from dispatcher.domain.reports import Report
from dispatcher.domain.vocabulary import Phase
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import KeepsRecords, KnowsOwnCalls
from dispatcher.sessions import Pbx, Sessions
from dispatcher.store.attempts import Case, attempts
from dispatcher.store.tables import HELD, among

_log = logging.getLogger(__name__)

MARGIN = timedelta(minutes=5)
"""Records are asked for from so long before the oldest call in question, since clocks differ."""

AHEAD = timedelta(days=1)
"""And to so far in the future: no call is there, so it costs nothing, and a wrong time zone hides none."""

WITNESS_WITHIN = timedelta(hours=12)
"""A call of ours that has its record is asked for as well if it is not older: it shows that ours are kept."""

SAME_CALLID = timedelta(days=1)
"""A callid holds the PBX's clock and may come again after a reboot, so old attempts do not match."""

LATE = timedelta(hours=1)
"""So long after its claim an attempt that doubt has closed may still find its record."""

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Download:
    """Call records, and when they were asked for."""

    sent: datetime
    reports: Sequence[Report]
    is_whole: bool = False
    """Whether every call of ours that was asked for is in it, if it was placed at all and is not live."""


def ends(
    sessions: Sessions, pbx: Pbx, clock: Clock, callids: Sequence[str], since: datetime
) -> Download | None:
    """What the PBX has kept of the ends of our calls, which bear our ids; None when it can't be had."""
    driver = pbx.driver
    if not isinstance(driver, KnowsOwnCalls):
        return None
    asked: KnowsOwnCalls = driver
    sent = clock()
    try:
        found = sessions.use(
            pbx.account.name, lambda _, session: asked.endings(session, callids, since - MARGIN)
        )
    except PbxError as error:
        _log.warning("the ends of calls of %s can't be asked for: %s", pbx.account.name, error)
        return None
    return Download(sent, found.reports, is_whole=found.is_whole)


def fetch(sessions: Sessions, pbx: Pbx, clock: Clock, since: datetime) -> Download | None:
    """The records of all calls that began since a time; None when they can't be had."""
    driver = pbx.driver
    if not isinstance(driver, KeepsRecords):
        return None
    asked: KeepsRecords = driver
    sent = clock()
    try:
        return Download(
            sent,
            sessions.use(
                pbx.account.name, lambda _, session: asked.records(session, since - MARGIN, sent + AHEAD)
            ),
        )
    except PbxError as error:
        _log.warning("the call records of %s can't be fetched: %s", pbx.account.name, error)
        return None


def begin_of(
    tx: Connection, pbx: str, trunks: Iterable[str], dialed: Sequence[datetime], now: datetime
) -> datetime:
    """From when on records are wanted: from the oldest of these dials, or from a witness before it."""
    oldest = min(dialed)
    for trunk in trunks:
        newest = tx.execute(
            select(attempts.c.dialed_at)
            .where(attempts.c.pbx == pbx, attempts.c.trunk == trunk, attempts.c.freed_at.is_not(None))
            .where(attempts.c.cdr_at.is_not(None), attempts.c.dialed_at > now - WITNESS_WITHIN)
            .order_by(attempts.c.freed_at.desc())
            .limit(1)
        ).scalar()
        oldest = min(oldest, newest or oldest)
    return oldest


@dataclass(slots=True)
class Wanted:
    """The attempts that a download may tell about, before they are locked."""

    by_callid: dict[str, str] = field(default_factory=dict)
    """The attempt that has each callid, of those without a record yet."""
    familiar: dict[str, Familiar] = field(default_factory=dict)
    lost: list[Any] = field(default_factory=list)

    def ids(self) -> set[str]:
        """Every attempt that must be locked."""
        return set(self.by_callid.values()) | {row.id for row in self.lost}


def wanted_by(tx: Connection, pbx: str, download: Download, now: datetime) -> Wanted:
    """Find the attempts that a download may tell about: by their callid, and those that have none."""
    wanted = Wanted()
    callids = sorted({report.callid for report in download.reports})
    for start in range(0, len(callids), _CHUNK):
        rows = tx.execute(
            select(
                attempts.c.id,
                attempts.c.callid,
                attempts.c.trunk,
                attempts.c.dialed_at,
                attempts.c.ringing_at,
                attempts.c.cdr_at,
            )
            .where(attempts.c.pbx == pbx, attempts.c.callid.in_(callids[start : start + _CHUNK]))
            .where(attempts.c.claimed_at > now - SAME_CALLID)
            .order_by(attempts.c.claimed_at)
        )
        for row in rows:
            wanted.familiar[row.callid] = Familiar(row.dialed_at, row.trunk, row.ringing_at is not None)
            if row.cdr_at is None:
                wanted.by_callid[row.callid] = row.id
    wanted.lost = without_callid(tx, pbx, now)
    return wanted


def without_callid(tx: Connection, pbx: str, now: datetime) -> list[Any]:
    """Attempts whose callid nobody knows: in doubt, closed in doubt lately, or just being dialled."""
    open_ones = and_(HELD, among(attempts.c.phase, Phase.DIALING, Phase.IN_DOUBT))
    closed = and_(
        among(attempts.c.phase, Phase.ENDED),
        attempts.c.doubted_at.is_not(None),
        attempts.c.claimed_at > now - LATE,
    )
    query = select(attempts.c.id, attempts.c.dialed_at, attempts.c.doubted_at).where(
        attempts.c.pbx == pbx,
        attempts.c.callid.is_(None),
        attempts.c.dialed_at.is_not(None),
        or_(open_ones, closed),
    )
    return list(tx.execute(query).all())


def known_callids(tx: Connection, pbx: str, callids: Iterable[str], now: datetime) -> set[str]:
    """Those of some callids that are attempts' of ours."""
    query = select(attempts.c.callid).where(
        attempts.c.pbx == pbx, attempts.c.callid.in_(list(callids)), attempts.c.claimed_at > now - SAME_CALLID
    )
    return set(tx.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class Told:
    """What a download says: facts by attempt, attempts that were linked, and what stays open."""

    facts: Mapping[str, Facts] = field(default_factory=dict)
    linked: Mapping[str, str] = field(default_factory=dict)
    perhaps: frozenset[str] = frozenset()
    vouched: frozenset[str] = frozenset()
    is_whole: bool = False
    """Whether a call of ours that it does not tell of has not ended, on whatever trunk."""


def read(
    download: Download, wanted: Wanted, cases: Mapping[str, Case], own: frozenset[str], settle: timedelta
) -> Told:
    """What a download says of locked cases; ``own`` are the extensions whose outbound right we use.

    A dial that was not answered can have become a call until ``settle`` after it came into doubt.
    """
    strangers = [report for report in download.reports if report.callid not in wanted.familiar]
    lost = [
        _lost(cases[row.id], row, own, settle, download.sent)
        for row in wanted.lost
        if row.id in cases and cases[row.id].callid is None
    ]
    linked = _without_dialing(link(lost, strangers), cases)
    owners = {callid: key for callid, key in wanted.by_callid.items() if key in cases}
    owners |= {callid: key for key, callid in linked.own.items()}
    facts: dict[str, Facts] = {}
    for report in download.reports:
        key = owners.get(report.callid)
        if key is not None:
            learned = facts_of(report, cases[key].target, download.sent)
            facts[key] = join(facts.get(key, NOTHING), learned)
    return Told(
        {key: learned for key, learned in facts.items() if learned is not NOTHING},
        linked.own,
        linked.perhaps,
        vouched_trunks(wanted.familiar, download.reports),
        download.is_whole,
    )


def _lost(case: Case, row: Any, own: frozenset[str], settle: timedelta, now: datetime) -> Lost:
    callers = own | {case.request.message_value, "prompt"}
    settled = row.doubted_at + settle if row.doubted_at is not None else now
    return Lost(case.attempt_id, case.target, case.trunk, row.dialed_at, settled, callers)


def _without_dialing(linked: Linked, cases: Mapping[str, Case]) -> Linked:
    """A dial that is under way will get its callid by itself; what it claims is nobody else's either."""
    dialing = {key for key in linked.own if cases[key].phase is Phase.DIALING}
    own = {key: callid for key, callid in linked.own.items() if key not in dialing}
    return Linked(own, linked.perhaps | dialing)
