"""How many calls for alarms one person takes: what a storm may do to somebody who does not answer."""

import itertools
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from dispatcher.api.reading import call_views, timeline_of_alarm
from dispatcher.domain.limits import allowed_at
from dispatcher.domain.reasons import Reason
from dispatcher.lines import Line
from dispatcher.pacer.claim import claim
from dispatcher.store.tables import Alarm, Attempt, Call, table
from tests.cores import PBX, START, TRUNK, SettableClock, make_core
from tests.escalation.desk import ANN, BOB, DAN, Desk, forget_retries, open_desk, policy, step
from tests.reports.stepping import Stepper

_calls = table(Call)
SECOND = TRUNK | {"name": "SPS-6-37"}


def waits_for(desk: Desk, alarm: str) -> str:
    """What the alarm's only call that is queued waits for."""
    with desk.core.store.read() as tx:
        ids = [page.call_id for page in desk.pages(alarm) if page.call_id]
        rows = tx.execute(_calls.select().where(_calls.c.id.in_(ids))).all()
        [waits] = [view.waiting_for for view in call_views(desk.core, tx, rows) if view.waiting_for]
    return waits


def rung_in(desk: Desk, minutes: int, severity: str) -> list[int]:
    """When Ann, who is always busy, is rung (in seconds): a new alarm comes every ten seconds."""
    started, rung = desk.clock(), []
    for _ in range(minutes * 6):
        desk.raised(severity=severity)
        if desk.ring():
            rung.append(int((desk.clock() - started).total_seconds()))
            desk.busy(ANN)
        desk.clock.move(seconds=10)
    return rung


def test_a_storm_does_not_ring_again_with_each_newcomer(sqlite_url: str) -> None:
    with open_desk(sqlite_url, policy(step(ANN))) as desk:
        rung = rung_in(desk, 40, "warning")

    assert rung[:4] == [0, 10, 20, 60], "three a minute"
    assert len(rung) == 20, "twenty an hour"
    assert all(sum(one - 60 < other <= one for other in rung) <= 3 for one in rung)


def test_a_critical_alarm_is_not_held_for_an_hour(sqlite_url: str) -> None:
    with open_desk(sqlite_url, policy(step(ANN))) as desk:
        rung = rung_in(desk, 20, "critical")

    assert [after - before for before, after in itertools.pairwise(rung[19:])] == [300, 300]


def test_what_is_held_by_the_limit_says_so_and_rings_once_it_permits(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN)), alarms={"most_per_minute": 1}) as desk:
        desk.raised()
        assert desk.ring() == [ANN]
        desk.busy(ANN)
        late = desk.raised(message={"ivr": "6501"})
        assert desk.ring() == []
        assert waits_for(desk, late) == (
            "the limit of its callee's calls for alarms, which allows the next at 10:01:00 UTC"
        )
        with desk.core.store.read() as tx:
            told = [(event.name, event.cause) for event in timeline_of_alarm(tx, late)]
        assert ("limited", "its callee takes no more calls for alarms before 10:01:00 UTC") in told
        desk.clock.move(seconds=60)

        assert desk.ring() == [ANN]


def test_of_several_that_wait_the_critical_one_rings_first(store_url: str) -> None:
    site = {"most_per_minute": 1}
    with open_desk(store_url, policy(step(ANN), retry={"max_attempts": 1}), alarms=site) as desk:
        desk.raised()
        desk.ring()
        desk.busy(ANN)
        for number, severity in enumerate(("info", "warning", "critical")):
            desk.raised(message={"ivr": f"651{number}"}, severity=severity)
        assert desk.ring() == []
        desk.clock.move(seconds=60)
        assert desk.ring() == [ANN]

        with desk.core.store.read() as tx:
            active = tx.execute(_calls.select().where(_calls.c.state == "active")).one()
        assert desk.alarm(active.alarm_id).severity == "critical"


def test_a_critical_alarm_of_a_group_is_not_put_off_with_the_call_it_joins(store_url: str) -> None:
    group = {"by": [], "wait": 10, "interval": 10}
    grouped = policy(step(ANN), group=group, retry={"max_attempts": 1})
    other = policy(step(ANN), message={"ivr": "6501"}) | {"name": "other"}
    site = {"most_per_minute": 0, "most_per_hour": 1}
    with open_desk(store_url, grouped, other, alarms=site) as desk:
        desk.raised(policy="other")
        desk.ring()
        desk.press(ANN, "1")
        desk.hang_up(ANN)
        desk.raised(severity="warning", dedup_key="lesser")
        desk.wait(10)
        desk.clock.move(seconds=2)
        assert desk.ring() == [], "put off for the rest of the hour"
        desk.raised(dedup_key="graver")
        desk.wait(10)
        desk.clock.move(seconds=2)
        assert desk.ring() == []

        desk.clock.move(minutes=5)
        assert desk.ring() == [ANN]


