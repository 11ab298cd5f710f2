"""What keeps phones quiet, as it is stored; and an alarm's labels as silences and inhibitions see them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from dispatcher.domain.matchers import Matcher, Op
from dispatcher.domain.vocabulary import TEST, AlarmStatus
from dispatcher.store.prepared import Prepared
from dispatcher.store.tables import Alarm, AlarmGroup, Inhibition, Silence, among, table
from dispatcher.store.upsert import insert_into

_alarms, _silences = table(Alarm), table(Silence)
_inhibitions, _groups = table(Inhibition), table(AlarmGroup)

_MATCHED = (
    _alarms.c.id,
    _alarms.c.labels,
    _alarms.c.severity,
    _alarms.c.source,
    _alarms.c.policy,
    _alarms.c.dedup_key,
    _alarms.c.summary,
)
_IN_HAND = (
    select(*_MATCHED)
    .where(among(_alarms.c.status, AlarmStatus.OPEN, AlarmStatus.ACKNOWLEDGED), _alarms.c.source != TEST)
    .order_by(_alarms.c.id)
)

# Compiled once: every alarm is held against these.
_SILENCES = Prepared(
    select(_silences)
    .where(
        _silences.c.starts_at <= bindparam("now"),
        or_(_silences.c.ends_at.is_(None), _silences.c.ends_at > bindparam("now")),
    )
    .order_by(_silences.c.ends_at, _silences.c.id)
)
_ALL_INHIBITIONS = Prepared(select(_inhibitions).order_by(_inhibitions.c.name))


def matchers_from(document: Iterable[Mapping[str, Any]] | None) -> list[Matcher]:
    """Matchers as they are stored: ``{"label": "site", "op": "=", "value": "north"}``."""
    return [Matcher(item["label"], Op(item["op"]), item["value"]) for item in document or ()]


def labels_of(row: Mapping[str, Any]) -> dict[str, str]:
    """An alarm's labels, and beside them what else it can be matched by; its own labels go first."""
    named = {
        "severity": row["severity"],
        "source": row["source"],
        "policy": row["policy"] or "",
        "dedup_key": row["dedup_key"] or "",
        "summary": row["summary"],
    }
    return named | dict(row["labels"] or {})


def alarms_in_hand(tx: Connection, raised_after: datetime | None = None) -> list[tuple[str, dict[str, str]]]:
    """Every alarm that is open or acknowledged, with what it is matched by; tests keep nothing quiet."""
    query = _IN_HAND if raised_after is None else _IN_HAND.where(_alarms.c.created_at > raised_after)
    return [(row["id"], labels_of(row)) for row in (dict(one) for one in tx.execute(query).mappings())]


def silences_at(tx: Connection, now: datetime) -> Sequence[Any]:
    """The silences and maintenance windows whose time has begun and is not over."""
    return _SILENCES.all(tx, now=now)


def inhibitions(tx: Connection) -> Sequence[Any]:
    """Every inhibition, by name."""
    return _ALL_INHIBITIONS.all(tx)


def locked_group(tx: Connection, key: str, policy: str, labels: Mapping[str, str]) -> Any:
    """The group's row, made when it is new, and locked: of two alarms the second sees what the first did."""
    made = insert_into(tx, _groups).values(key=key, policy=policy, labels=dict(labels))
    tx.execute(made.on_conflict_do_nothing())
    return tx.execute(select(_groups).where(_groups.c.key == key).with_for_update()).one()


def is_group(tx: Connection, key: str) -> bool:
    """Whether this is the key of a group; what else may hold an alarm has an id."""
    return tx.execute(select(_groups.c.key).where(_groups.c.key == key)).first() is not None


def set_group(tx: Connection, key: str, *, told_at: datetime | None, next_at: datetime | None) -> None:
    """Write down when the group was told, and when those that wait are."""
    tx.execute(update(_groups).where(_groups.c.key == key).values(told_at=told_at, next_at=next_at))


def look_at(tx: Connection, now: datetime, alarm_ids: Iterable[str]) -> bool:
    """Have these alarms looked at, those of them that are open; returns whether there is any."""
    ids = list(alarm_ids)
    changed = 0
    for start in range(0, len(ids), 500):
        those = _alarms.c.id.in_(ids[start : start + 500]), among(_alarms.c.status, AlarmStatus.OPEN)
        changed += tx.execute(update(_alarms).where(*those).values(next_at=now)).rowcount
    return changed > 0
