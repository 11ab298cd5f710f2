"""The end of an alarm's cause: what is planned is called off, and who was told may be told of the end."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from sqlalchemy import or_, select

from dispatcher.domain.escalation import Place
from dispatcher.domain.vocabulary import TEST, AlarmStatus, DeliveredWhen, Purpose, TargetKind
from dispatcher.escalation.holding import opens_at
from dispatcher.escalation.paging import Told, page, usual_limits
from dispatcher.escalation.recipients import Callee
from dispatcher.ledger import alarms as ledger
from dispatcher.policies import AlarmPlan
from dispatcher.store import do_not_call
from dispatcher.store.pages import calls_back, of_alarm, tells
from dispatcher.store.tables import Alarm, Attempt, table
from dispatcher.work import Work

_alarms, _attempts = table(Alarm), table(Attempt)


def resolve(work: Work, alarm_id: str, cause: str, by: Callee | None = None) -> bool:
    """Resolve an alarm and withdraw its calls; False when its status does not allow that.

    A call that is being heard is left to end by itself. ``by`` is whoever has resolved it in a call, and
    need not be told that it is over.
    """
    if not ledger.close(work.tx, work.now, alarm_id, AlarmStatus.RESOLVED, cause, {"resolved_at": work.now}):
        return False
    why = f"the alarm was {cause}" if cause.startswith("resolved") else f"the alarm was resolved: {cause}"
    work.aftermath.add(ledger.withdraw_alarm(work.tx, work.now, alarm_id, work.count, why))
    row = work.tx.execute(select(_alarms).where(_alarms.c.id == alarm_id)).mappings().one()
    try:
        plan = AlarmPlan.model_validate(row["plan"] or {"steps": []})
    except ValidationError:
        # It is resolved all the same; nobody can say any more what those who were told are to hear.
        return True
    if plan.resolved_message is not None:
        _tell(work, row, plan, by)
    return True


def _tell(work: Work, row: Any, plan: AlarmPlan, by: Callee | None) -> None:
    told = _who_was_told(work, row["id"])
    people = {callee.word: callee for callee in told if by is None or not _is_same(callee, by)}
    proof = DeliveredWhen(row["delivered_when"])
    if proof is DeliveredWhen.ACKNOWLEDGED:
        proof = DeliveredWhen.HEARD
    back = Told(
        row,
        plan.bundle,
        plan.resolved_message,
        proof,
        Purpose.RESOLVED,
        usual_limits(work.core.settings.alarms),
        not_before=None if row["source"] == TEST else opens_at(work.now, plan),
    )
    place = Place(row["step"], row["round"])
    if page(
        work.tx, work.now, back, [[callee] for callee in people.values()], place, "the alarm was resolved"
    ):
        work.aftermath.due = True


def _is_same(one: Callee, other: Callee) -> bool:
    """Whether two ways lead to the same person."""
    return one.word == other.word or (one.contact is not None and one.contact == other.contact)


def take_back(work: Work, row: Mapping[str, Any]) -> None:
    """Call nobody back any more to say that the alarm ``row``, which has just fired anew, is over.

    A phone that rings for that is hung up. It is the same alarm where the key is the same, or the source, the
    policy and all labels: a monitoring system's next episode has another key.
    """
    for one in calls_back(work.tx, row["source"], row["policy"]):
        has_key = one.dedup_key is not None and one.dedup_key == row["dedup_key"]
        if has_key or (one.labels and one.labels == row["labels"]):
            why = f"the alarm has fired anew: {row['id']}"
            work.aftermath.add(ledger.withdraw_page(work.tx, work.now, one.id, one.call_id, work.count, why))


def _who_was_told(work: Work, alarm_id: str) -> list[Callee]:
    """Who has picked up in a call that was to tell of the alarm then, and may be called."""
    rows = [one for one in of_alarm(work.tx, alarm_id) if one.call_id and one.purpose == Purpose.ALARM]
    answered = select(_attempts.c.call_id, _attempts.c.claimed_at).where(
        _attempts.c.call_id.in_([one.call_id for one in rows]),
        or_(_attempts.c.answered_at.is_not(None), _attempts.c.prompt_ended_at.is_not(None)),
    )
    made = work.tx.execute(answered).all()
    callees = [
        Callee.from_columns(one)
        for one in rows
        if any(attempt.call_id == one.call_id and tells(attempt, one) for attempt in made)
    ]
    numbers = [callee.value for callee in callees if callee.kind is TargetKind.NUMBER]
    forbidden = do_not_call.blocked(work.tx, numbers, work.now, alarms=True)
    return [callee for callee in callees if callee.value not in forbidden]
