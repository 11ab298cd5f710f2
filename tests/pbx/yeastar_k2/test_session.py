"""Logging in, staying logged in and logging out, as the K2 API v2.0.0 manual has it."""

import hashlib
import logging

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from tests.pbx.drivers import PASSWORD, Observed
from tests.pbx.raw_pbx import RawPbx, answer, in_turn
from tests.pbx.yeastar_k2.conftest import REFRESH, SESSION, TOKEN, MakeDriver
from tests.pbx.yeastar_k2.requests import FAILED, SUCCESS, all_sent, sent

LOGGED_IN = b'{"status": "Success", "token": "%s", "transport": "HTTP"}' % TOKEN.encode()
LOGGED_IN_TO_THE_CLOUD = b'{"status": "Success", "token": "%s", "refreshtoken": "%s"}' % (
    TOKEN.encode(),
    REFRESH.encode(),
)
NEXT_TOKEN, NEXT_REFRESH = "1c0a3fd34ca5e5292042a77e4d9ff950", "4a1f20e901b45d4106e7aee076d22115"
REFRESHED = b'{"status": "Success", "token": "%s", "refreshtoken": "%s"}' % (
    NEXT_TOKEN.encode(),
    NEXT_REFRESH.encode(),
)


def test_login(driver_for: MakeDriver, observed: Observed) -> None:
    with RawPbx(answer(LOGGED_IN)) as pbx:
        session = driver_for(pbx.url).login()

    assert session == SESSION
    assert sent(pbx) == (
        "login",
        {
            "username": "api",
            "password": hashlib.md5(PASSWORD.encode()).hexdigest(),
            "version": "2.0.0",
            "port": "8260",
            "url": "10.0.0.5:8260/reports/hq",
            "urltag": "1",
        },
    )
    assert observed == [("login", "ok")]


def test_a_heartbeat_repeats_version_and_destination(driver_for: MakeDriver) -> None:
    with RawPbx(answer(SUCCESS)) as pbx:
        assert driver_for(pbx.url).keep_alive(SESSION) is None

    assert sent(pbx) == (
        f"heartbeat?token={TOKEN}",
        {
            "ipaddr": "10.0.0.5",
            "version": "2.0.0",
            "port": "8260",
            "url": "10.0.0.5:8260/reports/hq",
            "urltag": "1",
        },
    )


def test_with_events_over_tcp_the_pbx_is_told_no_destination(driver_for: MakeDriver) -> None:
    with RawPbx(answer(LOGGED_IN.replace(b"HTTP", b"TCP"))) as pbx:
        driver = driver_for(pbx.url, report_transport="tcp")
        driver.keep_alive(driver.login())

    (_, login), (_, heartbeat) = all_sent(pbx)
    assert login.keys() == {"username", "password", "version"}
    assert heartbeat == {"ipaddr": "10.0.0.5", "version": "2.0.0"}


@pytest.mark.parametrize(
    ("ours", "theirs", "is_said"),
    [("http", "TCP", True), ("tcp", "HTTP", True), ("http", "HTTP", False), ("tcp", "tcp", False)],
)
def test_reports_that_come_in_another_way_than_expected_are_told(
    driver_for: MakeDriver, caplog: pytest.LogCaptureFixture, ours: str, theirs: str, is_said: bool
) -> None:
    caplog.set_level(logging.WARNING)
    with RawPbx(answer(LOGGED_IN.replace(b"HTTP", theirs.encode()))) as pbx:
        driver_for(pbx.url, report_transport=ours).login()

    assert (f'report_transport = "{theirs.lower()}"' in caplog.text) is is_said


def test_a_session_with_a_refresh_token_is_refreshed_and_then_sends_a_heartbeat(
    driver_for: MakeDriver, observed: Observed
) -> None:
    with RawPbx(in_turn(LOGGED_IN_TO_THE_CLOUD, REFRESHED, SUCCESS, REFRESHED, SUCCESS, SUCCESS)) as pbx:
        driver = driver_for(pbx.url)
        session = driver.login()
        renewed = driver.keep_alive(session)
        assert renewed is not None
        again = driver.keep_alive(renewed)
        assert again is not None
        driver.logout(again)

    assert [line for line, _ in all_sent(pbx)] == [
        "login",
        f"token/refresh?token={TOKEN}",
        f"heartbeat?token={NEXT_TOKEN}",
        f"token/refresh?token={NEXT_TOKEN}",
        f"heartbeat?token={NEXT_TOKEN}",
        f"logout?token={NEXT_TOKEN}",
    ]
    assert [body["refreshtoken"] for line, body in all_sent(pbx) if "refresh" in line] == [
        REFRESH,
        NEXT_REFRESH,
    ]
    assert observed[1:3] == [("refresh", "ok"), ("heartbeat", "ok")]


def test_a_refreshed_session_is_kept_where_there_is_no_heartbeat(driver_for: MakeDriver) -> None:
    with RawPbx(in_turn(LOGGED_IN_TO_THE_CLOUD, REFRESHED, FAILED % 10003)) as pbx:
        driver = driver_for(pbx.url)
        renewed = driver.keep_alive(driver.login())

    assert renewed is not None
    assert renewed.token.startswith(NEXT_TOKEN)


def test_a_refresh_that_is_refused_is_no_session(driver_for: MakeDriver) -> None:
    with RawPbx(in_turn(LOGGED_IN_TO_THE_CLOUD, FAILED % 20004)) as pbx:
        driver = driver_for(pbx.url)
        with pytest.raises(PbxRefused) as refusal:
            driver.keep_alive(driver.login())

    assert refusal.value.reason is Reason.TOKEN_INVALID


def test_a_refresh_without_a_token_is_no_session(driver_for: MakeDriver) -> None:
    with RawPbx(in_turn(LOGGED_IN_TO_THE_CLOUD, SUCCESS)) as pbx:
        driver = driver_for(pbx.url)
        session = driver.login()
        with pytest.raises(PbxInDoubt):
            driver.keep_alive(session)
