"""What an alarm or a campaign asks for. Mostly it never changes once made, so a process may remember it.

But a graver repeat may change the keys of an alarm: one that may get graver, or has any beside those that
acknowledge, is read anew each time.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select

from dispatcher.domain.retry import RetryRules
from dispatcher.domain.vocabulary import ANSWERS, CallKind, DeliveredWhen, MessageKind, Outcome, Severity
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.tables import Alarm, Campaign, table

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Before:
    """The keys of calls that were made before a repeat was graver."""

    until: datetime
    ack_digits: str
    answer_digits: str


@dataclass(frozen=True, slots=True)
class Request:
    """The message, what counts as delivered, and the retry rules, of one alarm or campaign."""

    kind: CallKind
    id: str
    label: str
    message_kind: MessageKind
    message_value: str
    message_count: int
    delivered_when: DeliveredWhen
    ack_digits: str
    retry: RetryRules
    answer_digits: str = ""
    """Keys by which a callee answers without acknowledging."""
    before: tuple[Before, ...] = ()
    """Where repeats have changed the keys: those of earlier calls, the oldest first."""
    may_change: bool = False
    """Whether it is to be read anew each time."""


def for_call(request: Request, row: Any) -> Request:
    """The request as one call of it is made: ``row`` may say another message, or another proof.

    A call keeps the keys with which it was made, since its message names them.
    """
    keys = next((one for one in request.before if row.created_at < one.until), None)
    if row.message_kind is None and row.delivered_when is None and keys is None:
        return request
    changed: dict[str, Any] = {}
    if keys is not None:
        changed |= {"ack_digits": keys.ack_digits, "answer_digits": keys.answer_digits}
    if row.message_kind is not None:
        kind = MessageKind(row.message_kind)
        changed |= {
            "message_kind": kind,
            "message_value": row.message_value,
            "message_count": row.message_count,
        }
    if row.delivered_when is not None:
        changed["delivered_when"] = DeliveredWhen(row.delivered_when)
    return replace(request, **changed)


def rules_from(document: dict[str, Any] | None) -> RetryRules:
    """Retry rules as they are stored: ``max_attempts`` and seconds by outcome."""
    if not document:
        return RetryRules()
    delays = {Outcome(name): float(seconds) for name, seconds in document.items() if name != "max_attempts"}
    return RetryRules(int(document.get("max_attempts", RetryRules().max_attempts)), delays)


class Requests:
    """Looks up requests, remembering the last ten thousand."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Request] = OrderedDict()

    def of(self, tx: Connection, owners: Iterable[tuple[str | None, str | None]]) -> dict[str, Request]:
        """The requests of these (alarm id, campaign id) pairs, by id."""
        alarms = {alarm for alarm, _ in owners if alarm}
        campaigns = {campaign for _, campaign in owners if campaign}
        # Looked up once: another thread may make this one forget a request between two looks.
        known = {key: item for key in alarms | campaigns if (item := self._known.get(key)) is not None}
        found: dict[str, Request] = {}
        if missing := alarms - known.keys():
            found |= _load(tx, CallKind.ALARM, sorted(missing))
        if missing := campaigns - known.keys():
            found |= _load(tx, CallKind.CAMPAIGN, sorted(missing))
        self._remember({key: item for key, item in found.items() if not item.may_change})
        return known | found

    def _remember(self, found: dict[str, Request]) -> None:
        self._known.update(found)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _asked_by(owners: Table, label: ColumnElement[str], *more: ColumnElement[Any]) -> Prepared:
    return Prepared(
        select(
            owners.c.id,
            label.label("label"),
            owners.c.message_kind,
            owners.c.message_value,
            owners.c.message_count,
            owners.c.delivered_when,
            owners.c.ack_digits,
            owners.c.retry,
            *more,
        ).where(AnyOf(owners.c.id, "ids"))
    )


_alarms, _campaigns = table(Alarm), table(Campaign)
_ASKED = {
    CallKind.ALARM: _asked_by(_alarms, _alarms.c.summary, _alarms.c.plan, _alarms.c.dedup_key),
    CallKind.CAMPAIGN: _asked_by(_campaigns, _campaigns.c.name),
}


def _load(tx: Connection, kind: CallKind, ids: list[str]) -> dict[str, Request]:
    return {row.id: _request(kind, row) for row in _ASKED[kind].all(tx, ids=ids)}


def _request(kind: CallKind, row: Any) -> Request:
    return Request(
        kind=kind,
        id=row.id,
        label=row.label,
        message_kind=MessageKind(row.message_kind),
        message_value=row.message_value,
        message_count=row.message_count,
        delivered_when=DeliveredWhen(row.delivered_when),
        ack_digits=row.ack_digits,
        retry=rules_from(row.retry),
        answer_digits=answers_in(row.plan) if kind is CallKind.ALARM else "",
        before=_before_in(row.plan) if kind is CallKind.ALARM else (),
        may_change=kind is CallKind.ALARM and (bool(answers_in(row.plan)) or _may_get_graver(row)),
    )


def _before_in(plan: dict[str, Any] | None) -> tuple[Before, ...]:
    known = (plan or {}).get("keys_before", ())
    return tuple(
        Before(datetime.fromisoformat(one["until"]), one["ack_digits"], answers_in(one)) for one in known
    )


def _may_get_graver(alarm: Any) -> bool:
    """Whether a repeat, which only an alarm with a key has, may be graver than all before."""
    gravest = (alarm.plan or {}).get("severity")
    return alarm.dedup_key is not None and gravest not in (None, Severity.CRITICAL)


def answers_in(plan: dict[str, Any] | None) -> str:
    """The keys by which somebody answers without acknowledging, in a plan as it is stored."""
    keys = (plan or {}).get("keys") or {}
    return "".join(sorted(key for key, action in keys.items() if action in ANSWERS))
