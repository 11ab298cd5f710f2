"""The key is in no exception, no repr and no log line, whatever happens."""

import base64
from collections.abc import Callable

import pytest

from dispatcher.pbx.axeos import Axeos
from tests.pbx.axeos.conftest import KEY, SESSION, TO_USER, MakeDriver, account
from tests.pbx.raw_pbx import Behaviour
from tests.pbx.secrecy import assert_untold, fail, failures

SECRETS = (KEY, base64.b64encode(f"apiKey:{KEY}".encode()).decode())
FAILURES = failures(KEY)
REQUESTS: dict[str, Callable[[Axeos], object]] = {
    "login": lambda driver: driver.login(),
    "dial": lambda driver: driver.dial(SESSION, TO_USER),
    "events": lambda driver: driver.open_reports("7").read(),
}


@pytest.mark.parametrize("request_it", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_no_exception_and_no_log_line_holds_the_key(
    driver_for: MakeDriver,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    failure: Behaviour,
    request_it: Callable[[Axeos], object],
) -> None:
    monkeypatch.setattr("dispatcher.pbx.axeos.driver.DIAL_WAITS", 0.0)
    monkeypatch.setattr("dispatcher.pbx.axeos.poll.READ_SECONDS", 0.0)

    told = fail(failure, lambda url: request_it(driver_for(url, timeout_seconds=0.2)), caplog)

    assert_untold(SECRETS, told)


def test_no_repr_shows_the_key(driver_for: MakeDriver) -> None:
    for shown in (account("http://127.0.0.1:1"), driver_for("http://127.0.0.1:1")):
        assert_untold(SECRETS, repr(shown))
