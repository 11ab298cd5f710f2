"""What is asked for by a list, and what every request has in common (K2 API v2.0.0 manual)."""

from datetime import UTC, datetime

from dispatcher.pbx.protocol import Device, Ivr, Session, TrunkState
from dispatcher.pbx.yeastar_k2 import YeastarK2
from tests.pbx.drivers import Observed
from tests.pbx.raw_pbx import RawPbx, answer
from tests.pbx.yeastar.newer import REQUESTS
from tests.pbx.yeastar_k2.conftest import REFRESH, SESSION, TOKEN, MakeDriver
from tests.pbx.yeastar_k2.requests import FAILED, all_sent, sent


def test_trunks(driver_for: MakeDriver) -> None:
    body = b"""{"status": "Success", "trunklist": [{"trunkname": "siptrunk", "id": "1",
        "status": "Registered", "type": "SIP"}]}"""
    with RawPbx(answer(body)) as pbx:
        assert driver_for(pbx.url).trunks(SESSION) == [TrunkState("siptrunk", "Registered", "SIP", True)]

    assert sent(pbx) == (f"trunk/list?token={TOKEN}", {})


def test_ivrs(driver_for: MakeDriver) -> None:
    body = b"""{"status": "Success", "ivr": [{"number": "6500", "ivrname": "Alarm", "prompt": "[Default]",
        "promptrepeat": "3"}]}"""
    with RawPbx(answer(body)) as pbx:
        assert driver_for(pbx.url).ivrs(SESSION) == [Ivr("6500", "Alarm", "[Default]")]

    assert sent(pbx) == (f"ivr/query?token={TOKEN}", {"number": "all"})


def test_device(driver_for: MakeDriver) -> None:
    body = b"""{"status": "Success", "deviceinfo": {"devicename": "Yeastar S1000", "sn": "368193754239",
        "firmwarever": "80.5.0.29", "systemtime": "2019-10-22 17:09:43 UTC-8", "uptime": "00:20:59",
        "extensionstatus": "150/2000"}}"""
    with RawPbx(answer(body)) as pbx:
        assert driver_for(pbx.url).device(SESSION) == Device("Yeastar S1000", "368193754239", "80.5.0.29")

    assert sent(pbx) == (f"deviceinfo/query?token={TOKEN}", {})


def test_records_are_asked_for_by_number(driver_for: MakeDriver) -> None:
    """The rest of the download is the same in both versions of the API."""
    with RawPbx(answer(FAILED % 20021)) as pbx:
        start, end = datetime(2019, 10, 24, tzinfo=UTC), datetime(2019, 10, 24, 16, tzinfo=UTC)
        assert list(driver_for(pbx.url).records(Session(f"{TOKEN}\n{REFRESH}"), start, end)) == []

    line, body = sent(pbx)
    assert line == f"cdr/get_random?token={TOKEN}"
    assert (body["number"], body["starttime"]) == ("all", "2019-10-24 00:00:00")


def test_every_request_names_the_token_alone_and_the_operations_are_a_closed_set(
    driver_for: MakeDriver, observed: Observed
) -> None:
    body = b'{"status":"Success","token":"t","refreshtoken":"r","callid":"1.2","deviceinfo":{}}'
    with RawPbx(answer(body)) as pbx:
        driver = driver_for(pbx.url)
        session = driver.login()
        for request_it in REQUESTS:
            request_it(driver, session)

    assert [line.partition("?")[2] for line, _ in all_sent(pbx)[1:]] == ["token=t"] * (len(pbx.requests) - 1)
    elsewhere = {"listen", "record_ticket", "records"}
    assert {operation for operation, _ in observed} | elsewhere == set(YeastarK2.operations)
