"""The demo over a family that calls PBX users on their own phones, and knows no more than what those did.

There is no campaign here: whether a number was reached, or heard anything, is never seen. So the story is of
alarms to users, and a call is delivered when its phone was picked up, whoever hung up then.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from dispatcher.cli.demo import stage
from dispatcher.cli.demo.cast import FIRST_NAMES, MAX_ATTEMPTS, Expected
from dispatcher.cli.demo.stage import Pace
from dispatcher.cli.demo.story import AlarmScript, Teller
from dispatcher.simulator import Behaviour

LEAST, USUAL, MOST = 8, 24, 200
"""So many users at least, for every kind to be among them; without a wish; and at most."""


@dataclass(frozen=True, slots=True)
class UserKind:
    """A kind of user: how their phone is answered, and what must become of a call to them."""

    title: str
    behaviour: Behaviour
    expected: Expected


@dataclass(frozen=True, slots=True)
class User:
    """One user of the PBX."""

    name: str
    kind: UserKind


def _delivered(after: int) -> Expected:
    return Expected("delivered", "delivered", after, after)


def _failed(outcome: str) -> Expected:
    return Expected("failed", outcome, MAX_ATTEMPTS, MAX_ATTEMPTS)


KINDS = (
    UserKind("picks up and presses 1", Behaviour.KEY_1, _delivered(1)),
    UserKind("busy, then picks up", Behaviour.BUSY_THEN_KEY_1, _delivered(2)),
    UserKind("picks up and hears it", Behaviour.HEARS_THEN_HANGS_UP, _delivered(1)),
    UserKind("no answer, then picks up", Behaviour.NO_ANSWER_THEN_KEY_1, _delivered(2)),
    UserKind("picks up and hangs up at once", Behaviour.HANGS_UP_AT_ONCE, _delivered(1)),
    UserKind("always busy", Behaviour.BUSY, _failed("busy")),
    UserKind("picks up late", Behaviour.ANSWERS_LATE, _delivered(1)),
    UserKind("never picks up", Behaviour.RINGS_FOREVER, _failed("no_answer")),
)

ALARMS = (
    ("Boiler 3 over-pressure", "critical"),
    ("Pump 7 has stopped", "critical"),
    ("Door of the switch room open", "warning"),
    ("UPS 2 on battery", "warning"),
)


def users(count: int) -> list[User]:
    """So many users, each kind among them, all with names of their own."""
    kinds = itertools.cycle(KINDS)
    names = (first.lower() for first in FIRST_NAMES)
    again = (f"{first.lower()}{number}" for number in itertools.count(2) for first in FIRST_NAMES)
    return [User(name, next(kinds)) for name in itertools.islice(itertools.chain(names, again), count)]


def behaviours(people: list[User], wishes: Mapping[str, Behaviour]) -> Mapping[str, Behaviour]:
    """What each does on the simulated PBX: as their kind does, or as is wished of it."""
    usual = {user.name: user.kind.behaviour for user in people}
    return {name: wishes.get(behaviour.value, behaviour) for name, behaviour in usual.items()}


class UserStory(Teller):
    """Alarms that come one after another, each to a few of the users."""

    def __init__(self, api_url: str, people: list[User], pace: Pace) -> None:
        super().__init__(api_url, pace, has_campaign=False)
        self._people = people

    def acts(self) -> Iterator[tuple[float, Callable[[], None]]]:
        """An alarm every other second."""
        share = -(-len(self._people) // len(ALARMS))
        for place, (summary, severity) in enumerate(ALARMS):
            called = self._people[place * share : (place + 1) * share]
            if called:
                yield 2.0 * place, partial(self._call, summary, severity, called)

    def _call(self, summary: str, severity: str, called: list[User]) -> None:
        delay = self.pace.delay
        alarm = self.raise_alarm(
            summary,
            severity=severity,
            to=[{"user": user.name} for user in called],
            message={"ivr": stage.IVR},
            delivered_when="answered",
            retry={"max_attempts": MAX_ATTEMPTS, "busy": delay, "no_answer": delay},
        )
        calls = {user.name: user.kind.expected for user in called}
        # Nobody can acknowledge it by a key, so it stays open when people were reached.
        reached = any(expected.state == "delivered" for expected in calls.values())
        self.told.alarms[alarm] = AlarmScript("generic", "open" if reached else "exhausted", calls)
