"""Attempts as rows, and as cases: an attempt together with its call, locked for a decision."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from dispatcher.domain.facts import Facts, Target
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus
from dispatcher.domain.vocabulary import CallState, MessageKind, Outcome, Phase, TargetKind
from dispatcher.store.requests import Request, Requests
from dispatcher.store.tables import Attempt, Call, table

attempts = table(Attempt)
calls = table(Call)

SAME_FACT = (
    "ringing_at",
    "answered_at",
    "prompt_ended_at",
    "released_at",
    "failed_at",
    "cause_text",
    "cdr_at",
    "talk_seconds",
    "recording",
    "leg",
    "closed_at",
    "hung_up_at",
)
"""Facts whose column has the fact's name and value."""


def facts_from(row: Any) -> Facts:
    """The facts that an attempt's row holds."""
    return Facts(
        **{name: getattr(row, name) for name in SAME_FACT},
        keys=frozenset((position, text) for position, text in row.keys or ()),
        releases=frozenset(row.releases or ()),
        cause=Reason(row.cause) if row.cause else None,
        cdr_status=CdrStatus(row.cdr_status) if row.cdr_status else None,
        trunk=row.taken_trunk,
    )


def columns_of(facts: Facts) -> dict[str, Any]:
    """The columns that hold ``facts``; the reverse of :func:`facts_from`."""
    columns: dict[str, Any] = {name: getattr(facts, name) for name in SAME_FACT}
    columns["keys"] = sorted(facts.keys, key=repr) or None
    columns["releases"] = sorted(facts.releases) or None
    columns["cause"] = facts.cause
    columns["cdr_status"] = facts.cdr_status
    columns["taken_trunk"] = facts.trunk
    return columns


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
    seen: str
    call_id: str
    call_state: CallState
    call_outcome: Outcome | None
    call_created_at: datetime
    attempts_made: int
    attempts_spent: int
    free_failures: int
    expires_at: datetime | None
    person: str
    alarm_id: str | None
    campaign_id: str | None
    request: Request


_CALL_COLUMNS = (
    calls.c.state.label("call_state"),
    calls.c.outcome.label("call_outcome"),
    calls.c.created_at.label("call_created_at"),
    calls.c.attempts_made,
    calls.c.attempts_spent,
    calls.c.free_failures,
    calls.c.expires_at,
    calls.c.alarm_id,
    calls.c.campaign_id,
    calls.c.name.label("person"),
)
_CASES = (
    select(attempts, *_CALL_COLUMNS).join(calls, calls.c.id == attempts.c.call_id).order_by(attempts.c.id)
)


def lock_cases(tx: Connection, requests: Requests, *conditions: ColumnElement[bool]) -> list[Case]:
    """The attempts for which all ``conditions`` hold, with their calls, locked in order of their ids."""
    query = _CASES.where(*conditions).with_for_update(of=[attempts, calls])
    rows = tx.execute(query).all()
    known = requests.of(tx, {(row.alarm_id, row.campaign_id) for row in rows})
    return [_case(row, known[row.alarm_id or row.campaign_id]) for row in rows]


def by_callid(pbx: str, callids: Iterable[str]) -> list[ColumnElement[bool]]:
    """The condition for attempts of one PBX with these callids."""
    return [attempts.c.pbx == pbx, attempts.c.callid.in_(list(callids))]


def by_id(ids: Iterable[str]) -> list[ColumnElement[bool]]:
    """The condition for attempts with these ids."""
    return [attempts.c.id.in_(list(ids))]


def _case(row: Any, request: Request) -> Case:
    target = Target(TargetKind(row.target_kind), row.digits_dialled, MessageKind(request.message_kind))
    return Case(
        attempt_id=row.id,
        ordinal=row.ordinal,
        pbx=row.pbx,
        trunk=row.trunk,
        phase=Phase(row.phase),
        outcome=Outcome(row.outcome) if row.outcome else None,
        channel_held=row.channel_held,
        supervised=row.supervised,
        callid=row.callid,
        claimed_at=row.claimed_at,
        dialed_at=row.dialed_at,
        target=target,
        facts=facts_from(row),
        seen=row.seen,
        call_id=row.call_id,
        call_state=CallState(row.call_state),
        call_outcome=Outcome(row.call_outcome) if row.call_outcome else None,
        call_created_at=row.call_created_at,
        attempts_made=row.attempts_made,
        attempts_spent=row.attempts_spent,
        free_failures=row.free_failures,
        expires_at=row.expires_at,
        person=row.person or row.digits_dialled,
        alarm_id=row.alarm_id,
        campaign_id=row.campaign_id,
        request=request,
    )


_SAVE = (
    update(attempts)
    .where(attempts.c.id == bindparam("of_id"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                *SAME_FACT,
                "keys",
                "releases",
                "cause",
                "cdr_status",
                "taken_trunk",
                "trunk",
                "phase",
                "outcome",
                "channel_held",
                "freed_at",
                "callid",
                "seen",
            )
        }
    )
)


def save(tx: Connection, cases: Sequence[tuple[Case, datetime | None]]) -> None:
    """Write back the attempts of locked ``cases``, each with the time its channel was freed."""
    rows = []
    for case, freed_at in cases:
        columns = columns_of(case.facts) | {
            "trunk": case.trunk,
            "phase": case.phase,
            "outcome": case.outcome,
            "channel_held": case.channel_held,
            "freed_at": freed_at,
            "callid": case.callid,
            "seen": case.seen,
        }
        rows.append({"of_id": case.attempt_id} | {f"new_{name}": value for name, value in columns.items()})
    if rows:
        tx.execute(_SAVE, rows)
