"""Silences as they are stored, and an alarm's labels as silences and inhibitions see them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from dispatcher.domain.matchers import Matcher, Op
from dispatcher.store.tables import Silence, table

_silences = table(Silence)
_IN_FORCE = select(_silences).order_by(_silences.c.ends_at, _silences.c.id)


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


def silences_at(tx: Connection, now: datetime) -> Sequence[Any]:
    """The silences and maintenance windows whose time has begun and is not over."""
    begun = _silences.c.starts_at <= now
    going_on = or_(_silences.c.ends_at.is_(None), _silences.c.ends_at > now)
    return tx.execute(_IN_FORCE.where(begun, going_on)).all()
