"""The key is in no exception, no repr and no log line, whatever happens."""

import base64
import logging
import traceback
from collections.abc import Callable

import pytest

from dispatcher.pbx.axeos import Axeos
from dispatcher.pbx.errors import PbxError
from tests.pbx.axeos.conftest import KEY, SESSION, TO_USER, MakeDriver, account
from tests.pbx.raw_pbx import Behaviour, RawPbx, answer, reset, send_and_close, stall

SECRETS = (KEY, base64.b64encode(f"apiKey:{KEY}".encode()).decode())

FAILURES = {
    "time-out": stall,
    "cut": send_and_close(b""),
    "reset": reset,
    "not HTTP": send_and_close(b"?\r\n\r\n"),
    "401": answer(KEY.encode(), "401 Unauthorized"),
    "500": answer(KEY.encode(), "500 Internal Server Error"),
    "redirect": answer(b"", "302 Found", f"Location: http://127.0.0.1/?key={KEY}\r\n".encode()),
}
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
    caplog.set_level(logging.DEBUG)
    for library in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=library)

    with RawPbx(failure) as pbx:
        with pytest.raises(PbxError) as error:
            request_it(driver_for(pbx.url, timeout_seconds=0.2))

    assert any(record.name.startswith("httpcore") for record in caplog.records)
    told = "".join(traceback.format_exception(error.value)) + caplog.text
    for secret in SECRETS:
        assert secret not in told


def test_no_repr_shows_the_key(driver_for: MakeDriver) -> None:
    shown = repr(driver_for("http://127.0.0.1:1")) + repr(account("http://127.0.0.1:1"))

    assert not any(secret in shown for secret in SECRETS)
