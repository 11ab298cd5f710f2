"""A repeat that is graver: who has not been called yet hears the message of the graver alarm."""

from datetime import timedelta
from typing import Any

import pytest

from dispatcher.api.views import alarm_summary
from dispatcher.escalation import silences
from dispatcher.store.requests import for_call
from dispatcher.store.tables import Alarm, Call, table
from dispatcher.work import carry_out
from tests.escalation.desk import ANN, BOB, CAT, Desk, open_desk, policy, step

_calls = table(Call)
BY_SEVERITY = [{"severity": ["critical"], "message": {"ivr": "6599"}, "keys": {"5": "escalate"}}]


def graver(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return policy(*steps, messages=BY_SEVERITY, retry={"max_attempts": 2, "busy": 60}, **more)


def heard(desk: Desk) -> list[tuple[str, str]]:
    """What each call plays that waits or rings: by number, as the dial worker reads it."""
    with desk.core.store.read() as tx:
        rows = tx.execute(
            _calls.select().where(_calls.c.state.in_(["queued", "active"])).order_by(_calls.c.number)
        ).all()
        requests = desk.core.ledger.requests.of(tx, {(row.alarm_id, None) for row in rows})
    return [(row.number, for_call(requests[row.alarm_id], row).message_value) for row in rows]


def test_a_graver_repeat_changes_the_message_of_calls_that_wait(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN, wait=300), step(BOB))) as desk:
        alarm = desk.raised(severity="warning", dedup_key="pump")
        assert heard(desk) == [(ANN, "6500")]
        desk.raised(severity="critical", dedup_key="pump")

        assert heard(desk) == [(ANN, "6599")]
        assert "message_changed" in desk.story(alarm)
        desk.ring()
        desk.wait(300)
        assert heard(desk) == [(ANN, "6599"), (BOB, "6599")], "the next step has it too"


def test_a_call_that_rings_keeps_its_message_and_the_retry_has_the_new_one(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN, BOB))) as desk:
        desk.raised(severity="warning", dedup_key="pump")
        desk.ring()
        desk.busy(BOB)
        desk.raised(severity="critical", dedup_key="pump")

        assert heard(desk) == [(ANN, "6500"), (BOB, "6599")]


def test_a_call_that_others_share_goes_on_for_them(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN))) as desk:
        desk.raised(severity="warning", dedup_key="pump")
        other = desk.raised(severity="warning", dedup_key="fan")
        desk.raised(severity="critical", dedup_key="pump")

        assert sorted(heard(desk)) == [(ANN, "6500"), (ANN, "6599")]
        assert dict(desk.outcomes(other)) == {ANN: "queued"}


def test_the_keys_of_the_graver_message_come_with_it(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN), step(CAT))) as desk:
        desk.raised(severity="warning", dedup_key="pump")
        desk.raised(severity="critical", dedup_key="pump")
        desk.ring()
        desk.press(ANN, "5")

        assert CAT in desk.waiting()


def five_does(lesser: str, graver: str) -> dict[str, Any]:
    """A policy whose key 5 does one thing in the lesser message, and another in the graver."""
    rule = {"severity": ["critical"], "message": {"ivr": "6599"}, "keys": {"5": graver}}
    return policy(step(ANN, wait=300), step(CAT), keys={"5": lesser}, messages=[rule])


def pressed_in_the_graver(desk: Desk) -> str:
    """An alarm that has become critical before Ann hears of it and presses 5."""
    alarm = desk.raised(severity="warning", dedup_key="pump")
    desk.clock.move(seconds=1)
    desk.raised(severity="critical", dedup_key="pump")
    desk.ring()
    desk.press(ANN, "5")
    return alarm


def test_the_acknowledging_keys_of_the_graver_message_come_with_it(store_url: str) -> None:
    with open_desk(store_url, five_does("repeat", "acknowledge")) as desk:
        alarm = pressed_in_the_graver(desk)

        assert desk.alarm(alarm).status == "acknowledged"
        assert alarm_summary(desk.alarm(alarm), {}).ack_digits == "15"


