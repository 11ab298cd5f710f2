"""Other systems: messages to webhooks that were given up, and heartbeats that are not heard."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from dispatcher.cli.doctor.findings import Finding, counted, ok, warn
from dispatcher.domain.vocabulary import DeliveryState, HeartbeatStatus
from dispatcher.store.engine import Store
from dispatcher.store.tables import Delivery, Heartbeat, Webhook, among, table

_deliveries, _heartbeats, _webhooks = table(Delivery), table(Heartbeat), table(Webhook)

SLOW = timedelta(minutes=10)
"""A message that waits for so long is not only in a queue: its receiver does not take it."""


def check_others(store: Store, now: datetime) -> Iterator[Finding]:
    """What other systems were not told, and what they have not said."""
    with store.read() as tx:
        hooks = tx.execute(select(_webhooks).order_by(_webhooks.c.name)).all()
        findings = [*_stopped(hooks), *_given_up(tx), *_waiting(tx, now)]
        yield from findings
        if hooks and not findings:
            yield ok("webhooks", f"{counted(len(hooks), 'webhook', 'webhooks')}, and every message was taken")
        beats = tx.execute(select(_heartbeats).order_by(_heartbeats.c.name)).all()
    unheard = [finding for row in beats if (finding := _unheard(row, now)) is not None]
    yield from unheard
    if beats and not unheard:
        yield ok("heartbeats", f"{counted(len(beats), 'heartbeat', 'heartbeats')}, and none is silent")


def _stopped(hooks: Any) -> Iterator[Finding]:
    for row in hooks:
        if not row.active and row.stopped_why:
            mend = f"Mend the receiver, then: dispatcher webhook change {row.name} --active"
            yield warn(f"webhook {row.name}", f"it is told nothing any more: {row.stopped_why}", mend)


def _given_up(tx: Connection) -> Iterator[Finding]:
    dead = among(_deliveries.c.state, DeliveryState.DEAD)
    number, last = func.count().label("number"), func.max(_deliveries.c.id).label("last")
    grouped = select(_deliveries.c.receiver, number, last).where(dead).group_by(_deliveries.c.receiver)
    for row in tx.execute(grouped.order_by(_deliveries.c.receiver)).all():
        problem = tx.execute(select(_deliveries.c.problem).where(_deliveries.c.id == row.last)).scalar()
        yield warn(
            f"messages to {row.receiver}",
            f"{row.number} were given up, the last one for: {problem or 'its time was over'}",
            "Mend the receiver or its address, then: dispatcher webhook replay --all",
        )


def _waiting(tx: Connection, now: datetime) -> Iterator[Finding]:
    late = among(_deliveries.c.state, DeliveryState.WAITING), _deliveries.c.created_at < now - SLOW
    grouped = select(
        _deliveries.c.receiver,
        func.count().label("number"),
        func.min(_deliveries.c.created_at).label("since"),
    )
    for row in tx.execute(grouped.where(*late).group_by(_deliveries.c.receiver)).all():
        yield warn(
            f"messages to {row.receiver}",
            f"{row.number} wait, the oldest since {row.since:%Y-%m-%d %H:%M} UTC",
            "Look at what the receiver answers: dispatcher webhook deliveries --state waiting",
        )


def _unheard(row: Any, now: datetime) -> Finding | None:
    name = f"heartbeat {row.name}"
    sender = "Look at the sender, and at what it is answered: 401 and 403 are the API key's"
    if row.status == HeartbeatStatus.DOWN:
        heard = f"last heard at {row.heard_at:%Y-%m-%d %H:%M} UTC" if row.heard_at else "never heard"
        alarm = "" if row.alarm_id else ", and its alarm could not be raised: see the log"
        return warn(name, f"silent: {heard}{alarm}", sender)
    if row.status == HeartbeatStatus.NEW and row.created_at < now - _span(row):
        detail = f"made at {row.created_at:%Y-%m-%d %H:%M} UTC and never heard since, so nobody waits for it"
        mend = f"Have the sender POST to /v1/heartbeats/{row.name}, or delete it"
        return warn(name, detail, mend)
    return None


def _span(row: Any) -> timedelta:
    return timedelta(seconds=row.every_seconds + row.grace_seconds)
