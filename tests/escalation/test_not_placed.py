"""A call that can't be placed keeps nobody else in its line from being called."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from dispatcher.api.reading import timeline_of_alarm
from dispatcher.domain.patience import PATIENCE, PATIENCE_LATER, Queued, gives_way_at
from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.store.tables import Trunk, table
from dispatcher.store.trunks import INTERNAL
from tests.cores import START, accept, claim, learn
from tests.escalation.desk import ANN, BOB, CAT, Desk, open_desk, policy, step

ONCE = {"max_attempts": 1}
TWICE = {"max_attempts": 2, "busy": 30}
ONE_AN_HOUR = {"most_per_hour": 1, "most_per_minute": 0}
"""For a critical alarm, one more call every five minutes."""
SECOND = timedelta(seconds=1)
HUNT = step(ANN, BOB, mode="hunt")


def use_trunk(desk: Desk, *, is_paused: bool) -> None:
    with desk.core.store.write() as tx:
        tx.execute(update(table(Trunk)).values(paused=is_paused))


def fail(desk: Desk, number: str, cause: Reason) -> None:
    desk._learn(number, failed_at=desk.clock(), cause=cause)
    desk.look()


def rung_within(desk: Desk, seconds: int) -> list[str]:
    """Who is dialled in this time, with everybody's line unreachable."""
    dialled = []
    for _ in range(0, seconds, 5):
        for number in desk.ring():
            dialled.append(number)
            fail(desk, number, Reason.UNREACHABLE)
        desk.wait(5)
    return dialled


def test_the_next_is_called_once_a_line_is_away_for_a_minute(store_url: str) -> None:
    with open_desk(store_url, policy(HUNT, retry=ONCE)) as desk:
        alarm = desk.raised()
        use_trunk(desk, is_paused=True)
        desk.wait(59)
        assert desk.waiting() == [ANN]
        desk.wait(1)
        assert desk.waiting() == [BOB]

        with desk.core.store.read() as tx:
            told = {event.name: event.cause for event in timeline_of_alarm(tx, alarm)}
        assert told["not_placed"] == (
            f"{ANN}: no line has taken the call since 10:00:00 UTC; the next in line is called, and this one"
            " again if nobody else is reached"
        )


def test_who_was_passed_over_is_called_again_if_nobody_else_is_reached(store_url: str) -> None:
    with open_desk(store_url, policy(HUNT, retry=ONCE)) as desk:
        alarm = desk.raised()
        use_trunk(desk, is_paused=True)
        desk.wait(60)
        use_trunk(desk, is_paused=False)
        assert desk.ring() == [BOB], "one alone"
        desk.busy(BOB)
        assert desk.ring() == [ANN]
        desk.busy(ANN)

        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED


def test_who_was_passed_over_is_left_alone_once_another_was_reached(store_url: str) -> None:
    with open_desk(store_url, policy(HUNT, retry=ONCE)) as desk:
        alarm = desk.raised()
        use_trunk(desk, is_paused=True)
        desk.wait(60)
        use_trunk(desk, is_paused=False)
        desk.ring()
        desk.press(BOB, "1")
        desk.wait(3600)

        assert desk.ring() == []
        assert dict(desk.outcomes(alarm)) == {ANN: "cancelled", BOB: "delivered"}


def test_of_a_line_one_call_is_queued_however_long_the_trunk_is_away(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, BOB, CAT, mode="hunt"))) as desk:
        alarm = desk.raised()
        use_trunk(desk, is_paused=True)
        turns = []
        for _ in range(60):
            [waiting] = desk.waiting()
            turns.append(waiting)
            desk.wait(60)

        assert turns[:5] == [ANN, BOB, CAT, CAT, CAT]
        assert len(desk.outcomes(alarm)) < 20, "after everybody's first turn it takes five minutes"
        assert set(turns[5:]) == {ANN, BOB, CAT}
        assert desk.alarm(alarm).status == AlarmStatus.OPEN
        use_trunk(desk, is_paused=False)
        assert len(desk.ring()) == 1


