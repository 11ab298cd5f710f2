"""How reports travel: repeated until 200, in order, over new or kept connections."""

import socket

import pytest

from dispatcher.simulator import DeliverySettings

QUICK = DeliverySettings(retry_interval=0.02, timeout=0.2, max_attempts=5)


def test_the_request_looks_like_the_manuals(rig, sink):
    rig.call("31600000486")
    headers = sink.headers[0]
    assert headers["User-Agent"] == "WebAPI"
    assert headers["Content-Type"] == "application/json"
    assert headers["Host"] == f"127.0.0.1:{sink.port}"


@pytest.mark.parametrize("keep_alive", [False, True])
def test_a_report_is_repeated_until_it_is_answered_with_200(start, sink, keep_alive):
    sink.statuses = [500, 404, 302, 200]
    rig = start(delivery=DeliverySettings(keep_alive=keep_alive, retry_interval=0.02))
    callid = rig.call("31600000486")
    assert sink.actions(callid) == ["CallFailed", "CallFailed", "CallFailed", "CallFailed", "NewCdr"]
    assert len(set(sink.raw[:4])) == 1
    counts = rig.pbx.judge.reports()
    assert (counts["made"], counts["failed"], counts["acknowledged"]) == (2, 3, 2)
    assert rig.pbx.judge.call(callid).acknowledged == 2


def test_repeats_keep_their_interval(start, sink):
    sink.statuses = [500, 500]
    start(delivery=DeliverySettings(retry_interval=0.1)).call("31600000486")
    first, second, third, _ = sink.arrived
    assert 0.09 < second - first < 0.5
    assert 0.09 < third - second < 0.5


def test_a_repeated_report_may_be_overtaken_when_the_settings_say_so(start, sink):
    sink.statuses = [500]
    rig = start(delivery=DeliverySettings(retry_interval=0.05, keep_order_on_retry=False))
    rig.call("31600000486")
    assert sink.actions() == ["CallFailed", "NewCdr", "CallFailed"]


def test_a_report_is_given_up_after_the_last_attempt(start, sink):
    sink.statuses = [500] * 5
    rig = start(delivery=QUICK)
    rig.call("31600000486")
    assert sink.actions() == ["CallFailed"] * 5 + ["NewCdr"]
    assert rig.pbx.judge.reports()["given_up"] == 1


def test_an_application_that_is_away_gets_the_reports_when_it_is_back(start, sink):
    rig = start(login=False, delivery=QUICK)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        rig.client.login(closed.getsockname()[1])
        rig.client.dial("31600000486")
        rig.pbx.judge.wait_for(lambda judge: judge.reports()["failed"] >= 1)
    rig.client.post("heartbeat", {"ipaddr": "127.0.0.1", "port": str(sink.port)})
    rig.pbx.wait_idle()
    assert sink.actions() == ["CallFailed", "NewCdr"]


def test_an_application_that_never_answers_counts_as_away(start, sink):
    rig = start(login=False, delivery=QUICK)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        rig.client.login(silent.getsockname()[1])
        rig.client.dial("31600000486")
        rig.pbx.judge.wait_for(lambda judge: judge.reports()["failed"] >= 1)
        rig.client.login(sink.port)
        rig.pbx.wait_idle()
    assert sink.actions() == ["CallFailed", "NewCdr"]


@pytest.mark.parametrize("keep_alive", [False, True])
def test_every_calls_reports_arrive_in_order_whatever_runs_beside_it(start, sink, keep_alive):
    rig = start(delivery=DeliverySettings(keep_alive=keep_alive, connections=8))
    callids = [rig.client.dial(f"3160{n:02d}0001")["callid"] for n in range(30)]
    rig.pbx.wait_idle()
    expected = ["RING", "ALERT", "ANSWERED", "PlayPromptEnd", "DTMF", "BYE", "BYE", "NewCdr"]
    assert all(sink.actions(callid) == expected for callid in callids)


def test_each_report_has_its_own_connection_unless_kept_alive(start, sink):
    start().call("31600000001")
    assert len(set(sink.clients)) == 8
    sink.clients.clear()
    start(delivery=DeliverySettings(keep_alive=True, connections=4)).call("31600000001")
    assert len(sink.clients) == 8
    assert len(set(sink.clients)) <= 4
