"""Pairs of tokens: when they are refreshed, with what, and what an answer without one means."""

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import Session
from dispatcher.pbx.yeastar_p import sessions
from tests.pbx.drivers import Observed
from tests.pbx.raw_pbx import RawPbx, answer, in_turn
from tests.pbx.yeastar.newer import ORDER
from tests.pbx.yeastar_p.conftest import (
    DONE,
    PAIR,
    REFRESH,
    TOKEN,
    MakeDriver,
    asked,
    refusal,
    told,
)

NOW = 1_800_000_000.0
FRESH = told(access_token="fresh", access_token_expire_time=1800, refresh_token="fresher")


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = NOW

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(sessions, "time", made)
    return made


@pytest.mark.parametrize(
    ("seconds", "later", "is_refreshed"),
    [(1800, 1199, False), (1800, 1200, True), (300, 199, False), (300, 200, True)],
)
def test_a_pair_is_refreshed_when_two_thirds_of_its_time_are_over(
    driver_for: MakeDriver, clock: Clock, observed: Observed, seconds: int, later: int, is_refreshed: bool
) -> None:
    pair = told(access_token=TOKEN, access_token_expire_time=seconds, refresh_token=REFRESH)
    with RawPbx(in_turn(pair, FRESH if is_refreshed else told(data={}))) as pbx:
        driver = driver_for(pbx.url, report_transport="websocket")
        session = driver.login()
        clock.now += later
        successor = driver.keep_alive(session)

    assert (successor is not None) is is_refreshed
    if successor is not None:
        assert asked(pbx)[-1] == ("POST", "refresh_token", {"refresh_token": REFRESH})
        assert successor.token.split("\n")[:2] == ["fresh", "fresher"]
    else:
        assert asked(pbx)[-1][1] == f"system/information?access_token={TOKEN}"
    assert observed == [("login", "ok"), ("refresh", "ok")]


def test_the_successor_is_what_webhooks_are_asked_for_with(driver_for: MakeDriver, clock: Clock) -> None:
    with RawPbx(
        in_turn(PAIR, told(data={"webhook_event_push_list": []}), DONE, FRESH, refusal(10001))
    ) as pbx:
        driver = driver_for(pbx.url)
        session = driver.login()
        clock.now += 1800
        assert driver.keep_alive(session)

    assert asked(pbx)[-1][1] == "webhook/query?access_token=fresh"


def test_a_refresh_token_that_is_not_good_any_more(driver_for: MakeDriver, clock: Clock) -> None:
    with RawPbx(in_turn(PAIR, refusal(10004))) as pbx:
        driver = driver_for(pbx.url, report_transport="websocket")
        session = driver.login()
        clock.now += 86_400
        with pytest.raises(PbxRefused) as refused:
            driver.keep_alive(session)

    assert refused.value.reason is Reason.TOKEN_INVALID, "so that a new login is tried"


@pytest.mark.parametrize("told_time", ["", "soon", None])
def test_a_time_that_is_not_told_is_the_usual_one(
    driver_for: MakeDriver, clock: Clock, told_time: str | None
) -> None:
    pair = told(access_token=TOKEN, access_token_expire_time=told_time, refresh_token=REFRESH)
    with RawPbx(in_turn(pair, told(data={}), FRESH)) as pbx:
        driver = driver_for(pbx.url, report_transport="websocket")
        session = driver.login()
        clock.now += 1100
        assert driver.keep_alive(session) is None
        clock.now += 200
        assert driver.keep_alive(session) is not None


@pytest.mark.parametrize("body", [told(), told(access_token=""), told(refresh_token=REFRESH)])
def test_a_login_without_a_token_is_in_doubt(driver_for: MakeDriver, body: bytes) -> None:
    with RawPbx(answer(body)) as pbx, pytest.raises(PbxInDoubt) as doubt:
        driver_for(pbx.url).login()

    assert doubt.value.reason is Reason.RESPONSE_UNREADABLE


def test_of_a_session_only_the_token_is_sent(driver_for: MakeDriver) -> None:
    with RawPbx(answer(told(call_id="1.2"))) as pbx:
        driver_for(pbx.url).dial(Session(f"a token/+\n{REFRESH}\n1800001200"), ORDER)

    assert asked(pbx)[0][1] == "call/dial?access_token=a%20token%2F%2B"
    assert REFRESH.encode() not in pbx.requests[0]


def test_the_end_of_a_session(driver_for: MakeDriver) -> None:
    with RawPbx(answer(DONE)) as pbx:
        driver_for(pbx.url).logout(Session(f"{TOKEN}\n{REFRESH}"))

    assert asked(pbx) == [("GET", f"del_token?access_token={TOKEN}", None)]
