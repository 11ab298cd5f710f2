"""Nobody on call: a gap is waited for, and never uses up an alarm's rounds in a moment."""

from typing import Any

from dispatcher.directory import schedules
from dispatcher.directory.contacts import create_contact, create_group, put_group
from dispatcher.directory.requests import ContactGroupSpec, NewContact, NewContactGroup, NewSchedule
from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.escalation.advancing import go_on_at_once
from dispatcher.metrics import catalogue
from dispatcher.store import tallies
from dispatcher.work import carry_out
from tests.escalation.desk import ANN, BOB, Desk, open_desk, policy, step

ONCE = {"max_attempts": 1}
ON_CALL = {"to": [{"schedule": "duty"}]}


def rota(desk: Desk, since: str, starts: str = "2026-11-16") -> None:
    """Ann is on call on Saturdays from this time of day on; the desk's clock begins on one, at 10:00 UTC."""
    layer: dict[str, Any] = {"members": ["ann"], "starts": starts}
    layer["windows"] = [{"days": ["sat"], "from": since, "to": "23:00"}]
    contact = NewContact.model_validate({"name": "ann", "ways": [{"number": ANN}]})
    spec = NewSchedule.model_validate({"name": "duty", "timezone": "UTC", "layers": [layer]})
    carry_out(desk.core, lambda work: create_contact(work, contact))
    carry_out(desk.core, lambda work: schedules.create(work, spec))


def nobody_was_told(desk: Desk) -> float:
    with desk.core.store.read() as tx:
        counted = {name: value for name, _, value in tallies.totals(tx)}
    return counted.get(catalogue.ALARMS_NOBODY.name, 0)


def test_whoever_comes_on_call_some_minutes_later_is_called(store_url: str) -> None:
    with open_desk(store_url, policy(ON_CALL, repeat=3)) as desk:
        rota(desk, "10:04")
        alarm = desk.raised()

        assert desk.alarm(alarm).status == AlarmStatus.OPEN
        assert "looked for until 10:05:00 UTC" in desk.alarm(alarm).held_why
        for _ in range(7):
            desk.wait(30)
            assert desk.waiting() == []
        desk.wait(30)

        assert desk.ring() == [ANN]
        assert desk.alarm(alarm).held_why is None
        assert desk.alarm(alarm).round == 0
        assert desk.story(alarm) == ["raised", "left_out", "nobody"], "told once, not at each look"
        assert nobody_was_told(desk) == 1


def test_every_round_of_a_gap_takes_its_time(store_url: str) -> None:
    steps = ON_CALL | {"wait": 120}, ON_CALL | {"wait": 60}
    with open_desk(store_url, policy(*steps, repeat=1)) as desk:
        rota(desk, "22:00")
        alarm = desk.raised()
        desk.wait(179)
        assert (desk.alarm(alarm).step, desk.alarm(alarm).round) == (0, 0)
        desk.wait(1)
        assert (desk.alarm(alarm).step, desk.alarm(alarm).round) == (0, 1)
        desk.wait(179)
        assert desk.alarm(alarm).status == AlarmStatus.OPEN
        desk.wait(1)

        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED
        assert desk.story(alarm)[-2:] == ["nobody", "exhausted"]


def test_steps_without_a_wait_do_not_use_up_the_rounds_at_once_either(store_url: str) -> None:
    with open_desk(store_url, policy(ON_CALL | {"wait": 0}, repeat=100)) as desk:
        rota(desk, "22:00")
        alarm = desk.raised()
        for _ in range(20):
            desk.wait(30)

        assert desk.alarm(alarm).status == AlarmStatus.OPEN
        assert desk.alarm(alarm).round == 10


def test_the_next_step_with_somebody_is_reached_without_delay(store_url: str) -> None:
    steps = ON_CALL | {"wait": 600}, ON_CALL | {"wait": 600}, step(BOB)
    with open_desk(store_url, policy(*steps)) as desk:
        rota(desk, "22:00")
        desk.raised()

        assert desk.ring() == [BOB]


def test_after_a_gap_at_the_end_of_a_round_the_next_waits_for_its_time(store_url: str) -> None:
    with open_desk(store_url, policy(step(BOB), ON_CALL | {"wait": 120}, repeat=1, retry=ONCE)) as desk:
        rota(desk, "22:00")
        alarm = desk.raised()
        desk.ring()
        desk.busy(BOB)
        desk.wait(119)
        assert desk.waiting() == [], "who was busy a moment ago is not called at once again"
        desk.wait(1)

        assert desk.ring() == [BOB]
        assert desk.alarm(alarm).round == 1


def test_the_key_of_an_earlier_step_ends_the_wait(store_url: str) -> None:
    with open_desk(store_url, policy(step(BOB, wait=60), ON_CALL)) as desk:
        rota(desk, "10:02")
        alarm = desk.raised()
        desk.ring()
        desk.wait(60)
        assert "nobody can be called" in desk.alarm(alarm).held_why
        desk.press(BOB, "1")
        desk.wait(300)

        assert desk.alarm(alarm).status == AlarmStatus.ACKNOWLEDGED
        assert desk.waiting() == []


