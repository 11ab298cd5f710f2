"""A dial whose answer was lost is linked by the reports of its call, or proven never placed."""

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.pbx.errors import PbxInDoubt
from dispatcher.pbx.protocol import LiveCall
from dispatcher.upkeep.recovery import Recovery
from tests.scripted import (
    NUMBER,
    TRUNK,
    Office,
    answered,
    bye,
    inbound,
    inside,
    key,
    outside,
    posted,
    record,
    ringing,
    whole_call,
)

CALLID = "1543289641.1"


@pytest.fixture
def doubtful(office: Office) -> Office:
    """An office whose PBX answers no dial request any more."""

    def lose(order: object) -> str:
        raise PbxInDoubt(Reason.CONNECTION_LOST, "the connection was cut")

    office.driver.on_dial = lose
    return office


def ask(office: Office) -> None:
    """What the upkeep asks the PBX."""
    Recovery(office.core, office.sessions, office.pbxes, office.inbox).sweep("hq")


def live(number: str = NUMBER, direction: PartyKind = PartyKind.OUTBOUND) -> LiveCall:
    return LiveCall("1543289641.2", number, TRUNK, direction)


def test_a_lost_answer_leaves_the_attempt_in_doubt_and_its_channel_held(doubtful: Office) -> None:
    doubtful.campaign(NUMBER)
    [attempt] = doubtful.dialled()

    row = doubtful.attempt(attempt)
    assert (row.phase, row.channel_held, row.outcome, row.callid) == ("in_doubt", True, None, None)
    assert row.doubted_at == doubtful.clock()
    assert doubtful.call_of(attempt).state == "active"
    assert doubtful.claim() == []
    assert "connection_lost" in row.cause_text


def test_a_report_that_names_its_number_links_it(doubtful: Office) -> None:
    doubtful.campaign(NUMBER)
    [attempt] = doubtful.dialled()

    doubtful.clock.move(seconds=4)
    doubtful.take(*whole_call(CALLID))

    row = doubtful.attempt(attempt)
    assert (row.callid, row.outcome, row.ringing_at) == (CALLID, "delivered", doubtful.clock())
    assert doubtful.reports_by_disposition() == {"applied": 5}
    assert len(doubtful.driver.orders) == 1


def test_reports_that_came_before_the_doubt_link_it(doubtful: Office) -> None:
    doubtful.campaign(NUMBER)

    def lose_after_reports(order: object) -> str:
        doubtful.take(ringing(CALLID), answered(CALLID))
        assert doubtful.dispositions() == ["pending", "pending"]
        raise PbxInDoubt(Reason.TIMED_OUT, "no answer in time")

    doubtful.driver.on_dial = lose_after_reports
    [attempt] = doubtful.dialled()

    row = doubtful.attempt(attempt)
    assert (row.phase, row.callid, row.answered_at) == ("up", CALLID, doubtful.clock())


def test_a_report_without_the_number_waits_for_one_that_has_it(doubtful: Office) -> None:
    doubtful.campaign(NUMBER)
    [attempt] = doubtful.dialled()

    doubtful.take(posted("PlayPromptEnd", CALLID))
    assert doubtful.dispositions() == ["pending"]

    doubtful.take(ringing(CALLID))
    doubtful.inbox.revisit("hq")
    assert doubtful.dispositions() == ["applied", "applied"]
    assert doubtful.attempt(attempt).prompt_ended_at is not None


@pytest.mark.parametrize(
    "report",
    [
        posted("ALERT", CALLID, inside("1005"), outside(caller="1005")),
        record(CALLID, caller="1005"),
        posted("RING", CALLID, inbound(NUMBER, CALLID)),
        posted("NewCdr", CALLID, callfrom="6500", callto=NUMBER, type="Inbound", status="ANSWERED"),
        ringing(CALLID, "31687654321"),
    ],
    ids=["dialled by hand", "record of a call by hand", "the callee calls back", "record of that", "another"],
)
def test_a_call_that_somebody_else_made_does_not_link_it(doubtful: Office, report: bytes) -> None:
    doubtful.campaign(NUMBER)
    [attempt] = doubtful.dialled()

    doubtful.take(report)

    assert doubtful.dispositions() == ["foreign"]
    assert doubtful.attempt(attempt).phase == "in_doubt"


def test_our_own_extension_as_a_party_is_no_stranger(doubtful: Office) -> None:
    """The outbound right of a trunk's extension is what our calls use, so reports may show it."""
    doubtful.campaign(NUMBER)
    [attempt] = doubtful.dialled()

    doubtful.take(posted("ALERT", CALLID, inside("1000"), outside(caller="1000")))

    assert doubtful.attempt(attempt).callid == CALLID


def test_of_two_in_doubt_to_one_number_none_is_guessed(doubtful: Office) -> None:
    doubtful.campaign(NUMBER)
    doubtful.alarm(NUMBER)
    both = doubtful.dialled()
    assert len(both) == 2

    doubtful.take(ringing(CALLID))
    assert doubtful.dispositions() == ["pending"]
    doubtful.clock.move(seconds=61)
    doubtful.inbox.revisit("hq")

    assert doubtful.dispositions() == ["foreign"]
    assert {doubtful.attempt(attempt).phase for attempt in both} == {"in_doubt"}


def test_of_two_calls_to_its_number_one_is_linked_and_the_other_waits(doubtful: Office) -> None:
    """Both are in one batch; their facts are not mixed."""
    doubtful.campaign(NUMBER)
    [attempt] = doubtful.dialled()

    doubtful.inbox.take([doubtful.incoming(body) for body in (ringing("1.1"), answered("1.2"))])

    row = doubtful.attempt(attempt)
    assert (row.callid, row.ringing_at, row.answered_at) == ("1.1", doubtful.clock(), None)
    assert sorted(doubtful.dispositions()) == ["applied", "foreign"]


def test_a_dial_under_way_to_the_same_number_keeps_the_report_waiting(doubtful: Office) -> None:
    """It may be about either, until the dial under way has its own callid."""
    doubtful.alarm(NUMBER)
    doubtful.campaign(NUMBER)
    first, second = doubtful.claim()
    doubtful.dialer.dial(first)

    def meanwhile(order: object) -> str:
        doubtful.take(ringing("1.1"), ringing("1.2"))
        assert doubtful.dispositions() == ["pending", "pending"]
        return "1.2"

    doubtful.driver.on_dial = meanwhile
    doubtful.dialer.dial(second)
    doubtful.inbox.revisit("hq")

    assert doubtful.dispositions() == ["applied", "applied"]
    assert [doubtful.attempt(attempt).callid for attempt in (first, second)] == ["1.1", "1.2"]


def test_an_alarm_is_dialled_again_once_the_pbx_shows_no_such_call(doubtful: Office) -> None:
    doubtful.alarm(NUMBER)
    [first] = doubtful.dialled()

    doubtful.clock.move(seconds=29)
    ask(doubtful)
    assert doubtful.attempt(first).phase == "in_doubt"

    doubtful.clock.move(seconds=2)
    ask(doubtful)
    row, call = doubtful.attempt(first), doubtful.call_of(first)
    assert (row.phase, row.outcome, row.channel_held) == ("ended", "unknown", False)
    assert (call.state, call.outcome) == ("queued", "unknown")

    doubtful.clock.now = call.due_at
    [second] = doubtful.claim()
    assert doubtful.attempt(second).ordinal == 2


def test_a_campaigns_call_in_doubt_is_never_dialled_again(doubtful: Office) -> None:
    doubtful.campaign(NUMBER)
    [attempt] = doubtful.dialled()

    doubtful.clock.move(seconds=61)
    ask(doubtful)

    assert doubtful.attempt(attempt).outcome == "unknown"
    assert (doubtful.call_of(attempt).state, doubtful.call_of(attempt).outcome) == ("failed", "unknown")
    doubtful.clock.move(hours=1)
    assert doubtful.claim() == []


def test_while_the_pbx_shows_a_call_to_the_number_the_doubt_stays(doubtful: Office) -> None:
    doubtful.alarm(NUMBER)
    [attempt] = doubtful.dialled()
    doubtful.driver.live = [live(), live("31687654321")]

    doubtful.clock.move(minutes=5)
    ask(doubtful)
    assert doubtful.attempt(attempt).phase == "in_doubt"

    doubtful.driver.live = [live("31687654321"), live(direction=PartyKind.INBOUND)]
    doubtful.clock.move(seconds=2)
    ask(doubtful)
    assert doubtful.attempt(attempt).phase == "ended"


def test_while_the_pbx_can_not_be_asked_the_doubt_stays(doubtful: Office) -> None:
    doubtful.alarm(NUMBER)
    [attempt] = doubtful.dialled()

    def away(session: object) -> None:
        raise PbxInDoubt(Reason.TIMED_OUT, "no answer in time")

    doubtful.driver.on_request = away
    doubtful.clock.move(hours=1)
    ask(doubtful)

    assert doubtful.attempt(attempt).phase == "in_doubt"


def test_with_nothing_in_question_the_pbx_is_not_asked(doubtful: Office) -> None:
    ask(doubtful)

    assert doubtful.driver.questions == 0


def test_reports_after_the_doubt_was_closed_still_improve_the_outcome(doubtful: Office) -> None:
    doubtful.campaign(NUMBER)
    [attempt] = doubtful.dialled()
    doubtful.clock.move(seconds=61)
    ask(doubtful)

    doubtful.take(*whole_call(CALLID))

    assert doubtful.attempt(attempt).outcome == "delivered"
    assert doubtful.call_of(attempt).state == "delivered"


def test_a_call_found_by_a_key_alone_is_not_forgotten(doubtful: Office) -> None:
    """Every later report is lost: the attempt's silence still counts from its dial."""
    doubtful.alarm(NUMBER)
    [attempt] = doubtful.dialled()
    doubtful.take(key(CALLID, "5"))
    assert doubtful.attempt(attempt).phase == "up"

    doubtful.clock.move(minutes=10)
    ask(doubtful)

    assert (doubtful.attempt(attempt).phase, doubtful.attempt(attempt).channel_held) == ("ended", False)


def test_a_bye_alone_links_and_then_ends_it(doubtful: Office) -> None:
    doubtful.campaign(NUMBER)
    [attempt] = doubtful.dialled()

    doubtful.take(bye(CALLID), record(CALLID, status="NO ANSWER", talk=0))

    assert doubtful.attempt(attempt).outcome == "no_answer"
