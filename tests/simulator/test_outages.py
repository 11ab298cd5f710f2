"""Times when the API does not do its work; restarts with and without a word; clocks that are wrong."""

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from dispatcher.simulator import OutageKind, SimulatedPbx, SimulatorSettings


def test_the_api_answers_502_for_a_while(rig):
    rig.pbx.begin_outage(OutageKind.BAD_GATEWAY, seconds=1.0)
    response = rig.client.raw("POST", "/api/v1.1.0/outbound/query")
    assert response.status_code == 502
    assert rig.client.raw("GET", "/simulator/state").status_code == 200
    time.sleep(1.1)
    assert rig.client.post("outbound/query")["status"] == "Success"


def test_the_api_is_cut_off(rig):
    assert rig.control("outage", {"kind": "cut"}).status_code == 200
    with pytest.raises(httpx.TransportError, match="reset"):
        rig.client.post("outbound/query")
    assert rig.pbx.judge.dials() == []
    rig.pbx.begin_outage(OutageKind.NONE)
    assert rig.client.post("outbound/query")["status"] == "Success"


def test_the_port_of_reports_is_cut_off_as_well(start_k2):
    rig = start_k2(login=False, report_transport="tcp")
    port = rig.pbx.report_port
    rig.pbx.begin_outage(OutageKind.CUT_OFF, seconds=1.0)
    with pytest.raises(httpx.TransportError):
        rig.client.login("")
    time.sleep(1.1)
    assert rig.client.login("")["status"] == "Success"
    assert rig.pbx.report_port == port


def test_the_api_is_slow(rig):
    rig.pbx.begin_outage(OutageKind.SLOW, delay=0.2)
    began = time.monotonic()
    assert rig.client.dial("31600000001")["status"] == "Success"
    assert time.monotonic() - began >= 0.2


def test_a_kind_of_outage_that_does_not_exist(rig):
    assert rig.control("outage", {"kind": "flood"}).status_code == 400


@pytest.mark.parametrize("seconds", [0.0, 0.1])
def test_a_restart_is_reported_if_it_shall_be(rig, sink, seconds):
    rig.pbx.restart(seconds, boot_up=True)
    sink.wait(lambda s: len(s.raw) == 1)
    assert sink.reports == [{"action": "BootUp", "sn": "369362089179"}]
    rig.pbx.wait_idle()
    rig.pbx.place_other("SPS-6-36", seconds=0.01)
    rig.pbx.wait_idle()
    assert len(sink.raw) == 1, "nobody is logged in"


def test_a_restart_is_not_reported_by_itself(rig, sink):
    rig.pbx.restart()
    rig.pbx.wait_idle()
    assert rig.client.login(sink.port)["status"] == "Success"
    assert sink.raw == []


def test_a_restart_is_asked_for_over_http(rig, sink):
    assert rig.control("restart", {"boot_up": True}).status_code == 200
    sink.wait(lambda s: len(s.raw) == 1)


@pytest.mark.parametrize("ahead", [0.0, 90.0, -3600.0])
def test_the_clock_of_the_pbx_is_its_own(start, sink, ahead):
    rig = start(timezone="Asia/Tokyo", clock_ahead=ahead)
    callid = rig.call("31600000486")
    told = datetime.fromisoformat(sink.only("NewCdr")["timestart"])
    now = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None)
    assert abs(told - now - timedelta(seconds=ahead)) < timedelta(seconds=5)
    assert abs(float(callid.partition(".")[0]) - time.time() - ahead) < 5


def test_a_family_that_does_not_exist():
    with pytest.raises(ValueError, match="there are yeastar-s"):
        SimulatedPbx(SimulatorSettings(family="nortel"))
