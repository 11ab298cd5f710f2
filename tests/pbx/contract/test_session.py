"""Logging in, staying in, falling out."""

import time

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxError, PbxRefused
from dispatcher.pbx.protocol import Session
from tests.pbx.contract.conftest import Rig


def test_a_login_opens_the_api_and_points_the_reports_at_us(rig: Rig) -> None:
    driver = rig.driver()
    session = driver.login()
    driver.dial(session, rig.order())

    assert rig.bodies()
    assert rig.paths() == (set() if rig.is_fetching else {b"/reports/hq"})
    assert rig.observed == [("login", "ok"), ("dial", "ok")]


def test_a_heartbeat_keeps_the_session_and_the_destination(rig: Rig) -> None:
    driver = rig.driver()
    session = driver.login()
    driver.keep_alive(session)
    driver.dial(session, rig.order())

    assert rig.bodies()
    assert rig.paths() == (set() if rig.is_fetching else {b"/reports/hq"})


def test_a_heartbeat_takes_the_reports_back(rig: Rig) -> None:
    driver = rig.driver()
    session = driver.login()
    rig.driver(reports_url="http://127.0.0.1:1/elsewhere").login()
    driver.keep_alive(session)
    callid = driver.dial(session, rig.order()).callid

    assert rig.reports(driver, callid)


@pytest.mark.parametrize("how", ["expired", "logged out", "PBX restarted", "made up"])
def test_a_session_that_is_gone(rig: Rig, how: str) -> None:
    driver = rig.driver()
    session = driver.login()
    if not rig.pair.has_sessions:
        pytest.skip(f"{rig.family} has no sessions")
    if how == "expired":
        rig.pbx.expire_tokens()
    elif how == "logged out":
        driver.logout(session)
    elif how == "PBX restarted":
        rig.pbx.restart()
    else:
        session = Session("0" * 32)

    with pytest.raises(PbxRefused) as refusal:
        driver.dial(session, rig.order())
    with pytest.raises(PbxError):
        driver.keep_alive(session)

    assert refusal.value.reason is Reason.TOKEN_INVALID
    assert rig.pbx.judge.calls() == []
    assert driver.dial(driver.login(), rig.order()).callid


def test_without_sessions_it_is_the_credential_that_is_not_taken(rig: Rig) -> None:
    if rig.pair.has_sessions:
        pytest.skip(f"{rig.family} has sessions")
    session = rig.driver().login()
    wrong = rig.driver(password="guessed")
    for request_it in (lambda: wrong.dial(session, rig.order()), lambda: wrong.keep_alive(session)):
        with pytest.raises(PbxRefused) as refusal:
            request_it()
        assert refusal.value.reason is Reason.TOKEN_INVALID, "so that a new login is tried, and refused"

    assert rig.pbx.judge.calls() == []


def test_a_wrong_password_is_told_apart_from_a_lock(rig: Rig) -> None:
    wrong = rig.driver(password="guessed")
    reasons = []
    for _ in range(6):
        with pytest.raises(PbxRefused) as refusal:
            wrong.login()
        reasons.append(refusal.value.reason)

    if not rig.pair.locks_out:
        assert reasons == [Reason.CREDENTIALS_REFUSED] * 6
        rig.driver().login()
        return
    assert reasons == [Reason.CREDENTIALS_REFUSED] * 5 + [Reason.LOCKED_OUT]
    with pytest.raises(PbxRefused) as locked:
        rig.driver().login()
    assert locked.value.reason is Reason.LOCKED_OUT


def test_a_pbx_that_is_away(rig: Rig) -> None:
    driver = rig.driver()
    session = driver.login()
    rig.pbx.restart(seconds=5.0)
    time.sleep(0.3)
    with pytest.raises(PbxRefused) as refusal:
        driver.dial(session, rig.order())

    assert refusal.value.reason is Reason.PBX_AWAY
