"""What the PBX shows, against what is believed of it."""

import pytest

from dispatcher.domain.reports import PartyKind
from dispatcher.pbx.protocol import LiveCall
from dispatcher.upkeep.asking import Asking
from tests.scripted import NUMBER, TRUNK, Office, answered, ringing


@pytest.fixture
def asking(office: Office) -> Asking:
    return Asking(office.core, office.sessions, office.pbxes)


def live(number: str, leg: str = "9.9") -> LiveCall:
    return LiveCall(leg, number, TRUNK, PartyKind.OUTBOUND)


class TestSilence:
    """Calls of which nothing has been heard for too long."""

    def test_a_call_whose_reports_were_lost_is_ended_when_the_pbx_shows_it_no_more(
        self, office: Office, asking: Asking
    ) -> None:
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        office.take(ringing("1543289641.1"), answered("1543289641.1"))

        office.clock.move(seconds=179)
        asking.resolve("hq")
        assert office.driver.questions == 0

        office.driver.live = [live(NUMBER)]
        office.clock.move(seconds=2)
        asking.resolve("hq")
        assert office.attempt(attempt).phase == "up"

        office.driver.live = []
        asking.resolve("hq")
        row = office.attempt(attempt)
        assert (row.phase, row.outcome, row.channel_held) == ("ended", "not_heard", False)

    def test_a_call_that_was_never_heard_of_is_unknown_and_frees_its_channel(
        self, office: Office, asking: Asking
    ) -> None:
        office.campaign(NUMBER)
        [attempt] = office.dialled()

        office.clock.move(seconds=181)
        asking.resolve("hq")

        assert (office.attempt(attempt).outcome, office.attempt(attempt).channel_held) == ("unknown", False)

    def test_its_leg_is_enough_to_know_it(self, office: Office, asking: Asking) -> None:
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        office.take(ringing("1543289641.1", leg="1543289641.2"))
        office.driver.live = [live("another form of the number", "1543289641.2")]

        office.clock.move(minutes=10)
        asking.resolve("hq")

        assert office.attempt(attempt).phase == "up"
