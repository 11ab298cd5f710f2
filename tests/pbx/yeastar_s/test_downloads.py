"""The download of call records on the wire, as the S-Series API v1.1.0 manual has it under 'Download CDR'."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from tests.pbx.drivers import Observed
from tests.pbx.raw_pbx import RawPbx, in_turn
from tests.pbx.yeastar_s.conftest import SESSION, TOKEN, MakeDriver

SINCE = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
UNTIL = SINCE + timedelta(hours=1)
TICKET = b'{"status":"Success","extid":"all","random":"0cbcf8917c41c61c6e9fd3e57ecdd467"}'
CSV = b"callid,timestart,callfrom,callto,status\r\n1795255200.7,2026-11-21 11:00:00,6500,31612345678,BUSY\r\n"


def test_a_ticket_then_the_file_with_the_very_same_values(driver_for: MakeDriver, observed: Observed) -> None:
    with RawPbx(in_turn(TICKET, CSV)) as pbx:
        driver = driver_for(pbx.url, timezone=ZoneInfo("Europe/Amsterdam"))
        (report,) = driver.records(SESSION, SINCE, UNTIL)

    asked, fetched = pbx.requests
    assert asked.startswith(f"POST /api/v1.1.0/cdr/get_random?token={TOKEN} ".encode())
    span = {"extid": "all", "starttime": "2026-11-21 11:00:00", "endtime": "2026-11-21 12:00:01"}
    assert json.loads(asked.partition(b"\r\n\r\n")[2]) == span
    method, target, _ = fetched.split(b"\r\n")[0].decode().split(" ")
    assert (method, urlsplit(target).path) == ("GET", "/api/v1.1.0/cdr/download")
    query = {name: value for name, [value] in parse_qs(urlsplit(target).query).items()}
    assert query == span | {"random": "0cbcf8917c41c61c6e9fd3e57ecdd467", "token": TOKEN}
    assert "starttime=2026-11-21%2011%3A00%3A00" in target
    assert report.callid == "1795255200.7"
    assert observed == [("record_ticket", "ok"), ("records", "ok")]


@pytest.mark.parametrize(
    "bodies", [[b'{"status":"Failed","errno":"20021"}'], [TICKET, b'{"status":"Failed","errno":"20021"}']]
)
def test_no_records_may_be_said_of_either_request(driver_for: MakeDriver, bodies: list[bytes]) -> None:
    with RawPbx(in_turn(*bodies)) as pbx:
        assert list(driver_for(pbx.url).records(SESSION, SINCE, UNTIL)) == []


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b'{"status":"Failed","errno":"20019"}', PbxRefused, Reason.BAD_REQUEST),
        (b'{"status":"Failed","errno":"20020"}', PbxRefused, Reason.FAILED),
        (b'\xef\xbb\xbf\r\n{"status":"Failed","errno":"20004"}', PbxRefused, Reason.TOKEN_INVALID),
        (b'{"status":"Success"}', PbxInDoubt, Reason.RESPONSE_UNREADABLE),
        (b"<html>504 Gateway Time-out</html>", PbxInDoubt, Reason.RESPONSE_UNREADABLE),
        (b"", PbxInDoubt, Reason.RESPONSE_UNREADABLE),
    ],
)
def test_what_comes_in_place_of_the_file(
    driver_for: MakeDriver, body: bytes, kind: type[PbxError], reason: Reason
) -> None:
    with RawPbx(in_turn(TICKET, body)) as pbx, pytest.raises(kind) as error:
        driver_for(pbx.url).records(SESSION, SINCE, UNTIL)

    assert error.value.reason is reason
    assert TOKEN not in str(error.value)


def test_no_ticket_is_no_answer(driver_for: MakeDriver) -> None:
    with RawPbx(in_turn(b'{"status":"Success"}')) as pbx, pytest.raises(PbxInDoubt):
        driver_for(pbx.url).records(SESSION, SINCE, UNTIL)
