"""Messages to other systems as rows: from their writing to the try that is taken, or the last."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from dispatcher.domain.vocabulary import DeliveryState
from dispatcher.store.bulk import BulkInsert
from dispatcher.store.tables import Delivery, Webhook, among, table

_deliveries = table(Delivery)
_webhooks = table(Webhook)
_WAITING = among(_deliveries.c.state, DeliveryState.WAITING)
_DEAD = among(_deliveries.c.state, DeliveryState.DEAD)
_WRITE = BulkInsert(
    _deliveries,
    "message_id",
    "kind",
    "webhook",
    "campaign_id",
    "receiver",
    "url",
    "body",
    "state",
    "tries",
    "next_at",
    "give_up_at",
    "problem",
    "created_at",
)


def write(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write new messages, which wait for their first try."""
    plain = {"state": DeliveryState.WAITING, "tries": 0, "problem": ""}
    _WRITE.run(tx, [plain | row for row in rows])


def newest(tx: Connection, message_id: str) -> int:
    """The id of the last row of a message."""
    query = select(func.max(_deliveries.c.id)).where(_deliveries.c.message_id == message_id)
    return int(tx.execute(query).scalar_one())


def receivers(tx: Connection) -> list[str]:
    """Everyone for whom a message waits, by one look at the index for each."""
    found: list[str] = []
    while True:
        query = select(_deliveries.c.receiver).where(_WAITING).order_by(_deliveries.c.receiver).limit(1)
        if found:
            query = query.where(_deliveries.c.receiver > found[-1])
        following = tx.execute(query).scalar()
        if following is None:
            return found
        found.append(following)


def due(tx: Connection, now: datetime, receiver: str, most: int) -> list[int]:
    """The messages for one receiver whose next try is due, those first that have waited longest."""
    query = select(_deliveries.c.id).where(
        _WAITING, _deliveries.c.receiver == receiver, _deliveries.c.next_at <= now
    )
    return list(tx.execute(query.order_by(_deliveries.c.next_at).limit(most)).scalars())


def claim(tx: Connection, now: datetime, ids: Sequence[int], lost_after: timedelta) -> Sequence[Row[Any]]:
    """Begin a try of each of these messages that still waits; what is not settled in time is tried again."""
    claimed = tx.execute(
        update(_deliveries)
        .where(_deliveries.c.id.in_(ids), _WAITING, _deliveries.c.next_at <= now)
        .values(tries=_deliveries.c.tries + 1, next_at=now + lost_after)
        .returning(_deliveries)
    )
    return claimed.all()


def settle(tx: Connection, key: int, tries: int, state: DeliveryState, **columns: Any) -> bool:
    """Write down what became of one try; False when the message was tried again or ended meanwhile.

    One that was given up meanwhile, and is taken after all, is sent.
    """
    from_dead = [_deliveries.c.state != DeliveryState.SENT] if state is DeliveryState.SENT else [_WAITING]
    settled = tx.execute(
        update(_deliveries)
        .where(_deliveries.c.id == key, _deliveries.c.tries == tries, *from_dead)
        .values(state=state, **columns)
    )
    return bool(settled.rowcount)


def bury(tx: Connection, now: datetime, why: str, *, webhook: str | None, campaign_id: str | None) -> None:
    """Give up everything that waits for a webhook, or for a campaign's ``callback_url``."""
    whose = _deliveries.c.webhook == webhook if webhook else _deliveries.c.campaign_id == campaign_id
    tx.execute(
        update(_deliveries)
        .where(_WAITING, whose)
        .values(state=DeliveryState.DEAD, problem=why, next_at=None, ended_at=now)
    )


def bury_old(tx: Connection, now: datetime, receiver: str, why: str) -> int:
    """Give up what waits for a receiver and is past its time; how much that is."""
    buried = tx.execute(
        update(_deliveries)
        .where(_WAITING, _deliveries.c.receiver == receiver, _deliveries.c.give_up_at <= now)
        .values(state=DeliveryState.DEAD, problem=why, next_at=None, ended_at=now)
    )
    return int(buried.rowcount)


def revive(
    tx: Connection, now: datetime, give_up_at: datetime, *, key: int | None = None, webhook: str | None = None
) -> int:
    """Let one ended message wait again, or all dead ones (of one webhook); how many do.

    Those of webhooks that are not active stay as they are. They go to where the webhook is now.
    """
    wanted = [_deliveries.c.id == key] if key is not None else [_DEAD]
    if webhook is not None:
        wanted.append(_deliveries.c.webhook == webhook)
    active = select(_webhooks.c.name).where(_webhooks.c.active)
    url = select(_webhooks.c.url).where(_webhooks.c.name == _deliveries.c.webhook).scalar_subquery()
    revived = tx.execute(
        update(_deliveries)
        .where(*wanted, ~_WAITING, _deliveries.c.webhook.is_(None) | _deliveries.c.webhook.in_(active))
        .values(
            state=DeliveryState.WAITING,
            tries=0,
            next_at=now,
            give_up_at=give_up_at,
            ended_at=None,
            url=func.coalesce(url, _deliveries.c.url),
        )
    )
    return int(revived.rowcount)


def readdress(tx: Connection, webhook: str, url: str) -> None:
    """Let what waits for a webhook go to its new address."""
    tx.execute(update(_deliveries).where(_WAITING, _deliveries.c.webhook == webhook).values(url=url))


def find(tx: Connection, key: int) -> Row[Any] | None:
    """One message."""
    return tx.execute(select(_deliveries).where(_deliveries.c.id == key)).one_or_none()


def page(
    tx: Connection,
    limit: int,
    before: int | None,
    *,
    states: Sequence[DeliveryState] = (),
    webhook: str | None = None,
    campaign_id: str | None = None,
    kind: str | None = None,
) -> Sequence[Row[Any]]:
    """Messages from the newest on, made before the one with the id ``before``."""
    query = select(_deliveries).order_by(_deliveries.c.id.desc()).limit(limit)
    if states:
        query = query.where(among(_deliveries.c.state, *states))
    for column, value in (
        (_deliveries.c.webhook, webhook),
        (_deliveries.c.campaign_id, campaign_id),
        (_deliveries.c.kind, kind),
    ):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(_deliveries.c.id < before)
    return tx.execute(query).all()


def counts(tx: Connection) -> tuple[int, int]:
    """How many messages wait, and how many are dead."""
    of = select(func.count()).select_from(_deliveries)
    return int(tx.execute(of.where(_WAITING)).scalar_one()), int(tx.execute(of.where(_DEAD)).scalar_one())


def prune(tx: Connection, before: datetime) -> None:
    """Delete what was sent or given up before an instant."""
    tx.execute(delete(_deliveries).where(_deliveries.c.ended_at < before))