def test_a_key_that_acknowledges_in_the_lesser_message_alone_does_not_in_the_graver(store_url: str) -> None:
    with open_desk(store_url, five_does("acknowledge", "escalate")) as desk:
        alarm = pressed_in_the_graver(desk)

        assert desk.alarm(alarm).status == "open"
        assert desk.waiting() == [CAT]


@pytest.mark.parametrize(("does", "status"), [("acknowledge", "acknowledged"), ("resolve", "resolved")])
def test_who_hears_the_lesser_message_presses_its_keys(store_url: str, does: str, status: str) -> None:
    with open_desk(store_url, five_does(does, "escalate")) as desk:
        alarm = desk.raised(severity="warning", dedup_key="pump")
        desk.ring()
        desk.clock.move(seconds=1)
        desk.raised(severity="critical", dedup_key="pump")
        desk.press(ANN, "5")

        assert desk.alarm(alarm).status == status


def test_a_shared_call_keeps_its_keys_when_an_alarm_leaves_it(store_url: str) -> None:
    with open_desk(store_url, five_does("escalate", "acknowledge")) as desk:
        desk.raised(severity="warning", dedup_key="pump")
        fan = desk.raised(severity="warning", dedup_key="fan")
        desk.clock.move(seconds=1)
        desk.raised(severity="critical", dedup_key="pump")
        desk.ring()
        desk.press(ANN, "1")
        desk.hang_up(ANN)
        assert desk.ring() == [ANN], "for the fan"
        desk.press(ANN, "5")

        assert desk.alarm(fan).status == "open"
        assert desk.waiting() == [CAT]


def test_keys_alone_may_be_others_in_a_graver_alarm(store_url: str) -> None:
    rule = {"severity": ["critical"], "message": {"ivr": "6500"}, "keys": {"5": "acknowledge"}}
    with open_desk(store_url, policy(step(ANN), messages=[rule])) as desk:
        alarm = pressed_in_the_graver(desk)

        assert desk.alarm(alarm).status == "acknowledged"
        assert "first_message" not in alarm_summary(desk.alarm(alarm), {}).model_dump(mode="json")


def test_keys_that_only_the_graver_message_has_answer_its_call(store_url: str) -> None:
    """Also where what the alarm asks for was read before."""
    with open_desk(store_url, graver(step(ANN), step(CAT))) as desk:
        alarm = desk.raised(severity="warning", dedup_key="pump")
        desk.ring()
        desk.busy(ANN)
        desk.raised(severity="critical", dedup_key="pump")
        desk.ring()
        desk.press(ANN, "5")
        desk.hang_up(ANN)

        assert (ANN, "delivered") in desk.outcomes(alarm)
        assert desk.waiting() == [CAT]


def test_a_lesser_or_equal_repeat_changes_nothing(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN))) as desk:
        alarm = desk.raised(severity="critical", dedup_key="pump")
        desk.raised(severity="warning", dedup_key="pump")
        desk.raised(severity="critical", dedup_key="pump")

        assert heard(desk) == [(ANN, "6599")]
        assert "message_changed" not in desk.story(alarm)


def test_an_alarm_that_waits_for_its_group_still_does_when_it_gets_graver(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN), group={"by": [], "wait": 30, "interval": 300})) as desk:
        desk.raised(severity="warning", dedup_key="pump")
        desk.wait(10)
        desk.raised(severity="critical", dedup_key="pump")
        desk.look()
        assert heard(desk) == []
        desk.wait(20)

        assert heard(desk) == [(ANN, "6599")]


def test_a_held_alarm_that_gets_graver_is_told_with_the_graver_message(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN), severity={"warning": "record"})) as desk:
        desk.raised(severity="warning", dedup_key="pump")
        assert heard(desk) == []
        desk.raised(severity="critical", dedup_key="pump")
        desk.look()

        assert heard(desk) == [(ANN, "6599")]


