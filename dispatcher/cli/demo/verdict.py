"""Whether everything ended as scripted, and the figures of the run, from the API and from the PBX."""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from dispatcher.cli import show
from dispatcher.cli.client import Api
from dispatcher.cli.demo.cast import Callee
from dispatcher.cli.demo.stage import PBX, TRUNK
from dispatcher.cli.demo.story import Told
from dispatcher.simulator import Judge


@dataclass(slots=True)
class Verdict:
    """Everything that the summary shows. Times are seconds, shares are of one."""

    calls: int = 0
    as_scripted: int = 0
    deviations: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    heard: int = 0
    acknowledged: int = 0
    attempts: int = 0
    requests: int = 0
    alarm_to_ring: dict[str, float] = field(default_factory=dict)
    makespan: float = 0.0
    channels: int = 0
    peak: int = 0
    over_limit: int = 0
    used_by_pbx: float = 0.0
    used_by_product: float = 0.0
    used_while_waiting: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether every call, alarm and dial was as scripted, within the channels."""
        return not self.deviations


def channel_seconds(api: Api) -> float:
    """How long channels of the trunk have been held, as the product's own metric says; 0 without a trunk."""
    return _sample(api, "dispatcher_channel_seconds_total", pbx=PBX, trunk=TRUNK) or 0.0


def _sample(api: Api, name: str, **labels: str) -> float | None:
    for family in text_string_to_metric_families(api.text("/metrics")):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


def judge_run(api: Api, told: Told, people: list[Callee], judge: Judge, seconds_before: float) -> Verdict:
    """Look at everything once more, through the API and on the PBX itself."""
    verdict = Verdict()
    if told.failed:
        verdict.deviations.append(f"the story could not be told to its end: {told.failed}")
    attempts = [
        *_take_campaign(verdict, api, told, people),
        *itertools.chain.from_iterable(_take_alarm(verdict, api, told, key) for key in told.alarms),
    ]
    # One call may tell of several alarms.
    verdict.attempts = len({attempt["id"] for attempt in attempts if attempt["dialed_at"] is not None})
    verdict.requests = len(judge.dials())
    if people:
        _take_channels(verdict, judge)
        _take_product(verdict, attempts, channel_seconds(api) - seconds_before)
    _compare_with_pbx(verdict)
    return verdict


def _take_campaign(verdict: Verdict, api: Api, told: Told, people: list[Callee]) -> Iterator[dict[str, Any]]:
    calls: dict[str, Any] = {}
    if told.campaign:
        calls = {call["number"]: call for call in api.items(f"/v1/campaigns/{told.campaign}/calls")}
    for person in people:
        call = calls.get(person.number)
        if call is None:
            verdict.calls += 1
            verdict.deviations.append(f"{person.name} ({person.number}): never became a call")
            continue
        _take_call(verdict, call, person.kind.title, person.kind.expected.deviation(call))
        yield from call["attempts"]


def _take_alarm(verdict: Verdict, api: Api, told: Told, alarm_id: str) -> Iterator[dict[str, Any]]:
    alarm, script = api.get(f"/v1/alarms/{alarm_id}"), told.alarms[alarm_id]
    if alarm["status"] != script.status:
        verdict.deviations.append(
            f"alarm {alarm['summary']!r}: expected {script.status}, got {alarm['status']}"
        )
    expected = dict(script.calls)
    for call in alarm["calls"]:
        wanted = expected.pop(call.get("number") or call.get("extension") or call.get("user"), None)
        deviation = "not in the script" if wanted is None else wanted.deviation(call)
        _take_call(verdict, call, alarm["summary"], deviation)
        yield from call["attempts"]
    verdict.deviations += [f"alarm {alarm['summary']!r}: {who} was never called" for who in expected]
    rings = [at["ringing_at"] for call in alarm["calls"] for at in call["attempts"] if at["ringing_at"]]
    if rings:
        verdict.alarm_to_ring[alarm["summary"]] = _between(alarm["created_at"], min(rings))


def _take_call(verdict: Verdict, call: dict[str, Any], title: str, deviation: str | None) -> None:
    verdict.calls += 1
    if deviation is None:
        verdict.as_scripted += 1
    else:
        verdict.deviations.append(f"{show.party(call)}, {title}: {deviation}")
    verdict.states[call["state"]] += 1
    if call["state"] in ("failed", "expired"):
        verdict.failures[call["outcome"] or "never dialled"] += 1
    heard = any(attempt["prompt_ended_at"] or attempt["digits"] for attempt in call["attempts"])
    verdict.heard += heard
    verdict.answered += heard or any(attempt["answered_at"] for attempt in call["attempts"])
    verdict.acknowledged += any("1" in (attempt["digits"] or "") for attempt in call["attempts"])


def _take_channels(verdict: Verdict, judge: Judge) -> None:
    tally = judge.trunk(TRUNK)
    verdict.channels, verdict.peak, verdict.over_limit = tally.channels, tally.peak, judge.over_limits()
    verdict.used_by_pbx = tally.utilisation()
    calls = [call for call in judge.calls() if call.ours and call.trunk == TRUNK]
    fresh = [call.started for call in calls if call.nth_dial == 1]
    if fresh and max(fresh) > min(fresh):
        until, span = max(fresh), max(fresh) - min(fresh)
        busy = sum(max(0.0, min(call.ended or until, until) - call.started) for call in calls)
        verdict.used_while_waiting = busy / (tally.channels * span)


def _take_product(verdict: Verdict, attempts: list[dict[str, Any]], held: float) -> None:
    dialled = [attempt for attempt in attempts if attempt["trunk"] == TRUNK and attempt["dialed_at"]]
    ends = [attempt["ended_at"] for attempt in dialled if attempt["ended_at"]]
    if ends:
        verdict.makespan = _between(min(attempt["dialed_at"] for attempt in dialled), max(ends))
        verdict.used_by_product = held / (verdict.channels * verdict.makespan)


def _compare_with_pbx(verdict: Verdict) -> None:
    if verdict.over_limit:
        verdict.deviations.append(f"the PBX found its trunk full {verdict.over_limit} times")
    if verdict.requests != verdict.attempts:
        verdict.deviations.append(
            f"the PBX got {verdict.requests} dial requests for {verdict.attempts} attempts"
        )


def _between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
