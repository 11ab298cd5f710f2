"""A key and the next call's way to the telephone commit in every order; PostgreSQL, statement by statement.

The key acknowledges the alarm and withdraws its other call, while that call is claimed, or dialled, or made
by the next step. However the statements are shuffled, nobody is left ringing: the other call is withdrawn,
and where its dial request was sent, somebody was asked to end it.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from dispatcher.domain.vocabulary import AlarmStatus, CallState
from dispatcher.escalation.advancing import advance
from dispatcher.intake import alarms
from dispatcher.intake.alarm_request import AlarmRequest
from dispatcher.pbx.protocol import DialOrder
from dispatcher.store.pages import of_alarm
from dispatcher.store.tables import Alarm, Attempt, table
from dispatcher.work import carry_out
from tests.cores import PBX, TRUNK
from tests.reports.stepping import Stepper
from tests.scripted import Office, answered, key, open_office, ringing

KEY, OTHER = "key", "other"
_alarms, _attempts = table(Alarm), table(Attempt)


@pytest.fixture
def office(postgres_url: str) -> Iterator[Office]:
    trunk = TRUNK | {"channels": 1000, "reserved_for_alarms": 0}
    with open_office(postgres_url, pbx=[PBX | {"trunk": [trunk]}]) as made:
        made.sessions.use("hq", lambda driver, session: None)
        yield made


@pytest.fixture
def stepper(office: Office) -> Iterator[Stepper]:
    made = Stepper(office.core.store.engine)
    yield made
    made.close()


class Case:
    """One alarm for two people, of whom the first has answered and presses the key."""

    made = 0

    def __init__(self, office: Office, stepper: Stepper) -> None:
        Case.made += 1
        self.office, self.stepper = office, stepper
        self.ann, self.bob = f"3161{Case.made:07d}", f"3162{Case.made:07d}"
        self.failures: list[BaseException] = []
        office.driver.on_dial = self.callid

    @staticmethod
    def callid(order: DialOrder) -> str:
        return f"1543289641.{order.digits}"

    def raised(self, *numbers: str, **steps: Any) -> str:
        """An alarm that calls these numbers at once."""
        to = [{"number": f"+{number}"} for number in numbers]
        request = AlarmRequest(
            summary="Boiler 3", to=to, message={"ivr": "6500"}, delivered_when="acknowledged", **steps
        )  # type: ignore[arg-type]
        core = self.office.core
        self.alarm = carry_out(core, lambda work: alarms.take(work, request, "api")).alarm_id
        return self.alarm

    def ann_answers(self, attempt_id: str) -> None:
        """Her call is dialled, and she has picked up."""
        self.office.dialer.dial(attempt_id)
        self.office.take(answered(f"1543289641.{self.ann}", self.ann))

    def press(self) -> None:
        self.office.take(key(f"1543289641.{self.ann}", "1", self.ann))

    def run(self, other: Callable[[], object], schedule: tuple[tuple[str, int], ...]) -> None:
        """The key's report and the other's work, in the order of the schedule."""
        works: dict[str, Callable[[], object]] = {KEY: self.press, OTHER: other}
        threads = [threading.Thread(target=self._work, args=item) for item in works.items()]
        for thread in threads:
            thread.start()
        self.stepper.play(schedule, (KEY, OTHER))
        for thread in threads:
            thread.join(timeout=20)
        assert not self.failures, (schedule, self.failures)

    def _work(self, name: str, work: Callable[[], object]) -> None:
        self.stepper.join(name)
        try:
            work()
        except BaseException as error:
            self.failures.append(error)
        finally:
            self.stepper.leave()

    def attempt_of(self, number: str) -> Any:
        rows = self.office.rows(Attempt, _attempts.c.digits_dialled.contains(number))
        return rows[0] if rows else None

    def check(self, schedule: object) -> None:
        """Nobody is called any more, and Bob's phone is quiet, or was told to be."""
        office = self.office
        [alarm] = office.rows(Alarm, _alarms.c.id == self.alarm)
        assert alarm.status == AlarmStatus.ACKNOWLEDGED, schedule
        with office.core.store.read() as tx:
            pages = {page.number: page for page in of_alarm(tx, self.alarm)}
        bob = pages.get(f"+{self.bob}")
        assert bob is None or bob.call_state == CallState.CANCELLED, schedule
        sent = [order for order in office.driver.orders if order.digits.endswith(self.bob)]
        attempt = self.attempt_of(self.bob)
        if sent:
            assert attempt.hung_up_at is not None, schedule
            assert attempt.id in office.messages.hung_up, schedule
            office.take(ringing(f"1543289641.{self.bob}", self.bob))
            office.hang_up.hang_up(attempt.id)
            assert office.driver.hung_up[-1] == f"leg-{self.bob}", schedule
        elif attempt is not None:
            assert (attempt.phase, attempt.outcome, attempt.channel_held) == ("ended", "cancelled", False)
        for attempt_id in office.claim():
            office.dialer.dial(attempt_id)
        later = [order for order in office.driver.orders if order.digits.endswith(self.bob)]
        assert later == sent, schedule


