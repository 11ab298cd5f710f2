"""``dispatcher alarm`` against the running product."""

import json
import socket

import httpx
import pytest

from dispatcher.cli.processes import Embedded
from dispatcher.cli.wording import message
from dispatcher.config import load
from dispatcher.simulator import Behaviour, SimulatedPbx
from tests.cli.site import Site, document, run

RAISE = ("alarm", "raise", "Boiler 3 over-pressure", "--to", "+31612340001", "--ivr", "6500")


@pytest.fixture
def quiet(product: Embedded, pbx: SimulatedPbx) -> Embedded:
    """The product, with people who let it ring."""
    pbx.set_default(Behaviour.RINGS_FOREVER)
    pbx.set_callee("31612340001", Behaviour.RINGS_FOREVER)
    return product


def test_raise_and_wait_follows_the_call_to_its_acknowledgement(product: Embedded) -> None:
    result = run(*RAISE, "--delivered-when", "acknowledged", "--wait")
    assert result.exit_code == 0, result.output
    assert "+31612340001: ringing" in result.output
    assert "alarm: acknowledged (key 1 by" in result.output


def test_raise_and_wait_tells_that_nobody_was_reached(product: Embedded) -> None:
    result = run(
        "alarm", "raise", "Test", "--to", "+31612340404", "--ivr", "6500", "--max-attempts", "1", "--wait"
    )
    assert result.exit_code == 1
    assert "exhausted" in result.output


def test_every_option_arrives(quiet: Embedded) -> None:
    alarm = document(
        run(
            *RAISE,
            *("--to", "extension:1002", "--severity", "warning", "--dedup-key", "boiler-3"),
            *("--delivered-when", "acknowledged", "--ack-digits", "12", "--max-attempts", "2"),
            *("--retry", "busy=30", "--retry", "no_answer=45.5", "--expires-in", "3600"),
            *("--detail", "site=north", "--json"),
        )
    )
    assert [call.get("number") or call["extension"] for call in alarm["calls"]] == ["+31612340001", "1002"]
    assert (alarm["severity"], alarm["dedup_key"], alarm["ack_digits"]) == ("warning", "boiler-3", "12")
    assert alarm["retry"] == {"max_attempts": 2, "busy": 30, "no_answer": 45.5}
    assert alarm["message"] == {"ivr": "6500"}
    assert alarm["details"] == {"site": "north"}
    assert alarm["expires_at"] is not None


def test_left_out_the_severity_is_the_same_as_over_the_api(quiet: Embedded) -> None:
    body = {"summary": "Pump 1", "to": [{"number": "+31612340001"}], "message": {"ivr": "6500"}}
    answer = httpx.post(f"{quiet.api_url}/v1/alarms", json=body, trust_env=False)
    over_the_api = answer.json()["severity"]

    assert document(run(*RAISE, "--json"))["severity"] == over_the_api == "warning"


def test_who_took_it_in_hand_is_not_shown_as_who_resolved_it(quiet: Embedded) -> None:
    alarm = document(run(*RAISE, "--json"))
    run("alarm", "ack", alarm["id"])
    assert "acknowledged by loopback, raised" in run("alarm", "show", alarm["id"]).output
    run("alarm", "resolve", alarm["id"])
    assert "resolved, acknowledged by loopback, raised" in run("alarm", "show", alarm["id"]).output


def test_a_policy_says_whom_to_call(product: Embedded) -> None:
    alarm = document(run("alarm", "raise", "Test", "--policy", "night-shift", "--json"))
    assert [call["name"] for call in alarm["calls"]] == ["Duty engineer"]


@pytest.mark.parametrize(
    ("step", "status"), [("ack", "acknowledged"), ("resolve", "resolved"), ("cancel", "cancelled")]
)
def test_an_alarm_is_taken_in_hand(quiet: Embedded, step: str, status: str) -> None:
    alarm = document(run(*RAISE, "--json"))
    result = run("alarm", step, alarm["id"])
    assert result.exit_code == 0
    assert f"{alarm['id']} {status}" in result.stdout
    again = document(run("alarm", "show", alarm["id"], "--json"))
    assert again["status"] == status
    assert [call["state"] for call in again["calls"]] == ["cancelled"]


