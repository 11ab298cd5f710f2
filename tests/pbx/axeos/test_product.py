"""The whole product in one process, with a simulated Axeos PBX: from the request to what the API shows."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dispatcher.cli.client import Api
from dispatcher.cli.processes import Embedded
from dispatcher.config import load
from dispatcher.pbx.axeos import Axeos
from dispatcher.simulator import Behaviour, Fault, SimulatedPbx, SimulatorSettings, Timing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STAYS_UP = Timing(setup=0, ring=0.05, prompt=60.0)
RETRY = {"max_attempts": 2, "busy": 0.5, "no_answer": 0.5, "unknown": 0.5}


@dataclass
class Site:
    """A running product, its API and its PBX."""

    pbx: SimulatedPbx
    api: Api

    def raised(self, *users: str, **more: Any) -> str:
        """An alarm's id."""
        body = {
            "summary": "Boiler 3 over-pressure",
            "to": [{"user": user} for user in users],
            "message": {"ivr": "6500"},
            "delivered_when": "answered",
            "retry": RETRY,
        }
        return str(self.api.post("/v1/alarms", body | more)["id"])

    def calls(self, alarm: str) -> list[dict[str, Any]]:
        """The alarm's calls as they are shown."""
        calls: list[dict[str, Any]] = self.api.get(f"/v1/alarms/{alarm}")["calls"]
        return calls

    def ended(self, alarm: str, within: float = 20.0) -> list[dict[str, Any]]:
        """The alarm's calls, once all of them and all their attempts have ended."""
        return self.until(alarm, lambda calls: all(map(_is_over, calls)), within)

    def until(
        self, alarm: str, holds: Callable[[list[dict[str, Any]]], bool], within: float = 20.0
    ) -> list[dict[str, Any]]:
        """The alarm's calls, once a condition holds."""
        deadline = time.monotonic() + within
        while not holds(calls := self.calls(alarm)):
            assert time.monotonic() < deadline, calls
            time.sleep(0.05)
        return calls


def _is_over(call: dict[str, Any]) -> bool:
    if call["state"] in ("queued", "active"):
        return False
    return all(attempt["phase"] == "ended" for attempt in call["attempts"])


MakeSite = Callable[..., Site]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[MakeSite]:
    """Starts a simulated PBX with changed settings, and the product beside it."""
    with ExitStack() as running:

        def make(silence: float = 60.0, **changed: Any) -> Site:
            usual = SimulatorSettings(family="axeos", port=0, time_scale=0.05, username="apiKey")
            pbx = running.enter_context(SimulatedPbx(replace(usual, **changed)))
            file = tmp_path / "site.toml"
            file.write_text(_configuration(tmp_path / "site.db", pbx, silence), encoding="utf-8")
            product = Embedded(load(file, {}))
            product.start()
            running.callback(product.stop)
            api = running.enter_context(Api(product.api_url))
            deadline = time.monotonic() + 10
            while not _reads_events(api):
                assert time.monotonic() < deadline, "the events are not read"
                time.sleep(0.05)
            return Site(pbx, api)

        yield make


def _reads_events(api: Api) -> bool:
    return 'dispatcher_report_stream_up{pbx="office"} 1.0' in api.text("/metrics")


def _configuration(store: Path, pbx: SimulatedPbx, silence: float) -> str:
    return f"""\
[store]
url = "sqlite:///{store}"
[api]
listen = "127.0.0.1:0"
[reports]
listen = "127.0.0.1:0"
[pacing]
settle = 0.1
doubt_wait = 1
silence = {silence}
[[pbx]]
name = "office"
family = "axeos"
url = "{pbx.url}"
username = "apiKey"
password = "{pbx.settings.password}"
timeout = 2
"""


