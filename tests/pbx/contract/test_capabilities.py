"""The optional capabilities, for every family that has them."""

from typing import NoReturn

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind, ReportEvent
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.errors import PbxError, PbxRefused
from dispatcher.pbx.protocol import (
    DialOrder,
    Driver,
    HangsUp,
    Message,
    SeesCall,
    SeesDevice,
    SeesIvrs,
    SeesLiveCalls,
    SeesTrunks,
    Session,
)
from dispatcher.pbx.registry import CAPABILITIES, FAMILIES
from dispatcher.simulator import Behaviour
from tests.pbx.contract.conftest import PAIRS, Rig

NUMBER = "0612345678"


def lacks(driver: Driver) -> NoReturn:
    """Skip the test for a family without the capability."""
    pytest.skip(f"{driver.family} lacks this")


def ringing(rig: Rig, driver: Driver, session: Session) -> str:
    """A call that is up for half a minute, if nobody ends it.

    Where the answer to the dial waits until somebody picks up, it is one that is listened to.
    """
    waits = driver.capabilities.dial_waits > 0
    rig.pbx.set_default(Behaviour.SILENT if waits else Behaviour.RINGS_FOREVER)
    callee = NUMBER if rig.pair.target is TargetKind.NUMBER else rig.pair.callee
    return driver.dial(session, rig.order(callee)).callid


def test_every_family_has_its_pair() -> None:
    assert PAIRS.keys() == FAMILIES.keys() == CAPABILITIES.keys()


def test_the_driver_is_what_the_registry_says(rig: Rig) -> None:
    driver = rig.driver()

    assert driver.family == rig.family
    assert driver.capabilities == CAPABILITIES[rig.family]
    assert driver.capabilities.placeable
    assert len(set(driver.operations)) == len(driver.operations)
    assert len(set(driver.report_words)) == len(driver.report_words)


def test_live_calls_are_ours_and_everybody_elses(slow_rig: Rig) -> None:
    driver = slow_rig.driver()
    if not isinstance(driver, SeesLiveCalls):
        lacks(driver)
    session = driver.login()
    assert driver.live_calls(session) == []

    callid = ringing(slow_rig, driver, session)
    trunk = slow_rig.pbx.settings.trunks[0].name
    theirs = slow_rig.pbx.place_other(trunk, direction="inbound", number="5550199", extension="1010")
    ours, inbound = sorted(driver.live_calls(session), key=lambda call: call.direction, reverse=True)

    # Where the list names the very call, it may say nothing of its number.
    assert ours.number in ((NUMBER, "") if ours.callid == callid else (NUMBER,))
    assert (ours.trunk, ours.direction) == (trunk, PartyKind.OUTBOUND)
    assert ours.leg == slow_rig.pbx.judge.call(callid).outboundid
    assert ours.callid in ("", callid)
    assert (inbound.number, inbound.trunk, inbound.direction) == ("5550199", trunk, PartyKind.INBOUND)
    assert inbound.callid in ("", theirs)
    assert ("live_calls", "ok") in slow_rig.observed


def test_a_call_is_asked_for_until_it_is_gone(slow_rig: Rig) -> None:
    driver = slow_rig.driver()
    if not isinstance(driver, SeesCall):
        lacks(driver)
    session = driver.login()
    callid = ringing(slow_rig, driver, session)
    live = driver.live_call(session, callid)
    assert live is not None
    assert live.callid in ("", callid)

    slow_rig.pbx.hang_up(callid)
    slow_rig.pbx.wait_idle()
    assert driver.live_call(session, callid) is None
    assert driver.live_call(session, "1495698843.215") is None, "a call that never was"


def test_a_call_that_can_not_be_asked_for_is_not_gone(rig: Rig) -> None:
    driver = rig.driver()
    if not isinstance(driver, SeesCall):
        lacks(driver)
    session = driver.login()
    callid = driver.dial(session, rig.order()).callid
    rig.pbx.expire_tokens()
    stranger = driver if rig.pair.has_sessions else rig.driver(password="guessed")
    assert isinstance(stranger, SeesCall)
    with pytest.raises(PbxError):
        stranger.live_call(session, callid)


