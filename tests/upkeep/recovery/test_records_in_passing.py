"""What a download tells of calls that nobody asked for."""

from dispatcher.domain.reports import CdrStatus
from tests.scripted import TRUNK, Office, answered, posted, ringing
from tests.upkeep.asked import OTHER, Keeping, in_doubt, pass_time, row


def test_a_download_tells_of_calls_that_ended_without_their_record(office: Office, pbx: Keeping) -> None:
    """The NewCdr of another call was lost; nobody asks for it, but here it is."""
    office.alarm(OTHER)
    [earlier] = office.dialled()
    office.take(
        posted("CallFailed", "1543289641.1", reason="486 Busy Here", outbound={"to": OTHER, "trunk": TRUNK})
    )
    assert (office.attempt(earlier).outcome, office.attempt(earlier).cdr_at) == ("busy", None)
    pbx.kept = [row("1543289641.1", office.clock(), OTHER, CdrStatus.BUSY)]
    in_doubt(office)
    pass_time(office, 45)

    assert office.attempt(earlier).cdr_status == "busy"


def test_a_campaign_calls_nobody_twice_whose_last_reports_were_lost(office: Office, pbx: Keeping) -> None:
    """The download is made for another call; whether the message was heard only the lost reports told."""
    in_doubt(office)
    pass_time(office, 20)
    office.driver.on_dial = lambda order: "1543289641.7"
    office.campaign(OTHER, delivered_when="heard")
    [attempt] = office.dialled()
    office.take(
        ringing("1543289641.7", OTHER),
        answered("1543289641.7", OTHER),
    )
    pbx.kept = [row("1543289641.7", office.clock(), OTHER)]
    pass_time(office, 60)

    assert office.attempt(attempt).outcome == "not_heard"
    assert office.attempt(attempt).closed_at is not None
    pass_time(office, 60)
    office.dialled()
    call = office.call_of(attempt)
    assert (call.state, call.outcome, call.attempts_made) == ("failed", "not_heard", 1)


def test_an_attempt_that_doubt_has_closed_still_finds_its_record(office: Office, pbx: Keeping) -> None:
    first = in_doubt(office)
    began = office.clock()
    pass_time(office, 45)
    assert office.call_of(first).state == "failed"

    pbx.kept = [row("1.7", began, status=CdrStatus.NO_ANSWER)]
    in_doubt(office, number=OTHER)
    pass_time(office, 120)

    assert (office.attempt(first).callid, office.attempt(first).outcome) == ("1.7", "no_answer")
    assert office.call_of(first).state == "queued"
