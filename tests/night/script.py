"""What happens in the night: three sites, forty people, two thousand alerts. Made from a seed, and only told.

The product and the model both get this, and nothing else in common.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

BEGINS = datetime(2026, 10, 24, 19, 0, tzinfo=UTC)
"""21:00 in Amsterdam. Summer time ends there at 01:00 UTC, six hours later."""

ENDS = datetime(2026, 10, 25, 8, 0, tzinfo=UTC)
SEED = 20261024
SITES = ("north", "south", "east")
ALERTS = 2000
RESTART = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
RESTART_SECONDS = 60
MAINTENANCE = (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), datetime(2026, 10, 24, 22, 30, tzinfo=UTC))
"""Of the site in the north, announced before the night."""

STEP = timedelta(seconds=5)
"""Alerts come and go in such steps: Alertmanager tells those of a site together."""

QUIET_BEFORE = timedelta(minutes=25)
"""No alert of the north comes so shortly before its maintenance, which would find it half told."""


class Temper(StrEnum):
    """What somebody does whose phone rings, the whole night long."""

    ACKNOWLEDGES = "acknowledges"
    ESCALATES = "escalates"
    SILENT = "silent"
    BUSY = "busy"


@dataclass(frozen=True)
class Person:
    """A contact."""

    name: str
    number: str
    temper: Temper


@dataclass(frozen=True)
class Alert:
    """One episode: when it fires and, if ever, is over."""

    id: str
    site: str
    severity: str
    fires_at: datetime
    over_at: datetime | None
    repeats_at: tuple[datetime, ...] = ()


@dataclass
class Site:
    """Who is there for a site: the duty's turns, the group that is hunted, and the managers."""

    name: str
    duty: list[Person] = field(default_factory=list)
    ops: list[Person] = field(default_factory=list)
    managers: list[Person] = field(default_factory=list)


@dataclass
class Night:
    """Everything that happens."""

    sites: dict[str, Site]
    alerts: list[Alert]

    @property
    def people(self) -> list[Person]:
        """Everybody, once."""
        found = {
            person.name: person
            for site in self.sites.values()
            for person in (*site.duty, *site.ops, *site.managers)
        }
        return list(found.values())


_TEMPERS = {
    "north": ([Temper.ACKNOWLEDGES, Temper.SILENT, Temper.ESCALATES] * 2, [Temper.BUSY, Temper.ACKNOWLEDGES]),
    "south": ([Temper.SILENT, Temper.ACKNOWLEDGES, Temper.SILENT] * 2, [Temper.SILENT, Temper.ACKNOWLEDGES]),
    "east": ([Temper.ESCALATES, Temper.SILENT, Temper.BUSY] * 2, [Temper.SILENT, Temper.BUSY]),
}


def make(seed: int) -> Night:
    """The night of this seed."""
    chance = random.Random(seed)
    director = Person("director", "31600000040", Temper.ACKNOWLEDGES)
    sites, number = {}, 0
    for name in SITES:
        duty, ops = _TEMPERS[name]
        site = sites[name] = Site(name)
        for role, tempers in (
            ("duty", duty),
            ("ops", [*ops, *[Temper.ACKNOWLEDGES] * 4] if name != "east" else ops),
        ):
            for temper in tempers:
                number += 1
                people = site.duty if role == "duty" else site.ops
                people.append(Person(f"{name}-{role}-{len(people)}", f"316000000{number:02}", temper))
        number += 1
        site.managers = [Person(f"{name}-manager", f"316000000{number:02}", Temper.ACKNOWLEDGES), director]
    return Night(sites, _alerts(chance))


def _alerts(chance: random.Random) -> list[Alert]:
    length = (ENDS - BEGINS - timedelta(hours=2)).total_seconds()
    bursts = [(chance.choice(SITES), chance.uniform(0, length)) for _ in range(20)]
    found: list[Alert] = []
    while len(found) < ALERTS:
        if chance.random() < 0.8:
            site, second = chance.choice(bursts)
            second += chance.uniform(0, 60)
        else:
            site, second = chance.choice(SITES), chance.uniform(0, length)
        fires_at = BEGINS + STEP * round(second / STEP.total_seconds())
        if site == "north" and MAINTENANCE[0] - QUIET_BEFORE <= fires_at < MAINTENANCE[0]:
            continue
        found.append(_alert(chance, len(found), site, fires_at))
    return sorted(found, key=lambda alert: (alert.fires_at, alert.id))


def _alert(chance: random.Random, place: int, site: str, fires_at: datetime) -> Alert:
    severity = chance.choices(("critical", "warning", "info"), (6, 3, 1))[0]
    over_at = None
    if chance.random() < 0.4:
        over_at = fires_at + STEP * chance.randint(1, 360)
    repeats = tuple(fires_at + timedelta(minutes=5 * turn) for turn in range(1, chance.randint(1, 3)))
    return Alert(
        f"{place:016x}",
        site,
        severity,
        fires_at,
        over_at,
        tuple(at for at in repeats if over_at is None or at < over_at),
    )
