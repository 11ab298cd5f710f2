"""The channels that the PBX shows in use, against those that are believed to be."""

import logging
from dataclasses import replace

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import LiveCall
from dispatcher.signals import Topic
from dispatcher.store.tables import ForeignCall, table
from dispatcher.upkeep.comparison import Comparison
from tests.cores import PBX
from tests.scripted import NUMBER, TRUNK, Office, inside, open_office, outside, posted, ringing, whole_call

foreign = table(ForeignCall)
THEIRS = "31699999999"


@pytest.fixture
def comparison(office: Office) -> Comparison:
    return Comparison(office.core, office.sessions, office.pbxes)


def live(number: str, leg: str = "9.9") -> LiveCall:
    return LiveCall(leg, number, TRUNK, PartyKind.OUTBOUND)


def drift(office: Office, trunk: str = TRUNK) -> dict[str, float]:
    """The corrections counted on a trunk, by their kind."""
    counted = office.counted("dispatcher_channel_drift_total")
    return {kind: value for (_, name, kind), value in counted.items() if name == trunk}


def believed(office: Office) -> list[str]:
    """The callids of others' calls that are believed to be up."""
    return sorted(row.callid for row in office.rows(ForeignCall, foreign.c.ended_at.is_(None)))


def by_hand(callid: str, number: str = THEIRS) -> bytes:
    return posted("ALERT", callid, inside("1005"), outside(number, caller="1005"))


def no_list(session: object) -> None:
    raise PbxRefused(Reason.UNSUPPORTED, "outbound/query: errno 10003")


