"""What notices do to the alarm of their key, in whatever order they come."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from dispatcher.core import Core
from dispatcher.domain.vocabulary import Severity
from dispatcher.intake import by_hand, episodes, webhooks
from dispatcher.intake.notices import FOR_EVER, LONGEST_LABEL, MOST_LABELS, Notice, Says, fitting
from dispatcher.store.tables import Alarm, Call, table
from dispatcher.work import carry_out
from tests.cores import START, SettableClock, make_core

_alarms, _calls = table(Alarm), table(Call)
LATE_FOR = timedelta(minutes=5)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def core(store_url: str, clock: SettableClock) -> Any:
    made = make_core(store_url, clock)
    yield made
    made.store.close()


def notice(says: Says, key: str = "boiler-3@10:00", **members: Any) -> Notice:
    usual: dict[str, Any] = {"late_for": LATE_FOR, "labels": {"site": "north"}}
    return Notice(key, says, "Over-pressure", Severity.CRITICAL, **usual | members)


def take(core: Core, *notices: Notice) -> list[str]:
    """The effects of notices that come in one body."""
    readings = [lambda one=one: one for one in notices]
    results = carry_out(core, lambda work: webhooks.take_all(work, "alertmanager", "night-shift", readings))
    assert not [result.error for result in results if result.error]
    return [str(result.effect) for result in results]


def standing(core: Core) -> list[tuple[str, int]]:
    """The status of every alarm and how many calls it made, the oldest first."""
    with core.store.read() as tx:
        rows = tx.execute(select(_alarms.c.id, _alarms.c.status).order_by(_alarms.c.id)).all()
        counts = [tx.execute(select(_calls.c.id).where(_calls.c.alarm_id == row.id)).all() for row in rows]
    return [(row.status, len(calls)) for row, calls in zip(rows, counts, strict=True)]


def test_an_end_that_comes_first_is_remembered_however_long(core: Core, clock: SettableClock) -> None:
    assert take(core, notice(Says.RESOLVED)) == ["resolved"]
    clock.move(hours=3)
    assert take(core, notice(Says.FIRING)) == ["joined"]
    assert standing(core) == [("resolved", 0)]


def test_an_end_that_comes_twice_is_one(core: Core) -> None:
    take(core, notice(Says.FIRING))
    assert take(core, notice(Says.RESOLVED)) == ["resolved"]
    assert take(core, notice(Says.RESOLVED)) == ["unchanged"]
    assert [status for status, _ in standing(core)] == ["resolved"]


@pytest.mark.parametrize(
    ("late_for", "minutes", "effect"),
    [
        (LATE_FOR, 0, "joined"),
        (LATE_FOR, 5, "joined"),
        (LATE_FOR, 5.1, "raised"),
        (FOR_EVER, 100_000, "joined"),
        (timedelta(0), 0, "raised"),
    ],
)
def test_a_late_repeat_of_what_has_ended_calls_nobody(
    core: Core, clock: SettableClock, late_for: timedelta, minutes: float, effect: str
) -> None:
    take(core, notice(Says.FIRING, late_for=late_for))
    clock.move(hours=1)
    take(core, notice(Says.RESOLVED, late_for=late_for))
    clock.move(minutes=minutes)
    assert take(core, notice(Says.FIRING, late_for=late_for)) == [effect]
    assert len(standing(core)) == (2 if effect == "raised" else 1)


@pytest.mark.parametrize(("late_for", "effect"), [(LATE_FOR, "joined"), (timedelta(0), "raised")])
def test_a_repeat_of_an_episode_that_was_cancelled_calls_nobody(
    core: Core, clock: SettableClock, late_for: timedelta, effect: str
) -> None:
    take(core, notice(Says.FIRING, late_for=late_for))
    with core.store.read() as tx:
        alarm_id = tx.execute(select(_alarms.c.id)).scalar_one()
    carry_out(core, lambda work: by_hand.cancel(work, alarm_id, by="ann"))
    clock.move(hours=4)

    assert take(core, notice(Says.FIRING, late_for=late_for)) == [effect]
    statuses = [status for status, _ in standing(core)]
    assert statuses == (["cancelled"] if effect == "joined" else ["cancelled", "open"])


def test_the_generic_key_may_be_raised_again_at_once(core: Core) -> None:
    for _ in range(2):
        assert take(core, notice(Says.FIRING, "boiler-3", late_for=timedelta(0))) == ["raised"]
        assert take(core, notice(Says.RESOLVED, "boiler-3", late_for=timedelta(0))) == ["resolved"]


def test_both_ends_of_an_episode_in_one_body(core: Core) -> None:
    assert take(core, notice(Says.FIRING), notice(Says.RESOLVED)) == ["raised", "resolved"]
    assert take(core, notice(Says.RESOLVED, "other"), notice(Says.FIRING, "other")) == ["resolved", "joined"]


def test_labels_stand_on_the_alarm(core: Core) -> None:
    take(core, notice(Says.FIRING, labels={"site": "n" * 5000, "": "nameless"}))
    with core.store.read() as tx:
        assert tx.execute(select(_alarms.c.labels)).scalar() == {"site": "n" * LONGEST_LABEL}


def test_too_many_labels_lose_no_alarm() -> None:
    assert len(fitting({str(number): "x" for number in range(300)})) == MOST_LABELS


def test_two_senders_whose_clocks_differ_a_little_are_both_heard(core: Core) -> None:
    def said(says: Says, seconds: float) -> Notice:
        said_at = START + timedelta(seconds=seconds)
        return notice(says, "host", late_for=timedelta(0), said_at=said_at)

    assert take(core, said(Says.FIRING, 60)) == ["raised"]
    assert take(core, said(Says.RESOLVED, 58.5)) == ["resolved"]
    assert take(core, said(Says.FIRING, 57)) == ["raised"]
    assert take(core, said(Says.RESOLVED, 50)) == ["unchanged"]


MESSAGES = [(Says.FIRING, 0), (Says.ACKNOWLEDGED, 60), (Says.FIRING, 90), (Says.RESOLVED, 120)]


@settings(max_examples=24, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(MESSAGES))), repeated=st.integers(0, len(MESSAGES) - 1))
def test_with_times_every_order_ends_alike(sqlite_core: Core, order: list[int], repeated: int) -> None:
    """Whatever comes last, the last word holds; and no message that is late calls anybody."""
    key = f"host!{sqlite_core.clock().timestamp()}"
    for index in [*order, repeated]:
        says, seconds = MESSAGES[index]
        said_at = START + timedelta(seconds=seconds)
        take(sqlite_core, notice(says, key, late_for=timedelta(0), said_at=said_at))
    with sqlite_core.store.read() as tx:
        found = tx.execute(select(_alarms.c.id, _alarms.c.status).where(_alarms.c.dedup_key == key)).all()
        states = {row.state for row in tx.execute(select(_calls.c.state))}
    assert {row.status for row in found} == {"resolved"}
    assert states <= {"cancelled"}
    assert isinstance(sqlite_core.clock, SettableClock)
    sqlite_core.clock.move(hours=1)


@pytest.fixture
def sqlite_core(sqlite_url: str, clock: SettableClock) -> Any:
    made = make_core(sqlite_url, clock)
    yield made
    made.store.close()


def test_an_alarm_and_its_end_that_come_at_once_leave_nothing_open(core: Core) -> None:
    """Of two transactions that see nothing of each other, one would raise what the other has ended."""
    for number in range(15):
        together = threading.Barrier(2)

        def send(says: Says, key: str = f"race-{number}", start: threading.Barrier = together) -> None:
            start.wait()
            take(core, notice(says, key))

        threads = [threading.Thread(target=send, args=(says,)) for says in (Says.FIRING, Says.RESOLVED)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {status for status, _ in standing(core)} == {"resolved"}
    assert len(standing(core)) == 15


def test_bodies_with_the_same_alerts_in_another_order_do_not_wait_for_each_other(core: Core) -> None:
    keys = [f"boiler-{number}" for number in range(40)]
    failed: list[BaseException] = []

    def send(order: list[str]) -> None:
        try:
            take(core, *(notice(Says.FIRING, key) for key in order))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=send, args=(order,)) for order in (keys, keys[::-1]) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert [status for status, _ in standing(core)] == ["open"] * 40


def test_a_key_is_locked_until_the_transaction_ends(postgres_url: str) -> None:
    core = make_core(postgres_url)
    first, second = threading.Event(), threading.Event()

    def hold(work: Any) -> None:
        episodes.lock(work, ["a"])
        first.set()
        second.wait(0.5)

    def follow(work: Any) -> None:
        first.wait(5)
        episodes.lock(work, ["b", "a"])
        second.set()

    threads = [threading.Thread(target=carry_out, args=(core, do)) for do in (hold, follow)]
    for thread in threads:
        thread.start()
    first.wait(5)
    assert not second.wait(0.3), "it waits for the other's key"
    for thread in threads:
        thread.join()
    assert second.is_set()
    core.store.close()


def test_what_fires_after_the_end_of_an_expired_alarm_is_late(core: Core, clock: SettableClock) -> None:
    take(core, notice(Says.FIRING))
    clock.move(hours=2)
    [(_, calls)] = standing(core)
    with core.store.write() as tx:
        tx.execute(_alarms.update().values(status="expired"))
    assert take(core, notice(Says.RESOLVED)) == ["resolved"]
    clock.move(minutes=1)
    assert take(core, notice(Says.FIRING)) == ["joined"]
    assert standing(core) == [("resolved", calls)]


def test_what_fires_after_the_end_of_an_alarm_that_was_called_off_is_late(
    core: Core, clock: SettableClock
) -> None:
    take(core, notice(Says.FIRING))
    clock.move(minutes=1)
    assert take(core, notice(Says.CALLED_OFF)) == ["cancelled"]
    [(_, calls)] = standing(core)
    assert take(core, notice(Says.RESOLVED)) == ["unchanged"]
    assert take(core, notice(Says.RESOLVED)) == ["unchanged"], "twice is once"
    clock.move(minutes=1)
    assert take(core, notice(Says.FIRING)) == ["joined"]
    assert standing(core) == [("cancelled", calls)], "nobody is called"
    clock.move(minutes=10)
    assert take(core, notice(Says.FIRING)) == ["raised"], "another episode"


def test_an_alarm_that_was_called_off_fires_again_while_its_cause_lasts(core: Core) -> None:
    take(core, notice(Says.FIRING))
    take(core, notice(Says.CALLED_OFF))
    assert take(core, notice(Says.FIRING)) == ["raised"]
    assert [status for status, _ in standing(core)] == ["cancelled", "open"]