def test_the_alarm_shows_what_is_heard_now_and_what_was_before(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN))) as desk:
        alarm = desk.raised(severity="warning", dedup_key="pump")
        shown = alarm_summary(desk.alarm(alarm), {}).model_dump(mode="json")
        assert shown["message"] == {"ivr": "6500"}
        assert "first_message" not in shown
        desk.raised(severity="critical", dedup_key="pump")

        shown = alarm_summary(desk.alarm(alarm), {}).model_dump(mode="json")
        assert (shown["message"], shown["first_message"]) == ({"ivr": "6599"}, {"ivr": "6500"})


def silence(desk: Desk, label: str, value: str) -> None:
    matchers, until = [{"label": label, "op": "=", "value": value}], desk.clock() + timedelta(hours=8)
    carry_out(desk.core, lambda work: silences.create(work, matchers, ends_at=until, by="ann"))


def inhibition(desk: Desk, label: str, greater: str, lesser: str) -> None:
    rule = {
        "source": [{"label": label, "op": "=", "value": greater}],
        "target": [{"label": label, "op": "=", "value": lesser}],
        "equal": [],
    }
    carry_out(desk.core, lambda work: silences.put_inhibition(work, "lesser", rule))


def test_a_silence_that_no_longer_fits_lets_go_at_once(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN))) as desk:
        silence(desk, "severity", "warning")
        alarm = desk.raised(severity="warning", dedup_key="pump")
        assert desk.alarm(alarm).held_why is not None
        desk.raised(severity="critical", dedup_key="pump")
        desk.look()

        assert desk.alarm(alarm).held_why is None
        assert heard(desk) == [(ANN, "6599")]


def test_a_silence_that_fits_only_now_takes_hold_at_once(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN))) as desk:
        silence(desk, "summary", "Boiler 4")
        alarm = desk.raised(dedup_key="pump")
        assert desk.waiting() == [ANN]
        desk.raised(dedup_key="pump", summary="Boiler 4")
        desk.look()

        assert desk.waiting() == []
        assert desk.alarm(alarm).held_why is not None


def test_an_alarm_that_gets_graver_keeps_the_lesser_quiet_and_is_so_no_more(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), bundle=False)) as desk:
        inhibition(desk, "severity", "critical", "warning")
        pump, fan = (desk.raised(severity="warning", dedup_key=key) for key in ("pump", "fan"))
        assert desk.waiting() == [ANN, ANN]
        desk.raised(severity="critical", dedup_key="pump")
        desk.look()
        assert (desk.alarm(pump).held_by, desk.alarm(fan).held_by) == (None, pump)
        desk.raised(severity="critical", dedup_key="fan")
        desk.look()
        assert desk.alarm(fan).held_by is None, "graver itself"
        desk.raised(severity="warning", dedup_key="fan")
        desk.look()
        assert desk.alarm(fan).held_by == pump
        desk.raised(severity="warning", dedup_key="pump")
        desk.look()

        assert desk.alarm(fan).held_by is None, "neither is the greater one"
        assert desk.waiting() == [ANN, ANN]


def test_a_repeat_brings_its_labels(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN))) as desk:
        silence(desk, "state", "WARNING")
        alarm = desk.raised(
            severity="warning", dedup_key="pump", labels={"state": "WARNING", "site": "north"}
        )
        assert desk.waiting() == []
        desk.raised(severity="warning", dedup_key="pump")
        assert desk.alarm(alarm).labels == {"state": "WARNING", "site": "north"}, "it says nothing of them"
        desk.raised(severity="critical", dedup_key="pump", labels={"state": "CRITICAL"})
        desk.look()

        assert desk.alarm(alarm).labels == {"state": "CRITICAL"}
        assert heard(desk) == [(ANN, "6599")]


def test_inhibitions_match_the_labels_of_the_last_repeat(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), bundle=False)) as desk:
        inhibition(desk, "state", "DOWN", "WARNING")
        lesser = desk.raised(dedup_key="temperature", labels={"state": "WARNING"})
        host = desk.raised(dedup_key="host", labels={"state": "UP"})
        desk.raised(dedup_key="host", labels={"state": "DOWN"})
        desk.look()
        assert desk.alarm(lesser).held_by == host
        desk.raised(dedup_key="temperature", labels={"state": "CRITICAL"})
        desk.look()

        assert desk.alarm(lesser).held_by is None


