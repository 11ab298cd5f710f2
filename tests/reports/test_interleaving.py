"""A report and the answer to its dial request commit in every order; PostgreSQL, statement by statement.

The dial's second transaction commits the callid and then looks for waiting reports. The inbox commits
the report and then looks for its callid. However their statements are shuffled, the report ends at
its attempt, and is applied once.
"""

import random
import threading
from collections.abc import Callable, Iterator

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxInDoubt
from dispatcher.pbx.protocol import DialOrder
from dispatcher.store.tables import Event, RawReport, table
from tests.cores import PBX, TRUNK
from tests.reports.stepping import Stepper
from tests.scripted import Office, open_office, ringing

events, raw_reports = table(Event), table(RawReport)
DIAL, INBOX, SECOND = "dial", "inbox", "second inbox"


@pytest.fixture
def office(postgres_url: str) -> Iterator[Office]:
    with open_office(postgres_url, pbx=[PBX | {"trunk": [TRUNK | {"channels": 1000}]}]) as made:
        yield made


@pytest.fixture
def stepper(office: Office) -> Iterator[Stepper]:
    office.sessions.use("hq", lambda driver, session: None)
    made = Stepper(office.core.store.engine)
    yield made
    made.close()


@pytest.fixture
def claimed(office: Office) -> list[str]:
    """Attempts to be dialled, enough for every schedule."""
    office.campaign(*(f"3161{number:07d}" for number in range(900)))
    return office.claim()


class Case:
    """One dial whose answer, and the reports of whose call, go their ways statement by statement."""

    def __init__(self, office: Office, stepper: Stepper, attempt_id: str, *, lost: bool = False) -> None:
        self.office, self.stepper, self.lost = office, stepper, lost
        self.attempt_id = attempt_id
        self.number = office.attempt(attempt_id).digits_dialled
        self.callid = f"1543289641.{self.number}"
        self.failures: list[BaseException] = []

    def run(self, *schedule: tuple[str, int], reports: dict[str, bytes]) -> None:
        """The PBX has the call: its answer and its reports are under way from here on."""
        self.office.driver.on_dial = self._answer
        works: dict[str, Callable[[], None]] = {
            name: lambda name=name, body=body: self._post(name, body)  # type: ignore[misc]
            for name, body in reports.items()
        }
        threads = [
            threading.Thread(target=self._guarded, args=(work,)) for work in (self._dial, *works.values())
        ]
        for thread in threads:
            thread.start()
        self.stepper.play(schedule, (DIAL, *reports))
        for thread in threads:
            thread.join(timeout=20)
        assert not self.failures, (schedule, self.failures)

    def _answer(self, order: DialOrder) -> str:
        self.stepper.join(DIAL)
        if self.lost:
            raise PbxInDoubt(Reason.CONNECTION_LOST, "the answer was lost")
        return self.callid

    def _dial(self) -> None:
        self.office.dialer.dial(self.attempt_id)

    def _post(self, name: str, body: bytes) -> None:
        item = self.office.incoming(body)
        self.stepper.join(name)
        self.office.inbox.take([item])

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self.failures.append(error)
        finally:
            self.stepper.leave()

    def check(self, schedule: object, **expected: list[str]) -> None:
        """The reports are at their attempt, and what they say has happened once."""
        rows = self.office.rows(RawReport, raw_reports.c.callid == self.callid)
        found = sorted((row.disposition, row.attempt_id) for row in rows)
        assert found == [(word, self.attempt_id) for word in sorted(expected["dispositions"])], schedule
        told = self.office.rows(Event, events.c.attempt_id == self.attempt_id, events.c.name == "ringing")
        assert len(told) == 1, schedule
        row = self.office.attempt(self.attempt_id)
        assert (row.phase, row.callid, row.ringing_at is not None) == ("up", self.callid, True), schedule


def schedules(first: str, second: str, steps: dict[str, int]) -> Iterator[tuple[tuple[str, int], ...]]:
    """Every schedule in which the two change places at most twice before the first ends."""
    for one, other in ((first, second), (second, first)):
        for begun in range(steps[one] + 1):
            for between in range(1, steps[other] + 1):
                yield (one, begun), (other, between), (one, 99), (other, 99)


def most_steps(office: Office, stepper: Stepper, claimed: list[str], *, lost: bool) -> dict[str, int]:
    """How many statements each side has at most, whoever goes first."""
    found = {DIAL: 0, INBOX: 0}
    for first in (DIAL, INBOX):
        case = Case(office, stepper, claimed.pop(), lost=lost)
        case.run((first, 99), reports={INBOX: ringing(case.callid, case.number)})
        case.check(first, dispositions=["applied"])
        found = {name: max(found[name], stepper.steps[name]) for name in found}
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("lost", [False, True], ids=["answered with a callid", "answer lost"])
def test_a_report_and_its_dials_answer_in_every_order(
    office: Office, stepper: Stepper, claimed: list[str], lost: bool
) -> None:
    steps = most_steps(office, stepper, claimed, lost=lost)
    assert min(steps.values()) >= 5

    tried = list(schedules(DIAL, INBOX, steps))
    for schedule in tried:
        case = Case(office, stepper, claimed.pop(), lost=lost)
        case.run(*schedule, reports={INBOX: ringing(case.callid, case.number)})
        case.check(schedule, dispositions=["applied"])

    assert office.reports_by_disposition() == {"applied": len(tried) + 2}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_receivers_take_the_same_report_while_its_dial_is_answered(
    office: Office, stepper: Stepper, claimed: list[str]
) -> None:
    """A hundred shuffles of three parties; one of the two reports is always news, the other never."""
    dice = random.Random(20261121)
    for place in range(100):
        case = Case(office, stepper, claimed.pop(), lost=bool(place % 4 == 3))
        body = ringing(case.callid, case.number)
        schedule = [(dice.choice((DIAL, INBOX, SECOND)), dice.randint(1, 4)) for _ in range(12)]
        case.run(*schedule, reports={INBOX: body, SECOND: body})
        case.office.inbox.revisit("hq")
        case.check(schedule, dispositions=["applied", "duplicate"])
