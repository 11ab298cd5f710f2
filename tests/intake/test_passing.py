"""A resolve and a firing of one generic key in the same instant, on PostgreSQL: both are heard in turn."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.intake.alarm_request import AlarmRequest, Wish
from dispatcher.intake.episodes import take_in_turn
from dispatcher.store.tables import Alarm, table
from dispatcher.work import carry_out
from tests.escalation.desk import ANN, Desk, open_desk, policy, step
from tests.reports.stepping import Stepper

_alarms = table(Alarm)
FIRING, RESOLVED = Wish.FIRING, Wish.RESOLVED


@pytest.fixture
def desk(postgres_url: str) -> Iterator[Desk]:
    with open_desk(postgres_url, policy(step(ANN))) as made:
        yield made


def say(desk: Desk, status: Wish, key: str) -> None:
    """What `POST /v1/alarms` does in its transaction."""
    request = AlarmRequest(summary="Boiler 3", dedup_key=key, policy="night", status=status)
    carry_out(desk.core, lambda work: take_in_turn(work, request, "api"))


@pytest.mark.timeout(300)
def test_a_resolve_that_comes_second_resolves_what_came_first(desk: Desk) -> None:
    stepper = Stepper(desk.core.store.engine)

    def run(status: Wish, key: str) -> None:
        stepper.join(status)
        try:
            say(desk, status, key)
        finally:
            stepper.leave()

    try:
        for begun in range(2, 16):
            key = f"boiler-{begun}"
            threads = [threading.Thread(target=run, args=(status, key)) for status in (FIRING, RESOLVED)]
            for thread in threads:
                thread.start()
            schedule = ((FIRING, begun), (RESOLVED, 99), (FIRING, 99), (RESOLVED, 99))
            stepper.play(schedule, (FIRING, RESOLVED))
            for thread in threads:
                thread.join(30)
            with desk.core.store.read() as tx:
                query = select(_alarms.c.status).where(_alarms.c.dedup_key == key)
                assert list(tx.execute(query).scalars()) == [AlarmStatus.RESOLVED], begun
    finally:
        stepper.close()
    assert desk.waiting() == []