def test_a_user_who_picks_up_is_delivered_to(site: MakeSite) -> None:
    office = site()
    [call] = office.ended(office.raised("anna"))
    (truth,) = office.pbx.judge.calls()
    [attempt] = call["attempts"]

    assert (call["user"], call["state"], call["outcome"]) == ("anna", "delivered", "delivered")
    assert "number" not in call
    assert (attempt["callid"], attempt["pbx"], attempt["trunk"]) == (truth.callid, "office", None)
    assert attempt["answered_at"]
    assert attempt["ended_at"]
    assert (attempt["digits"], attempt["prompt_ended_at"]) == (None, None)
    detail = office.api.get(f"/v1/calls/{call['id']}")
    assert {report["word"] for report in detail["reports"]} == {"incoming call", "call finished"}


def test_phones_that_are_not_answered_use_up_the_attempts(site: MakeSite) -> None:
    office = site(timing=Timing(no_answer=2.0))
    outcomes = {"anna": "busy", "ben": "no_answer", "carl": "no_answer", "dora": "unknown"}
    for user, behaviour in zip(
        outcomes,
        (Behaviour.BUSY, Behaviour.RINGS_FOREVER, Behaviour.UNAVAILABLE, Behaviour.NOT_FOUND),
        strict=True,
    ):
        office.pbx.set_callee(user, behaviour)
    alarm = office.raised(*outcomes)
    calls = office.ended(alarm)

    assert {call["user"]: call["outcome"] for call in calls} == outcomes
    for call in calls:
        assert call["state"] == "failed"
        assert [attempt["outcome"] for attempt in call["attempts"]] == [call["outcome"]] * 2
    assert office.api.get(f"/v1/alarms/{alarm}")["status"] == "exhausted"


def test_several_are_called_at_once_but_nobody_twice_at_a_time(site: MakeSite) -> None:
    office = site()
    alarms = [office.raised("anna", "ben"), office.raised("anna", "carl"), office.raised("anna")]
    calls = [call for alarm in alarms for call in office.ended(alarm)]

    assert {call["state"] for call in calls} == {"delivered"}
    assert [len(call["attempts"]) for call in calls] == [1] * 5, "no phone was busy with a call of ours"
    assert office.pbx.judge.overlaps() == []


def test_without_any_call_event_the_call_ends_by_being_asked_for(site: MakeSite) -> None:
    office = site(silence=3.0, api_events=False)
    [call] = office.ended(office.raised("anna"))

    assert call["state"] == "delivered"
    assert call["attempts"][0]["ended_at"]
    assert 'operation="live_call"' in office.api.text("/metrics")


def test_a_call_is_known_to_be_over_soon_after_the_pbx_has_restarted(site: MakeSite) -> None:
    office = site(time_scale=1.0, timing=STAYS_UP)
    first = office.raised("anna")
    office.until(first, lambda calls: calls[0]["state"] == "delivered")
    assert office.calls(first)[0]["attempts"][0]["ended_at"] is None

    office.pbx.restart(1.0)
    [call] = office.ended(first)
    assert call["attempts"][0]["ended_at"]


def test_a_lost_answer_leaves_the_attempt_in_doubt_and_then_the_alarm_calls_again(
    site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Axeos, "capabilities", replace(Axeos.capabilities, dial_waits=1.0))
    office = site()
    office.pbx.arm(Fault.DIAL_LOST_AFTER)
    alarm = office.raised("anna")
    [waiting] = office.until(alarm, lambda calls: "in doubt" in str(calls[0]["waiting_for"]))
    assert waiting["state"] == "active"

    [call] = office.ended(alarm, within=40.0)
    assert [attempt["outcome"] for attempt in call["attempts"]] == ["unknown", "delivered"]
    assert call["state"] == "delivered"
    assert office.pbx.judge.overlaps() == []


def test_a_call_that_is_withdrawn_while_the_phone_rings_ends_when_it_is_answered(site: MakeSite) -> None:
    office = site(time_scale=1.0, timing=Timing(setup=0, ring=1.5, prompt=60.0))
    alarm = office.raised("anna")
    office.pbx.judge.wait_for(lambda judge: judge.live() == 1)
    office.api.post(f"/v1/alarms/{alarm}/cancel")
    office.pbx.judge.wait_for(lambda judge: judge.live() == 0)

    (truth,) = office.pbx.judge.calls()
    assert truth.answered is not None
    assert truth.cause == "hung up by the API"
    office.ended(alarm)
