"""One call for all of one person's open alarms, and nobody's phone ringing for two at the same time."""

from typing import Any

from dispatcher.api.reading import calls_of_alarm, timeline_of_alarm
from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.intake import by_hand
from dispatcher.store.pages import call_counts
from dispatcher.work import carry_out
from tests.escalation.desk import ANN, BOB, CAT, Desk, open_desk, policy, step

NIGHT = policy(step(ANN, BOB))


def test_alarms_that_wait_for_one_person_are_told_by_one_call(store_url: str) -> None:
    with open_desk(store_url, NIGHT) as desk:
        alarms = [desk.raised(summary=f"pump {number}") for number in range(20)]

        assert desk.ring() == [ANN, BOB]
        desk.press(ANN, "1")
        assert {desk.alarm(alarm).status for alarm in alarms} == {AlarmStatus.ACKNOWLEDGED}
        assert all(dict(desk.outcomes(alarm)) == {ANN: "delivered", BOB: "cancelled"} for alarm in alarms)


def test_an_alarm_that_comes_while_the_phone_rings_waits_for_the_end_of_the_call(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN))) as desk:
        first = desk.raised()
        desk.ring()
        second, third = desk.raised(), desk.raised()
        assert desk.ring() == []
        desk.press(ANN, "1")
        assert desk.ring() == []
        desk.hang_up(ANN)

        assert desk.ring() == [ANN]
        assert desk.alarm(first).status == AlarmStatus.ACKNOWLEDGED
        desk.press(ANN, "1")
        assert desk.alarm(second).status == desk.alarm(third).status == AlarmStatus.ACKNOWLEDGED


def test_who_joins_a_call_that_waits_for_its_retry_is_owed_all_attempts_at_once(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), retry={"max_attempts": 2, "busy": 600})) as desk:
        desk.raised()
        desk.ring()
        desk.busy(ANN)
        assert desk.ring() == []
        second = desk.raised()

        assert desk.ring() == [ANN]
        desk.busy(ANN)
        assert desk.waiting() == [ANN], "the second of two attempts is still to come"
        assert desk.alarm(second).status == AlarmStatus.OPEN


def test_a_call_goes_on_while_one_of_its_alarms_is_open(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN))) as desk:
        first, second = desk.raised(dedup_key="a"), desk.raised(dedup_key="b")
        desk.raised(dedup_key="a", status="resolved")
        assert desk.waiting() == [ANN]
        assert desk.alarm(first).status == AlarmStatus.RESOLVED
        desk.ring()
        desk.busy(ANN)
        assert desk.waiting() == [ANN]
        desk.raised(dedup_key="b", status="resolved")

        assert desk.waiting() == []
        assert desk.outcomes(second) == [(ANN, "cancelled")]


def test_another_message_is_another_call(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN))) as desk:
        desk.raised()
        desk.raised(message={"ivr": "6501"})
        assert desk.waiting() == [ANN, ANN]
        assert desk.ring() == [ANN], "but not at the same time"


def test_every_alarm_of_a_call_in_vain_goes_on(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=600), step(BOB), retry={"max_attempts": 1})) as desk:
        alarms = [desk.raised() for _ in range(3)]
        desk.ring()
        desk.busy(ANN)

        assert desk.ring() == [BOB]
        desk.busy(BOB)
        assert {desk.alarm(alarm).status for alarm in alarms} == {AlarmStatus.EXHAUSTED}


def test_a_policy_may_want_a_call_for_each_alarm(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), bundle=False)) as desk:
        desk.raised()
        desk.raised()

        assert desk.waiting() == [ANN, ANN]


def test_what_a_shared_call_does_after_an_alarm_has_left_it_is_not_in_that_alarms_story(
    store_url: str,
) -> None:
    with open_desk(store_url, policy(step(ANN), retry={"max_attempts": 3, "busy": 30})) as desk:
        first = desk.raised()
        assert desk.ring() == [ANN]
        desk.busy(ANN)
        desk.wait(1)
        second = desk.raised()
        carry_out(desk.core, lambda work: by_hand.acknowledge(work, first, "ann"))
        desk.wait(40)
        assert desk.ring() == [ANN], "for the second one"
        desk.busy(ANN)
        desk.look()

        with desk.core.store.read() as tx:
            of_first = [event.name for event in timeline_of_alarm(tx, first)]
            of_second = [event.name for event in timeline_of_alarm(tx, second)]
        assert of_first.count("ended") == 1
        assert of_first[-1] == "acknowledged"
        assert "active" in of_second
        assert "ended" in of_second


def shown(desk: Desk, alarm: str) -> Any:
    """The one call among an alarm's, as the API shows it, and how lists count it."""
    with desk.core.store.read() as tx:
        [call] = calls_of_alarm(desk.core, tx, alarm)
        return call, call_counts(tx, [alarm])[alarm]


