"""Campaigns with alarms beside them, while something is killed or broken; the PBX's own log is the judge.

One engine for the fixed set in ``test_scenarios.py`` and for ``make soak``, which repeats the same scenarios
with fresh seeds. A seed fixes the numbers, what is broken when, and which faults strike; what the machine
makes of that is never quite the same twice.
"""

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from pathlib import Path

import httpx

from dispatcher.simulator import Fault, Faults
from tests.services import PostgresServer, RedisServer
from tests.services.fixtures import migrated_template
from tests.system import disturbances as do
from tests.system.audit import findings
from tests.system.disturbances import Disturbance, World
from tests.system.families import YEASTAR_S, Family
from tests.system.judgement import Evidence, faults_of, gather, outcomes_of
from tests.system.processes import wait_until
from tests.system.site import TRUNK, Site, number, simulated_pbx
from tests.system.truth import Trouble
from tests.system.wire import State, Wire

CHANNELS, RESERVED = 5, 1
CAMPAIGN, ALARMS = 300, 12
MAX_ATTEMPTS = 2
RETRIED = ("busy", "no_answer", "not_heard", "rejected", "voicemail", "unknown", "congestion", "unreachable")
RETRY = {"max_attempts": MAX_ATTEMPTS, **dict.fromkeys(RETRIED, 0.2)}
PACING = {"settle": 0.3, "doubt_wait": 2.0, "silence": 2.0, "record_wait": 1.0, "records_every": 1.0}
"""A call is up for half a second; after two seconds of silence the PBX is asked what became of it."""
TIMEOUT = 1.0
TIME_SCALE = 0.006
PATIENCE = 60.0
"""Seconds that the API may be away: on a busy machine a process takes long to start."""
CALM_SECONDS = 8.0
"""So long a blow waits at most for the calls that are to come before it."""
OVER_SECONDS, DRAIN_SECONDS = 120.0, 60.0
NUMBER = re.compile(r"\+\d{11}")
MOST_TIMELINES = 5
CODES = {
    "0001": 12,  # presses 1
    "0008": 3,  # presses 1 while the prompt is read
    "0003": 2,  # hangs up early
    "0006": 1,  # hears all and does nothing
    "0010": 1,  # hears it and hangs up
    "0486": 2,  # busy
    "1486": 3,  # busy, then presses 1
    "1480": 2,  # does not answer, then presses 1
    "1003": 1,  # hangs up, then presses 1
    "0004": 1,  # never answers
    "0603": 1,  # declines
    "0032": 1,  # do not disturb
    "0404": 1,  # no such number
    "0031": 1,  # a number that the PBX refuses
    "0020": 1,  # voicemail
}
"""How often callees of each behaviour are among the numbers of a campaign."""
ALARM_CODES = {"0001": 6, "1486": 2, "0003": 1, "0006": 1, "0486": 1}
"""The same among the numbers of alarms, some of which nobody acknowledges."""


class StoreKind(StrEnum):
    """Which installation: one process on SQLite, or every role by itself on PostgreSQL and Redis."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


PROCESSES: Mapping[StoreKind, Sequence[str]] = {
    StoreKind.SQLITE: ("up",),
    StoreKind.POSTGRES: ("api", "reports", "pacer", "pacer-2", "workers", "workers-2"),
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is broken during a run: each disturbance at least once, ``strikes`` in all, at random moments."""

    name: str
    disturbances: Mapping[StoreKind, Sequence[Disturbance]]
    strikes: int = 0
    faults: Mapping[Fault, float] = field(default_factory=dict)
    troubled: frozenset[Trouble] = frozenset()

    @property
    def stores(self) -> list[StoreKind]:
        """The installations that it can be played on."""
        return list(self.disturbances)


_EVERYWHERE: Mapping[StoreKind, Sequence[Disturbance]] = dict.fromkeys(StoreKind, ())
_KILLS: Mapping[StoreKind, Sequence[Disturbance]] = {
    StoreKind.SQLITE: (do.kill("up"),),
    StoreKind.POSTGRES: (
        *(do.kill(name) for name in PROCESSES[StoreKind.POSTGRES]),
        do.kill("workers", only_child=True),
    ),
}
_SERVERS = (do.restart_postgres, do.restart_redis, do.empty_redis)
_PBX = (
    do.restart_pbx,
    do.forget_tokens,
    do.trunk_down,
    do.break_line(State.CUT),
    do.break_line(State.BROKEN_PROXY),
    do.break_line(State.SILENT),
    do.break_line(State.SLOW),
)
_REPORT_FAULTS = {
    Fault.LOST_REPORT: 0.05,
    Fault.DUPLICATE_REPORT: 0.20,
    Fault.REORDERED_REPORT: 0.10,
    Fault.LATE_REPORT: 0.10,
    Fault.MALFORMED_REPORT: 0.05,
    Fault.EARLY_REPORTS: 0.20,
    Fault.EXTRA_CDR: 0.05,
    Fault.DIAL_LOST_AFTER: 0.05,
    Fault.DIAL_LOST_BEFORE: 0.01,
    Fault.DIAL_502: 0.01,
}
_BROKEN = frozenset({Trouble.ANSWER_LOST})
_AWAY = frozenset({Trouble.ANSWER_LOST, Trouble.PBX_AWAY})
# A dial request that takes long is one during which its worker may die.
_LONG_DIALS = {Fault.SLOW_RESPONSE: 0.3}

SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("kill", _KILLS, strikes=5, faults=_LONG_DIALS, troubled=_BROKEN),
        Scenario("servers", {StoreKind.POSTGRES: _SERVERS}, strikes=6, troubled=_BROKEN),
        Scenario("pbx", dict.fromkeys(StoreKind, _PBX), strikes=7, troubled=_AWAY),
        Scenario("reports", _EVERYWHERE, faults=_REPORT_FAULTS),
        Scenario(
            "everything",
            {
                StoreKind.SQLITE: (*_KILLS[StoreKind.SQLITE], *_PBX),
                StoreKind.POSTGRES: (*_KILLS[StoreKind.POSTGRES], *_SERVERS, *_PBX),
            },
            strikes=16,
            faults={**_REPORT_FAULTS, **_LONG_DIALS},
            troubled=_AWAY,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Result:
    """How a run went: what must not have happened, what was done, and the processes' logs if they matter."""

    faults: Sequence[str]
    story: Sequence[str]
    logs: str = ""

    def text(self) -> str:
        """All of it, for a person."""
        told = "\n".join(self.story)
        if not self.faults:
            return told
        shown = "\n".join(f"WRONG: {fault}" for fault in self.faults[:20])
        return f"{told}\n{len(self.faults)} things are wrong:\n{shown}\n{self.logs}"


class Ground:
    """Where scenarios are played: the servers, and a fresh database for each run."""

    def __init__(self, postgres: PostgresServer | None = None, redis: RedisServer | None = None) -> None:
        """The servers, running; without them only SQLite can be played on."""
        self.postgres = postgres
        self.redis = redis
        self._numbers = count(1)
        self._template = migrated_template(postgres) if postgres is not None else ""

    def fresh(self, store: StoreKind, folder: Path) -> tuple[str, str]:
        """The URLs of an empty database and of an empty broker."""
        if store is StoreKind.SQLITE:
            return f"sqlite:///{folder / 'dispatcher.db'}", ""
        assert self.postgres is not None
        assert self.redis is not None
        self.redis.start()
        do.flush(self.redis)
        self.postgres.start()
        return self.postgres.create_database(f"run_{next(self._numbers)}", self._template), self.redis.url


def play(
    scenario: Scenario,
    store: StoreKind,
    seed: int,
    ground: Ground,
    folder: Path,
    tell: Callable[[str], None] = lambda line: None,
    family: Family = YEASTAR_S,
    *,
    calls: int = CAMPAIGN,
) -> Result:
    """Play a scenario once, and hold what came of it against the PBX's truth; what is wrong is returned.

    With fewer ``calls`` in the campaign each disturbance comes once, and there is an alarm for every 25.
    """
    story: list[str] = []

    def note(line: str) -> None:
        story.append(line)
        tell(line)

    note(f"scenario {scenario.name} with {family.name} on {store}, SYSTEM_SEED={seed}")
    store_url, broker_url = ground.fresh(store, folder)
    faults = Faults(dict(scenario.faults), seed, late_seconds=0.4, early_seconds=0.1, slow_seconds=0.4)
    with ExitStack() as stack:
        pbx = stack.enter_context(
            simulated_pbx(CHANNELS, family=family, time_scale=TIME_SCALE, faults=faults)
        )
        wires = [stack.enter_context(Wire(port)) for port in (pbx.port, pbx.report_port) if port]
        site = stack.enter_context(
            Site(
                folder,
                wires[0].url,
                store_url,
                broker_url,
                channels=CHANNELS,
                reserved=RESERVED,
                threads=8,
                timeout=TIMEOUT,
                pacing=PACING,
                patience=PATIENCE,
                family=family,
                report_port=wires[-1].port,
            )
        )
        is_served = store is StoreKind.POSTGRES
        world = World(
            site, pbx, wires, ground.postgres if is_served else None, ground.redis if is_served else None
        )
        run = _Run(scenario, world, store, seed, note, scenario.troubled | family.troubled, calls)
        try:
            wrong = [*faults_of(run.evidence()), *findings(site.config)]
        except (AssertionError, httpx.HTTPError) as stuck:
            wrong = [f"it came to no end: {stuck}"]
        return Result(wrong, story, f"{_timelines(site, wrong)}\n{site.logs()}" if wrong else "")


def _timelines(site: Site, faults: Sequence[str]) -> str:
    """What the product says of the first numbers that are named in the faults."""
    try:
        named = list(dict.fromkeys(number for fault in faults for number in NUMBER.findall(fault)))
        calls = {call["number"]: call["id"] for call in site.every_call() if call["number"] in named}
        return "\n".join(site.story_of(calls[number]) for number in named[:MOST_TIMELINES] if number in calls)
    except Exception as error:  # The faults themselves must be told whatever state the product is in.
        return f"there is no more to tell: {error!r}"


class _Run:
    """One campaign with alarms, from the first start to the last report."""

    def __init__(
        self,
        scenario: Scenario,
        world: World,
        store: StoreKind,
        seed: int,
        note: Callable[[str], None],
        troubled: frozenset[Trouble],
        size: int,
    ) -> None:
        self._scenario = scenario
        self._size, self._alarm_count = size, size * ALARMS // CAMPAIGN
        self._strikes = scenario.strikes if size == CAMPAIGN else 0
        self._troubled = troubled
        self._world = world
        self._names = PROCESSES[store]
        self._disturbances = scenario.disturbances[store]
        self._dice = random.Random(seed)
        self._note = note
        self._alarms: list[str] = []
        self._numbers = [number(place, code) for place, code in enumerate(self._codes(CODES, size))]
        # Every third alarm calls two people, of whom the first to press the key spares the other.
        self._to_call = [
            [number(CAMPAIGN + 3 * place + extra, code) for extra, code in enumerate(codes)]
            for place in range(self._alarm_count)
            for codes in [self._codes(ALARM_CODES, 2 if place % 3 == 0 else 1)]
        ]

    def _codes(self, weights: Mapping[str, int], calls: int) -> list[str]:
        return self._dice.choices(list(weights), weights=list(weights.values()), k=calls)

    def evidence(self) -> Evidence:
        """Play it all; AssertionError when it does not come to an end."""
        site = self._world.site
        site.start(*self._names)
        campaign = site.load(self._numbers, retry=RETRY)
        began = time.monotonic()
        site.go(campaign)
        self._break_things()
        site.wait_ready(*self._names)
        site.campaign_over(campaign, OVER_SECONDS)
        for alarm in self._alarms:
            site.alarm_over(alarm, DRAIN_SECONDS)
        self._world.pbx.wait_idle(DRAIN_SECONDS)
        site.idle(DRAIN_SECONDS)
        site.settled(DRAIN_SECONDS)
        wait_until(
            lambda: site.campaign(campaign)["status"] == "finished", DRAIN_SECONDS, "the campaign's end"
        )
        calls = site.calls(campaign)
        assert sorted(call["number"] for call in calls) == sorted(self._numbers), "a number is missing"
        alarms = [site.alarm(alarm) for alarm in self._alarms]
        evidence = gather(
            self._world.pbx,
            [*calls, *(call for alarm in alarms for call in alarm["calls"])],
            alarms,
            campaign_attempts=MAX_ATTEMPTS,
            alarm_attempts=MAX_ATTEMPTS,
            troubled=self._troubled,
        )
        self._sum_up(evidence, time.monotonic() - began)
        return evidence

    def _break_things(self) -> None:
        """Raise the alarms and strike, in an order and at moments that the dice choose, under load."""
        strikes: list[Disturbance | None] = list(self._disturbances)
        while strikes and len(strikes) < self._strikes:
            strikes.append(self._dice.choice(self._disturbances))
        strikes += [None] * self._alarm_count
        self._dice.shuffle(strikes)
        # By then most numbers have been called once, and many wait for their second call.
        moments = sorted(self._dice.uniform(0.0, self._size) for _ in strikes)
        for strike, moment in zip(strikes, moments, strict=True):
            placed = self._wait_for_calls(moment)
            time.sleep(self._dice.uniform(0.0, 0.1))
            if strike is None:
                self._raise_alarm()
            else:
                self._note(f"after {placed} calls: {strike(self._world, self._dice)}")

    def _wait_for_calls(self, moment: float) -> int:
        """Wait until so many calls were placed, though not for ever: the next blow may come before."""
        give_up = time.monotonic() + CALM_SECONDS
        while True:
            placed = self._world.pbx.judge.trunk(TRUNK).placed
            if placed >= moment or time.monotonic() > give_up:
                return placed
            time.sleep(0.02)

    def _raise_alarm(self) -> None:
        place = len(self._alarms)
        numbers = self._to_call[place]
        self._alarms.append(self._world.site.raise_alarm(*numbers, key=f"alarm-{place}", retry=RETRY))

    def _sum_up(self, evidence: Evidence, seconds: float) -> None:
        site, judge = self._world.site, self._world.pbx.judge
        placed, peak = len(evidence.records), judge.trunk(TRUNK).peak
        states = Counter(call["state"] for call in evidence.calls)
        alarms = Counter(alarm["status"] for alarm in evidence.alarms)
        doubts = site.rows("attempts", "doubted_at IS NOT NULL")
        self._note(
            f"{seconds:.0f} s, {placed} calls placed, at most {peak} of {CHANNELS} at once, "
            f"{dict(states)}, alarms {dict(alarms)}; "
            f"attempts {dict(outcomes_of(evidence))}, of which {doubts} were in doubt; reports "
            f"{judge.reports()['made']} made, {len(evidence.incomplete)} calls lost some, taken as "
            f"{dict(+site.dispositions())}"
        )