def test_labels_that_bring_an_alarm_to_another_group_do_not_make_it_wait_longer(store_url: str) -> None:
    grouped = policy(step(ANN), group={"by": ["state"], "wait": 30, "interval": 300})
    with open_desk(store_url, grouped) as desk:
        alarm = desk.raised(dedup_key="pump", labels={"state": "WARNING"})
        for state in ("CRITICAL", "WARNING", "CRITICAL"):
            desk.wait(9)
            desk.raised(dedup_key="pump", labels={"state": state})
            desk.look()
            assert desk.waiting() == []
        desk.wait(3)

        assert desk.waiting() == [ANN]
        assert desk.alarm(alarm).held_why is None


def test_a_call_that_its_callee_s_limit_puts_off_waits_no_longer_than_a_critical_one(store_url: str) -> None:
    limits = {"most_per_minute": 60, "most_per_hour": 2}
    with open_desk(store_url, policy(step(ANN), retry={"max_attempts": 1}), alarms=limits) as desk:
        for _ in range(2):
            desk.raised(severity="warning")
            assert desk.ring() == [ANN]
            desk.press(ANN, "1")
            desk.hang_up(ANN)
        desk.raised(severity="warning", dedup_key="pump")
        assert desk.ring() == []
        desk.clock.move(seconds=60)
        assert desk.ring() == [], "put off for an hour"
        desk.raised(severity="critical", dedup_key="pump")
        desk.clock.move(seconds=3)
        assert desk.ring() == [], "within five minutes of the last call"
        desk.clock.move(seconds=240)

        assert desk.ring() == [ANN]


def test_a_lesser_repeat_leaves_a_call_to_its_retry(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN))) as desk:
        desk.raised(severity="critical", dedup_key="pump")
        desk.ring()
        desk.busy(ANN)
        desk.raised(severity="warning", dedup_key="pump")
        desk.raised(severity="critical", dedup_key="pump")
        desk.clock.move(seconds=10)
        assert desk.ring() == []


def test_an_acknowledged_alarm_that_gets_graver_reminds_as_the_graver_one(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN), severity={"warning": "record"}, remind_after=3600)) as desk:
        alarm = desk.raised(severity="info", dedup_key="pump")
        desk.ring()
        desk.press(ANN, "1")
        desk.hang_up(ANN)
        assert desk.alarm(alarm).status == "acknowledged"
        reminds_at = desk.alarm(alarm).next_at
        desk.raised(severity="warning", dedup_key="pump")
        desk.raised(severity="critical", dedup_key="pump")
        desk.look()
        assert (desk.waiting(), desk.alarm(alarm).next_at) == ([], reminds_at), "it is in hand"
        desk.wait(3600)

        assert heard(desk) == [(ANN, "6599")]
        assert desk.alarm(alarm).held_why is None


def test_a_repeat_of_an_alarm_whose_plan_can_not_be_read_counts(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN))) as desk:
        alarm = desk.raised(severity="warning", dedup_key="pump")
        with desk.core.store.write() as tx:
            tx.execute(table(Alarm).update().values(plan={"steps": "of another release"}))
        assert desk.raised(severity="critical", dedup_key="pump") == alarm

        assert (desk.alarm(alarm).occurrences, desk.alarm(alarm).severity) == (2, "critical")


def test_an_alarm_whose_plan_can_not_be_read_can_be_resolved(store_url: str) -> None:
    with open_desk(store_url, graver(step(ANN))) as desk:
        alarm = desk.raised(severity="warning", dedup_key="pump")
        with desk.core.store.write() as tx:
            tx.execute(table(Alarm).update().values(plan={"steps": "of another release"}))
        assert desk.raised(dedup_key="pump", status="resolved") == alarm

        assert (desk.alarm(alarm).status, desk.waiting()) == ("resolved", [])
