"""What keeps phones quiet in a storm: groups, silences, maintenance, and the lesser behind the greater."""

from typing import Any

import pytest

from dispatcher.domain.vocabulary import AlarmStatus, SilenceKind
from dispatcher.escalation import escalator, silences
from dispatcher.work import carry_out
from tests.escalation.desk import ANN, BOB, Desk, open_desk, policy, step

NORTH = [{"label": "site", "op": "=", "value": "north"}]
GROUPED = policy(step(ANN, BOB), group={"by": ["site"], "wait": 30, "interval": 300})


def silence(desk: Desk, matchers: list[dict[str, str]], **more: Any) -> str:
    return carry_out(desk.core, lambda work: silences.create(work, matchers, by="ann", **more))


def inhibition(desk: Desk, **more: Any) -> None:
    rule = {
        "source": [{"label": "alertname", "op": "=", "value": "SiteDown"}],
        "target": [{"label": "alertname", "op": "!=", "value": "SiteDown"}],
        "equal": ["site"],
    }
    carry_out(desk.core, lambda work: silences.put_inhibition(work, "site-down", rule | more))


def test_a_thousand_alarms_of_a_group_end_in_one_call_for_each_person(sqlite_url: str) -> None:
    with open_desk(sqlite_url, GROUPED) as desk:
        alarms = [desk.raised(labels={"site": "north", "pump": str(pump)}) for pump in range(200)]
        desk.wait(29)
        assert desk.waiting() == []
        desk.clock.move(seconds=1)
        for _ in range(3):
            desk.look()
        assert desk.ring() == [], "the calls wait a moment for the others"
        desk.clock.move(seconds=2)

        assert desk.ring() == [ANN, BOB]
        desk.press(ANN, "1")
        assert {desk.alarm(alarm).status for alarm in alarms} == {AlarmStatus.ACKNOWLEDGED}


def test_alarms_that_are_let_go_slowly_are_still_one_call(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_desk(sqlite_url, GROUPED) as desk:
        alarms = [desk.raised(labels={"site": "north", "pump": str(pump)}) for pump in range(5)]
        desk.clock.move(seconds=30)
        monkeypatch.setattr(escalator, "_BATCH", 1)
        for _ in alarms:
            desk.look()
            assert desk.ring() == [], "others of the group may follow"
            desk.clock.move(seconds=1.9)
        desk.clock.move(seconds=0.1)

        assert desk.ring() == [ANN, BOB]
        desk.press(ANN, "1")
        assert {desk.alarm(alarm).status for alarm in alarms} == {AlarmStatus.ACKNOWLEDGED}


def test_a_call_does_not_wait_for_ever_for_its_group(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_desk(sqlite_url, GROUPED) as desk:
        for pump in range(12):
            desk.raised(labels={"site": "north", "pump": str(pump)})
        desk.clock.move(seconds=30)
        monkeypatch.setattr(escalator, "_BATCH", 1)
        waited = 0.0
        desk.look()
        while not desk.ring():
            desk.clock.move(seconds=1.5)
            waited += 1.5
            desk.look()
        assert 15 <= waited <= 18


def test_whoever_waits_for_no_group_does_not_wait_for_another_s(store_url: str) -> None:
    at_once = policy(step(ANN, BOB)) | {"name": "at-once"}
    with open_desk(store_url, GROUPED, at_once) as desk:
        desk.raised(labels={"site": "north"})
        desk.wait(30)
        assert desk.ring() == []
        desk.raised(policy="at-once")

        assert desk.ring() == [ANN, BOB]


def test_a_group_is_told_again_only_after_its_interval(store_url: str) -> None:
    with open_desk(store_url, GROUPED) as desk:
        desk.raised(labels={"site": "north"})
        desk.wait(30)
        desk.clock.move(seconds=2)
        assert desk.ring() == [ANN, BOB]
        desk.busy(ANN)
        desk.busy(BOB)
        late = desk.raised(labels={"site": "north"})
        other = desk.raised(labels={"site": "south"})
        desk.wait(30)

        assert desk.alarm(late).held_why is not None
        assert desk.alarm(other).held_why is None, "another group"
        desk.wait(300)
        assert desk.alarm(late).held_why is None


@pytest.mark.parametrize("kind", SilenceKind)
def test_a_silence_holds_what_fits_until_its_end(store_url: str, kind: SilenceKind) -> None:
    with open_desk(store_url, policy(step(ANN))) as desk:
        until = desk.clock().replace(hour=11)
        silence(desk, NORTH, ends_at=until, kind=kind)
        held, free = (
            desk.raised(labels={"site": "north"}),
            desk.raised(labels={"site": "south"}, to=[{"number": BOB}], message={"ivr": "6500"}),
        )
        assert desk.waiting() == [BOB]
        assert desk.alarm(held).held_why is not None
        assert desk.alarm(free).held_why is None
        desk.wait(3600)

        assert sorted(desk.waiting()) == [ANN, BOB]


def test_a_silence_stops_what_is_under_way_and_ends_by_hand(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=60), step(BOB))) as desk:
        alarm = desk.raised(labels={"site": "north"})
        desk.wait(60)
        assert desk.waiting() == [ANN, BOB]
        made = silence(desk, NORTH, ends_at=desk.clock().replace(hour=12))
        desk.look()
        assert desk.waiting() == []
        carry_out(desk.core, lambda work: silences.end(work, made))
        desk.look()

        assert desk.waiting() == [ANN], "it begins anew"
        assert desk.alarm(alarm).status == AlarmStatus.OPEN


