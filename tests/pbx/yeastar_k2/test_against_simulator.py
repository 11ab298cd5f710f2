"""What only this family has, against its simulated PBX: the contract suite has the rest."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from dispatcher.domain.facts import Target
from dispatcher.domain.outcomes import outcome_of
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.domain.vocabulary import MessageKind, Outcome, TargetKind
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import DialOrder, Message, Session
from dispatcher.pbx.yeastar.account import destination
from dispatcher.pbx.yeastar.tokens import bare
from dispatcher.pbx.yeastar_k2 import YeastarK2
from dispatcher.simulator import Behaviour, Fault, Faults
from tests.pbx.contract.conftest import PREFIX, Rig, rigs_of
from tests.pbx.contract.test_reports import ACKNOWLEDGED, OUTCOMES, gathered

NUMBER = "0612345678"
TO_NUMBER = Target(TargetKind.NUMBER, PREFIX + NUMBER, MessageKind.IVR)
TO_EXTENSION = Target(TargetKind.EXTENSION, "1002", MessageKind.IVR)
CALL_EXTENSION = DialOrder(TargetKind.EXTENSION, "1002", Message(MessageKind.IVR, "6500"))


MakeRig = Callable[..., tuple[Rig, YeastarK2]]


@pytest.fixture
def k2() -> Iterator[MakeRig]:
    """Starts simulated PBXs with changed settings, each with a driver."""
    with rigs_of(Rig, YeastarK2.family) as make_rig:

        def make(**changed: Any) -> tuple[Rig, YeastarK2]:
            rig = make_rig(**changed)
            driver = rig.driver()
            assert isinstance(driver, YeastarK2)
            return rig, driver

        yield make


def outcome(
    rig: Rig, driver: YeastarK2, behaviour: Behaviour, faults: Faults | None = None
) -> Outcome | None:
    session = driver.login()
    rig.pbx.set_callee(NUMBER, behaviour)
    rig.pbx.set_faults(faults or Faults())
    callid = driver.dial(session, rig.order(NUMBER)).callid
    return outcome_of(gathered(rig.reports(driver, callid), TO_NUMBER), ACKNOWLEDGED)


def beat_without_version(rig: Rig, session: Session) -> None:
    """A heartbeat as another application sends it under the same login."""
    answer = httpx.post(
        f"{rig.pbx.url}/api/v2.0.0/heartbeat",
        params={"token": bare(session).token},
        json=destination(rig.reports_url) | {"urltag": "1"},
        trust_env=False,
    )
    assert answer.json()["status"] == "Success"


@pytest.mark.parametrize("behaviour", [Behaviour.KEY_1, Behaviour.BUSY, Behaviour.RINGS_FOREVER])
@pytest.mark.parametrize(
    "changed",
    [
        {"cdr_words": "english"},
        {"cdr_words": "chinese"},
        {"outside_in_call_failed": True},
        {"extension_reports": False},
        {"reported_number": "dialled"},
    ],
)
def test_whatever_the_firmware_writes_it_means_the_same(
    k2: MakeRig, changed: dict[str, Any], behaviour: Behaviour
) -> None:
    assert outcome(*k2(**changed), behaviour) is OUTCOMES[behaviour]


@pytest.mark.parametrize("behaviour", [Behaviour.KEY_1, Behaviour.HANGS_UP_EARLY, Behaviour.BUSY])
@pytest.mark.parametrize("fault", [Fault.STATUS_AFTER_CDR, Fault.EMPTY_MEMBERS, Fault.EXTRA_CDR])
def test_the_firmwares_oddities_change_no_outcome(k2: MakeRig, fault: Fault, behaviour: Behaviour) -> None:
    assert outcome(*k2(), behaviour, Faults({fault: 1.0})) is OUTCOMES[behaviour]


def test_reports_in_the_format_of_api_v1_are_understood(k2: MakeRig) -> None:
    """As after another application's heartbeat without a version."""
    rig, driver = k2()
    session = driver.login()
    beat_without_version(rig, session)
    rig.pbx.set_callee(NUMBER, Behaviour.KEY_1)
    callid = driver.dial(session, rig.order(NUMBER)).callid
    reports = rig.reports(driver, callid)

    assert b'"action"' in rig.bodies()[0]
    assert outcome_of(gathered(reports, TO_NUMBER), ACKNOWLEDGED) is Outcome.DELIVERED


