"""That a call was never placed: what proves it, and what does not."""

from datetime import timedelta

import pytest

from dispatcher.store.tables import PbxSession
from tests.scripted import NUMBER, Office, record, whole_call
from tests.upkeep.asked import OTHER, Keeping, familiar, in_doubt, live, lose_answers, pass_time, row, told


def test_what_was_never_placed_costs_nothing_and_is_dialled_again(office: Office, pbx: Keeping) -> None:
    familiar(office, pbx)
    attempt = in_doubt(office)
    pass_time(office, 45)

    found, call = office.attempt(attempt), office.call_of(attempt)
    assert (found.outcome, found.cause, found.channel_held) == ("unreachable", "never_placed", False)
    assert (call.state, call.attempts_spent) == ("queued", 0)
    assert told(office, attempt)[-1].startswith("never placed: ")


def test_what_the_pbx_may_have_forgotten_is_not_proven_never_placed(office: Office, pbx: Keeping) -> None:
    """A session that begins after the dial may mean a restart, and what was up then leaves no record."""
    familiar(office, pbx)
    attempt = in_doubt(office)
    office.clock.move(seconds=1)
    office.sessions.renew("hq", stale=office.rows(PbxSession)[0].generation)
    pass_time(office, 300)

    found = office.attempt(attempt)
    assert (found.phase, found.outcome, found.cause) == ("ended", "unknown", None)
    assert office.call_of(attempt).state == "failed"


def test_the_reports_of_the_next_dial_are_not_those_of_what_was_never_placed(
    office: Office, pbx: Keeping
) -> None:
    """Its answer is lost as well, and now two attempts at the number have no callid."""
    familiar(office, pbx)
    first = in_doubt(office)
    pass_time(office, 45)
    office.clock.move(minutes=5)
    [second] = office.dialled()
    office.take(*whole_call("1543289900.1"))

    assert office.attempt(first).cause == "never_placed"
    assert (office.attempt(first).callid, office.attempt(second).callid) == (None, "1543289900.1")
    assert office.attempt(second).outcome == "delivered"


def test_without_a_call_of_ours_in_the_records_nothing_is_proven(office: Office, pbx: Keeping) -> None:
    attempt = in_doubt(office)
    pass_time(office, 45)

    assert office.attempt(attempt).outcome == "unknown"
    assert office.call_of(attempt).state == "failed"


@pytest.mark.parametrize(
    "kept",
    [
        {"caller": "1005"},
        {"trunk": "another trunk"},
        {"number": f"0{NUMBER[2:]}", "caller": "1005"},
    ],
    ids=["dialled by hand", "on another trunk", "by hand, in another form"],
)
def test_a_record_that_may_be_its_own_keeps_it_open(
    office: Office, pbx: Keeping, kept: dict[str, str]
) -> None:
    familiar(office, pbx)
    attempt = in_doubt(office)
    pbx.kept.append(row("1.7", office.clock(), **kept))
    pass_time(office, 45)

    assert (office.attempt(attempt).callid, office.attempt(attempt).outcome) == (None, "unknown")
    assert office.call_of(attempt).state == "failed"
    assert "not certainly" in told(office, attempt)[-1]


def test_of_two_attempts_and_one_record_none_is_guessed(office: Office, pbx: Keeping) -> None:
    familiar(office, pbx)
    lose_answers(office)
    office.campaign(NUMBER)
    office.alarm(NUMBER)
    both = office.dialled()
    pbx.kept.append(row("1.7", office.clock()))
    pass_time(office, 45)

    assert [office.attempt(attempt).callid for attempt in both] == [None, None]
    assert [office.attempt(attempt).outcome for attempt in both] == ["unknown", "unknown"]


def test_a_record_of_another_attempts_callid_is_not_its_own(office: Office, pbx: Keeping) -> None:
    """The same person was called just before, and that call has its callid."""
    office.driver.on_dial = lambda order: "1543289000.1"
    office.alarm(NUMBER)
    office.dialled()
    office.take(*whole_call("1543289000.1"))
    pbx.kept.append(row("1543289000.1", office.clock()))
    office.clock.move(seconds=30)
    attempt = in_doubt(office)
    pass_time(office, 45)

    assert (office.attempt(attempt).callid, office.attempt(attempt).cause) == (None, "never_placed")


def test_a_record_from_before_the_dial_is_not_its_own(office: Office, pbx: Keeping) -> None:
    familiar(office, pbx)
    pbx.kept.append(row("1.7", office.clock() - timedelta(seconds=90), caller="1005"))
    attempt = in_doubt(office)
    pass_time(office, 45)

    assert office.attempt(attempt).cause == "never_placed"


def test_a_pbx_whose_clock_or_zone_is_wrong_proves_nothing(office: Office, pbx: Keeping) -> None:
    familiar(office, pbx)
    pbx.kept = [row("1543289000.1", office.clock() + timedelta(hours=1), OTHER)]
    attempt = in_doubt(office)
    pass_time(office, 45)

    assert office.attempt(attempt).outcome == "unknown"


def test_what_was_once_shown_was_placed(office: Office, pbx: Keeping) -> None:
    familiar(office, pbx)
    attempt = in_doubt(office)
    pbx.live = [live()]
    pass_time(office, 3)
    pbx.live = []
    pass_time(office, 80)

    assert office.attempt(attempt).outcome == "unknown"


def test_a_sign_that_comes_late_overrules_the_proof(office: Office, pbx: Keeping) -> None:
    familiar(office, pbx)
    attempt = in_doubt(office)
    pass_time(office, 45)
    assert office.attempt(attempt).outcome == "unreachable"

    office.take(record("1.7", status="NO ANSWER", talk=0))
    assert office.attempt(attempt).outcome == "no_answer"
    assert office.call_of(attempt).attempts_spent == 1