def test_a_hunt_of_an_earlier_step_goes_on_meanwhile(store_url: str) -> None:
    hunt = step(BOB, "+31655555555", mode="hunt", wait=60)
    with open_desk(store_url, policy(hunt, ON_CALL | {"wait": 900}, retry=ONCE)) as desk:
        rota(desk, "10:10")
        alarm = desk.raised()
        desk.ring()
        desk.wait(60)
        desk.busy(BOB)

        assert desk.ring() == ["+31655555555"]
        desk.busy("+31655555555")
        assert desk.alarm(alarm).status == AlarmStatus.OPEN
        desk.wait(540)
        assert desk.ring() == [ANN]


def test_whoever_asks_to_go_on_does_not_wait_for_the_next_round(store_url: str) -> None:
    with open_desk(store_url, policy(step(BOB), ON_CALL, repeat=1, retry=ONCE)) as desk:
        rota(desk, "22:00")
        alarm = desk.raised()
        desk.ring()
        desk.busy(BOB)
        assert desk.waiting() == []
        assert carry_out(desk.core, lambda work: go_on_at_once(work, alarm, "ann"))

        assert desk.ring() == [BOB]


def test_where_nobody_can_ever_be_called_the_alarm_says_so_at_once(store_url: str) -> None:
    gone = {"to": [{"contact": "gone"}]}
    with open_desk(store_url, policy(gone, gone, repeat=2)) as desk:
        alarm = desk.raised()

        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED


def test_a_group_that_gets_a_member_is_called(store_url: str) -> None:
    with open_desk(store_url, policy({"to": [{"group": "ops"}]})) as desk:
        empty = NewContactGroup.model_validate({"name": "ops", "members": []})
        carry_out(desk.core, lambda work: create_group(work, empty))
        alarm = desk.raised()
        assert desk.alarm(alarm).status == AlarmStatus.OPEN
        contact = NewContact.model_validate({"name": "ann", "ways": [{"number": ANN}]})
        carry_out(desk.core, lambda work: create_contact(work, contact))
        carry_out(desk.core, lambda work: put_group(work, "ops", ContactGroupSpec(members=["ann"])))
        desk.wait(30)

        assert desk.ring() == [ANN]


OFFICE = {"windows": [{"days": ["sat"], "from": "08:00", "to": "10:02"}]}


def test_hours_that_end_meanwhile_hold_the_alarm_and_it_looks_anew_in_the_next(store_url: str) -> None:
    routed = policy(ON_CALL | {"wait": 300}, severity={"warning": OFFICE})
    with open_desk(store_url, routed) as desk:
        rota(desk, "07:00", starts="2026-11-22")
        alarm = desk.raised(severity="warning")
        desk.wait(120)
        assert "wait for their hours" in desk.alarm(alarm).held_why
        desk.wait(7 * 86_400 - 2 * 3600 - 121)
        assert desk.waiting() == []
        desk.wait(1)

        assert desk.ring() == [ANN]
        assert desk.alarm(alarm).held_why is None


def test_the_time_of_its_group_has_come_once(store_url: str) -> None:
    """A group's interval holds what joins it, and not an alarm that looks for somebody already."""
    grouped = policy(ON_CALL, group={"by": [], "wait": 30, "interval": 3600}, repeat=1)
    with open_desk(store_url, grouped) as desk:
        rota(desk, "10:02")
        desk.raised()
        for _ in range(4):
            desk.wait(30)

        assert desk.waiting() == [ANN]


def test_a_group_with_nobody_to_call_comes_to_its_end(store_url: str) -> None:
    grouped = policy(ON_CALL | {"wait": 60}, group={"by": [], "wait": 30, "interval": 300})
    with open_desk(store_url, grouped) as desk:
        rota(desk, "22:00")
        alarm = desk.raised()
        for _ in range(4):
            desk.wait(30)

        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED
        assert desk.story(alarm).count("nobody") == 1


def test_nobody_is_called_once_a_call_of_the_round_before_was_heard(store_url: str) -> None:
    routed = policy(
        step(BOB, wait=60), delivered_when="heard", repeat=1, retry={"max_attempts": 2, "busy": 90}
    )
    routed["steps"].append(ON_CALL | {"wait": 60})
    with open_desk(store_url, routed) as desk:
        rota(desk, "10:03")
        alarm = desk.raised()
        desk.ring()
        desk.busy(BOB)
        desk.wait(60)
        assert "nobody can be called" in desk.alarm(alarm).held_why
        desk.wait(30)
        assert desk.ring() == [BOB]
        desk.hear(BOB)
        desk.hang_up(BOB)
        for _ in range(10):
            desk.wait(30)

        assert desk.ring() == []
        assert desk.alarm(alarm).held_why is None


def test_who_sends_it_on_in_the_last_round_does_not_end_the_search(store_url: str) -> None:
    """Bob hears of a warning; before he presses a key it is critical, whose keys are others, and in a gap."""
    rule = {"severity": ["critical"], "message": {"ivr": "6599"}, "keys": {}}
    steps = step(BOB, wait=60), ON_CALL | {"wait": 600}
    with open_desk(store_url, policy(*steps, keys={"4": "escalate"}, messages=[rule])) as desk:
        rota(desk, "10:05")
        alarm = desk.raised(severity="warning", dedup_key="boiler")
        desk.ring()
        desk.answer(BOB)
        desk.wait(60)
        desk.raised(severity="critical", dedup_key="boiler")
        desk.press(BOB, "4")
        desk.hang_up(BOB)
        for _ in range(10):
            desk.wait(30)

        assert ANN in desk.ring()
        assert desk.alarm(alarm).acknowledged_at is None