class TestOthers:
    """Calls that are not ours, and whose end nobody reported; they can only be counted, so the oldest go."""

    def test_those_that_the_pbx_shows_no_more_are_ended(self, office: Office, comparison: Comparison) -> None:
        office.take(by_hand("1.1"))
        office.clock.move(seconds=1)
        office.take(by_hand("1.2", "31688888888"))
        office.driver.live = [live(THEIRS)]

        office.clock.move(seconds=31)
        comparison.compare("hq")

        assert believed(office) == ["1.2"]

    def test_young_ones_are_left(self, office: Office, comparison: Comparison) -> None:
        office.take(by_hand("1.1"))

        office.clock.move(seconds=29)
        comparison.compare("hq")

        assert believed(office) == ["1.1"]

    def test_those_that_nobody_reported_are_counted(self, office: Office, comparison: Comparison) -> None:
        """They began before our login, or on a trunk that the PBX does not monitor."""
        office.driver.live = [
            live(THEIRS, "9.1"),
            live("31688888888", "9.2"),
            LiveCall("9.3", "31677777777", TRUNK, PartyKind.INBOUND, callid="9.3"),
            LiveCall("9.4", "31666666666", "another trunk", PartyKind.OUTBOUND),
        ]

        comparison.compare("hq")
        comparison.compare("hq")
        assert believed(office) == ["9.3", "leg 9.1", "leg 9.2"]

        office.driver.live = office.driver.live[:1]
        office.clock.move(seconds=31)
        comparison.compare("hq")
        assert len(believed(office)) == 1

        office.driver.live = []
        comparison.compare("hq")
        assert believed(office) == []

    def test_those_that_were_reported_are_not_counted_twice(
        self, office: Office, comparison: Comparison
    ) -> None:
        office.take(by_hand("1.1"))
        office.driver.live = [live(THEIRS, "1.2"), live("31688888888", "9.2")]

        comparison.compare("hq")

        assert len(believed(office)) == 2
        assert "1.1" in believed(office)

    def test_a_report_that_comes_after_the_list_is_counted_twice_for_a_minute_at_most(
        self, office: Office, comparison: Comparison
    ) -> None:
        office.driver.live = [live(THEIRS, "1.2")]
        comparison.compare("hq")
        office.clock.move(seconds=1)
        office.take(by_hand("1.1"))
        assert len(believed(office)) == 2

        for _ in range(2):
            office.clock.move(seconds=30)
            comparison.compare("hq")
        assert believed(office) == ["1.1"]

    def test_a_call_of_ours_that_has_just_ended_is_not_taken_for_theirs(
        self, office: Office, comparison: Comparison
    ) -> None:
        """The list was made before its end, and read after."""
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        office.take(*whole_call(office.attempt(attempt).callid))
        office.driver.live = [live(NUMBER)]

        comparison.compare("hq")

        assert believed(office) == []

    def test_our_own_calls_are_not_taken_for_theirs(self, office: Office, comparison: Comparison) -> None:
        office.campaign(NUMBER)
        office.dialled()
        office.take(by_hand("1.1"))
        office.driver.live = [live(NUMBER)]

        office.clock.move(seconds=31)
        comparison.compare("hq")

        assert believed(office) == []

    def test_a_pbx_that_does_not_answer_proves_nothing(
        self, office: Office, comparison: Comparison, caplog: pytest.LogCaptureFixture
    ) -> None:
        office.take(by_hand("1.1"))

        def away(session: object) -> None:
            raise PbxRefused(Reason.PBX_AWAY, "no answer")

        office.driver.on_request = away
        office.clock.move(seconds=31)
        with caplog.at_level(logging.WARNING):
            comparison.compare("hq")

        assert believed(office) == ["1.1"]
        assert "can't be seen" in caplog.text

    def test_without_a_list_they_last_as_long_as_any_call_at_most(
        self, office: Office, comparison: Comparison
    ) -> None:
        office.driver.on_request = no_list
        office.take(by_hand("1.1"))
        office.clock.move(minutes=59)
        office.take(by_hand("1.2"))
        comparison.compare("hq")
        assert believed(office) == ["1.1", "1.2"]

        wake_ups = office.core.signals.subscribe(Topic.PACER)
        office.clock.move(minutes=2)
        comparison.compare("hq")

        assert believed(office) == ["1.2"]
        assert wake_ups.wait(0)
        assert drift(office) == {"others_ended": 1}

    def test_a_long_call_outlasts_a_list_that_fails_for_a_while(
        self, office: Office, comparison: Comparison
    ) -> None:
        office.take(by_hand("1.1"))
        office.driver.live = [live(THEIRS)]
        office.clock.move(minutes=90)
        comparison.compare("hq")

        office.driver.on_request = no_list
        office.clock.move(minutes=59)
        comparison.compare("hq")
        assert believed(office) == ["1.1"]

        office.clock.move(minutes=2)
        comparison.compare("hq")
        assert believed(office) == []


class TestSignals:
    """What the comparison changes is known to the pacer at once, and counted."""

    def test_a_channel_that_others_have_left_wakes_the_pacer_and_is_counted(
        self, office: Office, comparison: Comparison
    ) -> None:
        office.take(by_hand("1.1"))
        wake_ups = office.core.signals.subscribe(Topic.PACER)
        comparison.compare("hq")
        assert not wake_ups.wait(0)

        office.clock.move(seconds=31)
        comparison.compare("hq")

        assert wake_ups.wait(0)
        assert drift(office) == {"others_ended": 1}

    def test_a_call_that_nobody_reported_is_counted_once(
        self, office: Office, comparison: Comparison
    ) -> None:
        office.driver.live = [live(THEIRS)]

        comparison.compare("hq")
        comparison.compare("hq")

        assert drift(office) == {"others_unheard": 1}

    def test_nothing_is_counted_where_both_agree(self, office: Office, comparison: Comparison) -> None:
        office.campaign(NUMBER)
        office.dialled()
        office.take(by_hand("1.1"))
        office.driver.live = [live(NUMBER), live(THEIRS)]

        office.clock.move(seconds=31)
        comparison.compare("hq")

        assert believed(office) == ["1.1"]
        assert drift(office) == {}


