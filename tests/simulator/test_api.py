"""The envelope and the sessions of the API."""

import time

import pytest

from dispatcher.simulator import IvrSettings


def errno(answer):
    assert answer["status"] == "Failed"
    assert isinstance(answer["errno"], str)
    return answer["errno"]


def test_login_answers_a_token_of_32_hex_digits(start, sink):
    rig = start(login=False)
    answer = rig.client.login(sink.port)
    assert answer["status"] == "Success"
    assert len(bytes.fromhex(answer["token"])) == 16


def test_errors_are_http_200_with_a_string_errno(rig):
    response = rig.client.raw("POST", f"/api/v1.1.0/no/such?token={rig.client.token}", json={})
    assert response.status_code == 200
    assert response.json() == {"status": "Failed", "errno": "10003"}


def test_a_get_request_is_refused_with_20001(rig):
    response = rig.client.raw("GET", f"/api/v1.1.0/outbound/query?token={rig.client.token}")
    assert errno(response.json()) == "20001"


@pytest.mark.parametrize("body", [b"<xml/>", b"[1]", b"\xff\xfe", b'{"ivrid": '])
def test_what_is_not_a_json_object_is_refused_with_20000(rig, body):
    response = rig.client.raw("POST", f"/api/v1.1.0/ivr/dial_outbound?token={rig.client.token}", content=body)
    assert errno(response.json()) == "20000"


def test_an_empty_body_where_parameters_are_needed_is_20007(rig):
    assert errno(rig.client.post("ivr/dial_outbound")) == "20007"


@pytest.mark.parametrize(("token", "expected"), [("", "20005"), ("0" * 32, "20004")])
def test_blank_and_unknown_tokens(rig, token, expected):
    assert errno(rig.client.post("outbound/query", token=token)) == expected


def test_an_idle_token_lapses_and_use_renews_it(start):
    rig = start(token_lifetime=1.5)
    for _ in range(2):
        time.sleep(0.8)
        assert rig.client.post("outbound/query")["status"] == "Success"
    time.sleep(1.6)
    assert errno(rig.client.post("outbound/query")) == "20006"
    assert errno(rig.client.post("outbound/query")) == "20006"


def test_after_expiry_no_reports_come(start, sink):
    rig = start()
    rig.pbx.place_other("SPS-6-36", seconds=0.1)
    sink.wait(lambda s: "ANSWERED" in s.actions())
    rig.pbx.expire_tokens()
    rig.pbx.wait_idle()
    assert "BYE" not in sink.actions()
    assert rig.pbx.judge.reports()["dropped"] == 3


def test_logout_ends_the_token(rig):
    assert rig.client.post("logout") == {"status": "Success"}
    assert errno(rig.client.post("outbound/query")) == "20004"


def test_a_wrong_password_is_20003_and_the_fifth_in_a_row_locks_the_address(start, sink):
    rig = start(login=False, lockout_seconds=1.0)
    for _ in range(5):
        assert errno(rig.client.login(sink.port, password="wrong")) == "20003"
    assert errno(rig.client.login(sink.port)) == "20002"
    time.sleep(1.1)
    assert rig.client.login(sink.port)["status"] == "Success"


def test_a_right_password_between_wrong_ones_starts_the_count_again(start, sink):
    rig = start(login=False)
    for _ in range(3):
        for _ in range(4):
            assert errno(rig.client.login(sink.port, password="wrong")) == "20003"
        assert rig.client.login(sink.port)["status"] == "Success"


@pytest.mark.parametrize(("port", "expected"), [("", "10004"), ("70000", "20008"), ("x", "20008")])
def test_login_wants_a_port(start, port, expected):
    assert errno(start(login=False).client.login(port)) == expected


def test_urltag_0_joins_the_path_to_the_address_of_the_peer(rig, sink):
    rig.call("31600000486")
    assert set(sink.paths) == {"/reports/hq"}


def test_urltag_1_takes_the_url_as_it_is(start, sink):
    rig = start(login=False)
    rig.client.login(1, url=f"127.0.0.1:{sink.port}/x/y", urltag="1")
    rig.call("31600000486")
    assert set(sink.paths) == {"/x/y"}


def test_without_a_url_reports_go_to_the_root(start, sink):
    rig = start(login=False)
    rig.client.login(sink.port, url="", urltag="")
    rig.call("31600000486")
    assert set(sink.paths) == {"/"}


def test_a_heartbeat_points_the_reports_elsewhere(start, sink):
    rig = start(login=False)
    rig.client.login(1)
    body = {"ipaddr": "127.0.0.1", "port": str(sink.port), "url": "moved", "urltag": "0"}
    assert rig.client.post("heartbeat", body) == {"status": "Success"}
    rig.call("31600000486")
    assert set(sink.paths) == {"/moved"}


def test_a_heartbeat_without_its_required_fields_is_10004(rig):
    assert errno(rig.client.post("heartbeat", {"url": "x", "urltag": "1"})) == "10004"


def test_the_last_login_gets_the_reports_and_older_tokens_still_work(rig, sink):
    older = rig.client.token
    rig.client.login(sink.port, url="second")
    assert rig.client.post("outbound/query", token=older)["status"] == "Success"
    rig.call("31600000486")
    assert set(sink.paths) == {"/second"}


def test_trunks_ivrs_and_the_device_can_be_queried(start):
    rig = start(ivrs=(IvrSettings("6500"), IvrSettings("6501", repeats=2)))
    assert rig.client.post("trunklist/query")["trunklist"] == [
        {"trunkname": "SPS-6-36", "status": "Registered", "type": "SIP"}
    ]
    rig.pbx.set_trunk("SPS-6-36", down=True)
    assert rig.client.post("trunklist/query")["trunklist"][0]["status"] == "failure"
    assert [ivr["ivrnumber"] for ivr in rig.client.post("ivr/query")["ivr"]] == ["6500", "6501"]
    assert rig.client.post("ivr/query", {"ivrid": "6501"})["ivr"][0]["promptrepeat"] == "2"
    assert errno(rig.client.post("ivr/query", {"ivrid": "6999"})) == "10012"
    assert rig.client.post("deviceinfo/query")["deviceinfo"]["sn"] == "369362089179"


def test_pages_outside_the_api_do_not_exist(rig):
    assert rig.client.raw("GET", "/").status_code == 404
