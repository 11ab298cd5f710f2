"""Attempts as rows, and as cases: an attempt together with its call, locked for a decision."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, select

from dispatcher.domain.facts import Facts, Target, changes
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus
from dispatcher.domain.vocabulary import CallState, Outcome, Phase, TargetKind
from dispatcher.store.bulk import BulkUpdate
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.requests import Request, Requests, for_call
from dispatcher.store.tables import HELD, Attempt, Call, table

attempts = table(Attempt)
calls = table(Call)

_FACTS = (
    attempts.c.ringing_at,
    attempts.c.answered_at,
    attempts.c.prompt_ended_at,
    attempts.c["keys"],
    attempts.c.released_at,
    attempts.c.releases,
    attempts.c.failed_at,
    attempts.c.cause,
    attempts.c.cause_text,
    attempts.c.cdr_at,
    attempts.c.cdr_status,
    attempts.c.talk_seconds,
    attempts.c.recording,
    attempts.c.leg,
    attempts.c.taken_trunk,
    attempts.c.closed_at,
    attempts.c.hung_up_at,
)
"""The columns that hold the facts, in the order of the fields of :class:`Facts`."""

_COLUMN_OF = dict(zip(Facts._fields, (c.name for c in _FACTS), strict=True))


def facts_from(row: Any) -> Facts:
    """The facts that a whole row of an attempt holds."""
    return _facts([row._mapping[column.name] for column in _FACTS])


def _facts(columns: Sequence[Any]) -> Facts:
    known = list(columns)
    known[3] = frozenset((position, text) for position, text in known[3] or ())
    known[5] = frozenset(known[5] or ())
    known[7] = Reason(known[7]) if known[7] else None
    known[10] = CdrStatus(known[10]) if known[10] else None
    return Facts._make(known)


def columns_of(facts: dict[str, Any]) -> dict[str, Any]:
    """The columns for some fields of :class:`Facts`; the reverse of :func:`facts_from`."""
    return {
        _COLUMN_OF[name]: sorted(value, key=repr) if isinstance(value, frozenset) else value
        for name, value in facts.items()
    }


@dataclass(slots=True)
class Case:
    """An attempt with what its call needs to be decided; both rows are locked while it is in hand."""

    attempt_id: str
    ordinal: int
    pbx: str
    trunk: str
    phase: Phase
    outcome: Outcome | None
    channel_held: bool
    supervised: bool
    callid: str | None
    claimed_at: datetime
    dialed_at: datetime | None
    target: Target
    facts: Facts
    stored_facts: Facts
    seen: str
    stored: tuple[Any, ...]
    call_id: str
    call_state: CallState
    call_outcome: Outcome | None
    call_created_at: datetime
    attempts_made: int
    attempts_spent: int
    free_failures: int
    budget_from: int
    expires_at: datetime | None
    person: str
    alarm_id: str | None
    campaign_id: str | None
    request: Request

    def own_columns(self) -> tuple[Any, ...]:
        """The columns that are decided here, beside the facts."""
        return self.trunk, self.phase, self.outcome, self.channel_held, self.callid, self.seen


_OWN = ("trunk", "phase", "outcome", "channel_held", "callid", "seen")

_CASES = (
    select(
        *_FACTS,
        attempts.c.id,
        attempts.c.ordinal,
        attempts.c.pbx,
        attempts.c.trunk,
        attempts.c.phase,
        attempts.c.outcome,
        attempts.c.channel_held,
        attempts.c.supervised,
        attempts.c.callid,
        attempts.c.claimed_at,
        attempts.c.dialed_at,
        attempts.c.target_kind,
        attempts.c.digits_dialled,
        attempts.c.seen,
        attempts.c.call_id,
        calls.c.state,
        calls.c.outcome,
        calls.c.created_at,
        calls.c.attempts_made,
        calls.c.attempts_spent,
        calls.c.free_failures,
        calls.c.budget_from,
        calls.c.expires_at,
        func.coalesce(calls.c.name, calls.c.number, attempts.c.digits_dialled),
        calls.c.message_kind,
        calls.c.message_value,
        calls.c.message_count,
        calls.c.delivered_when,
        calls.c.alarm_id,
        calls.c.campaign_id,
    )
    .join(calls, calls.c.id == attempts.c.call_id)
    .order_by(attempts.c.id)
)


# Statements that run for every report are built once: building costs more than running them.
_LOCKED = _CASES.with_for_update(of=[attempts, calls])
_BY_CALLID = Prepared(
    _LOCKED.where(
        attempts.c.pbx == bindparam("of_pbx"),
        AnyOf(attempts.c.callid, "callids"),
        attempts.c.claimed_at > bindparam("since"),
    )
)
_BY_ID = Prepared(_LOCKED.where(AnyOf(attempts.c.id, "ids")))


def lock_cases(tx: Connection, requests: Requests, *conditions: ColumnElement[bool]) -> list[Case]:
    """The attempts for which all ``conditions`` hold, with their calls, locked in order of their ids."""
    return _cases(tx, requests, tx.execute(_LOCKED.where(*conditions)).all())


def lock_by_id(tx: Connection, requests: Requests, ids: Iterable[str]) -> list[Case]:
    """The attempts with these ids, as :func:`lock_cases` gives them."""
    return _cases(tx, requests, _BY_ID.all(tx, ids=ids))


def lock_by_callid(
    tx: Connection, requests: Requests, pbx: str, callids: Iterable[str], since: datetime
) -> list[Case]:
    """The attempts of a PBX with these callids that were claimed after ``since``."""
    return _cases(tx, requests, _BY_CALLID.all(tx, of_pbx=pbx, callids=callids, since=since))


def any_up(tx: Connection, pbx: str) -> bool:
    """Whether an attempt at a PBX holds its channel, so that its call may be up."""
    return tx.execute(select(attempts.c.id).where(attempts.c.pbx == pbx, HELD).limit(1)).first() is not None


def _cases(tx: Connection, requests: Requests, rows: Sequence[Any]) -> list[Case]:
    known = requests.of(tx, {(row[-2], row[-1]) for row in rows})
    return [_case(row, known[row[-2] or row[-1]]) for row in rows]


def _case(row: Any, request: Request) -> Case:
    facts = _facts(row[: len(_FACTS)])
    (
        attempt_id,
        ordinal,
        pbx,
        trunk,
        phase,
        outcome,
        channel_held,
        supervised,
        callid,
        claimed_at,
        dialed_at,
        target_kind,
        digits,
        seen,
        call_id,
        call_state,
        call_outcome,
        call_created_at,
        attempts_made,
        attempts_spent,
        free_failures,
        budget_from,
        expires_at,
        person,
        *_,
        alarm_id,
        campaign_id,
    ) = row[len(_FACTS) :]
    request = for_call(request, row)
    case = Case(
        attempt_id=attempt_id,
        ordinal=ordinal,
        pbx=pbx,
        trunk=trunk,
        phase=Phase(phase),
        outcome=Outcome(outcome) if outcome else None,
        channel_held=channel_held,
        supervised=supervised,
        callid=callid,
        claimed_at=claimed_at,
        dialed_at=dialed_at,
        target=Target(TargetKind(target_kind), digits, request.message_kind),
        facts=facts,
        stored_facts=facts,
        seen=seen,
        stored=(),
        call_id=call_id,
        call_state=CallState(call_state),
        call_outcome=Outcome(call_outcome) if call_outcome else None,
        call_created_at=call_created_at,
        attempts_made=attempts_made,
        attempts_spent=attempts_spent,
        free_failures=free_failures,
        budget_from=budget_from,
        expires_at=expires_at,
        person=person,
        alarm_id=alarm_id,
        campaign_id=campaign_id,
        request=request,
    )
    case.stored = case.own_columns()
    return case


@cache
def _save(columns: tuple[str, ...]) -> BulkUpdate:
    """The statement that writes these columns of attempts."""
    return BulkUpdate(attempts, *columns)


def save(tx: Connection, cases: Sequence[tuple[Case, datetime | None]]) -> None:
    """Write what has changed of locked ``cases``, each with the time its channel was freed, if it was.

    Attempts in which the same columns have changed are written by one statement.
    """
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for case, freed_at in cases:
        columns = columns_of(changes(case.stored_facts, case.facts))
        own = zip(_OWN, case.own_columns(), case.stored, strict=True)
        columns |= {name: value for name, value, stored in own if value != stored}
        if freed_at is not None:
            columns["freed_at"] = freed_at
        if columns:
            alike.setdefault(tuple(columns), []).append({"id": case.attempt_id} | columns)
    for names, rows in alike.items():
        _save(names).run(tx, rows)