def test_a_call_that_waits_for_others_alone_is_withdrawn_for_the_alarm_that_has_left_it(
    store_url: str,
) -> None:
    with open_desk(store_url, policy(step(ANN))) as desk:
        first, second = desk.raised(), desk.raised()
        desk.clock.move(seconds=1)
        carry_out(desk.core, lambda work: by_hand.acknowledge(work, first, "ann"))

        call, counts = shown(desk, first)
        assert (call.state, call.outcome, call.waiting_for) == ("cancelled", "cancelled", None)
        assert call.withdrawn.goes_on_for == [second]
        assert call.withdrawn.at == desk.clock()
        assert "acknowledged" in call.withdrawn.why
        assert counts == {"cancelled": 1}
        call, counts = shown(desk, second)
        assert (call.state, call.withdrawn, counts) == ("queued", None, {"queued": 1})
        desk.clock.move(seconds=1)
        desk.ring()
        desk.press(ANN, "1")
        assert shown(desk, first)[0].attempts == [], "that was for the second alone"
        assert shown(desk, first)[1] == {"cancelled": 1}
        assert shown(desk, second)[1] == {"delivered": 1}


def test_a_shared_call_shows_each_alarm_what_it_did_for_it(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), retry={"max_attempts": 3, "busy": 30})) as desk:
        first = desk.raised()
        desk.ring()
        desk.busy(ANN)
        desk.clock.move(seconds=1)
        second = desk.raised()
        desk.clock.move(seconds=1)
        desk.ring()
        carry_out(desk.core, lambda work: by_hand.acknowledge(work, first, "ann"))
        assert shown(desk, first)[0].state == "active", "this ring tells of it too"
        desk.busy(ANN)
        desk.wait(30)
        desk.ring()

        assert [one.ordinal for one in shown(desk, first)[0].attempts] == [1, 2]
        assert [one.ordinal for one in shown(desk, second)[0].attempts] == [2, 3]
        assert shown(desk, first)[0].state == "cancelled"
        assert shown(desk, second)[0].state == "active"


def test_a_call_that_reached_somebody_is_delivered_for_all_its_alarms(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN))) as desk:
        first, second = desk.raised(), desk.raised()
        desk.ring()
        desk.press(ANN, "1")

        assert [shown(desk, alarm)[0].state for alarm in (first, second)] == ["delivered", "delivered"]
        assert [shown(desk, alarm)[0].withdrawn for alarm in (first, second)] == [None, None]


def test_alarms_whose_keys_do_different_things_have_calls_of_their_own(store_url: str) -> None:
    one = policy(step(ANN), step(CAT), keys={"4": "escalate"})
    other = policy(step(ANN), step(BOB), keys={"4": "resolve"}) | {"name": "other"}
    with open_desk(store_url, one, other) as desk:
        escalated, resolved = desk.raised(), desk.raised(policy="other")
        assert desk.waiting() == [ANN, ANN]
        desk.ring()
        desk.press(ANN, "4")

        assert desk.alarm(escalated).step == 1
        assert desk.alarm(resolved).status == AlarmStatus.OPEN


def test_alarms_with_the_same_keys_share_a_call(store_url: str) -> None:
    one = policy(step(ANN), keys={"4": "escalate", "9": "opt_out", "*": "repeat"})
    other = policy(step(ANN), keys={"9": "opt_out", "4": "escalate"}) | {"name": "other"}
    with open_desk(store_url, one, other) as desk:
        desk.raised()
        desk.raised(policy="other")

        assert desk.waiting() == [ANN]


def test_only_one_of_two_that_may_be_opted_out_of_by_a_key_is_another_call(store_url: str) -> None:
    other = policy(step(ANN), keys={"9": "opt_out"}) | {"name": "other"}
    with open_desk(store_url, policy(step(ANN)), other) as desk:
        desk.raised()
        desk.raised(policy="other")

        assert desk.waiting() == [ANN, ANN]


def test_when_two_calls_of_a_hunt_become_one_nobody_else_is_called_while_it_rings(store_url: str) -> None:
    hunt = policy(step(ANN, BOB, mode="hunt", wait=30), repeat=1, retry={"busy": 20})
    site = {"most_per_minute": 1, "most_per_hour": 0}
    with open_desk(store_url, hunt, alarms=site) as desk:
        alarm = desk.raised()
        assert desk.ring() == [ANN]
        desk.wait(30)
        desk.busy(ANN)
        assert desk.waiting() == [ANN, ANN], "the second round has begun while her phone rang"
        assert desk.ring() == []
        desk.clock.move(seconds=20)
        assert desk.ring() == [], "both are put off for the rest of the minute"
        desk.clock.move(seconds=10)

        assert desk.ring() == [ANN]
        desk.look()
        assert desk.waiting() == []
        told = [(page.round, page.state) for page in desk.pages(alarm) if page.number == ANN and page.call_id]
        assert (1, "calling") in told
        desk.wait(3600)
        assert desk.ringing() == [ANN], "for as long as she is called"
        assert desk.ring() == []
