"""When a group is told: at its time, whatever has its alarms looked at before."""

from datetime import timedelta
from typing import Any

from dispatcher.escalation import silences
from dispatcher.work import carry_out
from tests.escalation.desk import ANN, BOB, Desk, open_desk, policy, step

GROUPED = policy(step(ANN), group={"by": ["site"], "wait": 30, "interval": 300})
ELSEWHERE = {"name": "elsewhere", "steps": [step(BOB)], "message": {"ivr": "6501"}}
LESSER = {
    "source": [{"label": "severity", "op": "=", "value": "critical"}],
    "target": [{"label": "severity", "op": "=", "value": "warning"}],
    "equal": ["site"],
}


def inhibition(desk: Desk, **more: Any) -> None:
    carry_out(desk.core, lambda work: silences.put_inhibition(work, "lesser", LESSER | more))


def test_a_greater_alarm_elsewhere_does_not_have_a_group_looked_at(store_url: str) -> None:
    with open_desk(store_url, GROUPED, ELSEWHERE) as desk:
        inhibition(desk)
        north = desk.raised(severity="warning", labels={"site": "north"})
        given = desk.alarm(north).next_at
        desk.clock.move(seconds=10)
        desk.raised(policy="elsewhere", labels={"site": "south"})
        assert desk.alarm(north).next_at == given
        greater = desk.raised(policy="elsewhere", labels={"site": "north"})
        desk.look()

        assert desk.alarm(north).held_by == greater


def test_a_look_before_its_time_does_not_tell_a_group(store_url: str) -> None:
    with open_desk(store_url, GROUPED) as desk:
        first = desk.raised(severity="warning", labels={"site": "north"})
        desk.wait(30)
        assert desk.waiting() == [ANN]
        second = desk.raised(severity="warning", labels={"site": "north"})
        given = desk.alarm(second).next_at
        assert given == desk.clock() + timedelta(seconds=300), "after the interval"
        desk.clock.move(seconds=10)
        inhibition(desk)
        desk.look()

        assert desk.alarm(first).held_why is None
        assert desk.alarm(second).next_at == given
        assert [page.call_id for page in desk.pages(second)] == []
        desk.wait(290)
        assert len(desk.pages(second)) == 1


def test_all_of_a_group_are_told_at_the_time_they_were_given(store_url: str) -> None:
    """Also those that are looked at after others have told the group, and others have come anew."""
    with open_desk(store_url, GROUPED) as desk:
        alarms = [desk.raised(severity="warning", labels={"site": "north"}) for _ in range(3)]
        desk.clock.move(seconds=10)
        inhibition(desk)
        desk.look()
        desk.clock.move(seconds=20)
        desk.look()
        desk.raised(severity="warning", labels={"site": "north"})
        desk.look()

        assert [len(desk.pages(alarm)) for alarm in alarms] == [1, 1, 1]
