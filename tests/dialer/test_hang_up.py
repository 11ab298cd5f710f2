"""Ending calls that nobody wants any more."""

import logging

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import LiveCall
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


def test_an_extension_is_hung_up_by_its_number(office: Office) -> None:
    office.alarm("1002")
    [attempt] = office.dialled("")
    set_attempt(office.core, attempt, hung_up_at=office.clock())

    office.hang_up.hang_up(attempt)

    assert office.driver.hung_up == ["1002"]


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
