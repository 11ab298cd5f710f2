"""Wake-ups between roles. A signal carries nothing that is not in the store; losing one costs a tick."""

from dispatcher.signals.local import LocalSignals
from dispatcher.signals.protocol import Signals, Subscription, Topic
from dispatcher.signals.shared import RedisSignals


def make_signals(broker_url: str) -> Signals:
    """Signals inside this process, or through Redis when there is a broker URL."""
    return RedisSignals(broker_url) if broker_url else LocalSignals()


__all__ = ["LocalSignals", "RedisSignals", "Signals", "Subscription", "Topic", "make_signals"]
