"""Token, password and its md5 are in no exception, no repr and no log line, whatever happens."""

import hashlib
import logging
import traceback
from collections.abc import Callable

import pytest

from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import Session
from dispatcher.pbx.yeastar_s import YeastarS
from tests.pbx.raw_pbx import Behaviour, RawPbx, answer, reset, send, send_and_close, stall
from tests.pbx.yeastar_s.conftest import ORDER, PASSWORD, SESSION, TOKEN, MakeDriver, account

DIGEST = hashlib.md5(PASSWORD.encode()).hexdigest()
SECRETS = (TOKEN, PASSWORD, DIGEST)

FAILURES = {
    "time-out": stall,
    "cut": send_and_close(b""),
    "reset": reset,
    "not HTTP": send_and_close(b"?\r\n\r\n"),
    "half a head": send(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "500": answer(TOKEN.encode(), "500 Internal Server Error"),
    "redirect": answer(b"", "302 Found", f"Location: http://127.0.0.1/?token={TOKEN}\r\n".encode()),
    "token echoed": answer(f'{{"status":"{TOKEN}"}}'.encode()),
    "password echoed": answer(f'{{"status":"Failed","errno":"{DIGEST}"}}'.encode()),
    "not JSON": answer(f"{PASSWORD} {TOKEN}".encode()),
    "refused": answer(b'{"status":"Failed","errno":"20004"}'),
}
REQUESTS: dict[str, Callable[[YeastarS], object]] = {
    "login": lambda driver: driver.login(),
    "dial": lambda driver: driver.dial(SESSION, ORDER),
}


def assert_secret(text: str) -> None:
    for secret in SECRETS:
        assert secret not in text


@pytest.mark.parametrize("request_it", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_no_exception_and_no_log_line_holds_a_secret(
    driver_for: MakeDriver,
    caplog: pytest.LogCaptureFixture,
    failure: Behaviour,
    request_it: Callable[[YeastarS], object],
) -> None:
    caplog.set_level(logging.DEBUG)
    for library in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=library)

    with RawPbx(failure) as pbx:
        with pytest.raises(PbxError) as error:
            request_it(driver_for(pbx.url, timeout_seconds=0.2))

    assert any(record.name.startswith("httpcore") for record in caplog.records)
    assert_secret("".join(traceback.format_exception(error.value)))
    assert_secret(repr(error.value))
    assert error.value.__suppress_context__ or error.value.__context__ is None
    assert_secret(caplog.text)


def test_a_success_is_logged_without_the_token(
    driver_for: MakeDriver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for library in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=library)

    with RawPbx(answer(b'{"status":"Success","callid":"1.2"}')) as pbx:
        driver_for(pbx.url).dial(SESSION, ORDER)

    assert f"token={TOKEN}".encode() in pbx.requests[0]
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("httpcore")]
    assert any("send_request_headers.complete" in message for message in messages)
    assert_secret(caplog.text)


def test_no_connection(driver_for: MakeDriver) -> None:
    with pytest.raises(PbxError) as error:
        driver_for("http://127.0.0.1:1").dial(SESSION, ORDER)

    assert_secret("".join(traceback.format_exception(error.value)))


def test_no_repr_holds_a_secret(driver_for: MakeDriver) -> None:
    for shown in (account("http://127.0.0.1:1"), Session(TOKEN), driver_for("http://127.0.0.1:1")):
        assert_secret(repr(shown))
        assert_secret(str(shown))