def test_a_weekly_maintenance_window_holds_while_it_is_open(store_url: str) -> None:
    saturday = [{"days": ["sat"], "from": "10:00", "to": "12:00"}]
    with open_desk(store_url, policy(step(ANN))) as desk:  # It is Saturday, 10:00 UTC.
        silence(desk, NORTH, kind=SilenceKind.MAINTENANCE, windows=saturday, timezone="UTC")
        desk.raised(labels={"site": "north"})
        desk.wait(7199)
        assert desk.waiting() == []
        desk.wait(1)

        assert desk.waiting() == [ANN]


def test_the_lesser_is_quiet_while_the_greater_is_in_hand(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN))) as desk:
        inhibition(desk)
        desk.raised(labels={"site": "north", "alertname": "SiteDown"}, dedup_key="site")
        lesser = desk.raised(labels={"site": "north", "alertname": "PumpDown"})
        elsewhere = desk.raised(labels={"site": "south", "alertname": "PumpDown"})
        assert "inhibited by" in desk.alarm(lesser).held_why
        assert desk.alarm(elsewhere).held_why is None
        desk.ring()
        desk.press(ANN, "1")
        desk.hang_up(ANN)
        assert desk.alarm(lesser).held_why is not None, "acknowledged is still in hand"
        desk.raised(dedup_key="site", status="resolved")
        desk.look()

        assert desk.alarm(lesser).held_why is None
        assert desk.waiting() == [ANN]


def test_the_greater_that_comes_later_stops_the_lesser_at_once(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=60), step(BOB))) as desk:
        inhibition(desk)
        lesser = desk.raised(labels={"site": "north", "alertname": "PumpDown"})
        desk.raised(labels={"site": "north", "alertname": "SiteDown"}, message={"ivr": "6501"})
        desk.look()

        assert "inhibited by" in desk.alarm(lesser).held_why
        assert [state for _, state in desk.outcomes(lesser)] == ["cancelled"]


@pytest.mark.parametrize("weekly", [True, False])
def test_a_silence_that_begins_later_stops_what_is_under_way(store_url: str, weekly: bool) -> None:
    with open_desk(store_url, policy(step(ANN, wait=600), step(BOB))) as desk:  # It is Saturday, 10:00 UTC.
        at = desk.clock().replace(minute=5)
        windows = [{"days": ["sat"], "from": "10:05", "to": "11:00"}] if weekly else None
        later = (
            {"windows": windows, "timezone": "UTC"}
            if weekly
            else {"starts_at": at, "ends_at": at.replace(hour=11)}
        )
        silence(desk, NORTH, **later)
        alarm = desk.raised(labels={"site": "north"})
        silences.feel_begun(desk.core)
        desk.look()
        assert desk.waiting() == [ANN]
        desk.clock.now = at
        silences.feel_begun(desk.core)
        desk.look()

        assert desk.waiting() == []
        assert desk.alarm(alarm).held_why is not None


def test_nobody_is_called_more_often_than_the_limits_allow(store_url: str) -> None:
    site = {"most_per_minute": 2, "most_per_hour": 3}
    with open_desk(
        store_url, policy(step(ANN), bundle=False, retry={"max_attempts": 1}), alarms=site
    ) as desk:
        started = desk.clock()
        called: list[float] = []
        for _ in range(4):
            desk.raised(severity="warning")
        for _ in range(70):
            if desk.ring():
                called.append((desk.clock() - started).total_seconds())
                desk.busy(ANN)
            desk.clock.move(minutes=1)

        assert called == [0, 60, 120, 3600]


def test_a_contacts_own_limit_goes_before_the_general_one(store_url: str) -> None:
    often = policy({"to": [{"contact": "ann"}]}, bundle=False, retry={"max_attempts": 1})
    with open_desk(store_url, often, alarms={"most_per_minute": 10}) as desk:
        desk.contact("ann", {"number": ANN}, most_per_minute=1)
        desk.raised()
        desk.raised()
        assert desk.ring() == [ANN]
        desk.busy(ANN)
        assert desk.ring() == []
        desk.clock.move(seconds=60)

        assert desk.ring() == [ANN]


def test_what_comes_when_a_group_is_told_does_not_put_it_off(store_url: str) -> None:
    with open_desk(store_url, GROUPED) as desk:
        first = desk.raised(labels={"site": "north"})
        for _ in range(30):
            desk.clock.move(seconds=1)
            desk.raised(labels={"site": "north"})
        desk.look()

        assert desk.alarm(first).held_why is None
        assert desk.waiting() == [ANN, BOB]