def test_it_keeps_its_turn_for_a_channel(sqlite_url: str) -> None:
    with open_desk(sqlite_url, policy(HUNT), policy(step(CAT)) | {"name": "other"}) as desk:
        desk.raised()
        use_trunk(desk, is_paused=True)
        desk.clock.move(seconds=30)
        desk.raised(policy="other")
        desk.wait(30)

        assert desk.waiting() == [BOB, CAT]


def test_a_trunk_that_is_full_of_calls_for_alarms_is_waited_for(store_url: str) -> None:
    """In a storm each waits for a channel: their own second telephone would not ring any sooner."""
    with open_desk(store_url, policy(step(CAT)) | {"name": "other"}, policy(HUNT)) as desk:
        desk.raised(policy="other")
        assert desk.ring() == [CAT]
        desk.raised(policy="night")
        use_trunk(desk, is_paused=True)
        desk.wait(170)
        assert desk.waiting() == [ANN]
        desk.press(CAT, "1")
        desk.hang_up(CAT)
        desk.wait(15)

        assert desk.waiting() == [BOB], "nobody is called there any more"


def test_an_unreachable_way_gives_way_to_the_next(store_url: str) -> None:
    with open_desk(store_url, policy({"to": [{"contact": "ann"}]})) as desk:
        desk.contact("ann", {"number": ANN}, {"number": BOB})
        desk.raised()

        assert rung_within(desk, 60) == [ANN, ANN, ANN]
        assert desk.waiting() == [BOB]


def test_an_extension_that_is_switched_off_gives_way_too(store_url: str) -> None:
    with open_desk(store_url, policy({"to": [{"contact": "ann"}]})) as desk:
        desk.contact("ann", {"extension": "1002"}, {"number": BOB})
        desk.raised()
        dials = 0
        for _ in range(0, 90, 5):
            for attempt_id in claim(desk.core, INTERNAL):
                dials += 1
                accept(desk.core, attempt_id, attempt_id)
                learn(desk.core, attempt_id, failed_at=desk.clock(), cause=Reason.UNREACHABLE)
                desk.look()
            desk.wait(5)

        assert (dials, desk.waiting()) == (1, [BOB]), "after a minute, and not after three attempts"


def test_a_trunk_that_is_busy_for_some_seconds_makes_nobody_else_ring(sqlite_url: str) -> None:
    with open_desk(sqlite_url, policy(HUNT)) as desk:
        desk.raised()
        for seconds in (5, 10, 20):
            assert desk.ring() == [ANN]
            fail(desk, ANN, Reason.CONGESTION)
            desk.wait(seconds)
        assert desk.ring() == [ANN]
        desk.press(ANN, "1")
        desk.wait(600)

        assert desk.waiting() == []


def test_a_phone_that_rings_is_waited_for_and_so_are_its_retries(sqlite_url: str) -> None:
    retry = {"max_attempts": 2, "busy": 600}
    with open_desk(sqlite_url, policy(HUNT, retry=retry)) as desk:
        desk.raised()
        assert desk.ring() == [ANN]
        for _ in range(5):
            desk.wait(60)
        assert desk.waiting() == []
        desk.busy(ANN)
        for _ in range(10):
            assert desk.waiting() == [ANN]
            desk.wait(60)

        assert desk.ring() == [ANN]


def test_who_is_told_of_another_alarm_is_waited_for(sqlite_url: str) -> None:
    with open_desk(sqlite_url, policy(HUNT)) as desk:
        desk.raised()
        desk.ring()
        desk.answer(ANN)
        desk.raised(message={"ivr": "6501"})
        desk.wait(150)

        assert desk.waiting() == [ANN]


def test_who_takes_no_more_calls_for_now_gives_way_to_the_next(store_url: str) -> None:
    site = {"most_per_hour": 1, "most_per_minute": 0}
    other = policy(step(ANN), message={"ivr": "6501"}) | {"name": "other"}
    with open_desk(store_url, policy(HUNT, retry=ONCE), other, alarms=site) as desk:
        desk.raised(policy="other", severity="warning")
        desk.ring()
        desk.press(ANN, "1")
        desk.hang_up(ANN)
        desk.raised(severity="warning")
        assert desk.ring() == [], "put off for an hour"
        desk.wait(60)

        assert desk.ring() == [BOB]


