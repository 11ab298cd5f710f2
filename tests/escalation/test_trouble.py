"""An alarm that can't be taken further waits by itself, says so, and in the end goes on past what fails."""

from typing import Any

import pytest
from sqlalchemy import select, update

from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.escalation import keys, silences, stepping
from dispatcher.metrics import catalogue
from dispatcher.store import tallies
from dispatcher.store.tables import Alarm, Event, Silence, table
from dispatcher.work import carry_out
from tests.escalation.desk import ANN, BOB, CAT, Desk, open_desk, policy, step

_alarms = table(Alarm)
GROUP = {"to": [{"group": "broken"}], "wait": 600}


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whoever asks for a group gets an error, as from a schedule that can't be read."""
    asked: list[str] = []
    whole = stepping.lines_of

    def lines_of(tx: Any, now: Any, to: Any, *more: Any) -> Any:
        if to[0].group == "broken":
            asked.append("broken")
            raise KeyError("Europe/Amsterdm")
        return whole(tx, now, to, *more)

    monkeypatch.setattr(stepping, "lines_of", lines_of)
    return asked


def causes(desk: Desk, alarm: str, name: str) -> list[str]:
    events = table(Event)
    query = select(events.c.cause).where(events.c.subject_id == alarm, events.c.name == name)
    with desk.core.store.read() as tx:
        return list(tx.execute(query.order_by(events.c.id)).scalars())


def test_a_step_that_fails_is_passed_over_and_nobody_else_waits_for_it(
    store_url: str, broken: list[str]
) -> None:
    steps = step(ANN, wait=60), GROUP, step(BOB)
    with open_desk(store_url, policy(*steps, retry={"max_attempts": 1})) as desk:
        alarm = desk.raised()
        other = desk.raised(to=[{"number": CAT}], message={"ivr": "6500"}, ack_digits="1")
        desk.ring()
        desk.busy(ANN)
        assert desk.waiting() == []
        assert causes(desk, alarm, "stumbled") == [
            "it could not be taken further (KeyError), and is looked at again at 10:00:01 UTC"
        ]
        assert desk.alarm(alarm).next_at > desk.clock(), "put off by itself"
        desk.press(CAT, "1")
        assert desk.alarm(other).status == AlarmStatus.ACKNOWLEDGED
        for _ in range(4):
            desk.wait(2)

        assert desk.waiting() == [BOB]
        assert causes(desk, alarm, "passed_over") == ["step 2 fails (KeyError), and is passed over"]
        assert len(broken) == 4, "three looks, and the last attempt"
        with desk.core.store.read() as tx:
            counted = {name: value for name, _, value in tallies.totals(tx)}
        assert counted[catalogue.ALARMS_STUMBLED.name] == 2


def test_when_the_last_step_fails_the_alarm_says_that_nobody_could_be_called(
    store_url: str, broken: list[str]
) -> None:
    with open_desk(store_url, policy(step(ANN, wait=60), GROUP, retry={"max_attempts": 1})) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.busy(ANN)
        for _ in range(4):
            desk.wait(2)

        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED


def test_looks_at_what_goes_on_failing_become_rare(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_desk(store_url, policy(step(ANN))) as desk:
        alarm = desk.raised()
        looks = 0

        def fails(*_: Any) -> None:
            nonlocal looks
            looks += 1
            raise RuntimeError("whatever it is")

        monkeypatch.setattr(keys, "act", fails)
        with desk.core.store.write() as tx:
            tx.execute(update(_alarms).values(next_at=desk.clock()))
        for _ in range(3600):
            desk.wait(1)

        assert 8 < looks < 30
        assert desk.ring() == [ANN], "its call is not lost"
        assert len(causes(desk, alarm, "stumbled")) == looks


def test_a_plan_that_cannot_be_read_is_taken_from_the_policy_as_it_is(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=60), step(BOB), retry={"max_attempts": 1})) as desk:
        alarm = desk.raised()
        with desk.core.store.write() as tx:
            tx.execute(update(_alarms).values(plan={"steps": [{"to": "whoever"}]}))
        desk.ring()
        desk.busy(ANN)
        for _ in range(4):
            desk.wait(2)

        assert desk.waiting() == [BOB]
        assert desk.alarm(alarm).status == AlarmStatus.OPEN


def test_a_plan_that_nobody_can_read_ends_the_alarm_for_everybody_to_see(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=60), step(BOB), retry={"max_attempts": 1})) as desk:
        alarm = desk.raised()
        with desk.core.store.write() as tx:
            tx.execute(update(_alarms).values(plan={"steps": 1}, policy="gone"))
        desk.ring()
        desk.busy(ANN)
        for _ in range(4):
            desk.wait(2)

        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED
        assert any("can't be read" in cause for cause in causes(desk, alarm, "exhausted"))


def test_an_alarm_that_has_ended_is_not_looked_at_for_ever(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), keys={"9": "opt_out"})) as desk:
        alarm = desk.raised(dedup_key="pump")
        desk.ring()
        desk.answer(ANN)
        desk.raised(dedup_key="pump", status="resolved")
        with desk.core.store.write() as tx:
            tx.execute(update(_alarms).values(plan={"steps": 1}))
        desk.press(ANN, "9")
        for _ in range(4):
            desk.wait(2)

        assert desk.alarm(alarm).next_at is None
        assert desk.alarm(alarm).status == AlarmStatus.RESOLVED


def test_a_silence_that_cannot_be_read_keeps_nobody_quiet(store_url: str) -> None:
    matchers = [{"label": "site", "op": "=", "value": "north"}]
    with open_desk(store_url, policy(step(ANN))) as desk:
        until = desk.clock().replace(hour=12)
        carry_out(desk.core, lambda work: silences.create(work, matchers, ends_at=until, by="ann"))
        with desk.core.store.write() as tx:
            tx.execute(update(table(Silence)).values(matchers=[{"label": "site", "op": "~", "value": "("}]))
        desk.raised(labels={"site": "north"})

        assert desk.ring() == [ANN]