def test_calls_that_never_rang_do_not_count(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN)), alarms={"most_per_minute": 1}) as desk:
        desk.raised()
        for _ in range(3):
            assert desk.ring() == [ANN]
            desk._learn(ANN, failed_at=desk.clock(), cause=Reason.CONGESTION)
            forget_retries(desk)
        assert desk.ring() == [ANN]
        desk.busy(ANN)
        forget_retries(desk)

        assert desk.ring() == []


def test_no_limit_is_asked_for_with_zero(store_url: str) -> None:
    site = {"most_per_minute": 0, "most_per_hour": 0}
    with open_desk(store_url, policy(step(ANN), retry={"max_attempts": 1}), alarms=site) as desk:
        for number in range(5):
            desk.raised(message={"ivr": f"651{number}"})
            assert desk.ring() == [ANN]
            desk.busy(ANN)


def test_a_critical_alarm_waits_no_longer_than_any_other() -> None:
    made = [START - timedelta(seconds=10 * ago) for ago in range(20)]
    for per_minute, per_hour in ((3, None), (None, 20), (3, 20), (1, 1), (None, None)):
        usual = allowed_at(made, START, per_minute, per_hour)
        critical = allowed_at(made, START, per_minute, per_hour, is_critical=True)
        assert START <= critical <= usual


def test_the_limits_are_a_persons_however_many_phones_they_have(store_url: str) -> None:
    with open_desk(store_url, policy({"to": [{"contact": "ann"}]}, retry={"max_attempts": 1})) as desk:
        desk.contact("ann", {"number": ANN}, {"number": DAN}, most_per_hour=2)
        desk.contact("bob", {"number": BOB}, most_per_hour=2)
        desk.raised(severity="warning")
        for phone in (ANN, DAN):
            assert desk.ring() == [phone]
            desk.busy(phone)
        late = desk.raised(severity="warning")
        other = desk.raised(severity="warning", to=[{"contact": "bob"}], message={"ivr": "6500"})

        assert desk.ring() == [BOB], "who has limits of his own"
        assert waits_for(desk, late).endswith("which allows the next at 11:00:00 UTC")
        assert dict(desk.outcomes(other)) == {BOB: "active"}
        desk.clock.move(hours=1)
        assert desk.ring() == [ANN]


@pytest.fixture
def two_trunks(postgres_url: str) -> Iterator[Desk]:
    clock = SettableClock()
    pbx = PBX | {"trunk": [TRUNK, SECOND]}
    core = make_core(
        postgres_url,
        clock,
        policy=[policy(step(ANN))],
        pbx=[pbx],
        alarms={"most_per_minute": 1, "most_per_hour": 0},
    )
    yield Desk(core, clock)
    core.store.close()


def line(trunk: str) -> Line:
    return Line("hq", trunk, channels=30)


def test_a_person_whom_one_pacer_is_about_to_call_is_left_alone_by_another(two_trunks: Desk) -> None:
    desk = two_trunks
    desk.raised()
    with desk.core.store.write() as first:
        assert claim(first, desk.clock(), line("SPS-6-36")).total == 1
        desk.raised(message={"ivr": "6501"})
        with desk.core.store.write() as second:
            found = claim(second, desk.clock(), line("SPS-6-37"))

    assert found.total == 0
    assert found.wake_at is not None, "it is looked at again"


@pytest.mark.timeout(300)
def test_two_pacers_never_call_one_person_twice_in_any_order(two_trunks: Desk) -> None:
    desk = two_trunks
    stepper = Stepper(desk.core.store.engine)
    made: list[int] = []

    def pace(trunk: str) -> None:
        stepper.join(trunk)
        try:
            with desk.core.store.write() as tx:
                made.append(claim(tx, desk.clock(), line(trunk)).total)
        finally:
            stepper.leave()

    def late() -> None:
        """The second alarm comes once the first pacer has seen what is due."""
        stepper.join("late")
        desk.raised(message={"ivr": "6501"})
        stepper.leave()

    try:
        for seen, begun in itertools.product(range(3, 8), (1, 4, 7, 10, 13)):
            made.clear()
            desk.raised()
            names = ("SPS-6-36", "SPS-6-37", "late")
            runs = [(pace, (names[0],)), (pace, (names[1],)), (late, ())]
            threads = [threading.Thread(target=run, args=given) for run, given in runs]
            for thread in threads:
                thread.start()
            schedule = ((names[0], seen), ("late", 99), (names[1], begun), (names[0], 99), (names[1], 99))
            stepper.play(schedule, names)
            for thread in threads:
                thread.join(30)
            assert sum(made) == 1, (seen, begun)
            _end_all(desk)
    finally:
        stepper.close()


def _end_all(desk: Desk) -> None:
    """Every call ends, and a while goes by in which the limits let go."""

    with desk.core.store.write() as tx:
        tx.execute(table(Attempt).update().values(phase="ended", outcome="busy", channel_held=False))
        tx.execute(_calls.update().values(state="failed"))
        tx.execute(table(Alarm).update().values(status="exhausted", next_at=None))
    desk.clock.move(minutes=2)
