"""A claim that nobody has dialled in time is given back, and the pacer decides anew."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from dispatcher.audit import attempts as audited
from dispatcher.dialer import lapsed
from dispatcher.store.tables import Call, Campaign, Event, Trunk, table
from dispatcher.upkeep import housekeeping, sweeps
from tests.cores import set_attempt
from tests.scripted import NUMBER, Office, at, calls

campaigns = table(Campaign)

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
UNTIL_TEN_PAST = [{"days": DAYS, "from": "09:00", "to": "10:10"}]
"""The tests begin at ten, on a Saturday."""


def woken(office: Office) -> None:
    """The workers are back, and the sweep sends them what they have not dialled."""
    sweeps.resend_wake_ups(office.core)
    for attempt, _ in office.messages.dialled:
        office.dialer.dial(attempt)
    office.messages.dialled.clear()


def test_nobody_is_called_after_the_window_for_a_claim_within_it(office: Office) -> None:
    office.campaign(NUMBER, windows=UNTIL_TEN_PAST, timezone="UTC")
    [attempt] = office.claim()
    office.clock.now = at(13)

    woken(office)

    assert office.driver.orders == []
    row, call = office.attempt(attempt), office.call_of(attempt)
    assert (row.phase, row.outcome, row.cause) == ("ended", "unreachable", "never_placed")
    assert (row.channel_held, row.freed_at, row.dialed_at) == (False, office.clock(), None)
    assert (call.state, call.attempts_spent, call.free_failures) == ("queued", 0, 0)
    assert office.claim() == []  # The window is closed.
    office.clock.move(hours=21)
    assert len(office.claim()) == 1


def test_a_campaign_that_was_paused_meanwhile_calls_nobody(office: Office) -> None:
    identity = office.campaign(NUMBER)
    office.claim()
    office.clock.move(minutes=5)
    with office.core.store.write() as tx:
        tx.execute(update(campaigns).where(campaigns.c.id == identity).values(status="paused"))

    woken(office)

    assert (office.driver.orders, office.claim()) == ([], [])


def test_an_alarm_goes_on_at_once_and_one_that_expired_does_not(office: Office) -> None:
    office.alarm("31612340001")
    brief = office.alarm("31612340002")
    with office.core.store.write() as tx:
        until = office.clock() + timedelta(minutes=2)
        tx.execute(update(calls).where(calls.c.alarm_id == brief).values(expires_at=until))
    assert len(office.claim()) == 2
    office.clock.move(minutes=5)

    woken(office)
    housekeeping.expire(office.core)
    office.dialled()

    assert [order.digits for order in office.driver.orders] == ["31612340001"]
    [call] = office.rows(Call, calls.c.alarm_id == brief)
    assert call.state == "expired"


@pytest.mark.parametrize("late", [0, 59, 60])
def test_a_worker_that_is_a_little_late_dials(office: Office, late: int) -> None:
    office.campaign(NUMBER)
    office.claim()
    office.clock.move(seconds=late)

    office.dialer.dial(*[row.id for row in office.rows_of_attempts()])

    assert len(office.driver.orders) == 1


def test_those_in_time_are_dialled_beside_those_that_are_not(office: Office) -> None:
    office.campaign("31612340001")
    [old] = office.claim()
    office.clock.move(seconds=61)
    office.campaign("31612340002")
    [fresh] = office.claim()

    office.dialer.dial_at_once(old, fresh)

    assert [order.digits for order in office.driver.orders] == ["31612340002"]
    assert (office.attempt(old).phase, office.attempt(fresh).phase) == ("ended", "up")


def test_it_says_nothing_of_the_trunk(office: Office) -> None:
    office.campaign(*(f"3161234{number:04d}" for number in range(20)))
    claimed = office.claim()
    office.clock.move(minutes=2)

    office.dialer.dial_at_once(*claimed)

    trunk = next(row for row in office.rows(Trunk) if row.name)
    assert (trunk.failures_in_row, trunk.blocked_until) == (0, None)
    assert sorted(row.phase for row in office.rows_of_attempts()) == ["ended"] * len(claimed)
    assert len(office.dialled()) == len(claimed)


def test_the_call_tells_why_it_waits_again(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()
    office.clock.move(minutes=2)

    office.dialer.dial(attempt)

    told = [row.cause for row in office.rows(Event) if row.attempt_id == attempt]
    assert told[-1] == "attempt 1 is given back: no worker dialled it for 120 s"


def test_what_is_being_dialled_is_never_given_back(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()
    set_attempt(office.core, attempt, phase="dialing", dialed_at=office.clock())
    office.clock.move(minutes=5)

    office.dialer.dial(attempt)

    row = office.attempt(attempt)
    assert (row.phase, row.channel_held, office.driver.orders) == ("dialing", True, [])


def test_a_claim_from_before_the_clock_was_set_back_is_given_back(office: Office) -> None:
    office.alarm(NUMBER)
    office.claim()
    office.clock.move(hours=-1)

    office.dialer.dial(*[row.id for row in office.rows_of_attempts()])

    assert office.driver.orders == []
    assert len(office.dialled()) == 1


def test_the_auditor_waits_longer_than_a_claim_lasts() -> None:
    assert audited.CLAIMED > lapsed.LASTS


@pytest.mark.parametrize("ahead", [70, -70, 7200])
def test_where_the_clocks_of_two_machines_differ_people_are_called_all_the_same(
    office: Office, ahead: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The pacer claims by its clock, and the worker judges by another."""
    office.alarm("31612340001")
    for _ in range(2):
        claimed = office.claim()
        office.clock.move(seconds=ahead)
        office.dialer.dial_at_once(*claimed)
        office.clock.move(seconds=1 - ahead)

    assert [order.digits for order in office.driver.orders] == ["31612340001"]
    assert [row.attempts_spent for row in office.rows(Call)] == [0]
    assert "the clocks of the machines differ" in caplog.text


def test_a_claim_that_waits_anew_is_given_back_anew(office: Office) -> None:
    """What was given back before proves nothing any more when nobody has dialled for so long again."""
    office.alarm("31612340001")
    for _ in range(2):
        claimed = office.claim()
        office.clock.move(seconds=61)
        office.dialer.dial(*claimed)

    assert office.driver.orders == []
