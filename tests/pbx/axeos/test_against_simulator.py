"""What only this family has, against its simulated PBX: the contract suite has the rest."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import ReportEvent
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.axeos import Axeos
from dispatcher.pbx.errors import PbxError, PbxRefused
from dispatcher.pbx.protocol import DialOrder, Message, Pulled, Session
from dispatcher.simulator import Behaviour, Fault, Timing
from tests.pbx.contract.conftest import PREFIX, Rig, rigs_of

MakeRig = Callable[..., tuple[Rig, Axeos, Session]]
STAYS_UP = Timing(setup=0, ring=0, prompt=30.0)


@pytest.fixture
def axeos() -> Iterator[MakeRig]:
    """Starts simulated PBXs with changed settings, each with a driver that is logged in."""
    with rigs_of(Rig, Axeos.family) as make_rig:

        def make(**changed: Any) -> tuple[Rig, Axeos, Session]:
            rig = make_rig(**changed)
            driver = rig.driver()
            assert isinstance(driver, Axeos)
            return rig, driver, driver.login()

        yield make


def test_the_events_of_a_call_to_a_user(axeos: MakeRig) -> None:
    rig, driver, session = axeos()
    callid = driver.dial(session, rig.order()).callid
    told = [(report.word, report.event) for report in rig.reports(driver, callid)]

    assert told == [("incoming call", ReportEvent.OTHER), ("call finished", ReportEvent.OVER)]
    statuses = [report for report in rig.reports(driver) if report.word == "phone status update"]
    assert len(statuses) == 3


def test_a_queues_agent_rings_and_answers_after_the_user(axeos: MakeRig) -> None:
    rig, driver, session = axeos()
    callid = driver.dial(session, rig.order(kind=MessageKind.QUEUE)).callid
    words = [report.word for report in rig.reports(driver, callid)]

    assert words == ["incoming call", "internal dial", "call answered", "call finished"]


def test_without_the_dial_plans_action_a_call_has_no_events_and_is_seen_all_the_same(axeos: MakeRig) -> None:
    rig, driver, session = axeos(api_events=False, time_scale=1.0, timing=STAYS_UP)
    accepted = driver.dial(session, rig.order())

    assert accepted.seen
    assert driver.live_call(session, accepted.callid) is not None
    driver.hang_up_leg(session, accepted.callid)
    assert rig.reports(driver, accepted.callid) == []
    assert driver.live_call(session, accepted.callid) is None


def test_a_phone_is_in_one_call_at_a_time(axeos: MakeRig) -> None:
    rig, driver, session = axeos(time_scale=1.0, timing=STAYS_UP)
    driver.dial(session, rig.order("anna"))
    with pytest.raises(PbxRefused) as refusal:
        driver.dial(session, rig.order("anna"))

    assert refusal.value.reason is Reason.BUSY
    assert driver.dial(session, rig.order("ben")).callid


def test_a_call_to_a_number_is_accepted_before_anybody_answers(axeos: MakeRig) -> None:
    rig, driver, session = axeos(time_scale=1.0, timing=Timing(setup=0, ring=30.0))
    to_number = DialOrder(TargetKind.NUMBER, PREFIX + "0612340001", Message(MessageKind.PROMPT, "alarm"))
    accepted = driver.dial(session, to_number)

    assert accepted.seen == ()
    assert rig.pbx.judge.call(accepted.callid).answered is None
    with pytest.raises(PbxRefused) as refusal:
        driver.dial(session, to_number)
    assert refusal.value.reason is Reason.CONGESTION, "the phone that plays the message is in that call"
    driver.hang_up_leg(session, accepted.callid)
    rig.pbx.wait_idle()


def test_nobody_who_listened_is_told_that_the_call_was_lost_before_the_answer(axeos: MakeRig) -> None:
    rig, driver, session = axeos(time_scale=1.0, timing=STAYS_UP)
    rig.pbx.arm(Fault.DIAL_LOST_AFTER)
    with pytest.raises(PbxError):
        driver.dial(session, rig.order())

    (call,) = rig.pbx.judge.calls()
    assert driver.live_call(session, call.callid) is not None, "it is up, though nobody was told its id"


class Unread(Rig):
    """A PBX whose events nobody reads but the test."""

    def start(self) -> None:
        self._sink.__enter__()
        self.pbx.start()

    def whole_call(self, driver: Axeos) -> str:
        """The id of a call that is over."""
        callid = driver.dial(driver.login(), self.order()).callid
        self.pbx.wait_idle()
        return callid


@pytest.fixture
def unread() -> Iterator[Callable[..., tuple[Unread, Axeos]]]:
    """Starts simulated PBXs with changed settings, each with a driver."""
    with rigs_of(Unread, Axeos.family) as make_rig:

        def make(**changed: Any) -> tuple[Unread, Axeos]:
            rig = make_rig(**changed)
            driver = rig.driver()
            assert isinstance(driver, Axeos)
            return rig, driver

        yield make


MakeUnread = Callable[..., tuple[Unread, Axeos]]


def callids(driver: Axeos, pulled: Pulled) -> set[str]:
    """The calls that some events are about."""
    return {report.callid for body in pulled.bodies for report in driver.parse(body)} - {""}


def test_what_was_before_the_first_look_is_skipped(unread: MakeUnread) -> None:
    rig, driver = unread()
    driver.open_reports("").read()
    rig.whole_call(driver)
    second = rig.whole_call(driver)
    stream = driver.open_reports("")
    newest = stream.read()
    third = rig.whole_call(driver)

    assert len(newest.bodies) == 1
    assert callids(driver, newest) == {second}
    assert callids(driver, stream.read()) == {third}


def test_a_stream_goes_on_after_a_request_was_cut(unread: MakeUnread) -> None:
    rig, driver = unread()
    stream = driver.open_reports("")
    stream.read()
    before = rig.whole_call(driver)
    assert callids(driver, stream.read()) == {before}
    callid = rig.whole_call(driver)
    rig.pbx.arm(Fault.POLL_CUT)
    with pytest.raises(PbxError):
        stream.read()
    pulled = stream.read()

    assert not pulled.missed
    assert callids(driver, pulled) == {callid}


def test_a_place_in_the_stream_is_good_for_another_reader(unread: MakeUnread) -> None:
    rig, driver = unread()
    driver.open_reports("").read()
    rig.whole_call(driver)
    position = driver.open_reports("").read().position
    callid = rig.whole_call(driver)
    pulled = driver.open_reports(position).read()

    assert not pulled.missed
    assert callids(driver, pulled) == {callid}


@pytest.mark.parametrize("what", ["restarted", "given up", "overflowed"])
def test_what_was_lost_is_told_to_a_reader_who_comes_back(unread: MakeUnread, what: str) -> None:
    rig, driver = unread()
    driver.open_reports("").read()
    for _ in range(3):
        rig.whole_call(driver)
    position = driver.open_reports("").read().position
    if what == "restarted":
        rig.pbx.restart()
    else:
        rig.pbx.page("events", {"reset": True} if what == "given up" else {"skip": 5})
    stream = driver.open_reports(position)
    callid = rig.whole_call(driver)
    told, found = stream.read(), stream.read()

    assert told.missed
    assert callids(driver, found) == {callid}


def test_an_overflow_between_two_looks_is_seen_by_the_numbers(unread: MakeUnread) -> None:
    rig, driver = unread()
    stream = driver.open_reports("")
    stream.read()
    rig.whole_call(driver)
    assert not stream.read().missed
    rig.pbx.page("events", {"skip": 5})
    callid = rig.whole_call(driver)
    pulled = stream.read()

    assert pulled.missed
    assert callids(driver, pulled) == {callid}


def test_a_pbx_that_has_come_to_the_same_number_again_is_found_out(unread: MakeUnread) -> None:
    rig, driver = unread()
    stream = driver.open_reports("")
    stream.read()
    rig.whole_call(driver)
    position = stream.read().position
    rig.pbx.restart()
    again = driver.open_reports(position)
    rig.whole_call(driver)

    assert again.read().missed
    assert again.read().position == position


def test_a_full_buffer_that_nobody_reads_is_given_up(unread: MakeUnread) -> None:
    rig, driver = unread(event_buffer=4)
    stream = driver.open_reports("")
    assert stream.read().bodies == ()
    rig.whole_call(driver)

    rig.whole_call(driver)
    pulled = driver.open_reports("").read()
    assert (pulled.bodies, pulled.position) == ((), ""), "all is gone, and gathering begins anew"


def test_a_full_buffer_that_somebody_reads_loses_the_oldest(unread: MakeUnread) -> None:
    rig, driver = unread(event_buffer=7)
    driver.open_reports("").read()
    rig.whole_call(driver)
    first = driver.open_reports("").read().position
    rig.whole_call(driver)
    callid = rig.whole_call(driver) if driver.open_reports(first).read().bodies else ""
    pulled = driver.open_reports(first).read()

    assert pulled.missed
    assert callid in callids(driver, pulled)


def test_calls_that_rang_when_the_pbx_restarted_are_in_doubt(axeos: MakeRig) -> None:
    rig, driver, session = axeos(time_scale=1.0, timing=Timing(setup=0, ring=30.0))
    timer = threading.Timer(0.3, rig.pbx.restart)
    timer.start()
    with pytest.raises(PbxError) as error:
        driver.dial(session, rig.order())
    timer.join()

    assert error.value.reason is Reason.CONNECTION_LOST
    assert rig.pbx.judge.live() == 0


@pytest.mark.parametrize("behaviour", [Behaviour.KEY_1, Behaviour.VOICEMAIL, Behaviour.HANGS_UP_AT_ONCE])
def test_whoever_picks_up_is_all_the_same(axeos: MakeRig, behaviour: Behaviour) -> None:
    rig, driver, session = axeos()
    rig.pbx.set_callee("anna", behaviour)
    (seen,) = driver.dial(session, rig.order()).seen

    assert seen.event is ReportEvent.ANSWERED
