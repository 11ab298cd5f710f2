"""Many dials at once by one thread, where the driver can send many requests."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from dispatcher.broker import BULK, BrokerMessages, make_broker
from dispatcher.core import MOST_AT_ONCE
from dispatcher.dialer import dial as dialling
from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import Accepted, DialOrder, Session
from tests.scripted import Office, ScriptedDriver, open_office

NUMBERS = [f"3161234{number:04d}" for number in range(6)]


class ManyAtOnce(ScriptedDriver):
    """Answers requests that are sent at once one by one, the last first."""

    def __init__(self) -> None:
        super().__init__()
        self.before_each: Callable[[int], None] = lambda place: None
        self.sessions: list[str] = []

    def dial_together(
        self, session: Session, orders: Sequence[DialOrder], send_by: float
    ) -> Iterator[list[tuple[int, Accepted | PbxError]]]:
        self.sessions.append(session.token)
        if time.monotonic() > send_by:
            yield [(place, PbxRefused(Reason.PBX_AWAY, "late")) for place in range(len(orders))]
            return
        self.orders += orders
        for place in reversed(range(len(orders))):
            self.before_each(place)
            try:
                yield [(place, Accepted(self.on_dial(orders[place])))]
            except PbxError as error:
                yield [(place, error)]


@pytest.fixture
def driver() -> ManyAtOnce:
    made = ManyAtOnce()
    made.on_dial = lambda order: f"1.{order.digits}"
    return made


@pytest.fixture
def office(store_url: str, driver: ManyAtOnce) -> Iterator[Office]:
    with open_office(store_url, driver=driver) as made:
        yield made


def by_number(office: Office) -> dict[str, Any]:
    return {row.digits_dialled: row for row in office.rows_of_attempts()}


def test_every_attempt_gets_its_own_answer(office: Office, driver: ManyAtOnce) -> None:
    office.campaign(*NUMBERS)
    errors = {
        NUMBERS[1]: PbxRefused(Reason.BUSY, "no"),
        NUMBERS[2]: PbxInDoubt(Reason.TIMED_OUT, "late"),
    }

    def answer(order: DialOrder) -> str:
        if order.digits in errors:
            raise errors[order.digits]
        return f"1.{order.digits}"

    driver.on_dial = answer
    office.dialer.dial_at_once(*office.claim())

    assert sorted(order.digits for order in driver.orders) == NUMBERS
    rows = by_number(office)
    assert [rows[number].phase for number in NUMBERS] == ["up", "ended", "in_doubt", "up", "up", "up"]
    assert rows[NUMBERS[3]].callid == f"1.{NUMBERS[3]}"
    assert rows[NUMBERS[1]].outcome == "busy"


def test_an_attempt_is_dialled_once_however_often_it_is_asked_for(office: Office, driver: ManyAtOnce) -> None:
    office.campaign(*NUMBERS[:2])
    claimed = office.claim()

    office.dialer.dial_at_once(*claimed)
    office.dialer.dial_at_once(*claimed)
    office.dialer.dial(*claimed)

    assert sorted(order.digits for order in driver.orders) == NUMBERS[:2]


def test_the_intent_is_committed_before_anything_is_sent(office: Office, driver: ManyAtOnce) -> None:
    office.campaign(*NUMBERS[:3])
    phases: list[set[str]] = []
    driver.before_each = lambda place: phases.append({row.phase for row in office.rows_of_attempts()})

    office.dialer.dial_at_once(*office.claim())

    assert phases[0] == {"dialing"}


def test_answers_are_committed_while_others_are_waited_for(office: Office, driver: ManyAtOnce) -> None:
    office.campaign(*NUMBERS[:2])
    known: list[list[str]] = []
    driver.before_each = lambda place: known.append([row.callid for row in office.rows_of_attempts()])

    office.dialer.dial_at_once(*office.claim())

    assert len([callid for callid in known[1] if callid]) == 1


def test_an_interruption_leaves_in_doubt_what_has_no_answer(office: Office, driver: ManyAtOnce) -> None:
    """The last was answered first; whether the others were is not known any more."""
    office.campaign(*NUMBERS[:3])

    def answer(order: DialOrder) -> str:
        if order is driver.orders[1]:
            raise SystemExit
        return f"1.{order.digits}"

    driver.on_dial = answer
    with pytest.raises(SystemExit):
        office.dialer.dial_at_once(*office.claim())

    rows = by_number(office)
    assert [rows[order.digits].phase for order in driver.orders] == ["in_doubt", "in_doubt", "up"]


def test_those_refused_for_an_old_session_are_sent_again_with_a_new_one(
    office: Office, driver: ManyAtOnce
) -> None:
    office.campaign(*NUMBERS[:3])
    expired: list[str] = []

    def answer(order: DialOrder) -> str:
        session = driver.tokens[-1] if driver.tokens else driver.sessions[-1]
        if session == "token-1":
            expired.append(order.digits)
            raise PbxRefused(Reason.TOKEN_INVALID, "the token has expired")
        return f"1.{order.digits}"

    driver.on_dial = answer
    office.dialer.dial_at_once(*office.claim())

    assert {row.phase for row in office.rows_of_attempts()} == {"up"}
    assert driver.logins == 2
    assert set(expired) == set(NUMBERS[:3])


def test_without_a_session_nothing_is_sent_and_no_call_pays(office: Office, driver: ManyAtOnce) -> None:
    office.campaign(*NUMBERS[:2])

    def refuse() -> None:
        raise PbxRefused(Reason.CREDENTIALS_REFUSED, "no")

    driver.on_login = refuse
    claimed = office.claim()
    office.dialer.dial_at_once(*claimed)

    assert driver.orders == []
    assert {office.call_of(attempt).state for attempt in claimed} == {"queued"}
    assert {office.call_of(attempt).attempts_spent for attempt in claimed} == {0}


def test_answers_wait_for_the_database(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.campaign(*NUMBERS[:3])
    claimed = office.claim()
    settle, failures = dialling.settle, iter([True, True, *[False] * 10])

    def failing(*args: Any) -> object:
        if next(failures):
            raise OperationalError("", {}, ConnectionError("away"))
        return settle(*args)

    monkeypatch.setattr(dialling, "settle", failing)
    office.dialer.dial_at_once(*claimed)

    assert {row.phase for row in office.rows_of_attempts()} == {"up"}


def test_what_could_not_be_sent_in_time_costs_nothing(
    office: Office, driver: ManyAtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is stopped after the intent; others may take it for dead meanwhile."""
    office.campaign(*NUMBERS[:2])
    monkeypatch.setattr(dialling, "STALE_SECONDS", -1.0)
    claimed = office.claim()
    office.dialer.dial_at_once(*claimed)

    assert driver.orders == []
    assert {office.call_of(attempt).state for attempt in claimed} == {"queued"}
    assert {office.call_of(attempt).attempts_spent for attempt in claimed} == {0}


def test_a_driver_that_sends_one_at_a_time_is_asked_one_by_one(store_url: str) -> None:
    with open_office(store_url) as office:
        office.campaign(*NUMBERS)
        office.driver.on_dial = lambda order: f"1.{order.digits}"
        office.dialer.dial_at_once(*office.claim())

        assert len(office.driver.orders) == len(NUMBERS)
        assert {row.phase for row in office.rows_of_attempts()} == {"up"}


def test_a_message_carries_as_many_as_are_sent_at_once() -> None:
    broker = make_broker("")
    ids = [f"attempt-{place}" for place in range(MOST_AT_ONCE + 3)]
    BrokerMessages(broker).dial_at_once(ids)

    consumer = broker.consume(BULK, prefetch=10, timeout=100)
    sent = [list(message.args) for message in (next(consumer), next(consumer)) if message is not None]
    assert sent == [ids[:MOST_AT_ONCE], ids[MOST_AT_ONCE:]]
    broker.close()
