"""Ending calls that nobody wants any more."""

import logging
from dataclasses import replace

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import LiveCall
from dispatcher.store import doubts
from dispatcher.upkeep.sweeps import resend_hang_ups
from tests.cores import set_attempt
from tests.scripted import NUMBER, TRUNK, Office, ringing


@pytest.fixture
def unwanted(office: Office) -> str:
    """A call that is up and marked for its end."""
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    set_attempt(office.core, attempt, hung_up_at=office.clock())
    return attempt


def test_the_leg_that_the_reports_named_is_ended(office: Office, unwanted: str) -> None:
    office.take(ringing("1543289641.1", leg="1543289641.2"))

    office.hang_up.hang_up(unwanted)

    assert office.driver.hung_up == ["1543289641.2"]


def test_without_a_report_the_leg_is_found_among_the_live_calls(office: Office, unwanted: str) -> None:
    office.driver.live = [
        LiveCall("in", NUMBER, TRUNK, PartyKind.INBOUND),
        LiveCall("other", "31699999999", TRUNK, PartyKind.OUTBOUND),
        LiveCall("ours", NUMBER, TRUNK, PartyKind.OUTBOUND),
    ]

    office.hang_up.hang_up(unwanted)

    assert office.driver.hung_up == ["ours"]


def test_a_call_that_is_not_up_is_left(office: Office, unwanted: str) -> None:
    office.hang_up.hang_up(unwanted)
    set_attempt(office.core, unwanted, phase="in_doubt", leg="1.2")
    office.hang_up.hang_up(unwanted)
    office.hang_up.hang_up("an attempt that never was")

    assert office.driver.hung_up == []


def test_a_call_that_is_wanted_is_left(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    office.take(ringing("1543289641.1"))

    office.hang_up.hang_up(attempt)

    assert office.driver.hung_up == []


@pytest.fixture
def unwanted_inside(office: Office) -> str:
    """A call to an extension that is up and marked for its end."""
    office.alarm("1002")
    [attempt] = office.dialled("")
    set_attempt(office.core, attempt, hung_up_at=office.clock())
    return attempt


def sweeps(office: Office, seconds: int) -> None:
    """What upkeep does every three seconds."""
    for _ in range(0, seconds, 3):
        office.clock.move(seconds=3)
        resend_hang_ups(office.core)
        for attempt in office.messages.hung_up:
            office.hang_up.hang_up(attempt)
        office.messages.hung_up.clear()


def test_an_extension_is_hung_up_by_its_number(office: Office, unwanted_inside: str) -> None:
    office.hang_up.hang_up(unwanted_inside)

    assert office.driver.hung_up == ["1002"]


def test_where_any_call_of_an_extension_may_be_hit_its_end_is_asked_for_once(
    office: Office, unwanted_inside: str
) -> None:
    office.hang_up.hang_up(unwanted_inside)
    sweeps(office, 180)

    assert office.driver.hung_up == ["1002"]
    with office.core.store.read() as tx:
        assert doubts.told(tx, [unwanted_inside]), "what became of it is not asked"


def test_a_lost_wake_up_delays_the_end_of_an_extensions_call(office: Office, unwanted_inside: str) -> None:
    with office.core.store.write() as tx:
        doubts.take_up(tx, "hq", [(unwanted_inside, "the PBX has started again", office.clock())])

    sweeps(office, 60)

    assert office.driver.hung_up == ["1002"]


@pytest.mark.parametrize(
    "error", [PbxRefused(Reason.PBX_AWAY, "no"), PbxInDoubt(Reason.TIMED_OUT, "silence")]
)
def test_only_a_request_without_effect_is_repeated(
    office: Office, unwanted_inside: str, error: PbxError
) -> None:
    def fail(session: object) -> None:
        raise error

    office.driver.on_request = fail
    office.hang_up.hang_up(unwanted_inside)
    office.driver.on_request = lambda session: None
    sweeps(office, 60)

    assert office.driver.hung_up == (["1002"] if isinstance(error, PbxRefused) else [])


def test_where_the_call_can_be_named_its_end_is_asked_for_until_it_ends(
    office: Office, unwanted_inside: str
) -> None:
    office.driver.capabilities = replace(office.driver.capabilities, hangs_up_whatever=False)

    office.hang_up.hang_up(unwanted_inside)
    sweeps(office, 6)

    assert len(office.driver.hung_up) > 1


@pytest.mark.parametrize(("reason", "said"), [(Reason.CALL_OVER, False), (Reason.PBX_AWAY, True)])
def test_a_refused_hang_up_is_said_unless_the_call_is_over(
    office: Office, unwanted: str, caplog: pytest.LogCaptureFixture, reason: Reason, said: bool
) -> None:
    office.take(ringing("1543289641.1"))

    def refuse(session: object) -> None:
        raise PbxRefused(reason, "no")

    office.driver.on_request = refuse
    with caplog.at_level(logging.WARNING):
        office.hang_up.hang_up(unwanted)

    assert ("did not work" in caplog.text) is said
    assert office.attempt(unwanted).phase == "up"