class TestWhose:
    """Which of the live calls are ours."""

    @pytest.mark.parametrize("shown", [NUMBER, f"9{NUMBER}", NUMBER[2:], f"00{NUMBER}"])
    def test_ours_is_known_by_its_number_with_digits_stripped_or_prepended(
        self, office: Office, comparison: Comparison, shown: str
    ) -> None:
        office.campaign(NUMBER)
        office.dialled()
        office.driver.live = [live(shown)]

        comparison.compare("hq")

        assert believed(office) == []

    def test_ours_are_known_by_numbers_that_the_route_has_rewritten(
        self, office: Office, comparison: Comparison
    ) -> None:
        numbers = ["31612345671", "31612345672"]
        office.campaign(*numbers)
        office.dialled()
        office.driver.live = [live(f"0{number[2:]}", f"9.{number[-1]}") for number in numbers]
        office.driver.live.append(live("0201234567", "9.9"))

        comparison.compare("hq")

        assert believed(office) == ["leg 9.9"]

    def test_of_two_the_one_whose_number_is_nearer_is_ours(
        self, office: Office, comparison: Comparison
    ) -> None:
        office.campaign("31201234567")
        office.dialled()
        office.driver.live = [live("0301234567", "9.1"), live("201234567", "9.2")]

        comparison.compare("hq")

        assert believed(office) == ["leg 9.1"]

    def test_ours_is_known_by_its_leg_whatever_its_number(
        self, office: Office, comparison: Comparison
    ) -> None:
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        office.take(ringing(office.attempt(attempt).callid, leg="1.2"))
        office.driver.live = [live("anonymous", "1.2"), live(THEIRS, "9.9")]

        comparison.compare("hq")

        assert believed(office) == ["leg 9.9"]

    def test_ours_is_known_by_its_callid_where_the_list_has_them(
        self, office: Office, comparison: Comparison
    ) -> None:
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        callid = office.attempt(attempt).callid
        office.driver.live = [
            replace(live("anonymous", ""), callid=callid),
            replace(live(NUMBER, ""), callid="somebody else's"),
        ]

        comparison.compare("hq")

        assert believed(office) == ["somebody else's"]

    def test_of_two_calls_to_one_number_only_one_is_ours(
        self, office: Office, comparison: Comparison
    ) -> None:
        office.campaign(NUMBER)
        office.dialled()
        office.driver.live = [live(NUMBER, "9.1"), live(NUMBER, "9.2")]

        comparison.compare("hq")

        assert believed(office) == ["leg 9.2"]

    def test_one_that_comes_in_from_a_number_we_call_is_not_ours(
        self, office: Office, comparison: Comparison
    ) -> None:
        office.campaign(NUMBER)
        office.dialled()
        office.driver.live = [replace(live(NUMBER), direction=PartyKind.INBOUND)]

        comparison.compare("hq")

        assert believed(office) == ["leg 9.9"]

    def test_with_callids_those_that_are_not_shown_are_over_however_many_are(
        self, office: Office, comparison: Comparison
    ) -> None:
        office.take(by_hand("1.1"))
        office.driver.live = [replace(live("31688888888"), callid="1.2")]

        office.clock.move(seconds=31)
        comparison.compare("hq")

        assert believed(office) == ["1.2"]
        assert drift(office) == {"others_ended": 1, "others_unheard": 1}


def test_a_call_of_ours_on_another_trunk_holds_its_channel_there(store_url: str) -> None:
    """No report has told of it, or it was lost."""
    two = [PBX | {"trunk": [{"name": TRUNK, "channels": 1}, {"name": "backup", "channels": 1}]}]
    with open_office(store_url, pbx=two) as office:
        office.campaign(NUMBER, THEIRS)
        [attempt] = office.dialled()
        office.driver.live = [replace(live(NUMBER), trunk="backup")]

        Comparison(office.core, office.sessions, office.pbxes).compare("hq")

        assert office.attempt(attempt).trunk == "backup"
        assert office.claim("backup") == []
        assert len(office.claim()) == 1
        assert drift(office, "backup") == {"ours_elsewhere": 1}
