"""dispatcher webhook and dispatcher heartbeat against the whole product, with a real receiver."""

import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from dispatcher.cli.processes import Embedded
from dispatcher.config import load
from tests.cli.site import Site, document, run, running
from tests.outgoing.receiver import Receiver, Reply


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver().start()
    yield made
    made.stop()


@pytest.mark.usefixtures("product")
def test_a_webhook_is_made_tried_changed_and_deleted(receiver: Receiver) -> None:
    made = run("webhook", "create", "desk", receiver.url, "--kind", "alarm.*")
    assert made.exit_code == 0, made.output
    secret = made.stdout.splitlines()[-1]
    assert secret.startswith("whsec_")

    tried = run("webhook", "test", "desk")
    assert (tried.exit_code, tried.stdout) == (0, "sent, HTTP 204\n")
    assert receiver.got[0].is_signed_with(secret)

    receiver.reply = lambda got: Reply(500, b"out of order")
    failed = run("webhook", "test", "desk")
    assert (failed.exit_code, failed.stdout) == (1, "waiting: HTTP 500: out of order\n")
    assert "HTTP 500" in run("webhook", "deliveries", "--state", "waiting").stdout

    assert "active" in run("webhook", "list").stdout
    new = run("webhook", "rotate", "desk", "--overlap", "0s").stdout.splitlines()[-1]
    assert new not in (secret, "")
    changed = document(run("webhook", "change", "desk", "--inactive", "--json"))
    assert changed["active"] is False
    assert run("webhook", "replay", "--webhook", "desk").exit_code == 1
    assert "0 to be sent again\nnothing to desk: not active" in run("webhook", "replay", "--all").stdout
    run("webhook", "change", "desk", "--active")
    receiver.reply = lambda got: Reply()
    assert run("webhook", "replay", "--all").stdout == "1 to be sent again\n"
    until(lambda: len(receiver.got) == 3)
    assert receiver.got[2].is_signed_with(new)
    assert not receiver.got[2].is_signed_with(secret)
    assert receiver.got[2].message_id == receiver.got[1].message_id

    assert run("webhook", "delete", "desk").exit_code == 0
    assert document(run("webhook", "list", "--json")) == []
    assert secret not in run("webhook", "list").stdout


def test_a_mistake_on_the_command_line_is_said(product: Embedded) -> None:
    assert run("webhook", "replay").exit_code == 2
    assert run("webhook", "replay", "1", "--all").exit_code == 2
    assert run("webhook", "rotate", "desk", "--overlap", "soon").exit_code == 2
    refused = run("webhook", "create", "desk", "ftp://desk")
    assert refused.exit_code == 1
    assert "http" in refused.output


def test_an_alarm_is_told_over_a_restart_of_the_dispatcher(
    site: Site, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Embedded(load(site.file, {}))
    first.start()
    monkeypatch.setenv("DISPATCHER_URL", first.api_url)
    made = document(run("webhook", "create", "desk", receiver.url, "--json"))
    receiver.stop()
    alarm = document(run("alarm", "raise", "Boiler 3", "--policy", "night-shift", "--json"))
    until(lambda: document(run("webhook", "deliveries", "--json"))["items"])
    first.stop()

    second = Embedded(load(site.file, {}))
    second.start()
    try:
        monkeypatch.setenv("DISPATCHER_URL", second.api_url)
        run("alarm", "ack", alarm["id"])
        receiver.start()
        wanted = {"alarm.raised", "alarm.acknowledged"}
        until(lambda: wanted <= set(receiver.kinds))
        until(lambda: not document(run("webhook", "deliveries", "--state", "waiting", "--json"))["items"])
    finally:
        second.stop()

    assert all(got.is_signed_with(made["secret"]) for got in receiver.got)
    told = [got.kind for got in receiver.got]
    assert [told.count(kind) for kind in sorted(wanted)] == [1, 1]


@pytest.mark.usefixtures("product")
def test_a_silence_calls_somebody_and_is_over_when_it_is_heard(product: Embedded) -> None:
    made = run("heartbeat", "create", "pump", "--every", "1s", "--grace", "0s", "--policy", "night-shift")
    assert (made.exit_code, made.stdout) == (0, "pump new\n")
    assert run("heartbeat", "beat", "pump").stdout.startswith("pump up, due ")
    until(lambda: document(run("heartbeat", "show", "pump"))["status"] == "down")
    down = document(run("heartbeat", "show", "pump"))
    alarm = document(run("alarm", "show", down["alarm_id"], "--json"))
    assert (alarm["source"], alarm["policy"], len(alarm["calls"])) == ("heartbeat", "night-shift", 1)
    assert "down" in run("heartbeat", "list").stdout

    pinged = httpx.get(f"{product.api_url}/v1/heartbeats/pump/ping")
    assert pinged.json()["status"] == "up"
    assert document(run("alarm", "show", down["alarm_id"], "--json"))["status"] == "resolved"

    assert run("heartbeat", "pause", "pump").stdout == "pump paused\n"
    assert run("heartbeat", "change", "pump", "--every", "2h").exit_code == 0
    assert run("heartbeat", "resume", "pump").stdout.startswith("pump up")
    assert document(run("heartbeat", "list", "--json"))[0]["every"] == 7200
    assert run("heartbeat", "delete", "pump").exit_code == 0
    assert run("heartbeat", "beat", "pump").exit_code == 1


@pytest.mark.slow
def test_a_message_under_way_when_the_process_is_killed_is_sent_again(
    site: Site, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.more = "[webhooks]\ntimeout = 1.0\n"
    file = str(site.file)
    with running("--config", file, "up") as first:
        monkeypatch.setenv("DISPATCHER_URL", first.url())
        run("webhook", "create", "desk", receiver.url, "--kind", "alarm.raised")
        receiver.reply = lambda got: Reply(after=60.0)
        run("alarm", "raise", "Boiler 3", "--policy", "night-shift")
        until(lambda: receiver.got)
        first.process.kill()
        first.process.wait()
    receiver.stop()
    receiver.reply = lambda got: Reply()
    receiver.start()
    with running("--config", file, "up") as second:
        monkeypatch.setenv("DISPATCHER_URL", second.url())
        until(lambda: len(receiver.got) == 2, seconds=40)
        until(lambda: document(run("webhook", "deliveries", "--json"))["items"][0]["state"] == "sent")
        second.terminate()

    before, after = receiver.got
    assert after.message_id == before.message_id
    assert after.body == before.body
