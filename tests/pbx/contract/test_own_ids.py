"""Families whose calls bear our ids: each can be asked for, whatever was told of it meanwhile."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dispatcher.domain.facts import NOTHING, Facts, Target, join
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.outcomes import outcome_of
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Report
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import Driver, KnowsOwnCalls, SeesLiveCalls, Session
from dispatcher.pbx.registry import CAPABILITIES, FAMILIES
from dispatcher.simulator import Behaviour, Fault
from tests.pbx.contract.conftest import Rig, rigs_of
from tests.pbx.contract.test_reports import ACKNOWLEDGED, OUTCOMES

NUMBER = "0612345678"
OWN = "01a1fede-199b-7798-8afc-cb328a994d3b"
TARGET = Target(TargetKind.NUMBER, NUMBER, MessageKind.IVR)
NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)


OWN_IDS = sorted(family for family, can in CAPABILITIES.items() if can.own_ids)


@pytest.fixture(params=OWN_IDS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A running pair, one for each family whose calls bear our ids."""
    with rigs_of(Rig, request.param) as make:
        yield make()


@pytest.fixture(params=OWN_IDS)
def slow_rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """The same, but its calls take as long as in life."""
    with rigs_of(Rig, request.param) as make:
        yield make(time_scale=1.0)


class Asked:
    """A driver and its session."""

    def __init__(self, rig: Rig) -> None:
        driver = rig.driver()
        assert isinstance(driver, KnowsOwnCalls)
        assert isinstance(driver, SeesLiveCalls)
        self._rig = rig
        self.driver: Driver = driver
        self._knows: KnowsOwnCalls = driver
        self._sees: SeesLiveCalls = driver
        self.session: Session = driver.login()

    def dial(self, callid: str = OWN, behaviour: Behaviour = Behaviour.KEY_1) -> str:
        self._rig.pbx.set_callee(NUMBER, behaviour)
        return self.driver.dial(self.session, replace(self._rig.order(NUMBER), callid=callid)).callid

    def ends(self, *callids: str) -> Sequence[Report]:
        told = self._knows.endings(self.session, callids, datetime.now(UTC) - timedelta(minutes=5))
        assert told.is_whole
        return told.reports

    def live(self) -> list[str]:
        return [call.callid for call in self._sees.live_calls(self.session)]


def gathered(reports: Sequence[Report]) -> Facts:
    facts = NOTHING
    for report in reports:
        facts = join(facts, facts_of(report, TARGET, NOW))
    return facts


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_capability_is_what_the_driver_offers(family: str) -> None:
    factory = FAMILIES[family]
    assert CAPABILITIES[family].own_ids is hasattr(factory, "endings")


def test_the_callid_is_the_one_that_was_ordered(rig: Rig) -> None:
    asked = Asked(rig)
    assert asked.dial() == OWN
    rig.pbx.wait_idle()

    assert {report.callid for report in rig.reports(asked.driver)} == {OWN}


@pytest.mark.parametrize("behaviour", OUTCOMES)
def test_what_is_kept_of_a_call_says_what_its_reports_said(rig: Rig, behaviour: Behaviour) -> None:
    asked = Asked(rig)
    asked.dial(behaviour=behaviour)
    rig.pbx.wait_idle()
    reported, kept = gathered(rig.reports(asked.driver, OWN)), gathered(asked.ends(OWN))

    assert outcome_of(kept, ACKNOWLEDGED) is outcome_of(reported, ACKNOWLEDGED)
    assert (kept.cause, kept.digits) == (reported.cause, reported.digits)
    assert (kept.prompt_ended_at, kept.answered_at) == (reported.prompt_ended_at, reported.answered_at)
    assert kept.ended_at is not None


def test_a_call_is_shown_until_its_end_is_kept(slow_rig: Rig) -> None:
    asked = Asked(slow_rig)
    asked.dial(behaviour=Behaviour.RINGS_FOREVER)
    assert (asked.live(), list(asked.ends(OWN))) == ([OWN], [])
    slow_rig.pbx.hang_up(OWN)
    assert (asked.live(), {report.callid for report in asked.ends(OWN)}) == ([], {OWN})


@pytest.mark.parametrize("fault", [Fault.DIAL_LOST_AFTER, Fault.SLOW_RESPONSE])
def test_a_call_whose_answer_was_lost_is_found(slow_rig: Rig, fault: Fault) -> None:
    asked = Asked(slow_rig)
    impatient = slow_rig.driver(timeout_seconds=0.3)
    slow_rig.pbx.arm(fault)
    with pytest.raises(PbxInDoubt):
        impatient.dial(impatient.login(), replace(slow_rig.order(NUMBER), callid=OWN))

    assert asked.live() == [OWN]


def test_one_that_was_never_placed_is_neither_shown_nor_kept(rig: Rig) -> None:
    asked = Asked(rig)
    rig.pbx.arm(Fault.DIAL_LOST_BEFORE)
    with pytest.raises(PbxInDoubt):
        asked.dial()

    assert (asked.live(), list(asked.ends(OWN))) == ([], [])


def test_after_a_restart_nothing_is_said_in_the_name_of_the_session_before(rig: Rig) -> None:
    asked = Asked(rig)
    rig.pbx.restart()
    time.sleep(0.05)
    with pytest.raises(PbxRefused) as refusal:
        asked.ends(OWN)

    assert refusal.value.reason is Reason.TOKEN_INVALID
