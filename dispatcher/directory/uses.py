"""What needs a contact, group, schedule or policy: it can't be deleted before that."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from dispatcher.config import Settings
from dispatcher.errors import Clash
from dispatcher.store import heartbeats, people, schedules
from dispatcher.store.tables import Policy, table

_policies = table(Policy)
_SHOWN = 10


def check_unused(tx: Connection, settings: Settings, kind: str, name: str, now: datetime) -> None:
    """Raise :class:`Clash` with all that needs the ``kind`` of this name."""
    found = list(_uses(tx, settings, kind, name, now))
    if not found:
        return
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise Clash(f"the {kind} {name!r} is in use by {', '.join(found[:_SHOWN])}{more}; change that first")


def _uses(tx: Connection, settings: Settings, kind: str, name: str, now: datetime) -> Iterator[str]:
    if kind == "contact":
        yield from _uses_of_contact(tx, name, now)
    for row in tx.execute(select(_policies.c.name, _policies.c.document).order_by(_policies.c.name)):
        if name in _named(row.document, kind):
            yield f"the policy {row.name!r}"
    for policy in settings.policy:
        if name in _named(policy.model_dump(include={"to", "steps"}), kind):
            yield f"the policy {policy.name!r} of the configuration"
    for heartbeat, alarm in heartbeats.alarms_of_all(tx):
        if name in _named(alarm, kind) or (kind == "policy" and alarm.get("policy") == name):
            yield f"the heartbeat {heartbeat!r}"


def _uses_of_contact(tx: Connection, name: str, now: datetime) -> Iterator[str]:
    for group in people.groups_with(tx, name):
        yield f"the group {group!r}"
    for row in schedules.every(tx):
        if any(name in layer.get("members", ()) for layer in row.layers):
            yield f"the schedule {row.name!r}"
    for row in schedules.overridden_by(tx, name):
        if row.ends_at > now:
            yield f"an override of the schedule {row.schedule!r} until {row.ends_at:%Y-%m-%d %H:%M} UTC"


def _named(document: Any, kind: str) -> set[str]:
    """The names under ``kind`` in every list of recipients (``to``) of a policy or alarm."""
    found = set()
    for to in _lists_of_recipients(document):
        found |= {one[kind] for one in to if isinstance(one, Mapping) and one.get(kind)}
    return found


def _lists_of_recipients(document: Any) -> Iterator[Iterable[Any]]:
    if isinstance(document, Mapping):
        for key, value in document.items():
            if key == "to" and isinstance(value, list):
                yield value
            else:
                yield from _lists_of_recipients(value)
    elif isinstance(document, list):
        for value in document:
            yield from _lists_of_recipients(value)
