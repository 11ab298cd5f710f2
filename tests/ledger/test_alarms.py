"""An alarm's end: acknowledged by a key, by hand, or exhausted when nobody could be reached."""

from datetime import timedelta

import pytest

from dispatcher.domain.facts import Facts
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Report
from dispatcher.domain.vocabulary import AlarmStatus, CallState, Outcome, Phase
from dispatcher.ledger import alarms
from dispatcher.metrics.counting import Count
from tests.domain.reported import ANSWERED, BYES, PROMPT_END, RING, TALKED, failed, key
from tests.ledger.world import World

BUSY = [failed(Reason.BUSY, "486 Busy Here")]
NOT_FOUND = [failed(Reason.INVALID_NUMBER, "404 NOT found")]
KEY_1 = [ANSWERED, key("1", 0)]


def acknowledge_by_hand(world: World, alarm: str) -> list[str]:
    """Acknowledge an alarm; returns the attempts that the PBX is to be asked to end."""
    with world.store.write() as tx:
        return alarms.acknowledge(tx, world.now, alarm, Count(), by="ann", cause="by ann").hang_ups


# A key.


def test_a_key_acknowledges_the_alarm_in_the_name_of_who_pressed_it(world: World) -> None:
    alarm = world.alarm()
    call = world.call(alarm=alarm, name="Ann")
    world.tell(world.dial(call), KEY_1)
    row = world.row("alarms", alarm)
    assert (row.status, row.acknowledged_by, row.acknowledged_at) == ("acknowledged", "Ann", world.now)
    assert world.story(alarm) == [("acknowledged", "key 1 by Ann")]


@pytest.mark.parametrize(
    "told",
    [
        [key("12", None), key("1", 0)],
        [key("2", 1), key("12", None), key("1", 0)],
        [key("2", None), key("1", None)],
        [key("1", None), key("2", None)],
    ],
    ids=["the whole string first", "the later key first", "no positions", "no positions, in another order"],
)
def test_the_key_counts_in_whatever_order_keys_are_told(world: World, told: list[Report]) -> None:
    alarm = world.alarm()
    presser, other = world.dial(world.call(alarm=alarm)), world.call(alarm=alarm)
    world.tell(presser, [ANSWERED])
    for one in told:
        world.tell(presser, [one])
    assert world.status(alarm) == AlarmStatus.ACKNOWLEDGED
    assert world.state(other)[0] == CallState.CANCELLED


def test_a_wrong_key_acknowledges_nothing(world: World) -> None:
    alarm = world.alarm()
    world.tell(world.dial(world.call(alarm=alarm)), [ANSWERED, key("9", 0)])
    assert world.status(alarm) == AlarmStatus.OPEN


def test_a_key_acknowledges_also_when_only_a_listener_was_asked_for(world: World) -> None:
    alarm = world.alarm(delivered_when="heard")
    call = world.call(alarm=alarm)
    attempt = world.dial(call)
    world.tell(attempt, [ANSWERED, PROMPT_END])
    assert world.state(call)[0] == CallState.DELIVERED
    assert world.status(alarm) == AlarmStatus.OPEN
    world.tell(attempt, [key("1", 0)])
    assert world.status(alarm) == AlarmStatus.ACKNOWLEDGED


