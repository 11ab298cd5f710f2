"""The download of call records."""

import csv
import io
import time

import pytest

ALL = {"extid": "all", "starttime": "2000-01-01 00:00:00", "endtime": "2099-12-31 23:59:59"}


def ask(rig, **changes):
    answer = rig.client.post("cdr/get_random", ALL | changes)
    return {key: value for key, value in answer.items() if key != "status"} | {"token": rig.client.token}


def download(rig, query):
    return rig.client.raw("GET", "/api/v1.1.0/cdr/download", params=query)


def test_the_download_holds_every_call(rig, sink):
    answered, busy = rig.call("31600000001"), rig.call("31600000486")
    response = download(rig, ask(rig))
    assert response.headers["Content-Type"] == "text/csv"
    first, second = csv.DictReader(io.StringIO(response.text))
    assert list(first) == [
        *("callid", "timestart", "callfrom", "callto", "callduraction", "talkduraction", "srctrunkname"),
        *("dsttrunkname", "status", "type", "pincode", "recording", "didnumber", "sn"),
    ]
    assert (first["callid"], first["status"], first["dsttrunkname"]) == (answered, "ANSWERED", "SPS-6-36")
    assert (second["callid"], second["status"], second["talkduraction"]) == (busy, "BUSY", "0")
    reported = [r for r in sink.reports if r["action"] == "NewCdr"]
    assert [r["timestart"] for r in reported] == [first["timestart"], second["timestart"]]


def test_an_extensions_download_lacks_the_calls_that_an_ivr_made(rig):
    rig.call("31600000001")
    rig.client.post("extension/dial_outbound", {"extid": "1005", "outto": "931600009999"})
    rig.pbx.wait_idle()
    rows = list(csv.DictReader(io.StringIO(download(rig, ask(rig, extid="1004,1005")).text)))
    assert [row["callfrom"] for row in rows] == ["1005"]


def test_a_random_string_is_good_once(rig):
    rig.call("31600000486")
    query = ask(rig)
    assert download(rig, query).text.startswith("callid,")
    assert download(rig, query).json() == {"status": "Failed", "errno": "20020"}


def test_a_random_string_grows_old(start):
    rig = start(cdr_random_lifetime=0.05)
    rig.call("31600000486")
    query = ask(rig)
    time.sleep(0.1)
    assert download(rig, query).json()["errno"] == "20020"


@pytest.mark.parametrize(
    "changes", [{"random": "0" * 32}, {"extid": "1000"}, {"endtime": "2098-12-31 23:59:59"}]
)
def test_the_query_must_be_the_one_that_was_asked_for(rig, changes):
    rig.call("31600000486")
    assert download(rig, ask(rig) | changes).json()["errno"] == "20020"


@pytest.mark.parametrize(("token", "errno"), [("", "20005"), ("0" * 32, "20004")])
def test_the_download_needs_the_token(rig, token, errno):
    assert download(rig, ask(rig) | {"token": token}).json()["errno"] == errno


def test_no_records_is_20021(rig):
    assert download(rig, ask(rig)).json()["errno"] == "20021"
    rig.call("31600000486")
    assert download(rig, ask(rig, endtime="2001-01-01 00:00:00")).json()["errno"] == "20021"


@pytest.mark.parametrize(
    ("changes", "errno"),
    [({"starttime": "2026/01/01"}, "20019"), ({"endtime": ""}, "10004"), ({"extid": ""}, "10004")],
)
def test_bad_questions(rig, changes, errno):
    assert rig.client.post("cdr/get_random", ALL | changes)["errno"] == errno
