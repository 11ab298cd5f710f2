"""The clock is set back by an hour: what waits goes on in the new time, and nobody waits for the old one."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxInDoubt
from dispatcher.store import inquiries, sessions
from dispatcher.store.arrivals import MOST_LEFT
from dispatcher.store.tables import Alarm, Call, PbxSession, Trunk, table
from dispatcher.upkeep import sweeps
from dispatcher.upkeep.clock import ClockWatch
from dispatcher.upkeep.recovery import Recovery
from tests.cores import PBX, TRUNK, set_attempt
from tests.scripted import NUMBER, Office, answered, bye, calls, failed, open_office, record
from tests.store import rows

alarms, trunks = table(Alarm), table(Trunk)
HOUR = timedelta(hours=1)


@pytest.fixture
def watch(office: Office) -> ClockWatch:
    made = ClockWatch(office.core, office.inbox)
    made.look()
    return made


def set_back(office: Office, watch: ClockWatch, by: timedelta = HOUR) -> None:
    """The clock is set back, and the watch looks as often as it needs."""
    watch.look()
    office.clock.now -= by
    watch.look()
    office.clock.move(seconds=5)
    watch.look()


def test_a_retry_comes_after_its_own_delay(office: Office, watch: ClockWatch) -> None:
    office.alarm(NUMBER)
    [attempt] = office.dialled()
    office.take(failed(office.attempt(attempt).callid))
    waits = office.call_of(attempt).due_at - office.clock()
    assert timedelta(seconds=20) < waits < timedelta(seconds=120)

    set_back(office, watch)
    office.clock.now += waits - timedelta(seconds=1)
    assert office.claim() == []
    office.clock.move(seconds=2)
    assert len(office.claim()) == 1


def test_calls_that_were_just_taken_in_are_placed_at_once(office: Office, watch: ClockWatch) -> None:
    office.alarm("31612340001")
    office.campaign("31612340002")
    set_back(office, watch)
    assert len(office.claim()) == 2


def test_a_call_that_was_put_off_long_before_keeps_its_time(office: Office, watch: ClockWatch) -> None:
    office.campaign(NUMBER)
    tomorrow = office.clock() + timedelta(hours=20)
    with office.core.store.write() as tx:
        tx.execute(update(calls).values(due_at=tomorrow))
    office.clock.move(hours=3)
    set_back(office, watch)
    [call] = office.rows(Call)
    assert call.due_at == tomorrow


@pytest.fixture
def slow(store_url: str) -> Iterator[Office]:
    """An office whose trunk takes five calls a second."""
    with open_office(store_url, pbx=[PBX | {"trunk": [TRUNK | {"calls_per_second": 5.0}]}]) as made:
        yield made


def test_a_trunk_with_a_rate_gives_out_channels(slow: Office) -> None:
    watch = ClockWatch(slow.core, slow.inbox)
    slow.alarm("31612340001")
    assert len(slow.dialled()) == 1
    set_back(slow, watch)
    slow.alarm("31612340002")
    assert len(slow.dialled()) == 1


def test_a_blocked_trunk_is_tried_when_its_block_is_over(office: Office, watch: ClockWatch) -> None:
    with office.core.store.write() as tx:
        until = office.clock() + timedelta(seconds=100)
        tx.execute(update(trunks).values(blocked_until=until, failures_in_row=5, checked_at=office.clock()))
    office.alarm(NUMBER)
    set_back(office, watch)
    assert office.claim() == []
    office.clock.move(seconds=101)
    assert len(office.claim()) == 1
    assert all(row.checked_at <= office.clock() for row in office.rows(Trunk))


def test_an_alarm_goes_on_to_its_next_step_when_it_would_have(office: Office, watch: ClockWatch) -> None:
    old = office.alarm(NUMBER)
    office.clock.move(seconds=100)
    with office.core.store.write() as tx:
        next_at = office.clock() + timedelta(seconds=300)
        tx.execute(update(alarms).where(alarms.c.id == old).values(next_at=next_at))
    watch.look()
    office.clock.now -= HOUR
    watch.look()
    fresh = office.alarm("31612340002", updated_at=office.clock())
    wanted = office.clock() + timedelta(seconds=300)
    with office.core.store.write() as tx:
        tx.execute(update(alarms).where(alarms.c.id == fresh).values(next_at=wanted))
    office.clock.move(seconds=5)
    watch.look()

    found = {row.id: row.next_at for row in office.rows(Alarm)}
    assert abs(found[old] - wanted) < timedelta(seconds=10)
    assert found[fresh] == wanted


def test_a_claim_whose_wake_up_was_lost_is_made_again(office: Office, watch: ClockWatch) -> None:
    office.alarm(NUMBER)
    office.claim()
    set_back(office, watch)
    sweeps.resend_wake_ups(office.core)
    for attempt, _ in office.messages.dialled:
        office.dialer.dial(attempt)
    assert len(office.dialled()) == 1
    assert len(office.driver.orders) == 1


def test_who_was_called_often_in_the_lost_hour_is_called(office: Office, watch: ClockWatch) -> None:
    for _ in range(3):
        office.alarm(NUMBER)
        with office.core.store.write() as tx:
            tx.execute(update(calls).values(most_per_minute=3, callee=NUMBER))
        [attempt] = office.dialled()
        callid = office.attempt(attempt).callid
        office.take(answered(callid), bye(callid), record(callid))
    set_back(office, watch)
    office.alarm(NUMBER)
    with office.core.store.write() as tx:
        tx.execute(update(calls).values(most_per_minute=3, callee=NUMBER))
    assert len(office.dialled()) == 1


def test_open_calls_are_asked_for_and_a_dead_login_keeps_nobody_out(
    office: Office, watch: ClockWatch
) -> None:
    with office.core.store.write() as tx:
        until = office.clock() + timedelta(seconds=20)
        rows.add(tx, "pbx_sessions", token=None, lease_owner="dead", lease_until=until, generation=0)
    set_back(office, watch)
    office.clock.move(seconds=21)
    with office.core.store.write() as tx:
        assert inquiries.of_pbx(tx, "hq").wanted_because == "the clock was set back"
        assert sessions.take_lease(tx, "hq", "one", 0, office.clock(), office.clock() + HOUR)


def test_reports_that_nobody_has_entered_are_entered(office: Office, watch: ClockWatch) -> None:
    for _ in range(MOST_LEFT + 1):
        office.core.arrivals.keep(office.clock(), [])
    set_back(office, watch)
    assert office.waiting() == []


@pytest.mark.parametrize("in_doubt", [False, True])
def test_a_call_of_which_no_report_comes_is_asked_for_at_once(
    office: Office, watch: ClockWatch, in_doubt: bool
) -> None:
    """Whether it is up or in doubt, it must not wait until the clock has caught up."""

    def lose(order: object) -> str:
        raise PbxInDoubt(Reason.TIMED_OUT, "no answer")

    if in_doubt:
        office.driver.on_dial = lose
    office.alarm(NUMBER)
    [attempt] = office.dialled()
    office.clock.move(seconds=30)
    set_back(office, watch)

    recovery = Recovery(office.core, office.sessions, office.pbxes, office.inbox)
    recovery.sweep("hq")
    assert office.driver.questions == 1
    for _ in range(60):
        office.clock.move(seconds=10)
        recovery.sweep("hq")
    assert office.attempt(attempt).phase == "ended"


def test_a_call_that_was_in_question_goes_on_being_asked_for(office: Office, watch: ClockWatch) -> None:
    office.alarm(NUMBER)
    [attempt] = office.dialled()
    recovery = Recovery(office.core, office.sessions, office.pbxes, office.inbox)
    with office.core.store.write() as tx:
        inquiries.demand(tx, "hq", office.clock(), "a test")
    recovery.sweep("hq")
    set_back(office, watch)

    for _ in range(60):
        office.clock.move(seconds=10)
        recovery.sweep("hq")
    assert office.attempt(attempt).phase == "ended"


def test_a_hang_up_that_was_not_heard_is_asked_for_again(office: Office, watch: ClockWatch) -> None:
    office.alarm(NUMBER)
    [attempt] = office.dialled()
    set_attempt(office.core, attempt, hung_up_at=office.clock())
    set_back(office, watch)
    office.clock.move(seconds=5)
    sweeps.resend_hang_ups(office.core)
    assert office.messages.hung_up == [attempt]


@pytest.mark.parametrize("by", [timedelta(seconds=2), timedelta(seconds=55)])
def test_a_small_step_is_waited_out(office: Office, watch: ClockWatch, by: timedelta) -> None:
    office.alarm(NUMBER)
    due = [row.due_at for row in office.rows(Call)]
    set_back(office, watch, by)
    assert [row.due_at for row in office.rows(Call)] == due
    with office.core.store.read() as tx:
        assert inquiries.of_pbx(tx, "hq") is None


def test_a_process_whose_clock_is_ahead_is_no_step(office: Office, watch: ClockWatch) -> None:
    """It notes on, so what it has noted is another time at every look."""
    behind = office.clock()
    for seconds in range(0, 20, 5):
        office.clock.now = behind + HOUR + timedelta(seconds=seconds)
        ClockWatch(office.core, office.inbox).look()
        office.clock.now = behind + timedelta(seconds=seconds)
        watch.look()
    with office.core.store.read() as tx:
        assert inquiries.of_pbx(tx, "hq") is None
    assert office.rows(PbxSession) == []
