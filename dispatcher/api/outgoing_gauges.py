"""Messages to other systems that wait or were given up, as gauges."""

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
