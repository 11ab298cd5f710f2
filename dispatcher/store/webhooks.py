"""Webhooks as rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from dispatcher.store.tables import Campaign, Event, Webhook, table
from dispatcher.store.upsert import insert_into

_webhooks = table(Webhook)
_campaigns = table(Campaign)
_events = table(Event)


def newest_event(tx: Connection) -> int:
    """The highest id of an event that shows."""
    return int(tx.execute(select(func.max(_events.c.id))).scalar() or 0)


def add(tx: Connection, row: Mapping[str, Any]) -> bool:
    """Write a new webhook; False when there is one of this name."""
    added = insert_into(tx, _webhooks).values(**row).on_conflict_do_nothing().returning(_webhooks.c.name)
    return tx.execute(added).first() is not None


def find(tx: Connection, name: str, *, lock: bool = False) -> Row[Any] | None:
    """A webhook's row, or None; ``lock`` keeps it as it is until the transaction ends."""
    query = select(_webhooks).where(_webhooks.c.name == name)
    return tx.execute(query.with_for_update() if lock else query).one_or_none()


def change(tx: Connection, name: str, columns: Mapping[str, Any]) -> None:
    """Set columns of a webhook."""
    tx.execute(update(_webhooks).where(_webhooks.c.name == name).values(**columns))


def remove(tx: Connection, name: str) -> bool:
    """Delete a webhook with its deliveries; False when there was none."""
    return bool(tx.execute(delete(_webhooks).where(_webhooks.c.name == name)).rowcount)


def active(tx: Connection, *, keep: bool = False) -> Sequence[Row[Any]]:
    """Webhooks that are told things; ``keep`` lets nobody delete them until the transaction ends."""
    query = select(_webhooks).where(_webhooks.c.active).order_by(_webhooks.c.name)
    return tx.execute(query.with_for_update(read=True, key_share=True) if keep else query).all()


def by_name(tx: Connection, names: Sequence[str]) -> dict[str, Row[Any]]:
    """These webhooks."""
    found = tx.execute(select(_webhooks).where(_webhooks.c.name.in_(names))) if names else ()
    return {row.name: row for row in found}


def page(tx: Connection, limit: int, after: str | None) -> Sequence[Row[Any]]:
    """Webhooks in the order of their names."""
    query = select(_webhooks).order_by(_webhooks.c.name).limit(limit)
    return tx.execute(query.where(_webhooks.c.name > after) if after is not None else query).all()


def any_callback(tx: Connection) -> bool:
    """Whether a campaign has a ``callback_url``."""
    query = select(_campaigns.c.id).where(_campaigns.c.callback_url.is_not(None)).limit(1)
    return tx.execute(query).first() is not None


def callbacks(tx: Connection, campaign_ids: Sequence[str]) -> dict[str, str]:
    """The ``callback_url`` of each of these campaigns that has one."""
    query = select(_campaigns.c.id, _campaigns.c.callback_url).where(
        _campaigns.c.id.in_(campaign_ids), _campaigns.c.callback_url.is_not(None)
    )
    return {row.id: row.callback_url for row in tx.execute(query)} if campaign_ids else {}
