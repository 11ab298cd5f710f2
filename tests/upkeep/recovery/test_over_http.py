"""The real driver and the simulated PBX: every report is lost, and the records tell what there is to tell."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dispatcher.pbx.protocol import PbxAccount
from dispatcher.pbx.registry import make_driver
from dispatcher.simulator import Behaviour, Fault, SimulatedPbx, SimulatorSettings, Timing
from dispatcher.simulator.settings import TrunkSettings
from dispatcher.store.tables import Inquiry
from tests.cores import SettableClock
from tests.scripted import NUMBER, TRUNK, Office, key, open_office, ringing
from tests.upkeep.asked import pass_time

BEFORE = "31687654321"


class RunningClock(SettableClock):
    """The real time, which the PBX writes down, moved ahead as a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def move(self, **span: float) -> datetime:
        self.ahead += timedelta(**span)
        return self()


@pytest.fixture
def pbx(request: pytest.FixtureRequest) -> Iterator[SimulatedPbx]:
    """A PBX in Amsterdam whose reports reach nobody. Its calls are over at once, or as a test says."""
    trunk, timing = TrunkSettings(TRUNK, 30), getattr(request, "param", Timing.instant())
    running = SimulatedPbx(SimulatorSettings(port=0, trunks=(trunk,), timing=timing))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def office(pbx: SimulatedPbx, store_url: str) -> Iterator[Office]:
    account = PbxAccount(
        name="hq",
        family="yeastar-s",
        url=pbx.url,
        username="api",
        password="password",
        verify_tls=True,
        timezone=ZoneInfo(pbx.settings.timezone),
        reports_url="http://127.0.0.1:1/reports/hq",
    )
    driver = make_driver(account, lambda *_: None)
    with open_office(store_url, clock=RunningClock(), driver=driver) as made:
        yield made
    driver.close()


def familiar(office: Office) -> None:
    """An earlier call of ours that was reported to ring, and was acknowledged."""
    office.alarm(BEFORE)
    [attempt] = office.dialled()
    callid = office.attempt(attempt).callid
    office.take(ringing(callid, BEFORE), key(callid, "1", BEFORE))


def test_a_lost_answer_and_lost_reports_leave_the_record(office: Office, pbx: SimulatedPbx) -> None:
    pbx.arm(Fault.DIAL_LOST_AFTER)
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    assert office.attempt(attempt).phase == "in_doubt"
    pass_time(office, 45)

    [call] = pbx.judge.calls_to(NUMBER)
    found = office.attempt(attempt)
    assert (found.callid, found.cdr_status, found.outcome) == (call.callid, "answered", "not_heard")
    assert office.call_of(attempt).state == "failed"


def test_a_busy_line_is_known_by_its_record(office: Office, pbx: SimulatedPbx) -> None:
    pbx.set_callee(NUMBER, Behaviour.BUSY)
    pbx.arm(Fault.DIAL_502)
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    pass_time(office, 45)

    assert office.attempt(attempt).outcome == "busy"
    assert office.call_of(attempt).state == "queued"


def test_what_was_never_placed_is_proven_and_dialled_again(office: Office, pbx: SimulatedPbx) -> None:
    familiar(office)
    pbx.arm(Fault.DIAL_LOST_BEFORE)
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    pass_time(office, 45)

    assert (office.attempt(attempt).outcome, office.attempt(attempt).cause) == ("unreachable", "never_placed")
    assert pbx.judge.calls_to(NUMBER) == []
    office.clock.move(seconds=15)
    [again] = office.dialled()
    [call] = pbx.judge.calls_to(NUMBER)
    assert office.attempt(again).callid == call.callid


def test_silent_calls_are_told_by_one_download(office: Office, pbx: SimulatedPbx) -> None:
    numbers = [f"3161234{place:04}" for place in range(12)]
    for number in numbers[:6]:
        pbx.set_callee(number, Behaviour.VOICEMAIL)
    office.campaign(*numbers)
    attempts = office.dialled()
    pass_time(office, 90)

    outcomes = [office.attempt(attempt).outcome for attempt in attempts]
    assert sorted(outcomes) == ["not_heard"] * 6 + ["voicemail"] * 6
    assert {office.attempt(attempt).channel_held for attempt in attempts} == {False}


@pytest.mark.parametrize("pbx", [Timing()], indirect=True, ids=["calls last"])
def test_a_restart_of_the_pbx_ends_what_was_up(office: Office, pbx: SimulatedPbx) -> None:
    """Its calls have left neither reports nor records; that the token is unknown tells of the restart."""
    pbx.set_callee(NUMBER, Behaviour.RINGS_FOREVER)
    office.alarm(NUMBER)
    [attempt] = office.dialled()
    office.take(ringing(office.attempt(attempt).callid))
    pass_time(office, 5)
    assert office.attempt(attempt).phase == "up"

    pbx.restart()
    office.sessions.refresh("hq", timedelta())
    [inquiry] = office.rows(Inquiry)
    assert inquiry.wanted_at is not None
    pass_time(office, 20)

    found = office.attempt(attempt)
    assert (found.phase, found.outcome, found.channel_held) == ("ended", "unknown", False)
    assert office.call_of(attempt).state == "queued"
