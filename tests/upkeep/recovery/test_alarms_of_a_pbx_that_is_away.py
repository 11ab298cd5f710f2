"""Alarms do not wait for a PBX that can't be asked; their channels do."""

import pytest

from dispatcher.audit.attempts import HELD_BY_NOBODY
from dispatcher.domain.reports import CdrStatus
from dispatcher.store.tables import Doubt
from dispatcher.upkeep.trunks import TrunkWatch
from tests.scripted import NUMBER, Office, answered, outside, posted, ringing, whole_call
from tests.upkeep.asked import (
    OTHER,
    Keeping,
    familiar,
    in_doubt,
    live,
    lose_answers,
    no_answer,
    no_connection,
    pass_time,
    row,
    told,
)


class TestAnAlarmAndAPbxThatIsAway:
    """The alarm does not wait for the PBX; the channel does."""

    @pytest.fixture
    def attempt(self, office: Office, pbx: Keeping) -> str:
        first = in_doubt(office, alarm=True)
        pbx.on_request = no_answer
        pass_time(office, 55)
        assert office.attempt(first).phase == "in_doubt"
        pass_time(office, 10)
        return first

    def test_its_call_goes_on_and_the_channel_stays_held(self, office: Office, attempt: str) -> None:
        found, call = office.attempt(attempt), office.call_of(attempt)
        assert (found.phase, found.outcome, found.channel_held) == ("ended", "unknown", True)
        assert (found.freed_at, call.state) == (None, "queued")
        assert told(office, attempt)[-1].startswith("the PBX can't be asked")
        with office.core.store.read() as tx:
            assert tx.execute(HELD_BY_NOBODY).all() == [], "the auditor leaves it alone"

        office.clock.now = call.due_at
        [second] = office.claim()
        assert office.attempt(second).ordinal == 2

    def test_the_channel_is_freed_once_the_pbx_has_been_asked(
        self, office: Office, pbx: Keeping, attempt: str
    ) -> None:
        pbx.on_request = lambda session: None
        pass_time(office, 80)

        found = office.attempt(attempt)
        assert (found.outcome, found.channel_held) == ("unknown", False)
        assert found.freed_at is not None
        assert office.rows(Doubt) == []

    def test_it_stays_held_while_the_pbx_shows_the_call(
        self, office: Office, pbx: Keeping, attempt: str
    ) -> None:
        pbx.on_request = lambda session: None
        pbx.live = [live()]
        pass_time(office, 200, 5)
        assert office.attempt(attempt).channel_held

        office.take(*whole_call("1.7"))
        pass_time(office, 5)
        found = office.attempt(attempt)
        assert (found.callid, found.outcome, found.channel_held) == ("1.7", "delivered", False)
        assert office.call_of(attempt).state == "delivered"

    def test_its_record_frees_it_and_tells(self, office: Office, pbx: Keeping, attempt: str) -> None:
        pbx.on_request = lambda session: None
        pbx.kept = [row("1.7", office.attempt(attempt).dialed_at, status=CdrStatus.BUSY)]
        pass_time(office, 80)

        found = office.attempt(attempt)
        assert (found.callid, found.outcome, found.channel_held) == ("1.7", "busy", False)

    def test_one_of_which_a_report_told_was_placed(self, office: Office, pbx: Keeping) -> None:
        """The report says no more than its callid and its number; its record was never written."""
        familiar(office, pbx)
        attempt = in_doubt(office, alarm=True)
        pbx.on_request = no_answer
        pass_time(office, 70)
        office.take(posted("Forward", "1.7", outside(NUMBER)))
        assert (office.attempt(attempt).callid, office.attempt(attempt).phase) == ("1.7", "ended")
        pbx.on_request = lambda session: None
        pass_time(office, 80)

        found = office.attempt(attempt)
        assert (found.outcome, found.cause, found.channel_held) == ("unknown", None, False)

    def test_a_campaigns_call_waits_for_the_pbx(self, office: Office, pbx: Keeping, attempt: str) -> None:
        lose_answers(office)
        office.campaign(OTHER)
        pbx.on_request = lambda session: None
        [other] = office.dialled()

        pbx.on_request = no_answer
        pass_time(office, 300)
        assert office.attempt(other).phase == "in_doubt"


class TestAnAlarmThatWasAcceptedByAPbxThatIsAway:
    """Its call was placed, and then the PBX died: nobody knows whether anybody was reached."""

    @pytest.fixture
    def attempt(self, office: Office, pbx: Keeping) -> str:
        office.alarm(NUMBER)
        [first] = office.dialled()
        assert office.attempt(first).phase == "up"
        pass_time(office, 10)
        pbx.on_request = no_connection
        watch = TrunkWatch(office.core, office.sessions, office.pbxes)
        watch.look_at_trunks("hq")
        watch.look_at_trunks("hq")
        pass_time(office, 50)
        assert office.attempt(first).phase == "up"
        pass_time(office, 15)
        return first

    def test_its_call_goes_on_and_the_channel_stays_held(self, office: Office, attempt: str) -> None:
        found, call = office.attempt(attempt), office.call_of(attempt)
        assert (found.phase, found.outcome, found.channel_held) == ("ended", "unknown", True)
        assert call.state == "queued"
        with office.core.store.read() as tx:
            assert tx.execute(HELD_BY_NOBODY).all() == [], "the auditor leaves it alone"

    def test_a_late_key_still_acknowledges_it(self, office: Office, attempt: str) -> None:
        callid = office.attempt(attempt).callid
        office.take(*whole_call(callid))
        assert office.call_of(attempt).state == "delivered"

        pass_time(office, 5)
        assert not office.attempt(attempt).channel_held

    def test_it_is_never_taken_for_never_placed(self, office: Office, pbx: Keeping, attempt: str) -> None:
        pbx.on_request = lambda session: None
        pass_time(office, 200, 5)

        found = office.attempt(attempt)
        assert (found.outcome, found.cause, found.channel_held) == ("unknown", None, False)

    def test_one_that_is_heard_of_is_waited_for(self, office: Office, pbx: Keeping) -> None:
        """Reports still come, although the PBX answers no question."""
        office.alarm(NUMBER)
        [first] = office.dialled()
        pbx.on_request = no_connection
        TrunkWatch(office.core, office.sessions, office.pbxes).look_at_trunks("hq")
        callid = office.attempt(first).callid
        pass_time(office, 12)
        office.take(ringing(callid))
        pass_time(office, 33)
        office.take(answered(callid))
        pass_time(office, 30)

        assert office.attempt(first).phase == "up"

    def test_one_that_went_on_to_somebody_busy_is_not_waited_for_either(
        self, office: Office, pbx: Keeping
    ) -> None:
        office.alarm(NUMBER)
        [first] = office.dialled()
        callid = office.attempt(first).callid
        office.take(answered(callid))
        office.take(posted("CallFailed", callid, {"ext": {"extid": "1009"}}, reason="486 Busy Here"))
        pbx.on_request = no_connection
        pass_time(office, 100)

        assert office.attempt(first).phase == "ended"
        assert office.call_of(first).state == "queued"

    def test_a_campaigns_call_stays_with_it(self, office: Office, pbx: Keeping) -> None:
        office.campaign(OTHER)
        [other] = office.dialled()
        pbx.on_request = no_connection
        TrunkWatch(office.core, office.sessions, office.pbxes).look_at_trunks("hq")
        pass_time(office, 150)
        assert office.attempt(other).phase == "up"
