"""What the PBX shows, against what is believed of it."""

import logging

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import LiveCall, TrunkState
from dispatcher.store.tables import ForeignCall, Trunk, table
from dispatcher.upkeep.asking import Asking
from tests.scripted import NUMBER, TRUNK, Office, answered, inside, outside, posted, ringing, whole_call

foreign, trunks = table(ForeignCall), table(Trunk)
THEIRS = "31699999999"


@pytest.fixture
def asking(office: Office) -> Asking:
    return Asking(office.core, office.sessions, office.pbxes)


def live(number: str, leg: str = "9.9") -> LiveCall:
    return LiveCall(leg, number, TRUNK, PartyKind.OUTBOUND)


def believed(office: Office) -> list[str]:
    """The callids of others' calls that are believed to be up."""
    return sorted(row.callid for row in office.rows(ForeignCall, foreign.c.ended_at.is_(None)))


def by_hand(callid: str, number: str = THEIRS) -> bytes:
    return posted("ALERT", callid, inside("1005"), outside(number, caller="1005"))


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


class TestOthers:
    """Calls that are not ours, and whose end nobody reported; they can only be counted, so the oldest go."""

    def test_those_that_the_pbx_shows_no_more_are_ended(self, office: Office, asking: Asking) -> None:
        office.take(by_hand("1.1"))
        office.clock.move(seconds=1)
        office.take(by_hand("1.2", "31688888888"))
        office.driver.live = [live(THEIRS)]

        office.clock.move(seconds=31)
        asking.compare_others("hq")

        assert believed(office) == ["1.2"]

    def test_young_ones_are_left(self, office: Office, asking: Asking) -> None:
        office.take(by_hand("1.1"))

        office.clock.move(seconds=29)
        asking.compare_others("hq")

        assert believed(office) == ["1.1"]

    def test_those_that_nobody_reported_are_counted(self, office: Office, asking: Asking) -> None:
        """They began before our login, or on a trunk that the PBX does not monitor."""
        office.driver.live = [
            live(THEIRS, "9.1"),
            live("31688888888", "9.2"),
            LiveCall("9.3", "31677777777", TRUNK, PartyKind.INBOUND, callid="9.3"),
            LiveCall("9.4", "31666666666", "another trunk", PartyKind.OUTBOUND),
        ]

        asking.compare_others("hq")
        asking.compare_others("hq")
        assert believed(office) == ["9.3", "leg 9.1", "leg 9.2"]

        office.driver.live = office.driver.live[:1]
        office.clock.move(seconds=31)
        asking.compare_others("hq")
        assert len(believed(office)) == 1

        office.driver.live = []
        asking.compare_others("hq")
        assert believed(office) == []

    def test_those_that_were_reported_are_not_counted_twice(self, office: Office, asking: Asking) -> None:
        office.take(by_hand("1.1"))
        office.driver.live = [live(THEIRS, "1.2"), live("31688888888", "9.2")]

        asking.compare_others("hq")

        assert len(believed(office)) == 2
        assert "1.1" in believed(office)

    def test_a_report_that_comes_after_the_list_is_counted_twice_for_a_minute_at_most(
        self, office: Office, asking: Asking
    ) -> None:
        office.driver.live = [live(THEIRS, "1.2")]
        asking.compare_others("hq")
        office.clock.move(seconds=1)
        office.take(by_hand("1.1"))
        assert len(believed(office)) == 2

        for _ in range(2):
            office.clock.move(seconds=30)
            asking.compare_others("hq")
        assert believed(office) == ["1.1"]

    def test_a_call_of_ours_that_has_just_ended_is_not_taken_for_theirs(
        self, office: Office, asking: Asking
    ) -> None:
        """The list was made before its end, and read after."""
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        office.take(*whole_call(office.attempt(attempt).callid))
        office.driver.live = [live(NUMBER)]

        asking.compare_others("hq")

        assert believed(office) == []

    def test_our_own_calls_are_not_taken_for_theirs(self, office: Office, asking: Asking) -> None:
        office.campaign(NUMBER)
        office.dialled()
        office.take(by_hand("1.1"))
        office.driver.live = [live(NUMBER)]

        office.clock.move(seconds=31)
        asking.compare_others("hq")

        assert believed(office) == []

    def test_a_pbx_that_does_not_answer_proves_nothing(
        self, office: Office, asking: Asking, caplog: pytest.LogCaptureFixture
    ) -> None:
        office.take(by_hand("1.1"))

        def away(session: object) -> None:
            raise PbxRefused(Reason.PBX_AWAY, "no answer")

        office.driver.on_request = away
        office.clock.move(seconds=31)
        with caplog.at_level(logging.WARNING):
            asking.compare_others("hq")

        assert believed(office) == ["1.1"]
        assert "can't be seen" in caplog.text


class TestTrunks:
    """The trunks' state, as the PBX shows it."""

    def test_it_is_kept(self, office: Office, asking: Asking) -> None:
        office.driver.trunk_states = [
            TrunkState(TRUNK, "Unreachable", "SIP", False),
            TrunkState("not ours", "OK", "SIP", True),
        ]

        asking.look_at_trunks("hq")

        [row] = office.rows(Trunk, trunks.c.name == TRUNK)
        assert (row.pbx_status, row.pbx_usable, row.checked_at) == ("Unreachable", False, office.clock())

    def test_a_pbx_that_does_not_answer_changes_nothing(self, office: Office, asking: Asking) -> None:
        def away(session: object) -> None:
            raise PbxRefused(Reason.PBX_AWAY, "no answer")

        office.driver.on_request = away

        asking.look_at_trunks("hq")

        [row] = office.rows(Trunk, trunks.c.name == TRUNK)
        assert (row.pbx_status, row.checked_at) == ("", None)
