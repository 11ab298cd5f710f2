"""Tokens, password and its md5 are in no exception, no repr and no log line, whatever happens."""

import socket
import threading
from collections.abc import Callable

import pytest

from dispatcher.pbx.protocol import Session
from dispatcher.pbx.yeastar.tokens import session_of
from dispatcher.pbx.yeastar_k2 import YeastarK2
from tests.pbx.drivers import PASSWORD
from tests.pbx.raw_pbx import Behaviour, answer
from tests.pbx.secrecy import assert_untold, fail, failures, log_everything, md5, told_of
from tests.pbx.yeastar.newer import Newer, that_carry_secrets
from tests.pbx.yeastar_k2.conftest import REFRESH, TOKEN, MakeDriver, account

SESSION = session_of("login", {"token": TOKEN, "refreshtoken": REFRESH})
SECRETS = (TOKEN, REFRESH, PASSWORD, md5(PASSWORD))

FAILURES = failures(TOKEN) | {
    "echoed": answer(f'{{"status":"{TOKEN} {REFRESH} {PASSWORD}"}}'.encode()),
    "refused": answer(b'{"status":"Failed","errno":"20004"}'),
}
REQUESTS = that_carry_secrets(SESSION)


@pytest.mark.parametrize("request_it", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_no_exception_and_no_log_line_holds_a_secret(
    driver_for: MakeDriver,
    caplog: pytest.LogCaptureFixture,
    failure: Behaviour,
    request_it: Callable[[Newer], object],
) -> None:
    def ask(url: str) -> object:
        port = int(url.rpartition(":")[2])
        return request_it(driver_for(url, timeout_seconds=0.2, report_port=port))

    assert_untold(SECRETS, fail(failure, ask, caplog))


def test_a_login_for_events_that_is_echoed(driver_for: MakeDriver, caplog: pytest.LogCaptureFixture) -> None:
    log_everything(caplog)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        driver = driver_for("http://127.0.0.1", timeout_seconds=0.3, report_port=listener.getsockname()[1])
        told = told_of(lambda: _echo_while(listener, driver), caplog)

    assert_untold(SECRETS, told)


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
        assert_untold(SECRETS, repr(shown), str(shown))
