"""Which reports are entered at once, and which wait a moment for others of their call."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.reports import Report, ReportEvent
from dispatcher.receiver.waiting import HOLD_SECONDS, Waiting
from dispatcher.reports.incoming import Arrival, Incoming
from dispatcher.store.group import FEW

NOW = 100.0
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def item(event: ReportEvent, callid: str = "1.1") -> Incoming:
    return Incoming("hq", "{}", AT, [Report(event, event, callid=callid)])


def arrival(*items: Incoming) -> Arrival:
    return Arrival("key", items)


@pytest.mark.parametrize(
    ("event", "is_held"),
    [(event, event in (ReportEvent.RINGING, ReportEvent.ANSWERED)) for event in ReportEvent],
)
def test_only_what_tells_how_far_a_call_has_come_waits(event: ReportEvent, is_held: bool) -> None:
    waiting = Waiting()
    waiting.put(arrival(item(event)), NOW)
    assert waiting.seconds_left(NOW) == pytest.approx(HOLD_SECONDS if is_held else 0)


def test_what_is_not_understood_is_entered_at_once() -> None:
    waiting = Waiting()
    waiting.put(arrival(Incoming("hq", "?", AT)), NOW)
    assert waiting.seconds_left(NOW) == 0


def test_what_is_held_goes_with_what_is_not() -> None:
    waiting = Waiting()
    held, key = arrival(item(ReportEvent.RINGING)), arrival(item(ReportEvent.DTMF))
    waiting.put(held, NOW)
    waiting.put(key, NOW + 0.001)
    assert waiting.seconds_left(NOW + 0.001) == 0
    assert waiting.take(10, NOW + 0.001) == [held, key]
    assert waiting.seconds_left(NOW + 0.001) is None


def test_what_follows_at_once_on_others_of_its_call_waits_for_more() -> None:
    waiting = Waiting()
    waiting.put(arrival(item(ReportEvent.DTMF)), NOW)
    waiting.take(10, NOW)
    waiting.put(arrival(item(ReportEvent.RELEASED)), NOW + 0.002)
    assert waiting.seconds_left(NOW + 0.002) == pytest.approx(HOLD_SECONDS - 0.002)
    waiting.put(arrival(item(ReportEvent.RELEASED, "another call")), NOW + 0.003)
    assert waiting.seconds_left(NOW + 0.003) == 0


def test_what_follows_later_is_entered_at_once() -> None:
    waiting = Waiting()
    waiting.put(arrival(item(ReportEvent.DTMF)), NOW)
    waiting.take(10, NOW)
    waiting.put(arrival(item(ReportEvent.RELEASED)), NOW + HOLD_SECONDS)
    assert waiting.seconds_left(NOW + HOLD_SECONDS) == 0


def test_where_many_come_none_is_held() -> None:
    waiting = Waiting()
    waiting.put(arrival(*[item(ReportEvent.RINGING, f"1.{number}") for number in range(FEW + 1)]), NOW)
    assert waiting.seconds_left(NOW) == 0


def test_no_more_are_taken_than_asked_for_but_one_batch() -> None:
    waiting = Waiting()
    batches = [arrival(*[item(ReportEvent.CDR)] * size) for size in (5, 2, 2)]
    for batch in batches:
        waiting.put(batch, NOW)
    assert waiting.take(3, NOW) == batches[:1]
    assert waiting.seconds_left(NOW) == 0
    assert waiting.take(3, NOW) == batches[1:2]
    assert waiting.take(3, NOW) == batches[2:]
    assert len(waiting) == 0


@given(
    st.lists(
        st.tuples(
            st.floats(0, 0.03),
            st.sampled_from(ReportEvent),
            st.sampled_from(["1.1", "1.2"]),
            st.integers(1, 4),
        ),
        max_size=20,
    )
)
def test_everything_is_taken_once_in_order_and_soon(
    comings: list[tuple[float, ReportEvent, str, int]],
) -> None:
    """Whoever takes what is due when it is due leaves nothing longer than the hold, whatever comes when."""
    waiting, now = Waiting(), NOW
    came: list[tuple[Arrival, float]] = []
    taken: list[tuple[Arrival, float]] = []

    def take_until(end: float) -> None:
        nonlocal now
        while (left := waiting.seconds_left(now)) is not None and now + left <= end:
            now += max(0.0, left)
            taken.extend((one, now) for one in waiting.take(400, now))
        now = max(now, end)

    for after, event, callid, size in comings:
        take_until(now + after)
        batch = arrival(*[item(event, callid)] * size)
        waiting.put(batch, now)
        came.append((batch, now))
    take_until(now + 1)
    assert [id(batch) for batch, _ in taken] == [id(batch) for batch, _ in came]
    for (_, taken_at), (_, came_at) in zip(taken, came, strict=True):
        assert taken_at - came_at <= HOLD_SECONDS + 1e-9
