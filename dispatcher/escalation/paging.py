"""Turning people into pages, and pages into calls: a new one, or one that is about to be made anyway."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from dispatcher.config.settings import AlarmSettings
from dispatcher.directory.resolving import Limits, limits_of
from dispatcher.domain.escalation import Place
from dispatcher.domain.vocabulary import HAVE_EFFECT, CallState, DeliveredWhen, KeyAction, PageState, Purpose
from dispatcher.escalation.recipients import Callee
from dispatcher.requests import MessageSpec
from dispatcher.store import events
from dispatcher.store.bulk import BulkInsert
from dispatcher.store.events import Change
from dispatcher.store.ids import new_id
from dispatcher.store.pages import pages
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.tables import Call, among, table

_calls = table(Call)

NO_LIMITS = Limits()
GATHERING = timedelta(seconds=2)
"""A call of a group that is being told waits so long for the group's other alarms to join it."""
GATHERING_AT_MOST = timedelta(seconds=15)
"""Each that joins makes it wait anew, since others may follow; but no longer than this in all."""

_ANEW = "its call tells of the alarm in a later step"
_NOT_DIALLED = text("bundle IS NOT NULL AND state = 'queued' AND attempts_made = 0")
"""The condition of the unique index on ``bundle``, word for word."""

# Compiled once, like what makes calls and pages: every alarm waits for them.
_QUEUED = Prepared(
    select(_calls.c.id, _calls.c.bundle)
    .where(
        AnyOf(_calls.c.bundle, "bundles"),
        _calls.c.bundle.is_not(None),
        among(_calls.c.state, CallState.QUEUED),
    )
    .order_by(_calls.c.id)
    .with_for_update()
)


def _later_end(mine: Any, other: Any) -> Any:
    """The later of two expiries, of which none is the latest."""
    return case((mine.is_(None) | other.is_(None), None), (mine > other, mine), else_=other)


def _due(wanted: Any, now: Any) -> Any:
    """When a call is due that an alarm joins which wants it then.

    At the earlier of both; but a call that still gathers its group waits anew for whoever else may join. One
    that is due later than it gathers was put off by its callee's limit, and is held against that again.
    """
    due = _calls.c.due_at
    begun_after, due_before = (bindparam(name, type_=due.type) for name in ("begun_after", "due_before"))
    still = due > now, due < due_before, _calls.c.created_at > begun_after
    gathers = and_(wanted > now, *still)
    return case((gathers, case((due > wanted, due), else_=wanted)), (due < wanted, due), else_=wanted)


_NOW = bindparam("now", type_=_calls.c.due_at.type)
_USED = bindparam("used", type_=_calls.c.attempts_spent.type)
_HAS_ENOUGH_LEFT = and_(_USED > 0, _calls.c.attempts_spent <= _USED)
"""Whether who joins has used as many attempts before as the call has, or more."""
_JOIN = (
    update(_calls)
    .where(_calls.c.id == bindparam("of_call"))
    .values(
        # Whoever joins is owed all attempts, but for those used in another call; the first of them at once.
        due_at=_due(bindparam("at", type_=_calls.c.due_at.type), _NOW),
        attempts_spent=case((_HAS_ENOUGH_LEFT, _calls.c.attempts_spent), else_=0),
        budget_from=case((_HAS_ENOUGH_LEFT, _calls.c.budget_from), else_=_calls.c.attempts_made),
        expires_at=_later_end(_calls.c.expires_at, bindparam("until", type_=_calls.c.expires_at.type)),
        updated_at=_NOW,
    )
)


_GIVEN = (
    "id",
    "alarm_id",
    "state",
    "due_at",
    "created_at",
    "updated_at",
    "expires_at",
    "attempts_made",
    "attempts_spent",
    "free_failures",
    "budget_from",
    "callee",
    "bundle",
    "message_kind",
    "message_value",
    "message_count",
    "delivered_when",
    "most_per_minute",
    "most_per_hour",
    "number",
    "extension",
    "pbx_user",
    "pbx",
    "name",
)
"""The columns that a new call is given."""


