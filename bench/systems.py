"""What a measurement asks of a system: to take calls, to place them, to say how far it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from bench.processes import Program


class StoreKind(StrEnum):
    """The two stores that everything is measured on."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a system runs: its folder, its empty database, its Redis, and the PBX that it dials on."""

    store: StoreKind
    folder: Path
    database: str
    redis: str
    pbx_url: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How many calls are still to come to an end, and how many ended as they should."""

    open: int
    delivered: int
    ended: int


class System(Protocol):
    """The product or the baseline, as processes on one `Place`."""

    name: str
    settings: str
    """The settings that matter for speed, in words."""

    @property
    def programs(self) -> Sequence[Program]:
        """Its processes; a program's name is its group's in the results."""
        ...

    def start(self) -> None:
        """Start every process and wait until calls are taken."""
        ...

    def stop(self) -> None:
        """Stop every process."""
        ...

    def load(self, numbers: Sequence[str]) -> None:
        """Take in a campaign of digits-only international numbers, without placing a call."""
        ...

    def go(self) -> None:
        """Place the calls that were loaded."""
        ...

    def progress(self) -> Progress:
        """How far the calls that were loaded last have come."""
        ...

    def alarm(self, number: str) -> None:
        """Raise an alarm that calls one number; returns when it has been accepted."""
        ...

    def own_turnarounds(self) -> Mapping[float, float]:
        """What the system itself counts from a freed channel to the next dial: bound → cumulative count."""
        ...
