"""Placing calls: every kind, every refusal, and every way of not knowing."""

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest

from dispatcher.domain.reasons import Nature, Reason, meaning
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import Accepted, DialOrder, DialsTogether, Driver, Message
from dispatcher.simulator import Fault, Faults
from tests.pbx.contract.conftest import PREFIX, Rig

PERMANENT = Nature.PERMANENT


def test_every_declared_kind_is_placed_and_no_other(rig: Rig) -> None:
    driver = rig.driver()
    session = driver.login()
    for kind, target in product(MessageKind, TargetKind):
        rig.pbx.wait_idle()
        digits = rig.pair.targets.get(target, "1002")
        order = DialOrder(target, digits, Message(kind, rig.pair.messages[kind]), "1000")
        before = len(rig.pbx.judge.calls())
        if (kind, target) in driver.capabilities.placeable:
            callid = driver.dial(session, order).callid
            assert rig.pbx.judge.call(callid).number == digits.removeprefix(PREFIX)
            rig.pbx.wait_idle()
            assert rig.reports(driver, callid), f"no report of {kind} to {target} names its callid"
        else:
            with pytest.raises(PbxRefused) as refusal:
                driver.dial(session, order)
            assert refusal.value.reason is Reason.UNSUPPORTED
            assert len(rig.pbx.judge.calls()) == before


@pytest.mark.parametrize("kind", [MessageKind.IVR, MessageKind.QUEUE, MessageKind.RING_GROUP])
def test_what_the_pbx_does_not_have(rig: Rig, kind: MessageKind) -> None:
    driver = rig.driver()
    session = driver.login()
    order = rig.order(kind=kind, value="8888")
    if kind not in rig.pair.unknown:
        callid = driver.dial(session, order).callid
        assert rig.pbx.judge.call(callid).number == rig.pair.callee
        return
    with pytest.raises(PbxRefused) as refusal:
        driver.dial(session, order)

    assert refusal.value.reason is rig.pair.unknown[kind]
    assert meaning(refusal.value.reason).nature is PERMANENT
    assert rig.pbx.judge.calls() == []


def test_refusals_of_the_request(rig: Rig) -> None:
    driver = rig.driver()
    session = driver.login()
    for order, reason in rig.refused():
        with pytest.raises(PbxRefused) as refusal:
            driver.dial(session, order)
        assert refusal.value.reason is reason
        assert meaning(reason).nature is PERMANENT
        assert rig.observed[-1] == ("dial", "refused")

    assert rig.pbx.judge.calls() == []


@pytest.mark.parametrize(
    ("fault", "placed"),
    [
        (Fault.DIAL_LOST_AFTER, True),
        (Fault.DIAL_LOST_BEFORE, False),
        (Fault.DIAL_502, True),
        (Fault.DIAL_500, False),
        (Fault.SLOW_RESPONSE, True),
        (Fault.ERROR_30001, False),
    ],
)
def test_a_lost_answer_is_in_doubt_whether_the_call_was_placed_or_not(
    rig: Rig, fault: Fault, placed: bool
) -> None:
    driver = rig.driver(timeout_seconds=0.3)
    session = driver.login()
    rig.pbx.set_faults(Faults(slow_seconds=1.0))
    rig.pbx.arm(fault)
    if fault is Fault.SLOW_RESPONSE and driver.capabilities.dial_waits > 1.0:
        assert driver.dial(session, rig.order()).callid, "a slow answer is not a lost one here"
        return
    with pytest.raises(PbxInDoubt) as doubt:
        driver.dial(session, rig.order())

    assert meaning(doubt.value.reason).nature is Nature.IN_DOUBT
    assert len(rig.pbx.judge.dials()) == 1, "a dial is sent once"
    assert len(rig.pbx.judge.calls()) == placed
    assert rig.observed[-1] == ("dial", "in_doubt")


def test_reports_may_come_before_the_answer(rig: Rig) -> None:
    driver = rig.driver()
    session = driver.login()
    rig.pbx.arm(Fault.EARLY_REPORTS)
    callid = driver.dial(session, rig.order()).callid

    assert {report.callid for report in rig.reports(driver) if report.callid} == {callid}


def together(driver: Driver, orders: Sequence[DialOrder], within: float = 5.0) -> dict[int, str]:
    """What comes of dial requests that are sent at once: callids, and reasons of errors."""
    if not isinstance(driver, DialsTogether):
        pytest.skip(f"{driver.family} dials one by one")
    found: dict[int, str] = {}
    for done in driver.dial_together(driver.login(), orders, time.monotonic() + within):
        for place, came in done:
            assert place not in found
            found[place] = came.callid if isinstance(came, Accepted) else came.reason
    return found


def test_a_family_says_whether_it_dials_together(rig: Rig) -> None:
    driver = rig.driver()
    assert driver.capabilities.dials_together == isinstance(driver, DialsTogether)


def test_many_calls_are_placed_at_once_each_with_its_own_answer(rig: Rig) -> None:
    refused = list(rig.refused())
    repeated = replace(rig.order(), message=replace(rig.order().message, count=2))
    callees = [f"061234{number:04d}" for number in range(1, 8)]
    orders = [*(rig.order(callee) for callee in callees), *(order for order, _ in refused), repeated]
    found = together(rig.driver(), orders)

    assert [rig.pbx.judge.call(found[place]).number for place in range(7)] == callees
    assert [found[7 + place] for place in range(len(refused))] == [reason for _, reason in refused]
    assert found[len(orders) - 1] is Reason.UNSUPPORTED
    assert len(rig.pbx.judge.calls()) == 7
    assert sorted(set(rig.observed)) == [("dial", "ok"), ("dial", "refused"), ("login", "ok")]


def test_of_many_the_one_whose_answer_is_lost_is_in_doubt(rig: Rig) -> None:
    driver = rig.driver(timeout_seconds=0.3)
    rig.pbx.arm(Fault.DIAL_LOST_AFTER)
    found = together(driver, [rig.order(f"061234{number:04d}") for number in range(1, 5)])

    doubtful = [reason for reason in found.values() if reason in set(Reason)]
    assert len(found) == 4
    assert [meaning(Reason(reason)).nature for reason in doubtful] == [Nature.IN_DOUBT]
    assert len(rig.pbx.judge.calls()) == 4
    assert len(rig.pbx.judge.dials()) == 4, "a dial is sent once"


def test_of_many_none_is_sent_too_late(rig: Rig) -> None:
    found = together(rig.driver(), [rig.order(), rig.order()], within=-1.0)

    assert found == {0: Reason.NEVER_PLACED, 1: Reason.NEVER_PLACED}
    assert rig.pbx.judge.dials() == []
