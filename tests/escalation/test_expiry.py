"""An alarm whose time is over calls nobody, although others share its calls; and calls that were merged."""

from datetime import timedelta
from typing import Any

from dispatcher.domain.vocabulary import AlarmStatus, CallKind, Outcome
from dispatcher.lines import Line
from dispatcher.metrics import catalogue
from dispatcher.metrics.counting import series
from dispatcher.pacer import Pacer
from dispatcher.upkeep import housekeeping
from tests.escalation.desk import ANN, BOB, Desk, open_desk, policy, step

NIGHT = policy(step(ANN), retry={"max_attempts": 3, "busy": 60})


def raised(desk: Desk, minutes: float | None = None, **more: Any) -> str:
    """An alarm that is given up after so many minutes."""
    until = None if minutes is None else desk.clock() + timedelta(minutes=minutes)
    return desk.raised(expires_at=until, **more)


def upkeep(desk: Desk) -> None:
    housekeeping.expire(desk.core)
    housekeeping.expire_alarms(desk.core)
    desk.look()


def test_an_alarm_that_expires_leaves_the_call_that_it_shares(store_url: str) -> None:
    with open_desk(store_url, NIGHT) as desk:
        short, long = raised(desk, 2), raised(desk, 60)
        desk.ring()
        desk.busy(ANN)
        desk.clock.move(minutes=3)
        upkeep(desk)
        assert desk.alarm(short).status == AlarmStatus.EXPIRED
        assert "expired" in desk.story(short)
        assert desk.ring() == [ANN], "the call goes on for the other"
        desk.press(ANN, "1")

        assert desk.alarm(short).status == AlarmStatus.EXPIRED
        assert desk.alarm(long).status == AlarmStatus.ACKNOWLEDGED
        assert [page.state for page in desk.pages(short)] == ["ended"]


def test_an_expired_alarm_does_not_ring_in_a_call_that_others_gave_more_time(store_url: str) -> None:
    with open_desk(store_url, NIGHT) as desk:
        short = raised(desk, 2)
        raised(desk, 60, dedup_key="long")
        desk.ring()
        desk.busy(ANN)
        desk.raised(dedup_key="long", status="resolved")
        desk.clock.move(minutes=3)
        upkeep(desk)

        assert desk.ring() == []
        assert desk.alarm(short).status == AlarmStatus.EXPIRED
        assert desk.outcomes(short) == [(ANN, "expired")]


def test_whoever_has_picked_up_may_still_take_an_alarm_in_hand(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, BOB), retry={"busy": 60})) as desk:
        short = raised(desk, 2)
        raised(desk, 60)
        desk.ring()
        desk.busy(BOB)
        desk.answer(ANN)
        desk.clock.move(minutes=3)
        upkeep(desk)
        assert desk.alarm(short).status == AlarmStatus.OPEN
        assert [page.state for page in desk.pages(short)] == ["calling", "ended"], "Bob is not called for it"
        desk.press(ANN, "1")

        assert desk.alarm(short).status == AlarmStatus.ACKNOWLEDGED


def test_a_call_that_another_one_takes_over_is_counted_as_over(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), retry={"busy": 60})) as desk:
        desk.raised()
        desk.ring()
        desk.raised()
        desk.busy(ANN)
        desk.clock.move(minutes=2)
        pacer = Pacer(desk.core, [Line("hq", "SPS-6-36", channels=30)])
        try:
            pacer.pass_once()
        finally:
            pacer.stop()

        assert desk.ringing() == [ANN]
        over = series(catalogue.CALLS.name, (CallKind.ALARM, Outcome.CANCELLED))
        assert desk.core.counts.take()[over] == 1


def test_a_time_that_ends_in_a_later_round_ends_the_alarm_as_expired(store_url: str) -> None:
    again = policy(step(ANN, wait=60), repeat=1, retry={"max_attempts": 1})
    with open_desk(store_url, again) as desk:
        alarm = raised(desk, 2)
        desk.ring()
        desk.busy(ANN)
        desk.wait(60)
        assert desk.waiting() == [ANN], "and no channel is free for the rest of its time"
        desk.clock.move(minutes=1)
        upkeep(desk)

        assert desk.outcomes(alarm) == [(ANN, "failed"), (ANN, "expired")]
        assert desk.alarm(alarm).status == AlarmStatus.EXPIRED


def test_an_alarm_whose_calls_fail_before_its_time_is_over_is_exhausted(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, BOB), retry={"max_attempts": 2, "busy": 90})) as desk:
        alarm = raised(desk, 2)
        desk.ring()
        desk.busy(ANN)
        desk.clock.move(seconds=60)
        desk.busy(BOB)
        assert desk.outcomes(alarm) == [(ANN, "queued"), (BOB, "expired")], "no retry of Bob's fits"
        desk.clock.move(seconds=30)
        desk.ring()
        desk.busy(ANN)

        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED
