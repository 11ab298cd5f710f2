"""Open calls in question: what brings them there, what the PBX is asked, and what comes of it."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest

from dispatcher.audit.attempts import HELD_BY_NOBODY
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus, PartyKind
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.store import doubts, inquiries
from dispatcher.store.tables import Doubt, Event, Inquiry, PbxSession, table
from dispatcher.upkeep.trunks import TrunkWatch
from tests.scripted import (
    NUMBER,
    TRUNK,
    Office,
    answered,
    make_office,
    open_office,
    posted,
    record,
    ringing,
    whole_call,
)
from tests.upkeep.asked import Keeping, live, lose_answers, pass_time, recovery_of, row

OTHER = "31687654321"
events = table(Event)


@pytest.fixture
def pbx() -> Keeping:
    return Keeping()


@pytest.fixture
def office(store_url: str, pbx: Keeping) -> Iterator[Office]:
    with open_office(store_url, driver=pbx) as made:
        yield made


def in_doubt(office: Office, *, alarm: bool = False, number: str = NUMBER) -> str:
    """A dial that was not answered."""
    lose_answers(office)
    (office.alarm if alarm else office.campaign)(number)
    [attempt] = office.dialled()
    return attempt


def familiar(office: Office, pbx: Keeping) -> None:
    """An earlier call of ours that rang, was recorded, and whose record the PBX still has."""
    office.driver.on_dial = lambda order: "1543289000.1"
    office.alarm(OTHER)
    office.dialled()
    office.take(*whole_call("1543289000.1", OTHER))
    pbx.kept.append(row("1543289000.1", office.clock(), OTHER))
    office.clock.move(minutes=2)


def told(office: Office, attempt: str) -> list[str]:
    """What the events say of the questions about an attempt."""
    rows = office.rows(Event, events.c.attempt_id == attempt, events.c.name == "asked")
    return [event.cause for event in sorted(rows, key=lambda event: event.id)]


class TestDialsWithoutAnAnswer:
    def test_the_live_calls_are_looked_at_within_two_seconds_and_then_less_often(
        self, office: Office, pbx: Keeping
    ) -> None:
        in_doubt(office)
        pass_time(office, 2)
        assert pbx.questions >= 1
        pass_time(office, 26)
        assert pbx.questions <= 5
        assert pbx.downloads == []

    def test_a_call_that_is_up_keeps_its_channel_for_as_long_as_it_is_shown(
        self, office: Office, pbx: Keeping
    ) -> None:
        attempt = in_doubt(office)
        pbx.live = [live()]
        pass_time(office, 300, 5)

        assert office.attempt(attempt).channel_held
        assert told(office, attempt) == ["the PBX shows it among its live calls"]
        assert pbx.questions < 20

    def test_its_record_links_it_and_tells_what_became_of_it(self, office: Office, pbx: Keeping) -> None:
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

    def test_a_campaigns_call_that_was_answered_is_never_dialled_again(
        self, office: Office, pbx: Keeping
    ) -> None:
        """The record tells no key and no prompt's end: the message may have been heard."""
        attempt = in_doubt(office)
        pbx.kept = [row("1.7", office.clock())]
        pass_time(office, 45)

        assert office.attempt(attempt).outcome == "not_heard"
        assert office.call_of(attempt).state == "failed"
        office.clock.move(hours=1)
        assert office.claim() == []

    def test_an_alarms_call_that_was_answered_is_dialled_again(self, office: Office, pbx: Keeping) -> None:
        attempt = in_doubt(office, alarm=True)
        pbx.kept = [row("1.7", office.clock())]
        pass_time(office, 45)

        assert office.attempt(attempt).outcome == "not_heard"
        assert office.call_of(attempt).state == "queued"

    def test_a_campaigns_call_whose_record_says_busy_is_dialled_again(
        self, office: Office, pbx: Keeping
    ) -> None:
        attempt = in_doubt(office)
        pbx.kept = [row("1.7", office.clock(), status=CdrStatus.BUSY)]
        pass_time(office, 45)

        assert office.attempt(attempt).outcome == "busy"
        assert office.call_of(attempt).state == "queued"


class TestProof:
    """That a call was never placed."""

    def test_what_was_never_placed_costs_nothing_and_is_dialled_again(
        self, office: Office, pbx: Keeping
    ) -> None:
        familiar(office, pbx)
        attempt = in_doubt(office)
        pass_time(office, 45)

        found, call = office.attempt(attempt), office.call_of(attempt)
        assert (found.outcome, found.cause, found.channel_held) == ("unreachable", "never_placed", False)
        assert (call.state, call.attempts_spent) == ("queued", 0)
        assert told(office, attempt)[-1].startswith("never placed: ")

    def test_what_the_pbx_may_have_forgotten_is_not_proven_never_placed(
        self, office: Office, pbx: Keeping
    ) -> None:
        """A session that begins after the dial may mean a restart, and what was up then leaves no record."""
        familiar(office, pbx)
        attempt = in_doubt(office)
        office.clock.move(seconds=1)
        office.sessions.renew("hq", stale=office.rows(PbxSession)[0].generation)
        pass_time(office, 300)

        found = office.attempt(attempt)
        assert (found.phase, found.outcome, found.cause) == ("ended", "unknown", None)
        assert office.call_of(attempt).state == "failed"

    def test_the_reports_of_the_next_dial_are_not_those_of_what_was_never_placed(
        self, office: Office, pbx: Keeping
    ) -> None:
        """Its answer is lost as well, and now two attempts at the number have no callid."""
        familiar(office, pbx)
        first = in_doubt(office)
        pass_time(office, 45)
        office.clock.move(minutes=5)
        [second] = office.dialled()
        office.take(*whole_call("1543289900.1"))

        assert office.attempt(first).cause == "never_placed"
        assert (office.attempt(first).callid, office.attempt(second).callid) == (None, "1543289900.1")
        assert office.attempt(second).outcome == "delivered"

    def test_without_a_call_of_ours_in_the_records_nothing_is_proven(
        self, office: Office, pbx: Keeping
    ) -> None:
        attempt = in_doubt(office)
        pass_time(office, 45)

        assert office.attempt(attempt).outcome == "unknown"
        assert office.call_of(attempt).state == "failed"

    @pytest.mark.parametrize(
        "kept",
        [
            {"caller": "1005"},
            {"trunk": "another trunk"},
            {"number": f"0{NUMBER[2:]}", "caller": "1005"},
        ],
        ids=["dialled by hand", "on another trunk", "by hand, in another form"],
    )
    def test_a_record_that_may_be_its_own_keeps_it_open(
        self, office: Office, pbx: Keeping, kept: dict[str, str]
    ) -> None:
        familiar(office, pbx)
        attempt = in_doubt(office)
        pbx.kept.append(row("1.7", office.clock(), **kept))
        pass_time(office, 45)

        assert (office.attempt(attempt).callid, office.attempt(attempt).outcome) == (None, "unknown")
        assert office.call_of(attempt).state == "failed"
        assert "not certainly" in told(office, attempt)[-1]

    def test_of_two_attempts_and_one_record_none_is_guessed(self, office: Office, pbx: Keeping) -> None:
        familiar(office, pbx)
        lose_answers(office)
        office.campaign(NUMBER)
        office.alarm(NUMBER)
        both = office.dialled()
        pbx.kept.append(row("1.7", office.clock()))
        pass_time(office, 45)

        assert [office.attempt(attempt).callid for attempt in both] == [None, None]
        assert [office.attempt(attempt).outcome for attempt in both] == ["unknown", "unknown"]

    def test_a_record_of_another_attempts_callid_is_not_its_own(self, office: Office, pbx: Keeping) -> None:
        """The same person was called just before, and that call has its callid."""
        office.driver.on_dial = lambda order: "1543289000.1"
        office.alarm(NUMBER)
        office.dialled()
        office.take(*whole_call("1543289000.1"))
        pbx.kept.append(row("1543289000.1", office.clock()))
        office.clock.move(seconds=30)
        attempt = in_doubt(office)
        pass_time(office, 45)

        assert (office.attempt(attempt).callid, office.attempt(attempt).cause) == (None, "never_placed")

    def test_a_record_from_before_the_dial_is_not_its_own(self, office: Office, pbx: Keeping) -> None:
        familiar(office, pbx)
        pbx.kept.append(row("1.7", office.clock() - timedelta(seconds=90), caller="1005"))
        attempt = in_doubt(office)
        pass_time(office, 45)

        assert office.attempt(attempt).cause == "never_placed"

    def test_a_pbx_whose_clock_or_zone_is_wrong_proves_nothing(self, office: Office, pbx: Keeping) -> None:
        familiar(office, pbx)
        pbx.kept = [row("1543289000.1", office.clock() + timedelta(hours=1), OTHER)]
        attempt = in_doubt(office)
        pass_time(office, 45)

        assert office.attempt(attempt).outcome == "unknown"

    def test_what_was_once_shown_was_placed(self, office: Office, pbx: Keeping) -> None:
        familiar(office, pbx)
        attempt = in_doubt(office)
        pbx.live = [live()]
        pass_time(office, 3)
        pbx.live = []
        pass_time(office, 80)

        assert office.attempt(attempt).outcome == "unknown"

    def test_a_sign_that_comes_late_overrules_the_proof(self, office: Office, pbx: Keeping) -> None:
        familiar(office, pbx)
        attempt = in_doubt(office)
        pass_time(office, 45)
        assert office.attempt(attempt).outcome == "unreachable"

        office.take(record("1.7", status="NO ANSWER", talk=0))
        assert office.attempt(attempt).outcome == "no_answer"
        assert office.call_of(attempt).attempts_spent == 1


class TestAnAlarmAndAPbxThatIsAway:
    """The alarm does not wait for the PBX; the channel does."""

    @pytest.fixture
    def attempt(self, office: Office, pbx: Keeping) -> str:
        def away(session: object) -> None:
            raise PbxInDoubt(Reason.TIMED_OUT, "no answer in time")

        first = in_doubt(office, alarm=True)
        pbx.on_request = away
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

    def test_a_campaigns_call_waits_for_the_pbx(self, office: Office, pbx: Keeping, attempt: str) -> None:
        lose_answers(office)
        office.campaign(OTHER)
        pbx.on_request = lambda session: None
        [other] = office.dialled()

        def away(session: object) -> None:
            raise PbxInDoubt(Reason.TIMED_OUT, "no answer in time")

        pbx.on_request = away
        pass_time(office, 300)
        assert office.attempt(other).phase == "in_doubt"


class TestAnAlarmThatWasAcceptedByAPbxThatIsAway:
    """Its call was placed, and then the PBX died: nobody knows whether anybody was reached."""

    @pytest.fixture
    def attempt(self, office: Office, pbx: Keeping) -> str:
        def away(session: object) -> None:
            raise PbxRefused(Reason.PBX_AWAY, "no connection")

        office.alarm(NUMBER)
        [first] = office.dialled()
        assert office.attempt(first).phase == "up"
        pass_time(office, 10)
        pbx.on_request = away
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

        def away(session: object) -> None:
            raise PbxRefused(Reason.PBX_AWAY, "no connection")

        office.alarm(NUMBER)
        [first] = office.dialled()
        pbx.on_request = away
        TrunkWatch(office.core, office.sessions, office.pbxes).look_at_trunks("hq")
        callid = office.attempt(first).callid
        pass_time(office, 12)
        office.take(ringing(callid))
        pass_time(office, 33)
        office.take(answered(callid))
        pass_time(office, 30)

        assert office.attempt(first).phase == "up"

    def test_a_campaigns_call_stays_with_it(self, office: Office, pbx: Keeping) -> None:
        office.campaign(OTHER)
        [other] = office.dialled()

        def away(session: object) -> None:
            raise PbxRefused(Reason.PBX_AWAY, "no connection")

        pbx.on_request = away
        TrunkWatch(office.core, office.sessions, office.pbxes).look_at_trunks("hq")
        pass_time(office, 150)
        assert office.attempt(other).phase == "up"


class TestSilence:
    """Calls whose reports have stopped."""

    def test_it_is_looked_for_after_a_third_of_the_silence_and_its_record_fetched(
        self, office: Office, pbx: Keeping
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

    def test_without_a_record_it_is_closed_with_what_is_known(self, office: Office, pbx: Keeping) -> None:
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        office.take(ringing("1543289641.1"), answered("1543289641.1"))
        pass_time(office, 75)

        assert (office.attempt(attempt).outcome, office.call_of(attempt).state) == ("not_heard", "failed")

    def test_while_it_is_shown_it_goes_on(self, office: Office, pbx: Keeping) -> None:
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        pbx.live = [live()]
        pass_time(office, 600, 10)

        assert office.attempt(attempt).phase == "up"
        assert pbx.questions < 30

    def test_its_leg_is_enough_to_know_it(self, office: Office, pbx: Keeping) -> None:
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        office.take(ringing("1543289641.1", leg="1543289641.2"))
        pbx.live = [live("another form of the number", "1543289641.2")]
        pass_time(office, 200, 10)

        assert office.attempt(attempt).phase == "up"

    def test_a_report_that_comes_after_all_ends_the_question(self, office: Office, pbx: Keeping) -> None:
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        pbx.live = [live()]
        pass_time(office, 62)
        assert len(office.rows(Doubt)) == 1

        office.take(ringing("1543289641.1"), answered("1543289641.1"))
        pass_time(office, 1)
        assert office.rows(Doubt) == []
        assert office.attempt(attempt).phase == "up"

    def test_what_the_pbx_can_not_show_is_closed_after_all_of_the_silence(
        self, office: Office, pbx: Keeping
    ) -> None:
        """No list of an S-Series holds the calls to its own extensions."""
        office.alarm("1002")
        [attempt] = office.dialled("")
        pass_time(office, 179)
        assert office.attempt(attempt).phase == "up"
        pass_time(office, 15)

        assert (office.attempt(attempt).phase, office.attempt(attempt).outcome) == ("ended", "unknown")
        assert (pbx.questions, len(pbx.downloads)) == (0, 1)

    def test_an_extensions_record_is_found(self, office: Office, pbx: Keeping) -> None:
        lose_answers(office)
        office.alarm("1002")
        [attempt] = office.dialled("")
        pbx.kept = [row("1.7", office.clock(), "1002", CdrStatus.BUSY, trunk="", kind=PartyKind.EXTENSION)]
        pass_time(office, 45)

        assert (office.attempt(attempt).callid, office.attempt(attempt).outcome) == ("1.7", "busy")


class TestCost:
    def test_one_look_and_one_download_serve_all(self, office: Office, pbx: Keeping) -> None:
        lose_answers(office)
        office.campaign(*(f"3161234{place:04}" for place in range(20)))
        attempts = office.dialled()
        pbx.kept = [
            row(f"1.{place}", office.clock(), f"3161234{place:04}", CdrStatus.BUSY) for place in range(20)
        ]
        pass_time(office, 45)

        assert {office.attempt(attempt).outcome for attempt in attempts} == {"busy"}
        assert pbx.questions <= 7
        assert len(pbx.downloads) == 1

    def test_records_are_downloaded_at_most_once_a_minute(self, office: Office, pbx: Keeping) -> None:
        for _ in range(20):
            in_doubt(office, number=f"3161234{office.clock.now.second:02}{office.clock.now.minute:02}")
            pass_time(office, 10)

        assert 2 <= len(pbx.downloads) <= 4

    def test_a_pbx_that_does_not_answer_is_asked_less_and_less(self, office: Office, pbx: Keeping) -> None:
        asked = []

        def away(session: object) -> None:
            asked.append(office.clock())
            raise PbxInDoubt(Reason.TIMED_OUT, "no answer in time")

        attempt = in_doubt(office)
        pbx.on_request = away
        pass_time(office, 600)

        assert office.attempt(attempt).phase == "in_doubt"
        assert len(asked) < 20
        pauses = [later - earlier for earlier, later in pairwise(asked)]
        assert max(pauses) <= timedelta(seconds=61)

        pbx.on_request = lambda session: None
        pass_time(office, 100)
        assert office.attempt(attempt).phase == "ended"

    def test_records_that_can_not_be_had_are_not_waited_for_for_ever(
        self, office: Office, pbx: Keeping, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise PbxRefused(Reason.FAILED, "cdr/get_random: errno 20020")

        monkeypatch.setattr(pbx, "records", refuse)
        attempt = in_doubt(office)
        pass_time(office, 150)
        assert office.attempt(attempt).phase == "in_doubt"
        pass_time(office, 30)

        assert (office.attempt(attempt).phase, office.attempt(attempt).outcome) == ("ended", "unknown")
        assert "can't be fetched" in told(office, attempt)[-1]

    def test_nothing_is_asked_while_nothing_is_in_question(self, office: Office, pbx: Keeping) -> None:
        office.campaign(NUMBER)
        office.dialled()
        pass_time(office, 50)

        assert pbx.tokens == ["token-1"]


class TestReconciliation:
    """The PBX is asked for everything that is open, because reports may have been lost."""

    @pytest.fixture
    def open_call(self, office: Office, pbx: Keeping) -> str:
        office.campaign(NUMBER)
        [attempt] = office.dialled()
        office.take(ringing("1543289641.1"))
        office.clock.move(seconds=20)
        return attempt

    def test_on_demand_every_open_call_is_asked_for_at_once(
        self, office: Office, pbx: Keeping, open_call: str
    ) -> None:
        recovery_of(office).reconcile("hq", "the PBX has started again")
        pass_time(office, 15)

        assert office.attempt(open_call).outcome == "unknown"
        assert told(office, open_call)[0].startswith("the PBX does not show it among its live calls")

    def test_one_that_is_still_up_goes_on(self, office: Office, pbx: Keeping, open_call: str) -> None:
        pbx.live = [live()]
        recovery_of(office).reconcile("hq", "the PBX has started again")
        pass_time(office, 15)

        assert office.attempt(open_call).phase == "up"

    def test_one_that_was_dialled_afterwards_is_left_alone(
        self, office: Office, pbx: Keeping, open_call: str
    ) -> None:
        recovery_of(office).reconcile("hq", "the PBX has started again")
        office.clock.move(seconds=1)
        office.campaign(OTHER)
        [later] = office.dialled()
        pass_time(office, 15)

        assert office.attempt(later).phase == "up"

    def test_a_demand_outlives_the_process_that_made_it(
        self, office: Office, pbx: Keeping, open_call: str, store_url: str
    ) -> None:
        with office.core.store.write() as tx:
            inquiries.demand(tx, "hq", office.clock(), "a new login")
        other = make_office(store_url, clock=office.clock, driver=pbx)
        pass_time(other, 15)
        other.core.store.close()

        assert office.attempt(open_call).phase == "ended"
        [inquiry] = office.rows(Inquiry)
        assert (inquiry.wanted_at, inquiry.wanted_because) == (None, "")

    def test_a_demand_while_nothing_is_open_asks_nothing(self, office: Office, pbx: Keeping) -> None:
        recovery_of(office).reconcile("hq", "a new login")
        pass_time(office, 5)

        assert pbx.tokens == []
        assert [inquiry.wanted_at for inquiry in office.rows(Inquiry)] == [None]


class TestRecordsInPassing:
    def test_a_download_tells_of_calls_that_ended_without_their_record(
        self, office: Office, pbx: Keeping
    ) -> None:
        """The NewCdr of another call was lost; nobody asks for it, but here it is."""
        office.alarm(OTHER)
        [earlier] = office.dialled()
        office.take(
            posted(
                "CallFailed", "1543289641.1", reason="486 Busy Here", outbound={"to": OTHER, "trunk": TRUNK}
            )
        )
        assert (office.attempt(earlier).outcome, office.attempt(earlier).cdr_at) == ("busy", None)
        pbx.kept = [row("1543289641.1", office.clock(), OTHER, CdrStatus.BUSY)]
        in_doubt(office)
        pass_time(office, 45)

        assert office.attempt(earlier).cdr_status == "busy"

    def test_an_attempt_that_doubt_has_closed_still_finds_its_record(
        self, office: Office, pbx: Keeping
    ) -> None:
        first = in_doubt(office)
        began = office.clock()
        pass_time(office, 45)
        assert office.call_of(first).state == "failed"

        pbx.kept = [row("1.7", began, status=CdrStatus.NO_ANSWER)]
        in_doubt(office, number=OTHER)
        pass_time(office, 120)

        assert (office.attempt(first).callid, office.attempt(first).outcome) == ("1.7", "no_answer")
        assert office.call_of(first).state == "queued"


def test_questions_are_shown_to_people(office: Office, pbx: Keeping) -> None:
    attempt = in_doubt(office)
    pass_time(office, 31)
    with office.core.store.read() as tx:
        told_now = doubts.told(tx, [attempt])

    assert told_now[attempt].next_step == "fetch"
    assert told_now[attempt].next_at == office.clock() + timedelta(seconds=9)
    assert told_now[attempt].because.startswith("timed_out")