def test_a_key_withdraws_every_call_that_nobody_has_answered(world: World) -> None:
    alarm = world.alarm()
    calls = {name: world.call(alarm=alarm) for name in ("presser", "queued", "claimed", "ringing", "talking")}
    other = world.call(alarm=world.alarm())
    presser = world.dial(calls["presser"])
    claimed = world.dial(calls["claimed"], phase=Phase.CLAIMED)
    ringing, talking = world.dial(calls["ringing"]), world.dial(calls["talking"])
    dialling = world.dial(other, phase=Phase.DIALING)
    world.tell(ringing, [RING])
    world.tell(talking, [RING, ANSWERED])

    aftermath = world.tell(presser, KEY_1)

    assert {name: world.state(call)[0] for name, call in calls.items()} == {
        "presser": CallState.DELIVERED,
        "queued": CallState.CANCELLED,
        "claimed": CallState.CANCELLED,
        "ringing": CallState.CANCELLED,
        "talking": CallState.ACTIVE,
    }
    assert aftermath.hang_ups == [ringing]
    assert aftermath.freed == {("hq", "SPS-6-36")}
    assert world.row("attempts", ringing).hung_up_at == world.now
    assert world.row("attempts", talking).hung_up_at is None
    ended = world.row("attempts", claimed)
    assert (ended.phase, ended.outcome, ended.channel_held) == ("ended", "cancelled", False)
    assert world.state(other)[0] == CallState.ACTIVE
    assert world.row("attempts", dialling).hung_up_at is None
    by = world.row("calls", calls["presser"]).number
    assert world.story(calls["queued"]) == [("cancelled", f"the alarm was acknowledged: key 1 by {by}")]


@pytest.mark.parametrize("phase", [Phase.DIALING, Phase.IN_DOUBT])
def test_a_dial_that_is_under_way_is_withdrawn_once_it_is_answered(world: World, phase: Phase) -> None:
    alarm = world.alarm()
    presser = world.dial(world.call(alarm=alarm))
    under_way = world.dial(world.call(alarm=alarm), phase=phase)
    assert world.tell(presser, KEY_1).hang_ups == [under_way]
    row = world.row("attempts", under_way)
    assert (row.phase, row.channel_held, row.hung_up_at) == (phase, True, world.now)


def test_who_is_talking_is_not_called_again_after_the_acknowledgement(world: World) -> None:
    alarm = world.alarm()
    presser, talker = world.call(alarm=alarm), world.call(alarm=alarm)
    talking = world.dial(talker)
    world.tell(talking, [ANSWERED])
    world.tell(world.dial(presser), KEY_1)
    world.tell(talking, [*BYES, TALKED])
    assert world.state(talker) == (CallState.CANCELLED, Outcome.NOT_HEARD)
    assert world.story(talker)[-1] == ("cancelled", "the alarm is acknowledged")


def test_two_keys_at_once_deliver_both_calls(world: World) -> None:
    alarm = world.alarm()
    first, second = world.call(alarm=alarm), world.call(alarm=alarm)
    one, other = world.dial(first), world.dial(second)
    world.tell(one, KEY_1, (other, KEY_1))
    assert [world.state(call)[0] for call in (first, second)] == [CallState.DELIVERED] * 2
    assert [name for name, _ in world.story(alarm)] == ["acknowledged"]


def test_a_call_that_fails_in_the_same_batch_as_the_key_is_not_queued_again(world: World) -> None:
    alarm = world.alarm()
    first, second = world.call(alarm=alarm), world.call(alarm=alarm)
    busy, presser = world.dial(first), world.dial(second)
    world.tell(busy, BUSY, (presser, KEY_1))
    assert world.state(first)[0] == CallState.CANCELLED
    assert world.state(second)[0] == CallState.DELIVERED


# By hand.


def test_an_alarm_that_was_acknowledged_by_hand_calls_nobody_any_more(world: World) -> None:
    alarm = world.alarm()
    queued, ringing = world.call(alarm=alarm), world.call(alarm=alarm)
    attempt = world.dial(ringing)
    assert acknowledge_by_hand(world, alarm) == [attempt]
    assert acknowledge_by_hand(world, alarm) == []
    assert [world.state(call)[0] for call in (queued, ringing)] == [CallState.CANCELLED] * 2
    assert world.row("alarms", alarm).acknowledged_by == "ann"


# Nobody could be reached.


