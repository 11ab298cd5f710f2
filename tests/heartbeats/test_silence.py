"""Silence raises an alarm, a sign of life resolves it, and what we could not hear is no silence."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from dispatcher.errors import Clash, Refused, Unknown
from dispatcher.heartbeats import keeping
from dispatcher.heartbeats.requests import HeartbeatChange
from dispatcher.intake import by_hand
from dispatcher.store import tallies
from dispatcher.store.engine import Store
from dispatcher.store.tables import Event, table
from dispatcher.work import carry_out
from tests.cores import START, SettableClock
from tests.heartbeats.conftest import House


def test_a_silence_raises_one_alarm_and_a_sign_resolves_it(house: House) -> None:
    house.create(labels={"site": "north"}, details={"rack": 7})
    house.hear()
    house.passes(69)
    assert house.alarms() == []
    house.passes(30)

    [alarm] = house.alarms()
    assert (alarm.status, alarm.source, alarm.severity) == ("open", "heartbeat", "critical")
    assert alarm.summary == "No heartbeat of backup since 2026-11-21 10:00:00 UTC"
    assert alarm.dedup_key == "heartbeat:backup@2026-11-21T10:01:10+00:00"
    assert alarm.labels == {"heartbeat": "backup", "site": "north"}
    assert alarm.details["rack"] == 7
    assert (house.row().status, house.row().alarm_id) == ("down", alarm.id)

    house.hear()
    assert house.statuses() == ["resolved"]
    assert (house.row().status, house.row().alarm_id) == ("up", None)

    house.passes(80)
    assert house.statuses() == ["resolved", "open"]


def test_a_sign_after_a_long_silence_is_waited_for_as_any_other(house: House) -> None:
    house.create(every=10, grace=2)
    house.hear()
    house.passes(600)
    house.hear()
    house.passes(1)
    assert house.row().due_at == house.clock() + timedelta(seconds=11)


def test_signs_in_time_raise_nothing(house: House) -> None:
    house.create(every=60, grace=10)
    for _ in range(5):
        house.hear()
        house.passes(69)
    assert house.alarms() == []


def test_a_new_one_is_waited_for_from_its_first_sign_on(house: House) -> None:
    house.create()
    house.passes(300)
    assert house.alarms() == []
    assert house.row().status == "new"


def test_an_alarm_closed_by_hand_is_not_raised_again_before_the_next_silence(house: House) -> None:
    house.create()
    house.hear()
    house.passes(80)
    [alarm] = house.alarms()
    carry_out(house.core, lambda work: by_hand.cancel(work, alarm.id, "ann"))
    house.passes(200)
    assert house.statuses() == ["cancelled"]
    house.hear()
    house.passes(80)
    assert house.statuses() == ["cancelled", "open"]


def test_a_restart_raises_no_alarm_for_the_time_in_which_nobody_could_hear(house: House) -> None:
    house.create(every=60, grace=10)
    house.hear()
    house.passes(50)
    house.is_down_for(300)
    assert house.alarms() == []
    # Its sign was lost in between; the next one comes a whole interval later.
    house.passes(60)
    house.hear()
    house.passes(60)
    assert house.alarms() == []


def test_a_silence_that_lasts_beyond_a_restart_is_an_alarm(house: House) -> None:
    house.create(every=60, grace=10)
    house.hear()
    house.passes(50)
    house.is_down_for(300)
    house.passes(60 + 10 + 10)
    assert house.statuses() == ["open"]


def test_restarts_without_end_do_not_put_an_alarm_off_for_ever(house: House) -> None:
    house.create(every=60, grace=10)
    house.hear()
    for _ in range(12):
        house.passes(30)
        house.is_down_for(2)
    assert house.statuses() == ["open"]


def test_a_restart_long_before_the_sign_is_expected_puts_nothing_off(house: House) -> None:
    house.create(every=120, grace=10)
    house.hear()
    house.passes(120, step=3)
    house.hear()
    house.passes(15, step=3)
    house.is_down_for(20)
    assert house.row().due_at.timestamp() == START.timestamp() + 120 + 120 + 10


def test_a_sign_that_was_lost_long_before_it_was_needed_raises_no_alarm(house: House) -> None:
    house.create(every=120, grace=10)
    house.hear()
    house.passes(21, step=3)
    house.hear()
    house.passes(18, step=3)
    house.is_down_for(7)
    # What was lost was a sign like any other: the next one need not come before a whole interval is over.
    house.passes(114, step=3)
    assert house.alarms() == []
    house.hear()
    assert house.row().due_at == house.clock() + timedelta(seconds=130)


def test_while_nobody_listens_nothing_is_raised(house: House) -> None:
    house.create()
    house.hear()
    house.passes(10)
    for _ in range(100):
        house.clock.move(seconds=10)
        house.sweep.look()
    assert house.alarms() == []


def test_of_two_that_listen_one_may_stop(house: House) -> None:
    house.create(every=60, grace=10)
    other = House(house.url, house.clock)
    house.hear()
    for _ in range(35):
        house.clock.move(seconds=2)
        other.hearing.beat()
        other.sweep.look()
    due_at = house.row().due_at
    other.passes(4)
    other.core.store.close()

    assert house.row().due_at == due_at
    assert house.statuses() == ["open"]


def test_an_outage_of_the_database_is_no_silence(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house.create(every=60, grace=10)
    house.hear()
    house.passes(58)

    def away(self: Store) -> Any:
        raise OperationalError("SELECT", {}, Exception("gone"))

    with monkeypatch.context() as outage:
        outage.setattr(Store, "read", away)
        house.clock.move(seconds=4)
        house.hearing.beat()
    house.passes(30)

    assert house.alarms() == []
    assert "heartbeats can't be heard" in caplog.text


def test_paused_nothing_is_waited_for(house: House) -> None:
    house.create()
    house.hear()
    carry_out(house.core, lambda work: keeping.pause(work, "backup"))
    house.passes(200)
    house.hear()
    assert (house.row().status, house.row().due_at) == ("paused", None)
    carry_out(house.core, lambda work: keeping.resume(work, "backup"))
    assert house.row().status == "up"
    house.passes(69)
    assert house.alarms() == []
    house.passes(3)
    assert house.statuses() == ["open"]


def test_paused_while_it_is_silent_its_return_resolves_the_alarm(house: House) -> None:
    house.create()
    house.hear()
    house.passes(80)
    for step in (keeping.pause, keeping.resume):
        carry_out(house.core, lambda work, step=step: step(work, "backup"))  # type: ignore[misc]
    assert house.row().status == "down"
    house.hear()
    assert house.statuses() == ["resolved"]


def test_other_times_hold_at_once(house: House) -> None:
    house.create(every=600)
    house.hear()
    house.passes(30)
    asked = HeartbeatChange(every=30, grace=5)
    carry_out(house.core, lambda work: keeping.change(work, "backup", asked))
    house.passes(8)
    assert house.statuses() == ["open"]


@pytest.mark.parametrize(
    ("alarm", "field"),
    [
        ({"to": [{"number": "12"}]}, ("alarm", "to", 0, "number")),
        ({"policy": "unknown", "to": None}, ("alarm", "policy")),
        ({"to": None}, ("alarm", "to")),
        ({"message": None}, ("alarm", "message")),
    ],
)
def test_an_alarm_that_intake_refuses_is_refused_at_once(
    house: House, alarm: dict[str, Any], field: tuple[str | int, ...]
) -> None:
    with pytest.raises(Refused) as refusal:
        house.create(**alarm)
    assert refusal.value.faults[0].place == field
    assert house.row() is None
    assert house.alarms() == []


def test_checking_an_alarm_leaves_nothing_behind(house: House) -> None:
    house.create()
    with house.core.store.read() as tx:
        assert tx.execute(table(Event).select()).all() == []
        assert list(tallies.totals(tx)) == []
    assert house.alarms() == []


def test_a_name_is_taken_once(house: House) -> None:
    house.create()
    with pytest.raises(Clash):
        house.create()
    with pytest.raises(Unknown):
        house.hear("other")


def test_an_alarm_that_cannot_be_raised_is_told_once_and_tried_on(
    store_url: str, clock: SettableClock, caplog: pytest.LogCaptureFixture
) -> None:
    before = House(store_url, clock)
    before.create(policy="night-shift", to=None, message=None)
    before.hear()
    before.core.store.close()
    house = House(store_url, clock, policy=[])
    house.passes(90)

    assert house.alarms() == []
    assert house.row().status == "down"
    assert caplog.text.count("heartbeat backup is silent, and its alarm can't be raised") == 1

    mended = House(store_url, clock)
    mended.passes(2)
    assert mended.statuses() == ["open"]
    for each in (house, mended):
        each.core.store.close()


def test_a_policy_of_the_house_is_named_as_well(house: House) -> None:
    house.create(policy="night-shift", to=None, message=None)
    house.hear()
    house.passes(80)
    [alarm] = house.alarms()
    assert alarm.policy == "night-shift"
