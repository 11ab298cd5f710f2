"""Two ways to fail people: nobody calls who should have, and calling again who has been reached."""

from dispatcher.domain.vocabulary import AlarmStatus
from tests.escalation.desk import ANN, BOB, open_desk, policy, step

ONCE = {"max_attempts": 1}


def test_a_later_step_joins_the_call_that_waits_for_its_retry_since_an_earlier_one(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=60), step(ANN, BOB), retry={"busy": 600})) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.busy(ANN)
        desk.wait(60)

        assert desk.ring() == [ANN, BOB]
        desk.press(ANN, "1")
        assert desk.alarm(alarm).status == AlarmStatus.ACKNOWLEDGED
        assert desk.waiting() == []


def test_the_next_in_line_joins_their_own_call_of_an_earlier_step(store_url: str) -> None:
    hunted = policy(step(BOB, wait=60), step(ANN, BOB, mode="hunt"), retry={"max_attempts": 2, "busy": 600})
    with open_desk(store_url, hunted) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.busy(BOB)
        desk.wait(60)
        assert desk.ring() == [ANN]
        desk.busy(ANN)
        desk.clock.move(seconds=600)
        assert desk.ring() == [ANN, BOB]
        desk.busy(ANN)

        assert desk.alarm(alarm).status == AlarmStatus.OPEN


def test_a_reminder_has_the_rounds_of_the_policy_and_ends_in_vain_like_the_first_time(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), remind_after=1800, retry=ONCE)) as desk:
        alarm = desk.raised()
        for _ in range(3):
            assert desk.ring() == [ANN]
            desk.press(ANN, "1")
            desk.hang_up(ANN)
            desk.wait(1800)
        assert desk.ring() == [ANN]
        desk.busy(ANN)

        assert desk.waiting() == []
        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED
