"""Calls that are put through to somebody else, for every family that can."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dispatcher.domain.facts import NOTHING, Facts, join
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.outcomes import Terms, outcome_of
from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import DeliveredWhen, Outcome, TargetKind
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import Driver, SeesLiveCalls, Session, TransferOrder, Transfers
from dispatcher.pbx.registry import CAPABILITIES, FAMILIES
from dispatcher.simulator import Behaviour
from tests.pbx.contract.conftest import Rig, rigs_of
from tests.pbx.contract.test_reports import NOW

TRANSFERRING = sorted(family for family, can in CAPABILITIES.items() if can.transfers)
NUMBER, OTHER, EXTENSION = "0612345678", "0687654321", "1010"


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_capability_is_what_the_driver_offers(family: str) -> None:
    assert bool(CAPABILITIES[family].transfers) is hasattr(FAMILIES[family], "transfer")


@pytest.fixture(params=TRANSFERRING)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A running pair, whose calls are slow enough to be caught while they are up."""
    with rigs_of(Rig, request.param) as make:
        yield make(time_scale=0.1)


@dataclass
class Answered:
    """A call that somebody listens to, its driver, and the callee's leg."""

    driver: Driver
    session: Session
    callid: str
    leg: str
    transfers: Transfers

    def to(self, target: TargetKind, digits: str, trunk: str = "") -> None:
        self.transfers.transfer(self.session, TransferOrder(self.leg, target, digits, "1000", trunk))


def answered(rig: Rig) -> Answered:
    driver = rig.driver()
    assert isinstance(driver, Transfers)
    assert isinstance(driver, SeesLiveCalls)
    transfers: Transfers = driver
    session = driver.login()
    rig.pbx.set_default(Behaviour.SILENT)
    callid = driver.dial(session, rig.order(NUMBER)).callid
    rig.pbx.judge.wait_for(lambda judge: judge.call(callid).answered is not None)
    (live,) = driver.live_calls(session)
    return Answered(driver, session, callid, live.leg, transfers)


def gathered(rig: Rig, call: Answered) -> Facts:
    facts = NOTHING
    for report in rig.reports(call.driver, call.callid):
        facts = join(facts, facts_of(report, rig.about(NUMBER), NOW))
    return facts


@pytest.mark.parametrize(
    ("target", "digits"), [(TargetKind.EXTENSION, EXTENSION), (TargetKind.NUMBER, OTHER)]
)
def test_whoever_has_answered_talks_to_somebody_else(rig: Rig, target: TargetKind, digits: str) -> None:
    call = answered(rig)
    trunk = rig.pbx.settings.trunks[0].name
    dialled = digits if target is TargetKind.EXTENSION else rig.digits(digits)
    call.to(target, dialled, trunk)

    assert rig.pbx.judge.call(call.callid).transferred_to == dialled
    rig.pbx.wait_idle()
    facts = gathered(rig, call)
    assert facts.ended_at is not None
    assert outcome_of(facts, Terms(DeliveredWhen.ANSWERED)) is Outcome.DELIVERED
    assert outcome_of(facts, Terms(DeliveredWhen.ACKNOWLEDGED, "1")) is Outcome.NOT_HEARD
    assert rig.pbx.judge.trunk(trunk).ours == 0, "no channel is left behind"
    assert ("transfer", "ok") in rig.observed


def test_one_that_is_over_can_not_be_put_through(rig: Rig) -> None:
    call = answered(rig)
    rig.pbx.hang_up(call.callid)
    rig.pbx.wait_idle()
    with pytest.raises(PbxRefused) as refusal:
        call.to(TargetKind.EXTENSION, EXTENSION)

    assert refusal.value.reason is Reason.CALL_OVER
