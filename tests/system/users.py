"""Alarms for users of a PBX that calls nobody else, while something is killed or broken.

Users have no campaigns, no keys and no trunks, so what is held against the PBX's truth is less than with
numbers: nothing is lost, nothing made up, and nobody is counted as reached who did not pick up.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from dispatcher.simulator import CallRecord, Fault, Faults, SimulatedPbx
from tests.system import disturbances as do
from tests.system.audit import findings
from tests.system.disturbances import Disturbance, World
from tests.system.families import AXEOS
from tests.system.processes import wait_until
from tests.system.scenarios import PATIENCE, PROCESSES, TIMEOUT, Ground, Result, StoreKind
from tests.system.site import Site, simulated_pbx
from tests.system.wire import State, Wire

NAME = "users"
USERS, ALARMS = 12, 16
CHANNELS = 5
MAX_ATTEMPTS = 3
RETRY = {"max_attempts": MAX_ATTEMPTS, "busy": 0.2, "no_answer": 0.2, "unknown": 0.2, "unreachable": 0.2}
PACING = {"settle": 0.3, "doubt_wait": 2.0, "silence": 3.0}
TIME_SCALE = 0.01
OVER_SECONDS = 240.0
CODES = {"0001": 6, "0003": 1, "0006": 1, "0486": 2, "1486": 2, "0004": 1}
"""How often users of each behaviour are there: they pick up, are busy, are busy at first, or never answer."""

_LINES = (do.break_line(State.CUT), do.break_line(State.SILENT), do.break_line(State.SLOW))
_STRIKES: Mapping[StoreKind, Sequence[Disturbance]] = {
    StoreKind.SQLITE: (do.kill("up"), do.kill("up"), do.restart_pbx, *_LINES),
    StoreKind.POSTGRES: (
        *(do.kill(name) for name in PROCESSES[StoreKind.POSTGRES]),
        do.restart_redis,
        do.restart_pbx,
        *_LINES,
    ),
}
_FAULTS = {Fault.DIAL_LOST_AFTER: 0.05, Fault.SLOW_RESPONSE: 0.1}


def play_users(
    store: StoreKind, seed: int, ground: Ground, folder: Path, tell: Callable[[str], None] = lambda line: None
) -> Result:
    """Raise alarms for users in turn with blows; what is wrong afterwards is returned."""
    story: list[str] = []

    def note(line: str) -> None:
        story.append(line)
        tell(line)

    note(f"scenario {NAME} with {AXEOS.name} on {store}, SYSTEM_SEED={seed}")
    dice = random.Random(seed)
    codes = dice.choices(list(CODES), weights=list(CODES.values()), k=USERS)
    users = tuple(f"user{place:02}{code}" for place, code in enumerate(codes))
    store_url, broker_url = ground.fresh(store, folder)
    faults = Faults(dict(_FAULTS), seed, slow_seconds=0.4)
    with ExitStack() as stack:
        pbx = stack.enter_context(
            simulated_pbx(CHANNELS, family=AXEOS, time_scale=TIME_SCALE, faults=faults, users=users)
        )
        wire = stack.enter_context(Wire(pbx.port))
        site = stack.enter_context(
            Site(
                folder,
                wire.url,
                store_url,
                broker_url,
                channels=CHANNELS,
                timeout=TIMEOUT,
                pacing=PACING,
                patience=PATIENCE,
                family=AXEOS,
            )
        )
        is_served = store is StoreKind.POSTGRES
        world = World(
            site, pbx, [wire], ground.postgres if is_served else None, ground.redis if is_served else None
        )
        try:
            calls = _play(world, store, users, dice, note)
            wrong = [*_faults_of(pbx, calls), *findings(site.config)]
        except (AssertionError, httpx.HTTPError) as stuck:
            wrong = [f"it came to no end: {stuck}"]
        return Result(wrong, story, site.logs() if wrong else "")


def _play(
    world: World,
    store: StoreKind,
    users: Sequence[str],
    dice: random.Random,
    note: Callable[[str], None],
) -> list[Mapping[str, Any]]:
    site, names = world.site, PROCESSES[store]
    site.start(*names)
    began = time.monotonic()
    turns: list[Disturbance | None] = [*_STRIKES[store], *([None] * ALARMS)]
    dice.shuffle(turns)
    alarms: list[str] = []
    for place, strike in enumerate(turns):
        if strike is not None:
            note(f"after {len(alarms)} alarms: {strike(world, dice)}")
            continue
        to = [{"user": user} for user in dice.sample(users, 2)]
        # One call tells of all alarms that ask for the same, so no two of these do.
        retry = RETRY | {"not_heard": 20 + place}
        key, asked = f"alarm-{place}", {"to": to, "delivered_when": "answered", "retry": retry}
        alarms.append(site.raise_alarm(key=key, **asked))
        time.sleep(dice.uniform(0.0, 0.1))
    site.wait_ready(*names)

    def calls() -> list[Mapping[str, Any]]:
        # Of several alarms one call may tell, so that each of them shows it.
        shown = {call["id"]: call for alarm in alarms for call in site.alarm(alarm)["calls"]}
        return list(shown.values())

    def is_over() -> bool:
        return all(call["state"] not in ("queued", "active") for call in calls())

    wait_until(is_over, OVER_SECONDS, lambda: f"the end of all calls: {Counter(c['state'] for c in calls())}")
    world.pbx.wait_idle(60)
    wait_until(lambda: site.rows("attempts", "channel_held") == 0, 120, "the last channel's freedom")
    found = calls()
    states = Counter(call["state"] for call in found)
    outcomes = Counter(attempt["outcome"] for call in found for attempt in call["attempts"])
    placed, seconds = len(world.pbx.judge.calls()), time.monotonic() - began
    note(f"{seconds:.0f} s, {placed} calls placed, {dict(states)}, attempts {dict(outcomes)}")
    return found


def _faults_of(pbx: SimulatedPbx, calls: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Everything that must not have happened, in words."""
    records = {record.callid: record for record in pbx.judge.calls()}
    dials = Counter(dial.number for dial in pbx.judge.dials())
    made: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for call in calls:
        user, attempts = call["user"], call["attempts"]
        made[user] += sum(attempt["dialed_at"] is not None for attempt in attempts)
        seen.update(attempt["callid"] for attempt in attempts if attempt["callid"])
        yield from (fault for attempt in attempts for fault in _of_attempt(user, attempt, records))
        outcomes = [attempt["outcome"] for attempt in attempts]
        if (call["state"] == "delivered") != ("delivered" in outcomes):
            yield f"{user} is {call['state']} with the attempts {outcomes}"
        spent = sum(outcome != "unreachable" for outcome in outcomes)
        if call["state"] == "failed" and spent < MAX_ATTEMPTS:
            yield f"{user}: given up after {outcomes}"
        if spent > MAX_ATTEMPTS:
            yield f"{user}: {spent} attempts of {MAX_ATTEMPTS}: {outcomes}"
    yield from (f"{user}: dialled {dials[user]} times in {made[user]} attempts" for user in dials
                if dials[user] > made[user])  # fmt: skip
    yield from (f"callid {callid} belongs to {count} attempts" for callid, count in seen.items() if count > 1)


def _of_attempt(user: str, attempt: Mapping[str, Any], records: Mapping[str, CallRecord]) -> Iterator[str]:
    if attempt["phase"] != "ended" or attempt["outcome"] is None:
        yield f"{user}: attempt {attempt['ordinal']} has not ended: {attempt}"
    record = records.get(attempt["callid"] or "")
    if attempt["callid"] and (record is None or record.number != user):
        yield f"{user}: the PBX knows no such call of theirs: {attempt}"
    elif attempt["outcome"] == "delivered" and (record is None or record.answered is None):
        yield f"{user} counts as reached, and never picked up: {attempt}; in truth {record}"
