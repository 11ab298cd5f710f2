"""However many say it at once, one key is one alarm."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from dispatcher.core import Core
from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.intake import alarms, by_hand
from dispatcher.intake.alarm_request import AlarmRequest
from dispatcher.intake.alarms import Effect, Taken
from dispatcher.store.tables import Alarm, Call, table
from dispatcher.work import carry_out
from tests.cores import make_core

REQUEST: dict[str, Any] = {
    "summary": "Boiler 3 over-pressure",
    "dedup_key": "boiler-3",
    "to": [{"number": "+31612345678"}],
    "message": {"ivr": "6500"},
}


@pytest.fixture
def cores(store_url: str) -> Iterator[list[Core]]:
    """Two processes on one database."""
    made = [make_core(store_url), make_core(store_url)]
    yield made
    for core in made:
        core.store.close()


def take(core: Core, **changes: Any) -> Taken:
    request = AlarmRequest(**(REQUEST | changes))
    return carry_out(core, lambda work: alarms.take(work, request, "api"))


def rows(core: Core, model: type) -> list[Any]:
    with core.store.read() as tx:
        return list(tx.execute(select(table(model))).all())


def together(cores: list[Core], *requests: dict[str, Any]) -> list[Taken]:
    start = threading.Barrier(len(requests))

    def run(number: int) -> Taken:
        start.wait()
        return take(cores[number % len(cores)], **requests[number])

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(run, range(len(requests))))


def test_many_at_once_make_one_alarm(cores: list[Core]) -> None:
    taken = together(cores, *([{}] * 10))

    [alarm] = rows(cores[0], Alarm)
    assert alarm.occurrences == 10
    assert sorted(item.effect for item in taken) == [Effect.JOINED] * 9 + [Effect.RAISED]
    assert {item.alarm_id for item in taken} == {alarm.id}
    assert len(rows(cores[0], Call)) == 1


def test_raising_and_resolving_at_once_leaves_no_alarm_without_its_calls(cores: list[Core]) -> None:
    """Whoever comes first, an open alarm has calls to place, and a closed one has none."""
    for _ in range(5):
        together(cores, {}, {"status": "resolved"}, {}, {"status": "resolved"})

        states = {row.id: set() for row in rows(cores[0], Alarm)}
        for call in rows(cores[0], Call):
            states[call.alarm_id].add(call.state)
        for alarm in rows(cores[0], Alarm):
            expected = {"queued"} if alarm.status == AlarmStatus.OPEN else {"cancelled"}
            assert states[alarm.id] in (expected, set() if alarm.status == AlarmStatus.RESOLVED else expected)
        assert sum(alarm.status == AlarmStatus.OPEN for alarm in rows(cores[0], Alarm)) <= 1


def test_an_acknowledged_alarm_is_joined_and_calls_nobody_anew(cores: list[Core]) -> None:
    first = take(cores[0])
    carry_out(cores[0], lambda work: by_hand.acknowledge(work, first.alarm_id, "anna"))

    assert take(cores[1]) == Taken(first.alarm_id, Effect.JOINED)
    assert [row.state for row in rows(cores[0], Call)] == ["cancelled"]


def test_an_alarm_that_nobody_heard_is_raised_anew(cores: list[Core]) -> None:
    first = take(cores[0])
    with cores[0].store.write() as tx:
        tx.exec_driver_sql("UPDATE alarms SET status = 'exhausted'")

    assert take(cores[1]).effect is Effect.RAISED
    assert take(cores[1], status="resolved").alarm_id != first.alarm_id, "the open one is resolved"
    assert sorted(row.status for row in rows(cores[0], Alarm)) == ["exhausted", "resolved"]


def test_an_exhausted_alarm_can_be_resolved_by_its_key(cores: list[Core]) -> None:
    first = take(cores[0])
    with cores[0].store.write() as tx:
        tx.exec_driver_sql("UPDATE alarms SET status = 'exhausted'")

    assert take(cores[0], status="resolved") == Taken(first.alarm_id, Effect.RESOLVED)
    assert take(cores[0], status="resolved") == Taken(first.alarm_id, Effect.UNCHANGED)


def test_alarms_without_a_key_never_meet(cores: list[Core]) -> None:
    assert take(cores[0], dedup_key=None).alarm_id != take(cores[0], dedup_key=None).alarm_id