def schedules(steps: dict[str, int]) -> Iterator[tuple[tuple[str, int], ...]]:
    """Every schedule in which the two change places once before the first ends."""
    for one, other in ((KEY, OTHER), (OTHER, KEY)):
        for begun in range(steps[one] + 1):
            yield (one, begun), (other, 99), (one, 99)


def every_order(office: Office, stepper: Stepper, prepared: Callable[[Case], Callable[[], object]]) -> int:
    """Run a case for each schedule; returns how many of them sent the other's dial request."""
    most = {KEY: 0, OTHER: 0}
    for first in (KEY, OTHER):
        case = Case(office, stepper)
        case.run(prepared(case), ((first, 99),))
        case.check(first)
        most = {name: max(most[name], stepper.steps[name]) for name in most}
    assert min(most.values()) >= 3
    sent = 0
    for schedule in schedules(most):
        case = Case(office, stepper)
        case.run(prepared(case), schedule)
        case.check(schedule)
        sent += any(order.digits.endswith(case.bob) for order in office.driver.orders)
    return sent


def _claimed(case: Case) -> dict[str, str]:
    office = case.office
    return {office.attempt(one).digits_dialled[-len(case.ann) :]: one for one in office.claim()}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_key_and_the_others_dial_in_every_order(office: Office, stepper: Stepper) -> None:
    def prepared(case: Case) -> Callable[[], object]:
        case.raised(case.ann, case.bob)
        attempts = _claimed(case)
        case.ann_answers(attempts[case.ann])
        return lambda: office.dialer.dial(attempts[case.bob])

    assert every_order(office, stepper, prepared) > 0, "some order lets the request out, and it is ended"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_key_and_the_others_claim_in_every_order(office: Office, stepper: Stepper) -> None:
    def prepared(case: Case) -> Callable[[], object]:
        case.raised(case.ann)
        case.ann_answers(_claimed(case)[case.ann])
        _add_second_step(case)
        carry_out(office.core, lambda work: advance(work, case.alarm))
        return office.claim

    assert every_order(office, stepper, prepared) == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_key_and_the_next_step_in_every_order(office: Office, stepper: Stepper) -> None:
    def prepared(case: Case) -> Callable[[], object]:
        case.raised(case.ann)
        case.ann_answers(_claimed(case)[case.ann])
        _add_second_step(case)
        return lambda: carry_out(office.core, lambda work: advance(work, case.alarm))

    assert every_order(office, stepper, prepared) == 0


def _add_second_step(case: Case) -> None:
    """Give the alarm a step after the one under way, which is due now."""
    office = case.office
    steps = [
        {"to": [{"number": f"+{case.ann}"}], "wait": 1},
        {"to": [{"number": f"+{case.bob}"}]},
    ]
    office.clock.now += timedelta(seconds=2)
    with office.core.store.write() as tx:
        tx.execute(
            _alarms.update()
            .where(_alarms.c.id == case.alarm)
            .values(plan={"steps": steps}, next_at=office.clock())
        )
