"""The second transaction of a dial: its callid, its refusal or its doubt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from dispatcher.core import write_counts
from dispatcher.domain.facts import NOTHING, Facts, join
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Report
from dispatcher.domain.vocabulary import Phase
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.entry import Ledger, News
from dispatcher.metrics.counting import Count
from dispatcher.store import events
from dispatcher.store.attempts import lock_by_id
from dispatcher.store.bulk import BulkUpdate
from dispatcher.store.events import Change
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.tables import Attempt, table

_attempts = table(Attempt)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one dial request: a callid, or a reason; ``in_doubt`` when nobody knows."""

    attempt_id: str
    pbx: str
    at: datetime
    callid: str = ""
    reason: Reason | None = None
    detail: str = ""
    in_doubt: bool = False
    seen: tuple[Report, ...] = ()
    """What the answer already says of the call, where it says more than its callid."""


_ACCEPTED = BulkUpdate(
    _attempts, "phase", "callid", "accepted_at", only="attempts.phase IN ('dialing', 'in_doubt')"
)


_WITHDRAWN = Prepared(
    select(_attempts.c.id).where(
        AnyOf(_attempts.c.id, "ids"), _attempts.c.hung_up_at.is_not(None), _attempts.c.phase == Phase.UP
    )
)


def settle(tx: Connection, now: datetime, answers: Sequence[Answer], ledger: Ledger) -> Aftermath:
    """Commit what came of dial requests."""
    count = Count()
    accepted = [answer for answer in answers if answer.callid]
    _ACCEPTED.run(
        tx,
        [
            {"id": item.attempt_id, "phase": Phase.UP, "callid": item.callid, "accepted_at": item.at}
            for item in accepted
        ],
    )
    mark_doubtful(tx, now, ledger, [item for item in answers if item.in_doubt])
    aftermath = _refuse(tx, now, ledger, [i for i in answers if not i.callid and not i.in_doubt], count)
    seen = [item for item in accepted if item.seen]
    if seen:
        aftermath.add(ledger.enter(tx, now, _news_of(tx, ledger, seen), count))
    aftermath.hang_ups += _withdrawn_meanwhile(tx, [item.attempt_id for item in accepted])
    write_counts(tx, count)
    return aftermath


def _withdrawn_meanwhile(tx: Connection, accepted: list[str]) -> list[str]:
    """Attempts that were withdrawn while their dial request was on its way."""
    if not accepted:
        return []
    return [row.id for row in _WITHDRAWN.all(tx, ids=accepted)]


def _news_of(tx: Connection, ledger: Ledger, seen: Sequence[Answer]) -> list[News]:
    """What answers say of their calls, for a family whose answer waits until somebody has picked up."""
    by_attempt = {item.attempt_id: item for item in seen}
    news = []
    for case in lock_by_id(tx, ledger.requests, by_attempt):
        answer, facts = by_attempt[case.attempt_id], NOTHING
        for report in answer.seen:
            facts = join(facts, facts_of(report, case.target, answer.at))
        news.append(News(case, facts))
    return news


def mark_doubtful(tx: Connection, now: datetime, ledger: Ledger, doubtful: Sequence[Answer]) -> None:
    """Put attempts in doubt. They keep their channels, and are neither failed nor dialled again."""
    if not doubtful:
        return
    why = {item.attempt_id: f"{item.reason}: {item.detail}" for item in doubtful}
    changes = []
    for case in lock_by_id(tx, ledger.requests, why):
        if case.phase is not Phase.DIALING:
            continue
        tx.execute(
            update(_attempts)
            .where(_attempts.c.id == case.attempt_id)
            .values(phase=Phase.IN_DOUBT, doubted_at=now, cause_text=why[case.attempt_id])
        )
        changes.append(
            Change(
                "call",
                case.call_id,
                Phase.IN_DOUBT,
                cause=why[case.attempt_id],
                alarm_id=case.alarm_id,
                campaign_id=case.campaign_id,
                attempt_id=case.attempt_id,
            )
        )
    events.record(tx, now, changes)


def _refuse(
    tx: Connection, now: datetime, ledger: Ledger, refused: Sequence[Answer], count: Count
) -> Aftermath:
    if not refused:
        return Aftermath()
    by_attempt = {item.attempt_id: item for item in refused}
    news = []
    for case in lock_by_id(tx, ledger.requests, by_attempt):
        answer = by_attempt[case.attempt_id]
        facts = Facts(failed_at=answer.at, cause=answer.reason, cause_text=answer.detail)
        news.append(News(case, facts))
    return ledger.enter(tx, now, news, count)
