"""What a lost wake-up, a dead process or a lost report left lying is taken up."""

from sqlalchemy import select

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxInDoubt
from dispatcher.upkeep import sweeps
from tests.cores import set_attempt
from tests.scripted import NUMBER, Office, attempts, bye, calls, record, ringing, whole_call

TIMEOUTS = {"hq": 10.0}


def test_a_dial_message_that_was_lost_is_sent_again(office: Office) -> None:
    office.campaign("31612340001")
    office.alarm("31612340002")
    claimed = office.claim()
    urgent = {attempt: office.attempt(attempt).lane == "alarms" for attempt in claimed}

    office.clock.move(seconds=2)
    sweeps.resend_wake_ups(office.core)
    assert office.messages.dialled == []

    office.clock.move(seconds=2)
    sweeps.resend_wake_ups(office.core)
    assert dict(office.messages.dialled) == urgent


def test_what_is_dialled_gets_no_second_message(office: Office) -> None:
    office.campaign(NUMBER)
    office.dialled()
    office.clock.move(minutes=5)

    sweeps.resend_wake_ups(office.core)

    assert office.messages.dialled == []


def test_a_process_that_dies_before_its_request_costs_seconds(office: Office) -> None:
    """Claimed, and then the worker is gone: the second message dials, once."""
    office.campaign(NUMBER)
    office.claim()
    office.clock.move(seconds=4)

    sweeps.resend_wake_ups(office.core)
    for attempt, _ in [*office.messages.dialled, *office.messages.dialled]:
        office.dialer.dial(attempt)

    assert len(office.driver.orders) == 1


def dead_in_the_middle(office: Office) -> str:
    """An attempt whose process died after its request and before the answer was committed."""
    [attempt] = office.claim()
    set_attempt(office.core, attempt, phase="dialing", dialed_at=office.clock())
    return attempt


def test_a_process_that_dies_in_the_middle_leaves_a_doubt(office: Office) -> None:
    office.campaign(NUMBER)
    attempt = dead_in_the_middle(office)

    office.clock.move(seconds=30)
    sweeps.doubt_the_unanswered(office.core, TIMEOUTS)
    assert office.attempt(attempt).phase == "dialing"

    office.clock.move(seconds=1)
    sweeps.doubt_the_unanswered(office.core, TIMEOUTS)
    row = office.attempt(attempt)
    assert (row.phase, row.channel_held, row.doubted_at) == ("in_doubt", True, office.clock())
    assert office.driver.orders == []


def test_its_call_is_found_by_its_reports(office: Office) -> None:
    office.campaign(NUMBER)
    attempt = dead_in_the_middle(office)
    office.take(ringing("1.1"))
    assert office.dispositions() == ["pending"]

    office.clock.move(seconds=31)
    sweeps.doubt_the_unanswered(office.core, TIMEOUTS)
    office.inbox.revisit("hq")

    assert (office.attempt(attempt).phase, office.attempt(attempt).callid) == ("up", "1.1")


def test_an_answer_that_comes_after_the_doubt_is_believed(office: Office) -> None:
    """The process was only slow: its callid is committed all the same."""
    office.campaign(NUMBER)

    def slow(order: object) -> str:
        office.clock.move(seconds=40)
        sweeps.doubt_the_unanswered(office.core, TIMEOUTS)
        return "1.1"

    office.driver.on_dial = slow
    [attempt] = office.dialled()

    assert (office.attempt(attempt).phase, office.attempt(attempt).callid) == ("up", "1.1")


def test_a_lone_bye_ends_the_call_after_a_while(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    office.take(bye("1543289641.1"))
    released_at = office.clock()

    office.clock.move(seconds=10)
    sweeps.close_after_lone_bye(office.core)
    assert office.attempt(attempt).phase == "up"

    office.clock.move(seconds=1)
    sweeps.close_after_lone_bye(office.core)
    row = office.attempt(attempt)
    assert (row.phase, row.outcome, row.channel_held) == ("ended", "unknown", False)
    assert (row.closed_at, row.freed_at) == (released_at, office.clock())


def test_a_record_after_that_still_counts(office: Office) -> None:
    office.campaign(NUMBER, delivered_when="answered")
    [attempt] = office.dialled()
    office.take(bye("1543289641.1"))
    office.clock.move(seconds=11)
    sweeps.close_after_lone_bye(office.core)
    assert office.attempt(attempt).outcome == "unknown"

    office.take(record("1543289641.1"))

    assert office.attempt(attempt).outcome == "delivered"
    assert office.call_of(attempt).state == "delivered"


def test_a_hang_up_that_was_not_heard_is_asked_for_again(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    set_attempt(office.core, attempt, hung_up_at=office.clock())

    office.clock.move(seconds=2)
    sweeps.resend_hang_ups(office.core)
    assert office.messages.hung_up == []

    office.clock.move(seconds=2)
    sweeps.resend_hang_ups(office.core)
    assert office.messages.hung_up == [attempt]

    office.take(*whole_call("1543289641.1"))
    sweeps.resend_hang_ups(office.core)
    assert office.messages.hung_up == [attempt]


def test_a_withdrawn_call_found_after_a_doubt_is_hung_up(office: Office) -> None:
    def lose(order: object) -> str:
        raise PbxInDoubt(Reason.CONNECTION_LOST, "cut")

    office.campaign(NUMBER)
    office.driver.on_dial = lose
    [attempt] = office.dialled()
    set_attempt(office.core, attempt, hung_up_at=office.clock())
    office.take(ringing("1.1", leg="1.2"))

    office.clock.move(seconds=4)
    sweeps.resend_hang_ups(office.core)
    for asked in office.messages.hung_up:
        office.hang_up.hang_up(asked)

    assert office.driver.hung_up == ["1.2"]


def test_with_nothing_to_do_nothing_is_done(office: Office) -> None:
    office.campaign(NUMBER)

    sweeps.resend_wake_ups(office.core)
    sweeps.resend_hang_ups(office.core)
    sweeps.close_after_lone_bye(office.core)
    sweeps.doubt_the_unanswered(office.core, TIMEOUTS)

    assert (office.messages.dialled, office.messages.hung_up) == ([], [])
    with office.core.store.read() as tx:
        assert tx.execute(select(calls.c.state)).scalars().all() == ["queued"]
        assert tx.execute(select(attempts.c.id)).all() == []
