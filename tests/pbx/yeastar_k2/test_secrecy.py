"""Tokens, password and its md5 are in no exception, no repr and no log line, whatever happens."""

import hashlib
import logging
import socket
import threading
import traceback
from collections.abc import Callable

import pytest

from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import Session
from dispatcher.pbx.yeastar_k2 import YeastarK2
from dispatcher.pbx.yeastar_k2.tokens import session_of
from tests.pbx.raw_pbx import Behaviour, RawPbx, answer, reset, send_and_close, stall
from tests.pbx.yeastar_k2.conftest import ORDER, PASSWORD, REFRESH, TOKEN, MakeDriver, account

SESSION = session_of("login", {"token": TOKEN, "refreshtoken": REFRESH})
SECRETS = (TOKEN, REFRESH, PASSWORD, hashlib.md5(PASSWORD.encode()).hexdigest())

FAILURES: dict[str, Behaviour] = {
    "time-out": stall,
    "cut": send_and_close(b""),
    "reset": reset,
    "500": answer(TOKEN.encode(), "500 Internal Server Error"),
    "redirect": answer(b"", "302 Found", f"Location: http://127.0.0.1/?token={TOKEN}\r\n".encode()),
    "echoed": answer(f'{{"status":"{TOKEN} {REFRESH} {PASSWORD}"}}'.encode()),
    "not JSON": answer(f"{PASSWORD} {TOKEN}".encode()),
    "refused": answer(b'{"status":"Failed","errno":"20004"}'),
}
REQUESTS: dict[str, Callable[[YeastarK2], object]] = {
    "login": lambda driver: driver.login(),
    "refresh": lambda driver: driver.keep_alive(SESSION),
    "dial": lambda driver: driver.dial(SESSION, ORDER),
    "listen": lambda driver: driver.open_reports(""),
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
    request_it: Callable[[YeastarK2], object],
) -> None:
    caplog.set_level(logging.DEBUG)
    for library in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=library)

    with RawPbx(failure) as pbx:
        port = int(pbx.url.rpartition(":")[2])
        with pytest.raises(PbxError) as error:
            request_it(driver_for(pbx.url, timeout_seconds=0.2, report_port=port))

    assert_secret("".join(traceback.format_exception(error.value)))
    assert_secret(repr(error.value))
    assert error.value.__suppress_context__ or error.value.__context__ is None
    assert_secret(caplog.text)


def test_a_login_for_events_that_is_echoed(driver_for: MakeDriver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        driver = driver_for("http://127.0.0.1", timeout_seconds=0.3, report_port=listener.getsockname()[1])
        with pytest.raises(PbxError) as error:
            _echo_while(listener, driver)

    assert_secret("".join(traceback.format_exception(error.value)))
    assert_secret(caplog.text)


def _echo_while(listener: socket.socket, driver: YeastarK2) -> None:
    """Answer the login with its own lines, as a wrong service may."""

    def echo() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(connection.recv(1024) + b"error")
            connection.recv(1)

    thread = threading.Thread(target=echo, daemon=True)
    thread.start()
    try:
        driver.open_reports("")
    finally:
        thread.join()


def test_no_repr_holds_a_secret(driver_for: MakeDriver) -> None:
    for shown in (account("http://127.0.0.1:1"), SESSION, Session(TOKEN), driver_for("http://127.0.0.1:1")):
        assert_secret(repr(shown))
        assert_secret(str(shown))
