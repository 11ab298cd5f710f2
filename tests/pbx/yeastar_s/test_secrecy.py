"""Token, password and its md5 are in no exception, no repr and no log line, whatever happens."""

from collections.abc import Callable

import pytest

from dispatcher.pbx.protocol import Session
from dispatcher.pbx.yeastar_s import YeastarS
from tests.pbx.drivers import PASSWORD
from tests.pbx.raw_pbx import Behaviour, RawPbx, answer
from tests.pbx.secrecy import assert_untold, fail, failures, log_everything, md5, told_of
from tests.pbx.yeastar_s.conftest import ORDER, SESSION, TOKEN, MakeDriver, account

SECRETS = (TOKEN, PASSWORD, md5(PASSWORD))

FAILURES = failures(TOKEN) | {
    "token echoed": answer(f'{{"status":"{TOKEN}"}}'.encode()),
    "password echoed": answer(f'{{"status":"Failed","errno":"{md5(PASSWORD)}"}}'.encode()),
    "password, not JSON": answer(PASSWORD.encode()),
    "refused": answer(b'{"status":"Failed","errno":"20004"}'),
}
REQUESTS: dict[str, Callable[[YeastarS], object]] = {
    "login": lambda driver: driver.login(),
    "dial": lambda driver: driver.dial(SESSION, ORDER),
}


@pytest.mark.parametrize("request_it", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_no_exception_and_no_log_line_holds_a_secret(
    driver_for: MakeDriver,
    caplog: pytest.LogCaptureFixture,
    failure: Behaviour,
    request_it: Callable[[YeastarS], object],
) -> None:
    told = fail(failure, lambda url: request_it(driver_for(url, timeout_seconds=0.2)), caplog)

    assert_untold(SECRETS, told)


def test_a_success_is_logged_without_the_token(
    driver_for: MakeDriver, caplog: pytest.LogCaptureFixture
) -> None:
    log_everything(caplog)
    with RawPbx(answer(b'{"status":"Success","callid":"1.2"}')) as pbx:
        driver_for(pbx.url).dial(SESSION, ORDER)

    assert f"token={TOKEN}".encode() in pbx.requests[0]
    assert_untold(SECRETS, caplog.text)


def test_no_connection(driver_for: MakeDriver, caplog: pytest.LogCaptureFixture) -> None:
    assert_untold(SECRETS, told_of(lambda: driver_for("http://127.0.0.1:1").dial(SESSION, ORDER), caplog))


def test_no_repr_holds_a_secret(driver_for: MakeDriver) -> None:
    for shown in (account("http://127.0.0.1:1"), Session(TOKEN), driver_for("http://127.0.0.1:1")):
        assert_untold(SECRETS, repr(shown), str(shown))
