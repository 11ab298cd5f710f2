"""A measurement that is told to stop ends in order, whatever its parent has done to its signals."""

import signal
from collections.abc import Iterator

import pytest

from bench.command import end_in_order_at_signals


@pytest.fixture(autouse=True)
def started_in_the_background() -> Iterator[None]:
    """As a shell starts what a script has in the background: SIGINT is ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_either_signal_ends_it_as_ctrl_c_does(number: signal.Signals) -> None:
    end_in_order_at_signals()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