def test_a_hunt_of_an_earlier_step_goes_on_too(sqlite_url: str) -> None:
    with open_desk(sqlite_url, policy(HUNT | {"wait": 30}, step(CAT))) as desk:
        desk.raised()
        use_trunk(desk, is_paused=True)
        desk.wait(30)
        assert desk.waiting() == [ANN, CAT]
        desk.wait(30)

        assert sorted(desk.waiting()) == [BOB, CAT]


def test_a_call_for_other_alarms_too_goes_on_for_those(store_url: str) -> None:
    with open_desk(store_url, policy(HUNT), policy(step(ANN)) | {"name": "other"}) as desk:
        hunts, calls = desk.raised(), desk.raised(policy="other")
        use_trunk(desk, is_paused=True)
        desk.wait(60)

        assert desk.waiting() == [ANN, BOB]
        assert [page.state for page in desk.pages(hunts)] == ["ended", "calling", "waiting"]
        assert desk.outcomes(calls) == [(ANN, "queued")]


def rung_in_vain(desk: Desk, seconds: int) -> list[str]:
    """Who is dialled in this time, with everybody busy."""
    dialled = []
    for _ in range(0, seconds, 2):
        numbers = desk.ring()
        desk.wait(2)
        for number in numbers:
            dialled.append(number)
            desk.busy(number)
    return dialled


def test_who_comes_again_has_the_attempts_that_are_left(store_url: str) -> None:
    plan = policy(HUNT | {"wait": 3600}, step(CAT), retry=TWICE)
    with open_desk(store_url, plan, alarms=ONE_AN_HOUR) as desk:
        desk.raised()

        assert rung_in_vain(desk, 420) == [ANN, BOB, BOB, ANN, CAT]


def test_who_comes_again_into_a_call_for_others_has_them_too(store_url: str) -> None:
    plan = policy(HUNT | {"wait": 3600}, step(CAT), retry=TWICE)
    other = policy(step(ANN), retry=TWICE) | {"name": "other"}
    with open_desk(store_url, plan, other, alarms=ONE_AN_HOUR) as desk:
        desk.raised()
        assert rung_in_vain(desk, 120) == [ANN, BOB]
        desk.raised(policy="other")

        assert rung_in_vain(desk, 600) == [ANN, BOB, ANN, CAT], (
            "the other alarm's two, of which one is shared"
        )


def test_who_joins_the_call_of_somebody_who_comes_again_is_owed_all_attempts(store_url: str) -> None:
    plan = policy(HUNT | {"wait": 3600}, retry=TWICE)
    other = policy(step(ANN), retry=TWICE) | {"name": "other"}
    with open_desk(store_url, plan, other, alarms=ONE_AN_HOUR) as desk:
        desk.raised()
        assert rung_in_vain(desk, 120) == [ANN, BOB]
        while desk.waiting() != [ANN]:
            rung_in_vain(desk, 2)
        desk.raised(policy="other")

        assert desk.waiting() == [ANN]
        assert rung_in_vain(desk, 900) == [ANN, ANN]


@pytest.mark.parametrize(
    ("call", "after"),
    [
        (Queued(START, START), PATIENCE),
        (Queued(START, START + 30 * SECOND), 30 * SECOND + PATIENCE),
        (Queued(START, START + 50 * SECOND, failing_since=START + SECOND), SECOND + PATIENCE),
        (Queued(START, START, limited_until=START + PATIENCE), 0 * SECOND),
        (Queued(START, START, limited_until=START + PATIENCE - SECOND), PATIENCE),
        (Queued(START, START + 2 * PATIENCE, limited_until=START + PATIENCE), 3 * PATIENCE),
        (Queued(START + 9 * SECOND, START - 9 * SECOND, failing_since=START), 9 * SECOND + PATIENCE),
    ],
)
def test_how_long_a_call_is_waited_for(call: Queued, after: timedelta) -> None:
    assert gives_way_at(call, START) - START == after
    assert gives_way_at(call, START, PATIENCE_LATER) >= gives_way_at(call, START)
