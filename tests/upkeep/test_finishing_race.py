"""A late report gives an attempt back while its campaign is being finished: PostgreSQL, in every order."""

import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from dispatcher.core import Core
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus
from dispatcher.store.tables import Event, table
from dispatcher.upkeep import housekeeping
from tests.cores import SettableClock, make_core
from tests.domain.reported import failed, row
from tests.ledger.world import World
from tests.reports.stepping import Stepper

REPORT, SWEEP = "late report", "sweep"
NO_ANSWER, CONGESTED = row(CdrStatus.NO_ANSWER), failed(Reason.CONGESTION, "503 Service Unavailable")


@pytest.fixture
def core(postgres_url: str) -> Iterator[Core]:
    made = make_core(postgres_url, SettableClock())
    yield made
    made.store.close()


class Race:
    """One campaign whose only call has failed, and both who decide what becomes of it."""

    def __init__(self, core: Core, world: World) -> None:
        self.core, self.world = core, world
        self.campaign = world.campaign(retry={"max_attempts": 1})
        self.call = world.call(campaign=self.campaign)
        self.attempt = world.dial(self.call)
        world.tell(self.attempt, [NO_ANSWER])
        self.failures: list[BaseException] = []

    def run(self, stepper: Stepper, *schedule: tuple[str, int]) -> None:
        works: dict[str, Callable[[], object]] = {
            REPORT: lambda: self.world.tell(self.attempt, [CONGESTED]),
            SWEEP: lambda: housekeeping.finish_campaigns(self.core),
        }
        threads = [
            threading.Thread(target=self._guarded, args=(stepper, name, work)) for name, work in works.items()
        ]
        for thread in threads:
            thread.start()
        stepper.play(schedule, (REPORT, SWEEP))
        for thread in threads:
            thread.join(timeout=20)
        assert not self.failures, (schedule, self.failures)

    def _guarded(self, stepper: Stepper, name: str, work: Callable[[], object]) -> None:
        stepper.join(name)
        try:
            work()
        except BaseException as error:
            self.failures.append(error)
        finally:
            stepper.leave()

    def told(self) -> list[str]:
        """What happened to the campaign, in order."""
        events = table(Event)
        with self.core.store.read() as tx:
            query = select(events.c.name).where(events.c.subject_id == self.campaign)
            return list(tx.execute(query.order_by(events.c.id)).scalars())


@pytest.mark.timeout(300)
def test_no_call_is_left_queued_in_a_finished_campaign(core: Core) -> None:
    world = World(core.store)
    stepper = Stepper(core.store.engine)
    try:
        steps = {}
        for first in (REPORT, SWEEP):
            Race(core, world).run(stepper, (first, 99))
            steps[first] = stepper.steps[first]
        assert min(steps.values()) >= 3

        for first, other in ((REPORT, SWEEP), (SWEEP, REPORT)):
            for begun in range(steps[first] + 1):
                race = Race(core, world)
                race.run(stepper, (first, begun), (other, 99), (first, 99))

                status = world.row("campaigns", race.campaign).status
                at = first, begun, race.told()
                assert (world.state(race.call)[0], status) == ("queued", "running"), at
    finally:
        stepper.close()