def _make_on(dialect: Any) -> Prepared:
    statement = dialect.insert(_calls).values({name: bindparam(f"new_{name}") for name in _GIVEN})
    spent, their_spent = _calls.c.attempts_spent, statement.excluded.attempts_spent
    begins, theirs_begins = _calls.c.budget_from, statement.excluded.budget_from
    joined = {
        "due_at": _due(statement.excluded.due_at, statement.excluded.created_at),
        "attempts_spent": case((spent < their_spent, spent), else_=their_spent),
        "budget_from": case((begins > theirs_begins, begins), else_=theirs_begins),
        "expires_at": _later_end(_calls.c.expires_at, statement.excluded.expires_at),
        "updated_at": statement.excluded.updated_at,
    }
    return Prepared(
        statement.on_conflict_do_update(
            index_elements=["bundle"], index_where=_NOT_DIALLED, set_=joined
        ).returning(_calls.c.id),
        only=dialect.dialect.name,
    )


_MAKE = {"postgresql": _make_on(postgresql), "sqlite": _make_on(sqlite)}
_PAGE = BulkInsert(
    pages,
    "id",
    "alarm_id",
    "call_id",
    "purpose",
    "step",
    "round",
    "line",
    "position",
    "number",
    "extension",
    "pbx_user",
    "pbx",
    "name",
    "contact",
    "state",
    "why",
    "keys_done",
    "created_at",
    "called_at",
)


@dataclass(frozen=True, slots=True)
class Told:
    """What the calls of an alarm say and must show; ``row`` is the alarm's, as columns by name."""

    row: Any
    bundle: bool = True
    message: MessageSpec | None = None
    """What is played, where that is not the alarm's own message."""
    delivered_when: DeliveredWhen | None = None
    """What must be shown, where that is not what the alarm asks for."""
    purpose: Purpose = Purpose.ALARM
    limits: Limits = NO_LIMITS
    """How many calls for alarms a person takes who has no limits of their own."""
    keys: Mapping[str, KeyAction] = field(default_factory=dict)
    """What keys do beside acknowledging."""
    gathers: bool = False
    """Whether others of its group are about to ask for the same call, which waits a moment for them."""
    not_before: datetime | None = None
    """When its calls may begin, where that is later."""

    def bundle_of(self, callee: Callee) -> str | None:
        """A digest that is the same for all alarms of which one call to ``callee`` can tell."""
        if not self.bundle:
            return None
        row, message = self.row, self.message
        played = (
            [row["message_kind"], row["message_value"], row["message_count"]]
            if message is None
            else [message.kind, message.value, message.count]
        )
        asked = [self.delivered_when or row["delivered_when"], row["ack_digits"], row["retry"]]
        # One key must not do one thing for one alarm and another thing for another.
        doing = {key: action for key, action in self.keys.items() if action in HAVE_EFFECT}
        asked += [doing] if doing else []
        parts = [callee.word, callee.pbx, self.purpose, *played, *asked]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

    def call_columns(self, now: datetime, callee: Callee, own: Limits, used: int) -> dict[str, Any]:
        """A new call's row; ``own``: the callee's own limits; ``used``: what they had of its attempts."""
        message = self.message
        return {
            "id": new_id(),
            "alarm_id": self.row["id"],
            "state": CallState.QUEUED,
            "due_at": max(now + GATHERING if self.gathers else now, self.not_before or now),
            "created_at": now,
            "updated_at": now,
            "expires_at": self.row["expires_at"] if self.purpose is Purpose.ALARM else None,
            "attempts_made": 0,
            "attempts_spent": used,
            "free_failures": 0,
            "budget_from": -used,
            "callee": callee.word,
            "bundle": self.bundle_of(callee),
            "message_kind": message.kind if message else None,
            "message_value": message.value if message else None,
            "message_count": message.count if message else None,
            "delivered_when": self.delivered_when,
            "most_per_minute": own.per_minute or self.limits.per_minute or None,
            "most_per_hour": own.per_hour or self.limits.per_hour or None,
            **callee.columns,
        }


def usual_limits(settings: AlarmSettings) -> Limits:
    """How many calls somebody takes who has no limits of their own."""
    return Limits(settings.most_per_minute, settings.most_per_hour)