def test_an_alarm_is_exhausted_only_when_all_its_calls_have_ended(world: World) -> None:
    alarm = world.alarm()
    first, second = world.call(alarm=alarm), world.call(alarm=alarm)
    world.tell(world.dial(first), NOT_FOUND)
    assert world.status(alarm) == AlarmStatus.OPEN
    world.tell(world.dial(second), BUSY)
    assert world.status(alarm) == AlarmStatus.OPEN
    world.tell(world.dial(second), NOT_FOUND)
    assert world.status(alarm) == AlarmStatus.EXHAUSTED
    assert world.story(alarm) == [("exhausted", "every call ended and none was delivered")]


def test_two_last_calls_that_end_at_once_exhaust_the_alarm(world: World) -> None:
    alarm = world.alarm()
    one, other = (world.dial(world.call(alarm=alarm)) for _ in range(2))
    world.tell(one, NOT_FOUND, (other, NOT_FOUND))
    assert world.status(alarm) == AlarmStatus.EXHAUSTED


def test_an_alarm_that_somebody_heard_is_not_exhausted(world: World) -> None:
    alarm = world.alarm(delivered_when="heard")
    first, second = world.call(alarm=alarm), world.call(alarm=alarm)
    world.tell(world.dial(first), [ANSWERED, PROMPT_END, *BYES])
    world.tell(world.dial(second), NOT_FOUND)
    assert world.status(alarm) == AlarmStatus.OPEN


def test_an_alarm_whose_calls_all_expired_is_expired(world: World) -> None:
    alarm = world.alarm()
    call = world.call(alarm=alarm, expires_at=world.now + timedelta(seconds=5))
    world.tell(world.dial(call), BUSY)
    assert world.status(alarm) == AlarmStatus.EXPIRED


def test_a_late_key_acknowledges_an_exhausted_alarm(world: World) -> None:
    alarm = world.alarm()
    call = world.call(alarm=alarm)
    attempt = world.dial(call)
    world.tell(attempt, NOT_FOUND)
    assert world.status(alarm) == AlarmStatus.EXHAUSTED
    world.tell(attempt, KEY_1)
    assert world.status(alarm) == AlarmStatus.ACKNOWLEDGED
    assert world.state(call) == (CallState.DELIVERED, Outcome.DELIVERED)


def test_a_late_key_of_an_exhausted_alarm_leaves_its_successor_alone(world: World) -> None:
    """The alarm was raised anew meanwhile: of one deduplication key there is one alarm in hand."""
    old = world.alarm(dedup_key="boiler-3")
    call = world.call(alarm=old)
    attempt = world.dial(call)
    world.tell(attempt, NOT_FOUND)
    new = world.alarm(dedup_key="boiler-3")
    world.tell(attempt, KEY_1)
    assert world.state(call) == (CallState.DELIVERED, Outcome.DELIVERED)
    assert (world.status(old), world.status(new)) == (AlarmStatus.EXHAUSTED, AlarmStatus.OPEN)


@pytest.mark.parametrize("status", [AlarmStatus.RESOLVED, AlarmStatus.CANCELLED, AlarmStatus.EXPIRED])
def test_a_key_does_not_change_an_alarm_that_is_over(world: World, status: AlarmStatus) -> None:
    alarm = world.alarm()
    call = world.call(alarm=alarm)
    attempt = world.dial(call)
    world.set("alarms", alarm, status=status)
    world.tell(attempt, KEY_1)
    assert world.status(alarm) == status
    assert world.state(call)[0] == CallState.DELIVERED


def test_a_call_of_an_alarm_that_is_over_is_not_dialled_again(world: World) -> None:
    alarm = world.alarm()
    call = world.call(alarm=alarm)
    attempt = world.dial(call)
    world.set("alarms", alarm, status=AlarmStatus.RESOLVED)
    world.tell(attempt, Facts(failed_at=world.now, cause=Reason.BUSY))
    assert world.state(call) == (CallState.CANCELLED, Outcome.BUSY)
    assert world.story(call)[-1] == ("cancelled", "the alarm is resolved")