def test_a_leg_is_hung_up(slow_rig: Rig) -> None:
    driver = slow_rig.driver()
    if not isinstance(driver, SeesLiveCalls) or not isinstance(driver, HangsUp):
        lacks(driver)
    session = driver.login()
    callid = ringing(slow_rig, driver, session)
    (live,) = driver.live_calls(session)

    driver.hang_up_leg(session, live.leg)

    reports = slow_rig.reports(driver, callid)
    assert slow_rig.pbx.judge.call(callid).ended is not None
    assert driver.live_calls(session) == []
    assert ReportEvent.CDR in {report.event for report in reports}
    with pytest.raises(PbxRefused) as refusal:
        driver.hang_up_leg(session, live.leg)
    assert refusal.value.reason is Reason.CALL_OVER


def test_a_call_is_hung_up_by_the_leg_that_it_shows(slow_rig: Rig) -> None:
    driver = slow_rig.driver()
    if not isinstance(driver, SeesCall) or not isinstance(driver, HangsUp):
        lacks(driver)
    session = driver.login()
    callid = ringing(slow_rig, driver, session)
    live = driver.live_call(session, callid)
    assert live is not None

    driver.hang_up_leg(session, live.leg)

    slow_rig.pbx.wait_idle()
    assert slow_rig.pbx.judge.call(callid).ended is not None
    assert driver.live_call(session, callid) is None
    with pytest.raises(PbxRefused) as refusal:
        driver.hang_up_leg(session, live.leg)
    assert refusal.value.reason is Reason.CALL_OVER


def test_an_extensions_call_is_hung_up(slow_rig: Rig) -> None:
    driver = slow_rig.driver()
    if not isinstance(driver, HangsUp):
        lacks(driver)
    if (MessageKind.IVR, TargetKind.EXTENSION) not in driver.capabilities.placeable:
        pytest.skip(f"{driver.family} calls no extensions")
    session = driver.login()
    message = Message(MessageKind.IVR, slow_rig.pair.messages[MessageKind.IVR])
    slow_rig.pbx.set_callee("1002", Behaviour.RINGS_FOREVER)
    callid = driver.dial(session, DialOrder(TargetKind.EXTENSION, "1002", message)).callid

    driver.hang_up_extension(session, "1002", callid)
    slow_rig.pbx.wait_idle()

    assert slow_rig.pbx.judge.call(callid).ended is not None
    with pytest.raises(PbxRefused) as refusal:
        driver.hang_up_extension(session, "1002", callid)
    assert refusal.value.reason is Reason.CALL_OVER


def test_a_trunk_goes_down_and_comes_back(rig: Rig) -> None:
    driver = rig.driver()
    if not isinstance(driver, SeesTrunks):
        lacks(driver)
    session = driver.login()
    name = rig.pbx.settings.trunks[0].name
    usable = []
    for down in (False, True, False):
        rig.pbx.set_trunk(name, down=down)
        (trunk,) = driver.trunks(session)
        assert trunk.name == name
        assert trunk.status
        usable.append(trunk.usable)

    assert usable == [True, False, True]


def test_the_ivrs(rig: Rig) -> None:
    driver = rig.driver()
    if not isinstance(driver, SeesIvrs):
        lacks(driver)
    found = driver.ivrs(driver.login())

    assert [ivr.number for ivr in found] == [ivr.number for ivr in rig.pbx.settings.ivrs]


def test_the_device_has_the_serial_of_its_reports(rig: Rig) -> None:
    driver = rig.driver()
    if not isinstance(driver, SeesDevice):
        lacks(driver)
    session = driver.login()
    device = driver.device(session)
    driver.dial(session, rig.order())

    assert device.model
    assert device.firmware
    assert {report.serial for report in rig.reports(driver)} == {device.serial}
