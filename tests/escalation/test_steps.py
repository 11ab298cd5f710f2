"""From one person to the next: steps, waits, rounds, hunts, and the alarm's end."""

from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.escalation.advancing import go_on_at_once
from dispatcher.work import carry_out
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
    with open_desk(store_url, policy(step(ANN), step(BOB, wait=60), repeat=1, retry=ONCE)) as desk:
        alarm = desk.raised()
        for number in (ANN, BOB):
            assert desk.ring() == [number]
            desk.busy(number)
        desk.wait(59)
        assert desk.waiting() == [], "who was busy a moment ago is not called at once again"
        desk.wait(1)
        for number in (ANN, BOB):
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
        assert desk.story(alarm)[-3:] == ["reopened", "resumed", "escalated"]


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


MORNING = {"windows": [{"days": ["sat"], "from": "08:00", "to": "11:00"}]}


def test_at_the_end_of_its_hours_nobody_is_called_any_more_and_it_begins_anew_in_the_next(
    store_url: str,
) -> None:
    routed = policy(step(ANN, wait=1800), step(BOB, wait=7200), severity={"warning": MORNING})
    with open_desk(store_url, routed) as desk:  # It is Saturday, 10:00 UTC.
        alarm = desk.raised(severity="warning")
        assert desk.ring() == [ANN]
        desk.busy(ANN)
        desk.wait(1800)
        assert desk.ring() == [ANN, BOB]
        desk.busy(ANN)
        desk.busy(BOB)
        desk.wait(1800)

        assert desk.waiting() == []
        assert "wait for their hours" in desk.alarm(alarm).held_why
        desk.wait(7 * 86_400 - 3 * 3600 - 1)
        assert desk.waiting() == []
        desk.wait(1)
        assert desk.ring() == [ANN]
        assert desk.alarm(alarm).status == AlarmStatus.OPEN


def test_the_hours_of_the_lesser_do_not_end_the_calls_of_what_has_become_graver(store_url: str) -> None:
    routed = policy(step(ANN, wait=5400), step(BOB), severity={"warning": MORNING})
    with open_desk(store_url, routed) as desk:  # It is Saturday, 10:00 UTC.
        alarm = desk.raised(severity="warning", dedup_key="disk")
        assert desk.ring() == [ANN]
        desk.raised(severity="critical", dedup_key="disk")
        desk.look()
        desk.wait(3600)

        assert desk.alarm(alarm).held_why is None
        assert desk.ringing() == [ANN]
        desk.wait(1800)
        assert desk.ring() == [BOB]


def test_what_everybody_was_tried_for_in_vain_is_exhausted_within_its_hours(store_url: str) -> None:
    routed = policy(step(ANN), severity={"warning": MORNING}, retry=ONCE)
    with open_desk(store_url, routed) as desk:
        alarm = desk.raised(severity="warning")
        desk.ring()
        desk.busy(ANN)

        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED


def test_whoever_asks_to_go_on_out_of_hours_is_not_held_by_them_until_the_next_are_over(
    store_url: str,
) -> None:
    routed = policy(step(ANN, wait=90_000), step(BOB), severity={"warning": MORNING})
    with open_desk(store_url, routed) as desk:
        desk.wait(2 * 3600)  # The hours are over.
        alarm = desk.raised(severity="warning")
        assert desk.waiting() == []
        assert carry_out(desk.core, lambda work: go_on_at_once(work, alarm, "ann"))
        assert desk.ring() == [ANN]
        desk.busy(ANN)
        desk.wait(3600)
        assert desk.ring() == [ANN]
        desk.busy(ANN)

        desk.wait(7 * 86_400)
        assert desk.alarm(alarm).held_why is not None


def test_the_keys_of_a_retry_are_not_lost_on_the_way(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=60), step(DAN))) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.busy(ANN)
        forget_retries(desk)
        desk.ring()
        desk.press(ANN, "1")

        assert desk.alarm(alarm).status == AlarmStatus.ACKNOWLEDGED
