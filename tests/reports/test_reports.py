"""From a posted report to the facts of its attempt."""

from tests.scripted import Office, whole_call


def test_the_reports_of_a_call_become_its_facts(office: Office) -> None:
    office.campaign("31612345678")
    [attempt] = office.dialled()

    office.take(*whole_call(office.attempt(attempt).callid))

    row = office.attempt(attempt)
    assert (row.phase, row.outcome, row.channel_held) == ("ended", "delivered", False)
    assert office.call_of(attempt).state == "delivered"
    assert office.reports_by_disposition() == {"applied": 5}
