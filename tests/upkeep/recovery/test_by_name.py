"""Families that show calls by their callid: one at a time, or in a list that names them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from dispatcher.domain.doubt import MOST_FAILED_LOOKS
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Report
from dispatcher.domain.vocabulary import Phase
from dispatcher.pbx.errors import PbxInDoubt
from dispatcher.pbx.protocol import Session
from dispatcher.upkeep.sight import BY_NAME
from tests.cores import set_attempt
from tests.scripted import NUMBER, Office, ringing, whole_call
from tests.upkeep.asked import OTHER, Keeping, Naming, live, lose_answers, pass_time, row


class TestOneAtATime:
    @pytest.fixture
    def pbx(self) -> Naming:
        return Naming()

    def test_a_silent_call_is_asked_for_by_its_callid(self, office: Office, pbx: Naming) -> None:
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        callid = office.attempt(attempt).callid
        pbx.up = {callid}
        pass_time(office, 120, 5)
        assert (set(pbx.asked), office.attempt(attempt).phase) == ({callid}, "up")

        pbx.up = set()
        pass_time(office, 60, 5)
        assert (office.attempt(attempt).phase, office.attempt(attempt).outcome) == ("ended", "unknown")

    def test_many_are_asked_for_a_few_at_a_time_and_none_is_forgotten(
        self, office: Office, pbx: Naming
    ) -> None:
        office.campaign(*(f"3161234{place:04}" for place in range(25)))
        attempts = office.dialled()
        callids = {office.attempt(attempt).callid for attempt in attempts}
        pbx.up = set(callids)
        office.clock.move(seconds=61)
        pass_time(office, 0)
        assert len(pbx.asked) == BY_NAME
        pass_time(office, 10)

        assert set(pbx.asked) == callids

    def test_a_dial_without_an_answer_can_not_be_asked_for_and_is_closed_in_time(
        self, office: Office, pbx: Naming
    ) -> None:
        lose_answers(office)
        office.alarm(NUMBER)
        [attempt] = office.dialled()
        pass_time(office, 29)
        assert office.attempt(attempt).phase == "in_doubt"
        pass_time(office, 2)

        assert (office.attempt(attempt).outcome, pbx.asked) == ("unknown", [])

    def test_a_pbx_that_is_away_ends_nothing(
        self, office: Office, pbx: Naming, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def away(session: object, callid: str) -> None:
            asked.append(callid)
            raise PbxInDoubt(Reason.TIMED_OUT, "no answer in time")

        monkeypatch.setattr(pbx, "live_call", away)
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        pass_time(office, 300)

        assert office.attempt(attempt).phase == "up"
        assert 2 < len(asked) < 15

    @pytest.mark.parametrize("reason", [Reason.HTTP_ERROR, Reason.BAD_REQUEST, Reason.PBX_FAULT])
    def test_one_that_is_always_answered_with_an_error_holds_up_no_other(
        self, office: Office, pbx: Naming, monkeypatch: pytest.MonkeyPatch, reason: Reason
    ) -> None:
        office.campaign(NUMBER, OTHER)
        bad, good = office.dialled()
        callids = {key: office.attempt(key).callid for key in (bad, good)}
        pbx.up = {callids[good]}
        answer, asked = pbx.live_call, []

        def fail(session: Any, callid: str) -> Any:
            if callid == callids[bad]:
                asked.append(callid)
                raise PbxInDoubt(reason, "no")
            return answer(session, callid)

        monkeypatch.setattr(pbx, "live_call", fail)
        pass_time(office, 90, 2)
        assert (office.attempt(bad).phase, office.attempt(good).phase) == ("up", "up")
        assert callids[good] in pbx.asked
        pass_time(office, 240, 2)

        assert (office.attempt(bad).phase, office.attempt(bad).outcome) == ("ended", "unknown")
        assert office.attempt(good).phase == "up"
        assert len(asked) <= 10


class NamingAndKeeping(Naming):
    """Shows one call at a time, and keeps records."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Report] = []

    def records(self, session: Session, since: datetime, until: datetime) -> Sequence[Report]:
        return self.kept


class TestOneAtATimeWithRecords:
    @pytest.fixture
    def pbx(self) -> NamingAndKeeping:
        return NamingAndKeeping()

    def test_a_doubt_with_a_callid_of_which_every_look_failed_is_never_called_never_placed(
        self, office: Office, pbx: NamingAndKeeping, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The records vouch for the trunk by another call of ours; but a callid was given by the PBX."""
        office.driver.on_dial = lambda order: "1543289000.1"
        office.alarm(OTHER)
        office.dialled()
        office.take(*whole_call("1543289000.1", OTHER))
        pbx.kept.append(row("1543289000.1", office.clock(), OTHER))
        lose_answers(office)
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        with_callid = {"callid": "1543289000.2", "phase": Phase.IN_DOUBT}
        set_attempt(office.core, attempt, **with_callid)
        asked = []

        def fail(session: object, callid: str) -> None:
            asked.append(callid)
            raise PbxInDoubt(Reason.PBX_FAULT, "no")

        monkeypatch.setattr(pbx, "live_call", fail)
        pass_time(office, 600, 5)

        assert len(asked) >= MOST_FAILED_LOOKS
        assert (office.attempt(attempt).outcome, office.attempt(attempt).cause) == ("unknown", None)


class TestAListThatNamesCalls:
    @pytest.fixture(autouse=True)
    def answers_lost(self, office: Office) -> None:
        lose_answers(office)

    def test_a_live_call_links_the_dial_that_was_not_answered(self, office: Office, pbx: Keeping) -> None:
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        pbx.live = [live(callid="1.7")]
        pass_time(office, 1)

        assert (office.attempt(attempt).phase, office.attempt(attempt).callid) == ("up", "1.7")
        office.take(ringing("1.7"))
        assert office.dispositions() == ["applied"]

    @pytest.mark.parametrize(
        "shown",
        [
            [live(callid="1.7", caller="1005")],
            [live(callid="1.7"), live(callid="1.8", leg="9.8")],
            [live(OTHER, callid="1.7")],
        ],
        ids=["dialled by hand", "two calls to the number", "another number"],
    )
    def test_where_another_may_be_meant_none_is_linked(
        self, office: Office, pbx: Keeping, shown: list[Any]
    ) -> None:
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        pbx.live = shown
        pass_time(office, 5)

        assert (office.attempt(attempt).phase, office.attempt(attempt).callid) == ("in_doubt", None)

    def test_of_two_in_doubt_to_one_number_none_is_linked(self, office: Office, pbx: Keeping) -> None:
        office.campaign(NUMBER)
        office.alarm(NUMBER)
        both = office.dialled()
        pbx.live = [live(callid="1.7")]
        pass_time(office, 5)

        assert [office.attempt(attempt).phase for attempt in both] == ["in_doubt", "in_doubt"]

    def test_a_call_that_is_known_is_nobody_elses(self, office: Office, pbx: Keeping) -> None:
        office.driver.on_dial = lambda order: "1.7"
        office.alarm(NUMBER)
        office.dialled()
        lose_answers(office)
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        pbx.live = [live(callid="1.7")]
        pass_time(office, 5)

        assert office.attempt(attempt).callid is None
