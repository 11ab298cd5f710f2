"""Long runs with everything going wrong that can: campaigns and alarms, judged by the PBX's own log."""

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import httpx
from rich.console import Console

from bench.pbx import PbxPlan
from bench.product import Product
from bench.stand import Run, Stand
from bench.systems import Place, StoreKind
from bench.verdict import Evidence, faults_of
from bench.waiting import numbers
from dispatcher.simulator import Timing

FAULTS = {
    "lost_report": 0.05,
    "duplicate_report": 0.2,
    "reordered_report": 0.1,
    "late_report": 0.05,
    "late_seconds": 0.5,
    "early_reports": 0.1,
    "early_seconds": 0.1,
    "malformed_report": 0.03,
    "dial_lost_after": 0.02,
    "dial_lost_before": 0.01,
    "dial_502": 0.02,
}
TIMING = Timing(
    setup=0.02, ring=0.1, no_answer=0.3, prompt=0.2, response=0.1, key_delay=0.05, early_hangup=0.05, cdr=0.03
)
CALLEES = {
    "key_1": 8,
    "key_1_during_prompt": 2,
    "silent": 1,
    "hangs_up_early": 1,
    "hears_then_hangs_up": 1,
    "rings_forever": 1,
    "busy_then_key_1": 2,
    "no_answer_then_key_1": 2,
    "early_then_key_1": 1,
}
"""How often callees of each behaviour are among the numbers."""
RETRY = {"max_attempts": 3, **dict.fromkeys(("busy", "no_answer", "not_heard", "rejected", "unknown"), 1)}
PACING = {"settle": 0.5, "doubt_wait": 3.0, "silence": 4.0}
CHANNELS, RESERVED = 12, 4
CAMPAIGN, ALARMS = 150, 15
DRAIN_SECONDS = 90.0
CALLS_PER_PAGE = 500


def soak(console: Console, stores: Sequence[StoreKind], minutes: float, seed: int | None) -> int:
    """Run rounds until the time is over; the exit status is 1 when anything happened that must not."""
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    console.print(f"seed {seed}, {minutes:g} minutes, faults {FAULTS}", highlight=False)
    wrong: list[str] = []
    with Stand(set(stores)) as stand:
        for store in stores:
            wrong += _on_store(console, stand, store, seed, 60 * minutes / len(stores))
    console.print(f"seed {seed}: {len(wrong)} things went wrong" if wrong else f"seed {seed}: all is well")
    return 1 if wrong else 0


def _on_store(console: Console, stand: Stand, store: StoreKind, seed: int, seconds: float) -> list[str]:
    plan = PbxPlan(CHANNELS, asdict(TIMING), seed=seed, retry_interval=0.3, keep_log=True)
    product: list[Product] = []

    def make(place: Place) -> Product:
        made = Product(
            place, channels=CHANNELS, reserved=RESERVED, processes=2, threads=8, pacing=PACING, retry=RETRY
        )
        product.append(made)
        return made

    wrong: list[str] = []
    with stand.run(store, plan, make) as run:
        give_up, number = time.monotonic() + seconds, 0
        while number == 0 or time.monotonic() < give_up:
            found, line = _round(run, product[0], random.Random(f"{seed}:{store}:{number}"))
            number += 1
            console.print(f"{store}, round {number}: {line}", highlight=False)
            for fault in found:
                console.print(f"  WRONG: {fault}", highlight=False)
            wrong += found
    return wrong


def _round(run: Run, product: Product, chance: random.Random) -> tuple[list[str], str]:
    """One campaign with alarms beside it; what went wrong, and a line about it."""
    campaign, alarmed = numbers(CAMPAIGN, series=0), numbers(ALARMS, series=4)
    kinds = chance.choices(list(CALLEES), weights=list(CALLEES.values()), k=CAMPAIGN + ALARMS)
    run.pbx.set_callees(dict(zip(campaign + alarmed, kinds, strict=True)))
    run.pbx.set_faults({**FAULTS, "seed": chance.randrange(1_000_000)})
    started = time.monotonic()
    product.load(campaign)
    product.go()
    alarms = []
    for number in alarmed:
        time.sleep(chance.uniform(0.05, 0.3))
        alarms.append(product.raise_alarm(number))
    stuck = _drain(run, product, alarms)
    run.check()
    calls = _campaign_calls(product)
    evidence = Evidence(
        calls=run.pbx.calls(),
        log=run.pbx.log(),
        state=run.pbx.state(),
        attempts={call["number"].removeprefix("+"): call["attempts"] for call in calls},
    )
    states = Counter(call["state"] for call in calls)
    placed, reports = len(evidence.calls), evidence.state["reports"]
    run.pbx.reset()
    line = (
        f"{time.monotonic() - started:.0f} s, {placed} calls, {reports.get('lost', 0)} reports lost of "
        f"{reports.get('made', 0)}, campaign {dict(states)}"
    )
    return [*stuck, *faults_of(evidence)], line


def _drain(run: Run, product: Product, alarms: Sequence[str]) -> list[str]:
    """Wait until nothing is active any more; what still is when the time is over."""
    give_up = time.monotonic() + DRAIN_SECONDS
    while True:
        active = _active(run, product, alarms)
        if not active or time.monotonic() > give_up:
            return active
        time.sleep(0.25)


def _active(run: Run, product: Product, alarms: Sequence[str]) -> list[str]:
    active = []
    progress = product.progress()
    if progress.open:
        active.append(f"{progress.open} campaign calls are still open")
    in_use = sum(trunk["channels_in_use"]["ours"] for trunk in _items(product.get("/v1/trunks")))
    if in_use:
        active.append(f"{in_use} channels are still held")
    if not run.pbx.state()["idle"]:
        active.append("the PBX is still busy")
    if active:
        return active
    for alarm in alarms:
        states = {call["state"] for call in product.get(f"/v1/alarms/{alarm}").json()["calls"]}
        if states & {"queued", "active"}:
            active.append(f"alarm {alarm} still has calls that are {states}")
    return active


def _campaign_calls(product: Product) -> list[dict[str, Any]]:
    path = f"/v1/campaigns/{product.campaign}/calls?limit={CALLS_PER_PAGE}"
    return _items(product.get(path))


def _items(response: httpx.Response) -> list[dict[str, Any]]:
    body: Mapping[str, Any] = response.json()
    found: list[dict[str, Any]] = body["items"]
    return found
