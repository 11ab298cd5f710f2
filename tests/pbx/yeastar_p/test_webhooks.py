"""Webhooks: what is entered on the PBX, what is left alone, and which signatures are right."""

import base64
import hashlib
import hmac
import logging
from typing import Any

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.yeastar_p.reports import TOPICS
from tests.pbx.drivers import Observed
from tests.pbx.raw_pbx import Behaviour, RawPbx, answer, in_turn, reset
from tests.pbx.yeastar_p.conftest import (
    DONE,
    PAIR,
    SESSION,
    TOKEN,
    WEBHOOK_SECRET,
    MakeDriver,
    asked,
    in_order,
    refusal,
    told,
)

URL = "http://10.0.0.5:8260/reports/hq"
OURS: dict[str, Any] = {
    "url": URL,
    "secret": WEBHOOK_SECRET,
    "request_method": "POST",
    "event_ids": list(TOPICS),
}
OTHER: dict[str, Any] = {
    "url": "https://webhook.site/38e9dea1-be68-4381-8a8c-f0623517f513",
    "secret": "Pugghh14VCb05rtG7WGumbD4hwJPIvzu",
    "request_method": "GET",
    "event_ids": [30022, 30023],
}


def listed(*entries: dict[str, Any], on: int = 1) -> bytes:
    """The guide's answer to webhook/query."""
    return told(
        data={
            "enb_webhook_event_push": on,
            "webhook_event_push_list": list(entries),
            "webhook_event_push_timeout": 5,
            "webhook_event_push_retry_count": 3,
            "webhook_event_ids": [30005, 30006],
        }
    )


def entered(pbx: RawPbx) -> list[dict[str, Any]]:
    """The list that was written last."""
    method, target, body = asked(pbx)[-1]
    assert (method, target) == ("POST", f"webhook/update?access_token={TOKEN}")
    assert body.keys() == {"webhook_event_push_list"}, "time-out and repetitions are the PBX's own"
    return list(body["webhook_event_push_list"])


@pytest.mark.parametrize(
    "before",
    [
        [],
        [OURS | {"secret": "of yesterday"}],
        [OURS | {"event_ids": [30011]}],
        [OURS | {"request_method": "GET"}],
    ],
)
def test_a_login_puts_ours_beside_those_of_others(
    driver_for: MakeDriver, observed: Observed, before: list[dict[str, Any]]
) -> None:
    with RawPbx(in_turn(PAIR, listed(*before, OTHER), DONE)) as pbx:
        driver_for(pbx.url).login()

    assert [target.partition("?")[0] for _, target, _ in asked(pbx)] == [
        "get_token",
        "webhook/query",
        "webhook/update",
    ]
    assert entered(pbx) == [OTHER, OURS]
    assert observed == [("login", "ok")]


@pytest.mark.parametrize(
    "there",
    [OURS, OURS | {"event_ids": [0]}, OURS | {"event_ids": [*TOPICS, 30008], "request_method": "post"}],
)
def test_what_is_there_already_is_not_written_again(driver_for: MakeDriver, there: dict[str, Any]) -> None:
    with RawPbx(in_turn(PAIR, listed(OTHER, there), listed(OTHER, there))) as pbx:
        driver = driver_for(pbx.url)
        driver.keep_alive(driver.login())

    assert [target.partition("?")[0] for _, target, _ in asked(pbx)] == [
        "get_token",
        "webhook/query",
        "webhook/query",
    ]


STARRED = {"secret": "********"}
UNSHOWN = {name: value for name, value in OTHER.items() if name != "secret"}


@pytest.mark.parametrize("other", [OTHER | STARRED, UNSHOWN])
def test_secrets_of_others_that_are_not_shown_are_not_lost(
    driver_for: MakeDriver, caplog: pytest.LogCaptureFixture, other: dict[str, Any]
) -> None:
    """The guide shows them; were they hidden one day, a new list would hold stars in their place."""
    with RawPbx(in_turn(PAIR, listed(other))) as pbx:
        driver_for(pbx.url).login()

    assert len(pbx.requests) == 2
    assert "enter http://10.0.0.5:8260/reports/hq there" in caplog.text


def test_our_own_may_be_starred_and_is_replaced_where_it_lacks_something(driver_for: MakeDriver) -> None:
    with RawPbx(in_turn(PAIR, listed(OTHER, OURS | STARRED))) as pbx:
        driver_for(pbx.url).login()
    assert len(pbx.requests) == 2

    with RawPbx(in_turn(PAIR, listed(OTHER, OURS | STARRED | {"event_ids": [30011]}), DONE)) as pbx:
        driver_for(pbx.url).login()
    assert entered(pbx) == [OTHER, OURS]