def test_our_heartbeat_brings_the_events_back(k2: MakeRig) -> None:
    rig, driver = k2()
    session = driver.login()
    beat_without_version(rig, session)
    driver.keep_alive(session)
    driver.dial(session, rig.order(NUMBER))

    assert all(b'"action"' not in body for body in rig.bodies())


def test_a_session_is_refreshed_and_the_old_token_is_gone(k2: MakeRig) -> None:
    rig, driver = k2(refresh_tokens=True)
    old = driver.login()
    renewed = driver.keep_alive(old)
    assert renewed is not None

    callid = driver.dial(renewed, rig.order(NUMBER)).callid
    assert rig.reports(driver, callid), "the reports still come to us"
    with pytest.raises(PbxRefused) as refusal:
        driver.dial(old, rig.order(NUMBER))
    assert refusal.value.reason is Reason.TOKEN_INVALID
    with pytest.raises(PbxRefused) as refusal:
        driver.keep_alive(old)
    assert refusal.value.reason is Reason.TOKEN_INVALID
    assert driver.keep_alive(renewed) is not None


def test_an_extension_hears_the_ivr_by_calling_it(k2: MakeRig) -> None:
    rig, driver = k2()
    rig.pbx.set_callee("1002", Behaviour.KEY_1)
    callid = driver.dial(driver.login(), CALL_EXTENSION).callid
    facts = gathered(rig.reports(driver, callid), TO_EXTENSION)

    assert facts.ringing_at is not None
    assert facts.answered_at is not None
    assert outcome_of(facts, ACKNOWLEDGED) is Outcome.DELIVERED


def test_an_extension_that_does_not_pick_up(k2: MakeRig) -> None:
    rig, driver = k2()
    rig.pbx.set_callee("1002", Behaviour.RINGS_FOREVER)
    callid = driver.dial(driver.login(), CALL_EXTENSION).callid
    facts = gathered(rig.reports(driver, callid), TO_EXTENSION)

    assert outcome_of(facts, ACKNOWLEDGED) is Outcome.NO_ANSWER


def test_an_extensions_call_is_seen_by_its_callid_and_ended(k2: MakeRig) -> None:
    rig, driver = k2(time_scale=1.0)
    rig.pbx.set_callee("1002", Behaviour.RINGS_FOREVER)
    session = driver.login()
    callid = driver.dial(session, CALL_EXTENSION).callid
    assert driver.live_calls(session) == [], "it is on no trunk"
    live = driver.live_call(session, callid)
    assert live is not None
    assert (live.number, live.direction, live.callid) == ("1002", PartyKind.EXTENSION, callid)

    driver.hang_up_extension(session, "1002", callid)
    until = time.monotonic() + 5
    while driver.live_call(session, callid) is not None:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_prompt_is_played_as_often_and_as_loud_as_asked_for(k2: MakeRig) -> None:
    rig, driver = k2()
    rig.pbx.set_callee(NUMBER, Behaviour.HEARS_THEN_HANGS_UP)
    order = DialOrder(TargetKind.NUMBER, PREFIX + NUMBER, Message(MessageKind.PROMPT, "alarm", 2), "1000")
    loud = rig.driver(prompt_volume=20)
    session = loud.login()
    callid = loud.dial(session, order).callid

    words = [report.word for report in rig.reports(driver, callid)]
    assert words.count("PlayPromptEnd") >= 1
