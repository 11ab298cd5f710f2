"""The actors: thin shells over the dialer. They take ids, and Dramatiq never retries them."""

from collections.abc import Callable

import dramatiq

from dispatcher.broker import BULK, DIAL, DIAL_AT_ONCE, DIAL_URGENT, HANG_UP, TRANSFER, URGENT
from dispatcher.runtime.wiring import Parts


def declare(broker: dramatiq.Broker, parts: Callable[[], Parts | None]) -> None:
    """Declare the dial role's actors on a broker; ``parts`` gives what they work with.

    It gives None when the process stops before it could connect: then the sweep sends the wake-up again.
    """

    @dramatiq.actor(broker=broker, queue_name=URGENT, actor_name=DIAL_URGENT, priority=0)
    def dial_urgent(attempt_id: str) -> None:
        if (wired := parts()) is not None:
            wired.dialer.dial(attempt_id)

    @dramatiq.actor(broker=broker, queue_name=URGENT, actor_name=HANG_UP, priority=5)
    def hang_up(attempt_id: str) -> None:
        if (wired := parts()) is not None:
            wired.hang_up.hang_up(attempt_id)

    @dramatiq.actor(broker=broker, queue_name=URGENT, actor_name=TRANSFER, priority=5)
    def transfer(attempt_id: str) -> None:
        if (wired := parts()) is not None:
            wired.transfer.put_through(attempt_id)

    @dramatiq.actor(broker=broker, queue_name=BULK, actor_name=DIAL, priority=10)
    def dial(*attempt_ids: str) -> None:
        if (wired := parts()) is not None:
            wired.dialer.dial(*attempt_ids)

    @dramatiq.actor(broker=broker, queue_name=BULK, actor_name=DIAL_AT_ONCE, priority=10)
    def dial_at_once(*attempt_ids: str) -> None:
        if (wired := parts()) is not None:
            wired.dialer.dial_at_once(*attempt_ids)