def test_the_list_may_stand_beside_the_data(driver_for: MakeDriver) -> None:
    """As public code reads it."""
    with RawPbx(in_turn(PAIR, told(webhook_event_push_list=[OTHER]), DONE)) as pbx:
        driver_for(pbx.url).login()

    assert entered(pbx) == [OTHER, OURS]


@pytest.mark.parametrize(
    "answered",
    [told(), told(data={}), told(data={"webhook_event_push_list": "none"}), refusal(-2), b"<html>"],
)
def test_a_list_that_can_not_be_read_is_not_overwritten(
    driver_for: MakeDriver, caplog: pytest.LogCaptureFixture, answered: bytes
) -> None:
    with RawPbx(in_turn(PAIR, answered)) as pbx:
        assert driver_for(pbx.url).login().token

    assert len(pbx.requests) == 2
    assert URL in caplog.text
    assert WEBHOOK_SECRET not in caplog.text


@pytest.mark.parametrize("code", [10001, 10005, 40002, 60002, 70084])
@pytest.mark.parametrize("at", ["query", "update"])
def test_calls_are_placed_though_webhooks_can_not_be_set(
    driver_for: MakeDriver, caplog: pytest.LogCaptureFixture, code: int, at: str
) -> None:
    answers = [refusal(code)] if at == "query" else [listed(), refusal(code)]
    with RawPbx(in_turn(PAIR, *answers)) as pbx:
        assert driver_for(pbx.url).login().token

    [record] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert f"errcode {code}" in record.getMessage()
    assert 'report_transport = "websocket"' in record.getMessage()


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [(answer(refusal(10004)), Reason.TOKEN_INVALID), (reset, Reason.CONNECTION_LOST)],
)
def test_a_login_that_breaks_off_leaves_no_token_behind(
    driver_for: MakeDriver, behaviour: Behaviour, reason: Reason
) -> None:
    with RawPbx(in_order(answer(PAIR), behaviour, answer(DONE))) as pbx:
        with pytest.raises(PbxError) as error:
            driver_for(pbx.url).login()

    assert error.value.reason is reason
    assert asked(pbx)[-1][:2] == ("GET", f"del_token?access_token={TOKEN}")


def test_webhooks_that_are_off_are_told_of(driver_for: MakeDriver, caplog: pytest.LogCaptureFixture) -> None:
    with RawPbx(in_turn(PAIR, listed(OURS, on=0))) as pbx:
        driver_for(pbx.url).login()

    assert "Webhook Event Push" in caplog.text


def test_over_a_websocket_no_webhook_is_touched(driver_for: MakeDriver) -> None:
    with RawPbx(in_turn(PAIR, told(data={}))) as pbx:
        driver = driver_for(pbx.url, report_transport="websocket")
        assert driver.pulls_reports
        driver.keep_alive(driver.login())

    assert [target.partition("?")[0] for _, target, _ in asked(pbx)] == ["get_token", "system/information"]


BODY = '{"type":30012,"sn":"3631A2124XXX","msg":"{\\"call_to\\":\\"Büro\\"}"}'.encode()
RIGHT = base64.b64encode(hmac.new(WEBHOOK_SECRET.encode(), BODY, hashlib.sha256).digest()).decode()


def test_the_signature_is_that_of_the_raw_body(driver_for: MakeDriver) -> None:
    driver = driver_for("http://127.0.0.1:1")

    assert driver.is_genuine(BODY, {"x-signature": RIGHT})
    assert driver.is_genuine(BODY, {"x-signature": f" {RIGHT} "})
    for given in (RIGHT[:-1], RIGHT.lower(), RIGHT + "=", "", "é" * 44):
        assert not driver.is_genuine(BODY, {"x-signature": given})
    assert not driver.is_genuine(BODY, {})
    assert not driver.is_genuine(BODY + b"\n", {"x-signature": RIGHT})
    assert not driver.is_genuine(b"", {"x-signature": RIGHT})


def test_without_a_secret_nothing_is_genuine(driver_for: MakeDriver) -> None:
    """The HMAC of an empty key is known to everybody."""
    known = base64.b64encode(hmac.new(b"", BODY, hashlib.sha256).digest()).decode()
    assert not driver_for("http://127.0.0.1:1", webhook_secret="").is_genuine(BODY, {"x-signature": known})


def test_a_session_that_lapsed_is_seen_by_the_heartbeat(driver_for: MakeDriver) -> None:
    with RawPbx(answer(refusal(10004))) as pbx, pytest.raises(PbxError) as error:
        driver_for(pbx.url).keep_alive(SESSION)

    assert error.value.reason is Reason.TOKEN_INVALID
