"""Messages to other systems that wait or were given up, and heartbeats, as gauges."""

from collections.abc import Mapping

from dispatcher.domain.vocabulary import HeartbeatStatus
from dispatcher.metrics.render import Gauge


def delivery_gauges(waiting: int, dead: int) -> list[Gauge]:
    """The gauges of messages to webhooks."""
    return [
        Gauge(
            "dispatcher_webhook_deliveries_waiting",
            (),
            "Messages to webhooks that wait for their first or next try.",
            {(): float(waiting)},
        ),
        Gauge(
            "dispatcher_webhook_deliveries_dead",
            (),
            "Messages to webhooks that were given up, and can be replayed.",
            {(): float(dead)},
        ),
    ]


def heartbeat_gauge(statuses: Mapping[str, HeartbeatStatus]) -> Gauge:
    """The gauge of heartbeats that are waited for."""
    up = {HeartbeatStatus.UP: 1.0, HeartbeatStatus.DOWN: 0.0}
    return Gauge(
        "dispatcher_heartbeat_up",
        ("name",),
        "Whether a heartbeat is heard in time.",
        {(name,): up[status] for name, status in statuses.items() if status in up},
    )