def page(
    tx: Connection, now: datetime, told: Told, lines: Sequence[Sequence[Callee]], place: Place, why: str
) -> int:
    """Page the people of a step: the first of each line is called now. Returns how many are."""
    first = [line[0] for line in lines]
    ids = _call(tx, now, told, first, why)
    # The first step of the first round is an alarm's first page of all.
    earlier = {} if place == Place() else _let_go(tx, now, told.row["id"], ids)
    calls = iter(ids)
    rows = []
    for number, line in enumerate(lines):
        for position, callee in enumerate(line):
            calling = position == 0
            call_id = next(calls) if calling else None
            rows.append(
                {
                    "id": new_id(),
                    "alarm_id": told.row["id"],
                    "call_id": call_id,
                    "purpose": told.purpose,
                    "step": place.step,
                    "round": place.round,
                    "line": number,
                    "position": position,
                    **callee.columns,
                    "contact": callee.contact,
                    "state": PageState.CALLING if calling else PageState.WAITING,
                    "why": "",
                    "keys_done": "",
                    "created_at": now,
                    "called_at": now if calling else None,
                    **earlier.get(call_id or "", {}),
                }
            )
    _PAGE.run(tx, rows)
    return len(first)


def call_waiting(
    tx: Connection, now: datetime, told: Told, waiting: Sequence[Any], why: str, used: Sequence[int] = ()
) -> None:
    """Call the next in their lines: pages that have waited for those before them.

    ``used``: how many of their attempts each of them has had in other calls; none unless given.
    """
    calls = _call(tx, now, told, [Callee.from_columns(row) for row in waiting], why, used)
    earlier = _let_go(tx, now, told.row["id"], calls)
    for row, call_id in zip(waiting, calls, strict=True):
        tx.execute(
            update(pages)
            .where(pages.c.id == row.id, among(pages.c.state, PageState.WAITING))
            .values(
                {"state": PageState.CALLING, "call_id": call_id, "called_at": now, "keys_done": ""}
                | earlier.get(call_id, {})
            )
        )


def _let_go(
    tx: Connection, now: datetime, alarm_id: str, call_ids: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """End the alarm's earlier pages of calls that tell of it anew; returns what goes on from there, by call.

    A call that waits for its retry since an earlier step tells its callee once, for the step that asks now.
    """
    earlier = pages.c.alarm_id == alarm_id, pages.c.call_id.in_(call_ids)
    columns = pages.c.call_id, pages.c.keys_done, pages.c.called_at, pages.c.state
    found = tx.execute(select(*columns).where(*earlier)).all()
    if found:
        ended = {"state": PageState.ENDED, "why": _ANEW, "ended_at": func.coalesce(pages.c.ended_at, now)}
        tx.execute(update(pages).where(*earlier).values(call_id=None, **ended))
    # What still told of the alarm told of it in its attempts so far, whose keys have had their effect.
    still = [row for row in found if row.state == PageState.CALLING]
    return {row.call_id: {"keys_done": row.keys_done, "called_at": row.called_at} for row in still}


def _call(
    tx: Connection, now: datetime, told: Told, callees: Sequence[Callee], why: str, used: Sequence[int] = ()
) -> list[str]:
    """The calls that tell these people, one for each: those that wait already, else new ones."""
    own = limits_of(tx, {callee.contact for callee in callees if callee.contact})
    wanted = [
        told.call_columns(now, callee, own.get(callee.contact or "", NO_LIMITS), had)
        for callee, had in zip(callees, used or [0] * len(callees), strict=True)
    ]
    queued = _queued(tx, [row["bundle"] for row in wanted])
    gathering = {"begun_after": now - GATHERING_AT_MOST, "due_before": now + GATHERING_AT_MOST}
    ids, changes = [], []
    for row in wanted:
        known = queued.get(row["bundle"] or "")
        if known is None:
            new = {f"new_{name}": value for name, value in row.items()}
            [made] = _MAKE[tx.dialect.name].all(tx, **new, **gathering)
            known = str(made.id)
        else:
            joining = {"of_call": known, "at": row["due_at"], "now": now, "until": row["expires_at"]}
            tx.execute(_JOIN, joining | gathering | {"used": row["attempts_spent"]})
        changes.append(_change(told, known, why, is_new=known == row["id"]))
        ids.append(known)
    events.record(tx, now, changes)
    return ids


def _queued(tx: Connection, bundles: Iterable[str | None]) -> dict[str, str]:
    asked = [bundle for bundle in bundles if bundle is not None]
    if not asked:
        return {}
    return {row.bundle: row.id for row in _QUEUED.all(tx, bundles=asked)}


def _change(told: Told, call_id: str, why: str, *, is_new: bool) -> Change:
    name, cause = (CallState.QUEUED, why) if is_new else ("joined", f"{why}; this call tells of it too")
    return Change("call", call_id, name, cause=cause, alarm_id=told.row["id"])
