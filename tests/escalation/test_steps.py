"""From one person to the next: steps, waits, rounds, hunts, and the alarm's end."""

from dispatcher.domain.vocabulary import AlarmStatus
from tests.escalation.desk import ANN, BOB, CAT, DAN, forget_retries, open_desk, policy, step

ONCE = {"max_attempts": 1}


def test_the_next_step_begins_when_nobody_has_taken_it_in_hand_in_time(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=120), step(BOB))) as desk:
        alarm = desk.raised()
        assert desk.ring() == [ANN]

        desk.wait(119)
        assert desk.waiting() == []
        desk.wait(1)

        assert desk.ring() == [BOB]
        assert desk.ringing() == [ANN, BOB], "the first step's calls go on"
        assert desk.story(alarm) == ["raised", "escalated"]


def test_the_next_step_begins_at_once_when_all_was_in_vain(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, BOB, wait=600), step(CAT), retry=ONCE)) as desk:
        desk.raised()
        assert desk.ring() == [ANN, BOB]
        desk.busy(ANN)
        assert desk.ring() == []
        desk.busy(BOB)

        assert desk.ring() == [CAT]


def test_after_the_key_nobody_else_is_called(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, BOB, wait=60), step(CAT))) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.press(ANN, "1")
        desk.wait(3600)

        assert desk.waiting() == []
        assert desk.alarm(alarm).status == AlarmStatus.ACKNOWLEDGED
        assert desk.alarm(alarm).acknowledged_by == ANN
        assert dict(desk.outcomes(alarm)) == {ANN: "delivered", BOB: "cancelled"}


def test_a_hunt_calls_one_after_the_other(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, BOB, CAT, mode="hunt"), retry=ONCE)) as desk:
        alarm = desk.raised()
        for number in (ANN, BOB, CAT):
            assert desk.ring() == [number]
            assert desk.alarm(alarm).status == AlarmStatus.OPEN
            desk.busy(number)

        assert desk.waiting() == []
        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED


def test_a_contact_is_tried_by_one_way_after_the_other(store_url: str) -> None:
    to = {"to": [{"contact": "ann"}, {"number": CAT}]}
    with open_desk(store_url, policy(to, retry=ONCE)) as desk:
        desk.contact("ann", {"number": ANN}, {"number": BOB}, full_name="Ann Jansen")
        alarm = desk.raised()
        assert desk.ring() == [ANN, CAT]
        desk.busy(ANN)

        assert desk.ring() == [BOB]
        assert [page.contact for page in desk.pages(alarm)] == ["ann", "ann", None]


def test_all_steps_come_again_as_often_as_the_policy_says(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), step(BOB), repeat=1, retry=ONCE)) as desk:
        alarm = desk.raised()
        for number in (ANN, BOB, ANN, BOB):
            assert desk.ring() == [number]
            desk.busy(number)

        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED
        assert desk.story(alarm) == ["raised", "escalated", "escalated", "escalated", "exhausted"]


def test_a_step_with_nobody_to_call_is_passed_over(store_url: str) -> None:
    with open_desk(
        store_url, policy(step(ANN), {"to": [{"contact": "gone"}]}, step(BOB), retry=ONCE)
    ) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.busy(ANN)

        assert desk.ring() == [BOB]
        assert "left_out" in desk.story(alarm)


def test_what_was_delivered_goes_no_further(store_url: str) -> None:
    heard = policy(step(ANN, wait=60), step(BOB), delivered_when="answered")
    with open_desk(store_url, heard) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.answer(ANN)
        desk.hang_up(ANN)
        desk.wait(3600)

        assert desk.waiting() == []
        assert desk.alarm(alarm).status == AlarmStatus.OPEN
        assert desk.alarm(alarm).next_at is None


def test_an_expired_alarm_goes_no_further(store_url: str) -> None:
    short = policy(step(ANN, wait=60), step(BOB), expires_after=90.0)
    with open_desk(store_url, short) as desk:
        desk.raised()
        desk.ring()
        desk.clock.move(seconds=100)
        desk.look()

        assert desk.waiting() == []


def test_an_acknowledged_alarm_that_nobody_resolves_pages_again(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=60), step(BOB), remind_after=1800)) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.press(ANN, "1")
        desk.hang_up(ANN)
        desk.wait(1799)
        assert desk.waiting() == []
        desk.wait(1)

        assert desk.alarm(alarm).status == AlarmStatus.OPEN
        assert desk.ring() == [ANN]
        desk.wait(60)
        assert desk.ring() == [BOB]
        assert desk.story(alarm)[-3:] == ["reopened", "escalated", "escalated"]


def test_a_resolved_alarm_does_not_page_again(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), remind_after=1800)) as desk:
        desk.raised(dedup_key="b")
        desk.ring()
        desk.press(ANN, "1")
        desk.hang_up(ANN)
        desk.raised(dedup_key="b", status="resolved")
        desk.wait(7200)

        assert desk.waiting() == []


def test_who_was_told_is_told_of_the_end(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, BOB), resolved_message={"ivr": "6600"}, retry=ONCE)) as desk:
        alarm = desk.raised(dedup_key="b")
        desk.ring()
        desk.press(ANN, "1")
        desk.hang_up(ANN)
        desk.raised(dedup_key="b", status="resolved")

        assert desk.ring() == [ANN], "and not Bob, who never answered"
        desk.answer(ANN)
        desk.hang_up(ANN)
        assert [page.purpose for page in desk.pages(alarm)].count("resolved") == 1
        assert desk.waiting() == []


def test_a_route_by_severity_waits_for_its_hours_or_records_only(store_url: str) -> None:
    office = {"windows": [{"days": ["mon"], "from": "08:00", "to": "17:00"}]}
    routed = policy(step(ANN), severity={"warning": office, "info": "record"}, timezone="Europe/Amsterdam")
    with open_desk(store_url, routed) as desk:  # It is Saturday, 10:00 UTC.
        info, warning = desk.raised(severity="info"), desk.raised(severity="warning")
        assert desk.waiting() == []
        assert "recorded only" in desk.alarm(info).held_why
        desk.wait(45 * 3600 - 1)
        assert desk.waiting() == []
        desk.wait(1)

        assert desk.waiting() == [ANN]
        assert desk.story(warning) == ["raised", "held"]
        assert desk.alarm(warning).held_why is None
        assert desk.alarm(info).status == AlarmStatus.OPEN


def test_the_keys_of_a_retry_are_not_lost_on_the_way(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=60), step(DAN))) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.busy(ANN)
        forget_retries(desk)
        desk.ring()
        desk.press(ANN, "1")

        assert desk.alarm(alarm).status == AlarmStatus.ACKNOWLEDGED
