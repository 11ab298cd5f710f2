"""Tokens, secrets and signatures are in no exception, no repr and no log line, whatever happens."""

import logging
from collections.abc import Callable

import pytest

from dispatcher.pbx.protocol import Session
from dispatcher.simulator import SimulatedPbx, SimulatorSettings
from tests.pbx.drivers import PASSWORD
from tests.pbx.raw_pbx import Behaviour, RawPbx, answer
from tests.pbx.secrecy import assert_untold, fail, failures, log_everything, told_of
from tests.pbx.yeastar.newer import Newer, that_carry_secrets
from tests.pbx.yeastar_p.conftest import (
    PAIR,
    REFRESH,
    TOKEN,
    WEBHOOK_SECRET,
    MakeDriver,
    account,
    in_order,
    refusal,
    told,
)

SESSION = Session(f"{TOKEN}\n{REFRESH}\n1")
SECRETS = (TOKEN, REFRESH, PASSWORD, WEBHOOK_SECRET)

FAILURES = failures(TOKEN) | {
    "echoed": answer(told(errcode=f"{TOKEN} {REFRESH} {PASSWORD}")),
    "refused": answer(refusal(10004)),
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
        return request_it(driver_for(url, timeout_seconds=0.2))

    assert_untold(SECRETS, fail(failure, ask, caplog))


@pytest.mark.parametrize("handshake", FAILURES.values(), ids=FAILURES)
def test_a_handshake_that_fails(
    driver_for: MakeDriver, caplog: pytest.LogCaptureFixture, handshake: Behaviour
) -> None:
    """The library's own log lines and errors show the target of the request, which holds the token."""
    caplog.set_level(logging.DEBUG, logger="websockets")
    log_everything(caplog)
    with RawPbx(in_order(answer(PAIR), handshake, answer(told()))) as pbx:
        driver = driver_for(pbx.url, timeout_seconds=0.3)
        said = told_of(lambda: driver.open_reports(""), caplog)

    assert len(pbx.requests) >= 2
    assert_untold(SECRETS, said)


def test_a_stream_that_works(driver_for: MakeDriver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="websockets")
    log_everything(caplog)
    given: list[str] = []
    with SimulatedPbx(SimulatorSettings(family="yeastar-p", port=0, password=PASSWORD)) as pbx:
        driver = driver_for(pbx.url)
        session = driver.login()
        given += session.token.split("\n")[:2]
        stream = driver.open_reports("")
        stream.read()
        stream.close()

    assert_untold((*given, PASSWORD, WEBHOOK_SECRET), caplog.text)
    assert "access_token" not in caplog.text


def test_no_repr_holds_a_secret(driver_for: MakeDriver) -> None:
    for shown in (account("http://127.0.0.1:1"), SESSION, driver_for("http://127.0.0.1:1")):
        assert_untold(SECRETS, repr(shown), str(shown))
