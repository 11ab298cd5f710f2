"""A site whose phones a test answers: alarms are raised, people called, and the clock is moved by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import insert, select, update

from dispatcher.core import Core
from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import CallState, Outcome, Phase
from dispatcher.escalation.escalator import Escalator
from dispatcher.intake import alarms
from dispatcher.intake.alarm_request import AlarmRequest
from dispatcher.store.pages import of_alarm
from dispatcher.store.tables import Alarm, Attempt, Call, Contact, Event, table
from dispatcher.work import carry_out
from tests.cores import PBX, TRUNK, SettableClock, accept, claim, learn, make_core

ANN, BOB, CAT, DAN = "+31611111111", "+31622222222", "+31633333333", "+31644444444"

_alarms, _attempts, _calls, _events = table(Alarm), table(Attempt), table(Call), table(Event)


def step(*numbers: str, **more: Any) -> dict[str, Any]:
    """A step of a policy that calls these numbers."""
    return {"to": [{"number": number} for number in numbers], **more}


def policy(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A policy of these steps that asks for the key 1."""
    return {"name": "night", "steps": list(steps), "message": {"ivr": "6500"}, **more}


class Desk:
    """One process, its phones, and short words for what tests do with them."""

    def __init__(self, core: Core, clock: SettableClock) -> None:
        self.core, self.clock = core, clock
        self.escalator = Escalator(core)
        self._callids = 0

    def contact(self, name: str, *ways: dict[str, Any], **more: Any) -> None:
        """Enter a contact."""
        made = {"created_at": self.clock(), "updated_at": self.clock()}
        with self.core.store.write() as tx:
            tx.execute(insert(table(Contact)).values(name=name, ways=list(ways), **made, **more))

    def raised(self, **body: Any) -> str:
        """Raise an alarm by the policy, unless ``body`` says otherwise; returns its id."""
        plain = {"summary": "Boiler 3 over-pressure", "severity": "critical"}
        request = AlarmRequest(**(plain | ({} if "to" in body else {"policy": "night"}) | body))
        return carry_out(self.core, lambda work: alarms.take(work, request, "api")).alarm_id

    def look(self) -> None:
        """What the escalator's thread does until nothing is due any more."""
        self.escalator.look()

    def wait(self, seconds: float) -> None:
        """Let time pass, and the escalator look."""
        self.clock.move(seconds=seconds)
        self.look()

    def waiting(self) -> list[str]:
        """The numbers that are queued, in the order in which they became due."""
        query = select(_calls.c.number).where(_calls.c.state == CallState.QUEUED)
        return self._scalars(query.order_by(_calls.c.due_at, _calls.c.id))

    def ringing(self) -> list[str]:
        """The numbers with a call that is up."""
        return self._scalars(select(_calls.c.number).where(_calls.c.state == CallState.ACTIVE))

    def ring(self) -> list[str]:
        """Dial whatever is due; returns the numbers."""
        dialled = []
        for attempt_id in claim(self.core):
            self._callids += 1
            accept(self.core, attempt_id, f"1543289641.{self._callids}")
            dialled.append(self._number_of(attempt_id))
        return sorted(dialled)

    def busy(self, number: str) -> None:
        """The callee is busy, and the plan goes on."""
        self._learn(number, failed_at=self.clock(), cause=Reason.BUSY)
        self.look()

    def answer(self, number: str) -> None:
        """The callee picks up."""
        self._learn(number, answered_at=self.clock())

    def hear(self, number: str) -> None:
        """Somebody picks up and hears the message to its end."""
        self._learn(number, answered_at=self.clock(), prompt_ended_at=self.clock())
        self.look()

    def press(self, number: str, key: str) -> None:
        """The callee picks up, and presses a key."""
        self._learn(number, answered_at=self.clock(), keys=frozenset({(1, key)}))
        self.look()

    def presses(self, number: str, keys: str) -> None:
        """The callee picks up, and presses several keys before the first of them is told."""
        pressed = frozenset((place, key) for place, key in enumerate(keys, 1))
        self._learn(number, answered_at=self.clock(), keys=pressed)
        self.look()

    def hang_up(self, number: str) -> None:
        """The call ends."""
        self._learn(number, closed_at=self.clock(), released_at=self.clock())
        self.look()

    def alarm(self, alarm_id: str) -> Any:
        """The alarm's row."""
        with self.core.store.read() as tx:
            return tx.execute(select(_alarms).where(_alarms.c.id == alarm_id)).one()

    def pages(self, alarm_id: str) -> list[Any]:
        """The alarm's pages."""
        with self.core.store.read() as tx:
            return list(of_alarm(tx, alarm_id))

    def story(self, alarm_id: str) -> list[str]:
        """What happened to the alarm itself, in order."""
        query = select(_events.c.name).where(_events.c.subject_id == alarm_id)
        return self._scalars(query.order_by(_events.c.id))

    def outcomes(self, alarm_id: str) -> list[tuple[str, str | None]]:
        """The calls that told of the alarm, each with its state."""
        return [(page.number, page.call_state) for page in self.pages(alarm_id) if page.call_id]

    def _learn(self, number: str, **facts: Any) -> None:
        query = (
            select(_attempts.c.id)
            .join(_calls, _calls.c.id == _attempts.c.call_id)
            .where(_calls.c.number == number, _attempts.c.phase == Phase.UP)
        )
        [attempt_id] = self._scalars(query)
        learn(self.core, attempt_id, **facts)

    def _number_of(self, attempt_id: str) -> str:
        query = select(_calls.c.number).join(_attempts, _attempts.c.call_id == _calls.c.id)
        return str(self._scalars(query.where(_attempts.c.id == attempt_id))[0])

    def _scalars(self, query: Any) -> list[Any]:
        with self.core.store.read() as tx:
            return list(tx.execute(query).scalars())


@contextmanager
def open_desk(url: str, *policies: dict[str, Any], **sections: Any) -> Iterator[Desk]:
    """A desk with these policies and thirty channels."""
    clock = SettableClock()
    pbx = PBX | {"trunk": [TRUNK | {"reserved_for_alarms": 0}]}
    core = make_core(url, clock, policy=list(policies), pbx=[pbx], **sections)
    try:
        yield Desk(core, clock)
    finally:
        core.store.close()


def forget_retries(desk: Desk) -> None:
    """Make every queued call due now, whatever its retry rule says."""
    with desk.core.store.write() as tx:
        tx.execute(update(_calls).where(_calls.c.state == CallState.QUEUED).values(due_at=desk.clock()))


__all__ = ["ANN", "BOB", "CAT", "DAN", "Desk", "Outcome", "forget_retries", "open_desk", "policy", "step"]
