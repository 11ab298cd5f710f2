"""What the PBX shows of its trunks, against what is believed of them."""

import logging

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import LiveCall, TrunkState
from dispatcher.store.tables import ForeignCall, Trunk, table
from dispatcher.upkeep.trunks import TrunkWatch
from tests.scripted import NUMBER, TRUNK, Office, inside, outside, posted, whole_call

foreign, trunks = table(ForeignCall), table(Trunk)
THEIRS = "31699999999"


@pytest.fixture
def watch(office: Office) -> TrunkWatch:
    return TrunkWatch(office.core, office.sessions, office.pbxes)


def live(number: str, leg: str = "9.9") -> LiveCall:
    return LiveCall(leg, number, TRUNK, PartyKind.OUTBOUND)


def believed(office: Office) -> list[str]:
    """The callids of others' calls that are believed to be up."""
    return sorted(row.callid for row in office.rows(ForeignCall, foreign.c.ended_at.is_(None)))


def by_hand(callid: str, number: str = THEIRS) -> bytes:
    return posted("ALERT", callid, inside("1005"), outside(number, caller="1005"))


class TestOthers:
    """Calls that are not ours, and whose end nobody reported; they can only be counted, so the oldest go."""

    def test_those_that_the_pbx_shows_no_more_are_ended(self, office: Office, watch: TrunkWatch) -> None:
        office.take(by_hand("1.1"))
        office.clock.move(seconds=1)
        office.take(by_hand("1.2", "31688888888"))
        office.driver.live = [live(THEIRS)]

        office.clock.move(seconds=31)
        watch.compare_others("hq")

        assert believed(office) == ["1.2"]

    def test_young_ones_are_left(self, office: Office, watch: TrunkWatch) -> None:
        office.take(by_hand("1.1"))

        office.clock.move(seconds=29)
        watch.compare_others("hq")

        assert believed(office) == ["1.1"]

    def test_those_that_nobody_reported_are_counted(self, office: Office, watch: TrunkWatch) -> None:
        """They began before our login, or on a trunk that the PBX does not monitor."""
        office.driver.live = [
            live(THEIRS, "9.1"),
            live("31688888888", "9.2"),
            LiveCall("9.3", "31677777777", TRUNK, PartyKind.INBOUND, callid="9.3"),
            LiveCall("9.4", "31666666666", "another trunk", PartyKind.OUTBOUND),
        ]

        watch.compare_others("hq")
        watch.compare_others("hq")
        assert believed(office) == ["9.3", "leg 9.1", "leg 9.2"]

        office.driver.live = office.driver.live[:1]
        office.clock.move(seconds=31)
        watch.compare_others("hq")
        assert len(believed(office)) == 1

        office.driver.live = []
        watch.compare_others("hq")
        assert believed(office) == []

    def test_those_that_were_reported_are_not_counted_twice(self, office: Office, watch: TrunkWatch) -> None:
        office.take(by_hand("1.1"))
        office.driver.live = [live(THEIRS, "1.2"), live("31688888888", "9.2")]

        watch.compare_others("hq")

        assert len(believed(office)) == 2
        assert "1.1" in believed(office)

    def test_a_report_that_comes_after_the_list_is_counted_twice_for_a_minute_at_most(
        self, office: Office, watch: TrunkWatch
    ) -> None:
        office.driver.live = [live(THEIRS, "1.2")]
        watch.compare_others("hq")
        office.clock.move(seconds=1)
        office.take(by_hand("1.1"))
        assert len(believed(office)) == 2

        for _ in range(2):
            office.clock.move(seconds=30)
            watch.compare_others("hq")
        assert believed(office) == ["1.1"]

    def test_a_call_of_ours_that_has_just_ended_is_not_taken_for_theirs(
        self, office: Office, watch: TrunkWatch
    ) -> None:
        """The list was made before its end, and read after."""
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        office.take(*whole_call(office.attempt(attempt).callid))
        office.driver.live = [live(NUMBER)]

        watch.compare_others("hq")

        assert believed(office) == []

    def test_our_own_calls_are_not_taken_for_theirs(self, office: Office, watch: TrunkWatch) -> None:
        office.campaign(NUMBER)
        office.dialled()
        office.take(by_hand("1.1"))
        office.driver.live = [live(NUMBER)]

        office.clock.move(seconds=31)
        watch.compare_others("hq")

        assert believed(office) == []

    def test_a_pbx_that_does_not_answer_proves_nothing(
        self, office: Office, watch: TrunkWatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        office.take(by_hand("1.1"))

        def away(session: object) -> None:
            raise PbxRefused(Reason.PBX_AWAY, "no answer")

        office.driver.on_request = away
        office.clock.move(seconds=31)
        with caplog.at_level(logging.WARNING):
            watch.compare_others("hq")

        assert believed(office) == ["1.1"]
        assert "can't be seen" in caplog.text


class TestTrunks:
    """The trunks' state, as the PBX shows it."""

    def test_it_is_kept(self, office: Office, watch: TrunkWatch) -> None:
        office.driver.trunk_states = [
            TrunkState(TRUNK, "Unreachable", "SIP", False),
            TrunkState("not ours", "OK", "SIP", True),
        ]

        watch.look_at_trunks("hq")

        [row] = office.rows(Trunk, trunks.c.name == TRUNK)
        assert (row.pbx_status, row.pbx_usable, row.checked_at) == ("Unreachable", False, office.clock())

    def test_a_pbx_that_does_not_answer_changes_nothing(self, office: Office, watch: TrunkWatch) -> None:
        def away(session: object) -> None:
            raise PbxRefused(Reason.PBX_AWAY, "no answer")

        office.driver.on_request = away

        watch.look_at_trunks("hq")

        [row] = office.rows(Trunk, trunks.c.name == TRUNK)
        assert (row.pbx_status, row.checked_at) == ("", None)