def test_list_and_show_in_tables(quiet: Embedded) -> None:
    alarm = document(run(*RAISE, "--severity", "critical", "--json"))
    listed = run("alarm", "list", "--status", "open")
    assert alarm["id"] in listed.stdout
    assert "Boiler 3 over-pressure" in listed.stdout
    assert run("alarm", "list", "--status", "resolved").stdout.count("\n") == 1
    shown = run("alarm", "show", alarm["id"]).stdout
    assert "critical Boiler 3 over-pressure" in shown
    assert "+31612340001" in shown
    assert "waiting for" in shown
    items = document(run("alarm", "list", "--json"))["items"]
    assert [item["id"] for item in items] == [alarm["id"]]


def test_what_the_api_refuses_is_told_in_its_words(product: Embedded) -> None:
    result = run("alarm", "raise", "Test", "--to", "12", "--ivr", "6500")
    assert result.exit_code == 1
    assert result.stderr.startswith("Refused: to.0.number")
    assert run("alarm", "show", "no-such-id").exit_code == 1


def test_how_often_a_prompt_is_played_reaches_the_api(product: Embedded) -> None:
    result = run("alarm", "raise", "Test", "--to", "+31612340001", "--ivr", "6500", "--count", "2")
    assert result.exit_code == 1
    assert result.stderr.startswith("Refused: message")


def test_a_prompt_and_its_count_are_one_message() -> None:
    assert message(None, "fire", None, None, 3) == {"prompt": "fire", "count": 3}


@pytest.mark.parametrize(
    "arguments",
    [
        ("alarm", "raise"),
        ("alarm", "raise", "Test", "--to", "pager:12"),
        ("alarm", "raise", "Test", "--retry", "busy"),
        ("alarm", "raise", "Test", "--retry", "busy=soon"),
        ("alarm", "raise", "Test", "--ivr", "1", "--prompt", "a"),
        ("alarm", "raise", "Test", "--prompt", "a", "--count", "0"),
        ("alarm", "list", "--limit", "0"),
    ],
    ids=" ".join,
)
def test_mistakes_on_the_command_line(arguments: tuple[str, ...]) -> None:
    assert run(*arguments, "--url", "http://127.0.0.1:1").exit_code == 2


def test_an_api_that_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = run("alarm", "list", "--url", f"http://127.0.0.1:{port}")
    assert result.exit_code == 3
    assert f"http://127.0.0.1:{port} can't be reached" in result.stderr


def test_without_an_address_the_configuration_tells_address_and_key(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        site.api = f"127.0.0.1:{free.getsockname()[1]}"
    site.more = "\n".join(
        f'[[api.key]]\nname = "{scope}"\ntoken = "{scope}-token"\nscopes = ["{scope}"]'
        for scope in ("intake", "operate")
    )
    config = ("--config", str(site.file))
    product = Embedded(load(site.file, {}))
    product.start()
    try:
        alarm = document(run(*RAISE, "--json", *config))
        assert document(run("alarm", "list", "--json", *config))["items"][0]["id"] == alarm["id"]
        assert run("alarm", "cancel", alarm["id"], *config).exit_code == 0
        monkeypatch.setenv("DISPATCHER_KEY", "intake-token")
        refused = run("alarm", "list", "--url", product.api_url)
        assert refused.exit_code == 1
        assert "lacks the scope 'read'" in refused.stderr
        assert json.loads(run(*RAISE, "--json", "--url", product.api_url).stdout)["status"] == "open"
    finally:
        product.stop()


@pytest.mark.parametrize(
    "command", [("alarm", "send"), ("alarm", "acknowledge"), ("campaign", "export")], ids=" ".join
)
def test_commands_answer_to_their_other_names(command: tuple[str, str]) -> None:
    assert run(*command, "--help").exit_code == 0
