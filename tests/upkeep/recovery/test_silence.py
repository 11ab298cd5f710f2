"""Calls whose reports have stopped."""

from dispatcher.domain.reports import CdrStatus, PartyKind
from dispatcher.store.tables import Doubt
from tests.scripted import NUMBER, Office, answered, ringing
from tests.upkeep.asked import Keeping, live, lose_answers, pass_time, row


def test_it_is_looked_for_after_a_third_of_the_silence_and_its_record_fetched(
    office: Office, pbx: Keeping
) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    office.take(ringing("1543289641.1"))
    pbx.kept = [row("1543289641.1", office.clock(), status=CdrStatus.VOICEMAIL)]

    pass_time(office, 59)
    assert pbx.questions == 0
    pass_time(office, 15)

    found = office.attempt(attempt)
    assert (found.outcome, found.channel_held) == ("voicemail", False)
    assert (pbx.questions, len(pbx.downloads)) == (1, 1)


def test_without_a_record_it_is_closed_with_what_is_known(office: Office, pbx: Keeping) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    office.take(ringing("1543289641.1"), answered("1543289641.1"))
    pass_time(office, 75)

    assert (office.attempt(attempt).outcome, office.call_of(attempt).state) == ("not_heard", "failed")


def test_while_it_is_shown_it_goes_on(office: Office, pbx: Keeping) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    pbx.live = [live()]
    pass_time(office, 600, 10)

    assert office.attempt(attempt).phase == "up"
    assert pbx.questions < 30


def test_its_leg_is_enough_to_know_it(office: Office, pbx: Keeping) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    office.take(ringing("1543289641.1", leg="1543289641.2"))
    pbx.live = [live("another form of the number", "1543289641.2")]
    pass_time(office, 200, 10)

    assert office.attempt(attempt).phase == "up"


def test_a_report_that_comes_after_all_ends_the_question(office: Office, pbx: Keeping) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    pbx.live = [live()]
    pass_time(office, 62)
    assert len(office.rows(Doubt)) == 1

    office.take(ringing("1543289641.1"), answered("1543289641.1"))
    pass_time(office, 1)
    assert office.rows(Doubt) == []
    assert office.attempt(attempt).phase == "up"


def test_what_the_pbx_can_not_show_is_closed_after_all_of_the_silence(office: Office, pbx: Keeping) -> None:
    """No list of an S-Series holds the calls to its own extensions."""
    office.alarm("1002")
    [attempt] = office.dialled("")
    pass_time(office, 179)
    assert office.attempt(attempt).phase == "up"
    pass_time(office, 15)

    assert (office.attempt(attempt).phase, office.attempt(attempt).outcome) == ("ended", "unknown")
    assert (pbx.questions, len(pbx.downloads)) == (0, 1)


def test_an_extensions_record_is_found(office: Office, pbx: Keeping) -> None:
    lose_answers(office)
    office.alarm("1002")
    [attempt] = office.dialled("")
    pbx.kept = [row("1.7", office.clock(), "1002", CdrStatus.BUSY, trunk="", kind=PartyKind.EXTENSION)]
    pass_time(office, 45)

    assert (office.attempt(attempt).callid, office.attempt(attempt).outcome) == ("1.7", "busy")
