"""A campaign's calls with their attempts, page by page, however many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text

from dispatcher.domain.vocabulary import CallState, Outcome
from dispatcher.store.tables import Attempt, Call, Event, table

_calls = table(Call)
_attempts = table(Attempt)
_events = table(Event)


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which of a campaign's calls are meant; None is all."""

    state: CallState | None = None
    outcome: Outcome | None = None
    number: str | None = None
    external_id: str | None = None


EVERYTHING = CallFilter()


def calls_page(
    tx: Connection, campaign_id: str, limit: int, after: str | None, wanted: CallFilter = EVERYTHING
) -> Sequence[Row[Any]]:
    """At most ``limit`` calls in the order in which they were added, behind the one with the id ``after``.

    Ids grow with time, so a campaign's own id is below those of its calls: reading starts there.
    """
    query = select(_calls).where(_calls.c.campaign_id == campaign_id, _calls.c.id > (after or campaign_id))
    for column, value in (
        (_calls.c.state, wanted.state),
        (_calls.c.outcome, wanted.outcome),
        (_calls.c.number, wanted.number),
        (_calls.c.external_id, wanted.external_id),
    ):
        if value is not None:
            query = query.where(column == value)
    return tx.execute(query.order_by(_calls.c.id).limit(limit)).all()


def attempts_of(tx: Connection, call_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """The attempts of each of the calls, in order."""
    found: dict[str, list[Row[Any]]] = {key: [] for key in call_ids}
    query = select(_attempts).where(_attempts.c.call_id.in_(call_ids)).order_by(_attempts.c.ordinal)
    for attempt in tx.execute(query) if call_ids else ():
        found[attempt.call_id].append(attempt)
    return found


def key_events(tx: Connection, call_ids: Sequence[str]) -> Sequence[Any]:
    """When keys were pressed in these calls: ``call_id``, ``at`` and ``data`` with the digits so far."""
    if not call_ids:
        return []
    query = (
        select(_events.c.subject_id.label("call_id"), _events.c.at, _events.c.data)
        .where(_events.c.subject_id.in_(call_ids), _events.c.subject == "call", _events.c.cause.like("%key%"))
        .order_by(_events.c.id)
    )
    return tx.execute(query).all()


_FIELD_NAMES = {
    "postgresql": "SELECT DISTINCT given.title FROM calls, jsonb_object_keys(fields) AS given(title)",
    "sqlite": "SELECT DISTINCT key FROM calls, json_each(calls.fields)",
}


def field_names(tx: Connection, campaign_id: str) -> list[str]:
    """The further columns that any of the campaign's contacts has, sorted."""
    query = text(f"{_FIELD_NAMES[tx.dialect.name]} WHERE campaign_id = :campaign_id AND fields IS NOT NULL")
    return sorted(tx.execute(query.bindparams(bindparam("campaign_id", campaign_id))).scalars())
