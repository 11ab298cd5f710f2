"""Trying messages: many receivers at once, each at its own pace, so that a slow one keeps nobody waiting."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from dispatcher.core import Core, write_counts
from dispatcher.domain.outgoing import LONGEST_PAUSE, next_try, pause_after
from dispatcher.domain.vocabulary import DeliveryState
from dispatcher.metrics import catalogue
from dispatcher.metrics.counting import Count
from dispatcher.outgoing.post import Answer, Poster
from dispatcher.signing import headers
from dispatcher.store import deliveries, webhooks
from dispatcher.store.engine import is_outage

_log = logging.getLogger(__name__)

TICK = 0.5
AT_ONCE = 8
"""So many messages are under way to one receiver; to one whose last try failed, one, after a pause."""

SETTLED_WITHIN = timedelta(seconds=10)
"""A try that has not been written down so long after its time-out was lost with its process."""

STOP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A message whose try has begun, and the secrets that sign it."""

    row: Any
    keys: tuple[str, ...]


class Courier:
    """Sends what is due until it is taken or given up. At least once: a try may be repeated, by its id."""

    def __init__(
        self,
        core: Core,
        *,
        is_ours: Callable[[], bool] = lambda: True,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._core = core
        self._is_ours = is_ours
        self._chance = chance
        settings = core.settings.webhooks
        self._lost_after = timedelta(seconds=settings.timeout) + SETTLED_WITHIN
        self._callback_keys = settings.callback_keys()
        self._under_way: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._quiet_until: dict[str, datetime] = {}
        self._is_stopping = False
        self._wake: Callable[[], None] = lambda: None

    def run(self) -> None:
        """Work until :meth:`stop`; without the database it waits for it."""
        asyncio.run(self._main())

    def stop(self) -> None:
        """End :meth:`run`. Tries that take too long are left, and repeated after the start."""
        self._is_stopping = True
        self.wake()

    def wake(self) -> None:
        """Look at once, from any thread."""
        self._wake()

    async def _main(self) -> None:
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(news.set)
            except RuntimeError:
                # The loop has ended, and with it everything that could be woken.
                return

        self._wake = wake
        settings = self._core.settings.webhooks
        poster = Poster(settings.timeout, private_addresses=settings.private_addresses)
        tasks: set[asyncio.Task[None]] = set()
        while not self._is_stopping:
            for letter in await asyncio.to_thread(self._begin) if self._is_ours() else ():
                self._under_way[letter.row.receiver] += 1
                task = loop.create_task(self._deliver(poster, letter))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await _any_of(news, TICK)
        await _leave(tasks)
        await poster.close()

    def _begin(self) -> Sequence[Letter]:
        """Begin a try of what is due, as far as each receiver has room."""
        try:
            with self._core.store.read() as tx:
                now = self._core.clock()
                ids = [
                    key
                    for receiver in deliveries.receivers(tx)
                    if (room := self._room(receiver, now)) > 0
                    for key in deliveries.due(tx, now, receiver, room)
                ]
            return self._core.store.transact(lambda tx: self._claim(tx, ids)) if ids else ()
        except Exception as error:
            if is_outage(error):
                _log.warning("the database is away, messages wait: %s", type(error).__name__)
            else:
                _log.exception("messages could not be read, and wait")
            return ()

    def _room(self, receiver: str, now: datetime) -> int:
        # A pause that is longer than any was begun before the clock was set back.
        if now < self._quiet_until.get(receiver, now) <= now + timedelta(seconds=LONGEST_PAUSE):
            return 0
        return (1 if self._failures[receiver] else AT_ONCE) - self._under_way[receiver]

    def _note(self, receiver: str, answer: Answer) -> None:
        """Leave a receiver that fails alone for a while, however much waits for it."""
        if answer.problem:
            self._failures[receiver] += 1
            self._quiet_until[receiver] = self._core.clock() + pause_after(self._failures[receiver])
        else:
            self._failures.pop(receiver, None)
            self._quiet_until.pop(receiver, None)

    def _claim(self, tx: Connection, ids: Sequence[int]) -> list[Letter]:
        now = self._core.clock()
        rows = deliveries.claim(tx, now, ids, self._lost_after)
        hooks = webhooks.by_name(tx, list({row.webhook for row in rows if row.webhook}))
        return [Letter(row, self._keys(hooks.get(row.webhook), now)) for row in rows]

    def _keys(self, hook: Any | None, now: datetime) -> tuple[str, ...]:
        if hook is None:
            return self._callback_keys
        is_kept = hook.previous_secret and hook.previous_until and hook.previous_until > now
        return (hook.secret, hook.previous_secret) if is_kept else (hook.secret,)

    async def _deliver(self, poster: Poster, letter: Letter) -> None:
        row = letter.row
        try:
            signed = headers(row.message_id, self._core.clock(), row.body, letter.keys)
            answer = await poster.post(row.url, signed, row.body)
            self._note(row.receiver, answer)
            await asyncio.to_thread(self._settle, row, answer)
        except Exception as error:
            # The try counts as lost, and is repeated.
            if not is_outage(error):
                _log.exception("message %s could not be settled", row.message_id)
        finally:
            self._under_way[row.receiver] -= 1
            self.wake()

    def _settle(self, row: Any, answer: Answer) -> None:
        self._core.store.transact(lambda tx: self._write_down(tx, row, answer))

    def _write_down(self, tx: Connection, row: Any, answer: Answer) -> None:
        now, count = self._core.clock(), Count()
        again = self._again(row, answer, now)
        if not answer.problem:
            state, result = DeliveryState.SENT, catalogue.DeliveryResult.SENT
        elif again is None:
            state, result = DeliveryState.DEAD, catalogue.DeliveryResult.DEAD
        else:
            state, result = DeliveryState.WAITING, catalogue.DeliveryResult.RETRIED
        columns = {"status": answer.status, "problem": answer.problem, "next_at": again}
        ended_at = None if state is DeliveryState.WAITING else now
        if deliveries.settle(tx, row.id, row.tries, state, **columns, ended_at=ended_at):
            count.add(catalogue.WEBHOOK_DELIVERIES, result)
        if answer.is_gone:
            _stop(tx, now, row)
        elif state is DeliveryState.DEAD:
            # What is as old has waited behind it, and is not tried for days more.
            buried = deliveries.bury_old(tx, now, row.receiver, answer.problem)
            count.add(catalogue.WEBHOOK_DELIVERIES, result, by=buried)
            _log.warning(
                "message %s to %s is given up, and %d that waited behind it: %s",
                row.message_id,
                row.receiver,
                buried,
                answer.problem,
            )
        write_counts(tx, count)

    def _again(self, row: Any, answer: Answer, now: datetime) -> datetime | None:
        if not answer.problem or answer.is_gone:
            return None
        return next_try(row.tries, now, row.give_up_at, chance=self._chance(), asked=answer.retry_after)


def _stop(tx: Connection, now: datetime, row: Any) -> None:
    """The receiver wants no more: its webhook is stopped, and what waits for it is given up."""
    why = "the receiver answered 410 Gone"
    if row.webhook is not None:
        hook = webhooks.find(tx, row.webhook, lock=True)
        if hook is None or hook.url != row.url:
            return
        webhooks.change(tx, row.webhook, {"active": False, "stopped_why": why, "updated_at": now})
        _log.warning("webhook %s is stopped: %s", row.webhook, why)
    deliveries.bury(tx, now, why, webhook=row.webhook, campaign_id=row.campaign_id)


async def _any_of(news: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return
    news.clear()


async def _leave(tasks: set[asyncio.Task[None]]) -> None:
    """Wait a moment for what is under way, then leave it."""
    if not tasks:
        return
    _, left = await asyncio.wait(tasks, timeout=STOP_SECONDS)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
