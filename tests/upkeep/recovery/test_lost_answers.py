"""Dials without an answer: what the PBX is asked, and what comes of it."""

from dispatcher.domain.reports import CdrStatus
from dispatcher.store.tables import Doubt
from tests.scripted import Office
from tests.upkeep.asked import Keeping, in_doubt, live, pass_time, row, told


def test_the_live_calls_are_looked_at_within_two_seconds_and_then_less_often(
    office: Office, pbx: Keeping
) -> None:
    in_doubt(office)
    pass_time(office, 2)
    assert pbx.questions >= 1
    pass_time(office, 26)
    assert pbx.questions <= 5
    assert pbx.downloads == []


def test_a_call_that_is_up_keeps_its_channel_for_as_long_as_it_is_shown(office: Office, pbx: Keeping) -> None:
    attempt = in_doubt(office)
    pbx.live = [live()]
    pass_time(office, 300, 5)

    assert office.attempt(attempt).channel_held
    assert told(office, attempt) == ["the PBX shows it among its live calls"]
    assert pbx.questions < 20


def test_its_record_links_it_and_tells_what_became_of_it(office: Office, pbx: Keeping) -> None:
    attempt = in_doubt(office, alarm=True)
    pbx.kept = [row("1.7", office.clock(), status=CdrStatus.NO_ANSWER)]
    pass_time(office, 29)
    assert office.attempt(attempt).phase == "in_doubt"
    pass_time(office, 13)

    found = office.attempt(attempt)
    assert (found.callid, found.outcome, found.channel_held) == ("1.7", "no_answer", False)
    assert (found.cdr_status, found.prompt_ended_at, found.keys) == ("no_answer", None, None)
    assert told(office, attempt)[-1] == "its call record was found"
    assert office.rows(Doubt) == []


def test_a_campaigns_call_that_was_answered_is_never_dialled_again(office: Office, pbx: Keeping) -> None:
    """The record tells no key and no prompt's end: the message may have been heard."""
    attempt = in_doubt(office)
    pbx.kept = [row("1.7", office.clock())]
    pass_time(office, 45)

    assert office.attempt(attempt).outcome == "not_heard"
    assert office.call_of(attempt).state == "failed"
    office.clock.move(hours=1)
    assert office.claim() == []


def test_an_alarms_call_that_was_answered_is_dialled_again(office: Office, pbx: Keeping) -> None:
    attempt = in_doubt(office, alarm=True)
    pbx.kept = [row("1.7", office.clock())]
    pass_time(office, 45)

    assert office.attempt(attempt).outcome == "not_heard"
    assert office.call_of(attempt).state == "queued"


def test_a_campaigns_call_whose_record_says_busy_is_dialled_again(office: Office, pbx: Keeping) -> None:
    attempt = in_doubt(office)
    pbx.kept = [row("1.7", office.clock(), status=CdrStatus.BUSY)]
    pass_time(office, 45)

    assert office.attempt(attempt).outcome == "busy"
    assert office.call_of(attempt).state == "queued"
