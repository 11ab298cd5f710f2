"""How long each leg of an alarm's way took: from its raising to a person's ear, and back by a key."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from dispatcher.domain.vocabulary import OPEN_CALL_STATES, AlarmStatus, CallState
from dispatcher.proof.records import Records, read
from dispatcher.proof.story import line_of, person
from dispatcher.store.attempts import facts_from


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg: what it ends with, when, and how many seconds it took; empty while it has not come."""

    name: str
    at: datetime | None = None
    seconds: float | None = None
    since_raised: float | None = None


@dataclass(frozen=True, slots=True)
class Journey:
    """An alarm's way by the call that was delivered, else by the latest. Times are this system's clock's."""

    alarm_id: str
    status: str
    legs: list[Leg]
    who: str | None
    line: str | None
    callid: str | None
    outcome: str | None
    waiting: int
    """So many calls are queued or under way."""
    delivered: bool
    """Whether a call has shown what the alarm asks for."""
    over: bool
    """Whether nothing more is to come."""


def journey_of(tx: Connection, alarm_id: str) -> Journey:
    """How far an alarm has come. Raises :class:`Unknown`."""
    records = read(tx, alarm_id)
    call_id, attempt = _followed(records)
    waiting = sum(call.state in OPEN_CALL_STATES for call in records.calls.values())
    delivered = any(call.state == CallState.DELIVERED for call in records.calls.values())
    alarm = records.alarm
    goes_on = alarm.status == AlarmStatus.OPEN and (waiting > 0 or alarm.next_at is not None)
    is_heard_out = alarm.status != AlarmStatus.OPEN or delivered
    return Journey(
        alarm_id=alarm_id,
        status=alarm.status,
        legs=_timed(list(_legs(records, attempt))),
        who=person(records.page_of(call_id)) if call_id is not None else None,
        line=line_of(attempt) if attempt is not None else None,
        callid=attempt.callid if attempt is not None else None,
        outcome=attempt.outcome if attempt is not None else None,
        waiting=waiting,
        delivered=delivered,
        over=is_heard_out or not goes_on,
    )


def _followed(records: Records) -> tuple[str | None, Any]:
    """The call and attempt that are shown: the delivered ones, else the latest."""
    best: tuple[bool, datetime, str, Any] | None = None
    for call_id, attempts in records.attempts.items():
        delivered = records.calls[call_id].state == CallState.DELIVERED
        for attempt in attempts:
            found = (delivered, attempt.claimed_at, call_id, attempt)
            if best is None or found[:2] > best[:2]:
                best = found
    if best is not None:
        return best[2], best[3]
    return next(iter(records.calls), None), None


def _legs(records: Records, attempt: Any) -> Iterator[tuple[str, datetime | None]]:
    yield "durable", records.alarm.created_at
    facts = facts_from(attempt) if attempt is not None else None
    yield "claimed", attempt.claimed_at if attempt is not None else None
    yield "dial request", attempt.dialed_at if attempt is not None else None
    yield "accepted by the PBX", attempt.accepted_at if attempt is not None else None
    yield "ringing", facts.ringing_at if facts is not None else None
    yield "answered", facts.answered_at if facts is not None else None
    yield "prompt ended", facts.prompt_ended_at if facts is not None else None
    yield "key", _key_at(records, attempt)
    yield "acknowledged", records.alarm.acknowledged_at


def _key_at(records: Records, attempt: Any) -> datetime | None:
    """When the first key was learned of; its event is in the transaction that has taken the report."""
    if attempt is None:
        return None
    of_attempt = (row for row in records.events if row.attempt_id == attempt.id)
    return next((row.at for row in of_attempt if "key" in row.cause.split(", ")), None)


def _timed(legs: list[tuple[str, datetime | None]]) -> list[Leg]:
    """The legs in the order in which they came, those that have not come yet after them."""
    came = sorted(((name, at) for name, at in legs if at is not None), key=lambda leg: leg[1])
    found, start, before = [], came[0][1], came[0][1]
    for name, at in came:
        found.append(Leg(name, at, (at - before).total_seconds(), (at - start).total_seconds()))
        before = at
    return found + [Leg(name) for name, at in legs if at is None]
