"""``dispatcher policy``, ``silence``, ``inhibition``, and what ``alarm`` does with them."""

import hashlib
import json
from pathlib import Path

import pytest

from dispatcher.cli.processes import Embedded
from dispatcher.cli.silence import matching
from dispatcher.proof import canonical
from dispatcher.simulator import Behaviour, SimulatedPbx
from tests.cli.site import document, run

POLICY = """\
repeat = 1
message = { ivr = "6500" }
[[steps]]
to = [{ number = "+31612340001" }]
wait = 600
[[steps]]
to = [{ number = "+31612340002", name = "Bob" }, { extension = "1002" }]
mode = "hunt"
"""
RAISE = ("alarm", "raise", "Boiler 3", "--to", "+31612340001", "--ivr", "6500")


@pytest.fixture
def quiet(product: Embedded, pbx: SimulatedPbx) -> Embedded:
    """The product, with people who let it ring."""
    pbx.set_default(Behaviour.RINGS_FOREVER)
    for number in ("31612340001", "31612340002"):
        pbx.set_callee(number, Behaviour.RINGS_FOREVER)
    return product


@pytest.fixture
def policy(quiet: Embedded, tmp_path: Path) -> str:
    file = tmp_path / "weekend.toml"
    file.write_text(POLICY, encoding="utf-8")
    assert run("policy", "set", "weekend", str(file)).exit_code == 0
    return "weekend"


def test_a_policy_is_set_listed_shown_and_deleted(policy: str) -> None:
    listed = run("policy", "list").stdout
    assert "weekend" in listed
    assert "+31612340001 → +31612340002, extension:1002 (one after the other)" in listed
    assert "night-shift" in listed
    assert document(run("policy", "show", policy))["policy"]["repeat"] == 1
    assert run("policy", "delete", policy).exit_code == 0
    assert run("policy", "show", policy).exit_code == 1


def test_a_file_that_is_no_policy(quiet: Embedded, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    assert run("policy", "set", "w", str(file)).exit_code == 2
    file.write_text("to = [", encoding="utf-8")
    assert "is no TOML" in run("policy", "set", "w", str(file)).stderr
    file.write_text('to = [{ user = "ben" }]\nmessage = { ivr = "6500" }\n', encoding="utf-8")
    assert run("policy", "set", "w", str(file)).stderr.startswith("Refused: to.0.user")


def test_an_alarm_shows_its_step_and_who_is_next_and_is_escalated(policy: str) -> None:
    alarm = document(run("alarm", "raise", "Boiler 3", "--policy", policy, "--json"))
    shown = run("alarm", "show", alarm["id"]).stdout
    assert "step 1 of policy weekend" in shown
    assert "next, in step 2: Bob, extension 1002" in shown

    assert run("alarm", "escalate", alarm["id"]).exit_code == 0

    shown = run("alarm", "show", alarm["id"]).stdout
    assert "step 2 of policy weekend" in shown
    assert "next, in step 1: +31612340001" in shown


def test_a_silence_holds_alarms_with_its_label_until_it_is_ended(quiet: Embedded) -> None:
    silence = document(run("silence", "add", "site=north", "--for", "1h", "--why", "repair", "--json"))
    alarm = document(run(*RAISE, "--label", "site=north", "--json"))
    assert "nobody is called now: silenced" in run("alarm", "show", alarm["id"]).stdout
    assert silence["id"] in run("silence", "list").stdout

    assert run("silence", "end", silence["id"]).exit_code == 0

    assert silence["id"] not in run("silence", "list").stdout
    assert silence["id"] in run("silence", "list", "--ended").stdout
    assert run("silence", "end", silence["id"]).exit_code == 1


def test_a_maintenance_window_week_by_week(quiet: Embedded) -> None:
    made = document(
        run(
            *("silence", "add", "site=~north|south", "severity!=critical", "--maintenance", "--json"),
            *("--window", "sun,02:00-04:00", "--timezone", "Europe/Amsterdam"),
        )
    )
    assert (made["kind"], made["ends_at"], made["timezone"]) == ("maintenance", None, "Europe/Amsterdam")
    assert [one["op"] for one in made["matchers"]] == ["=~", "!="]
    assert run("silence", "add", "site=north").exit_code == 1, "it needs an end"


def test_an_inhibition_is_set_listed_and_deleted(quiet: Embedded) -> None:
    run("inhibition", "set", "down", "--source", "alertname=SiteDown", "--target", "x=y", "--equal", "site")
    assert "alertname=SiteDown" in run("inhibition", "list").stdout
    run(*RAISE, "--label", "alertname=SiteDown", "--label", "site=north")
    lesser = ("alarm", "raise", "P", "--to", "+31612340002", "--ivr", "6500", "--json")
    held = document(run(*lesser, "--label", "x=y", "--label", "site=north"))
    assert "inhibited by alarm" in held["held_why"]
    assert run("inhibition", "delete", "down").exit_code == 0
    assert run("inhibition", "delete", "down").exit_code == 1


@pytest.mark.parametrize(
    ("text", "op", "value"),
    [("a=b", "=", "b"), ("a!=b", "!=", "b"), ("a=~b=c", "=~", "b=c"), ("a!~b", "!~", "b"), ("a=", "=", "")],
)
def test_matchers(text: str, op: str, value: str) -> None:
    assert matching(text) == {"label": "a", "op": op, "value": value}


@pytest.mark.parametrize("text", ["a", "=b", ""])
def test_what_is_no_matcher(text: str) -> None:
    assert run("silence", "add", text, "--url", "http://127.0.0.1:1").exit_code == 2


def test_a_proof_is_printed_and_written(product: Embedded, tmp_path: Path) -> None:
    raised = document(run(*RAISE, "--delivered-when", "acknowledged", "--wait", "--json"))
    printed = run("alarm", "proof", raised["id"]).stdout
    assert "The telephone of +31612340001 rang" in printed
    page, kept = tmp_path / "proof.html", tmp_path / "proof.json"
    assert run("alarm", "proof", raised["id"], "--html", str(page), "--json", str(kept)).exit_code == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    proof = json.loads(kept.read_text(encoding="utf-8"))
    assert proof["sha256"] == hashlib.sha256(canonical(proof["content"])).hexdigest()
    assert proof["content"]["alarm"]["status"] == "acknowledged"
    assert run("alarm", "proof", raised["id"], "--html", str(tmp_path / "no" / "x")).exit_code == 2


def test_a_test_alarm_goes_to_the_ear_and_back(product: Embedded) -> None:
    result = run("alarm", "test", "--to", "+31612340001", "--ivr", "6500", "--delivered-when", "acknowledged",
                 "--json")  # fmt: skip
    journey = document(result)
    assert (journey["status"], journey["delivered"], journey["over"]) == ("acknowledged", True, True)
    timed = {leg["name"]: leg["seconds"] for leg in journey["legs"]}
    assert all(timed[name] is not None for name in ("dial request", "ringing", "answered", "key"))
    assert journey["request_seconds"] > 0
    assert document(run("alarm", "show", journey["alarm_id"], "--json"))["status"] == "resolved"
    table = run("alarm", "test", "--policy", "night-shift")
    assert table.exit_code == 0, table.output
    assert "accepted by the PBX" in table.stdout


def test_a_test_alarm_that_reaches_nobody(product: Embedded, pbx: SimulatedPbx) -> None:
    pbx.set_callee("31612340001", Behaviour.BUSY)
    result = run("alarm", "test", "--to", "+31612340001", "--ivr", "6500")
    assert result.exit_code == 1
    assert "Not reached: busy" in result.stdout
