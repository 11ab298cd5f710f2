"""Several dials by one message: fast PBXs are asked in a row, slow ones by many threads."""

import threading
import time
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from dispatcher.dialer import dial as dialling
from dispatcher.dialer.speed import Speed
from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import DialOrder
from dispatcher.store.tables import Trunk
from tests.scripted import Office, open_office

NUMBERS = [f"3161234{number:04d}" for number in range(6)]


class _Fast(Speed):
    @property
    def together(self) -> int:
        return 4


@pytest.fixture
def fast(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr(office.dialer, "_speed", _Fast())
    return office


def test_every_attempt_of_a_message_gets_its_own_answer(fast: Office) -> None:
    fast.campaign(*NUMBERS)
    claimed = fast.claim()
    errors = iter(
        [None, PbxRefused(Reason.BUSY, "no"), PbxInDoubt(Reason.TIMED_OUT, "late"), None, None, None]
    )

    def answer(order: DialOrder) -> str:
        error = next(errors)
        if error is not None:
            raise error
        return f"1.{order.digits}"

    fast.driver.on_dial = answer
    fast.dialer.dial(*claimed)

    assert [order.digits for order in fast.driver.orders] == NUMBERS
    rows = {row.digits_dialled: row for row in fast.rows_of_attempts()}
    assert [rows[number].phase for number in NUMBERS] == ["up", "ended", "in_doubt", "up", "up", "up"]
    assert rows[NUMBERS[3]].callid == f"1.{NUMBERS[3]}"
    assert rows[NUMBERS[1]].outcome == "busy"


def test_what_an_interruption_left_unsent_is_refused_and_not_doubted(fast: Office) -> None:
    """Of four that were begun together the second is interrupted: one in doubt, two certainly not sent."""
    fast.campaign(*NUMBERS[:4])
    claimed = fast.claim()

    def answer(order: DialOrder) -> str:
        if order.digits == NUMBERS[1]:
            raise SystemExit
        return f"1.{order.digits}"

    fast.driver.on_dial = answer
    with pytest.raises(SystemExit):
        fast.dialer.dial(*claimed)

    assert len(fast.driver.orders) == 2
    rows = {row.digits_dialled: row for row in fast.rows_of_attempts()}
    assert [rows[number].phase for number in NUMBERS[:4]] == ["up", "in_doubt", "ended", "ended"]
    assert {fast.call_of(rows[number].id).state for number in NUMBERS[2:4]} == {"queued"}
    assert {fast.call_of(rows[number].id).attempts_spent for number in NUMBERS[2:4]} == {0}


def test_a_slow_pbx_is_not_asked_by_one_thread_alone(office: Office) -> None:
    office.campaign(*NUMBERS)
    claimed = office.claim()
    first, *rest = claimed

    office.dialer.dial(*claimed)

    assert office.messages.dialled == [(attempt, False) for attempt in rest], (
        "nothing is known of its speed yet"
    )
    assert [row.id for row in office.rows_of_attempts() if row.phase == "up"] == [first]


def test_speed_is_learned_and_forgotten() -> None:
    speed = Speed()
    assert speed.together == 1
    for _ in range(30):
        speed.note(0.001)
    assert speed.together == 8
    for _ in range(5):
        speed.note(1.0)
    assert speed.together == 1


def test_answers_are_committed_while_the_next_request_is_out(fast: Office) -> None:
    """The callid of the first is known before the last has been asked: its reports find their attempt."""
    fast.campaign(*NUMBERS[:2])
    claimed = fast.claim()
    known = threading.Event()

    def answer(order: DialOrder) -> str:
        if order.digits == NUMBERS[1] and any(row.callid for row in fast.rows_of_attempts()):
            known.set()
        return f"1.{order.digits}"

    fast.driver.on_dial = answer
    fast.dialer.dial(*claimed)

    assert known.is_set()


def test_the_answers_of_a_whole_message_wait_for_the_database(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_office(store_url) as office:
        monkeypatch.setattr(office.dialer, "_speed", _Fast())
        office.campaign(*NUMBERS[:3])
        claimed = office.claim()
        settle, failures = dialling.settle, iter([True, True, False, False, False, False])

        def failing(*args: Any) -> object:
            if next(failures):
                raise OperationalError("", {}, ConnectionError("away"))
            return settle(*args)

        monkeypatch.setattr(dialling, "settle", failing)
        office.dialer.dial(*claimed)

        assert {row.phase for row in office.rows_of_attempts()} == {"up"}


def test_a_request_that_could_not_be_sent_in_time_is_not_sent_any_more(
    fast: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is stopped while it waits for the first answer; others may take it for dead meanwhile."""
    fast.campaign(*NUMBERS[:3])
    claimed = fast.claim()
    monkeypatch.setattr(dialling, "STALE_SECONDS", 1.0)

    def answer(order: DialOrder) -> str:
        time.sleep(1.2)
        return f"1.{order.digits}"

    fast.driver.on_dial = answer
    fast.dialer.dial(*claimed)

    assert [order.digits for order in fast.driver.orders] == NUMBERS[:1]
    rows = {row.digits_dialled: row for row in fast.rows_of_attempts()}
    assert [rows[number].phase for number in NUMBERS[:3]] == ["up", "ended", "ended"]
    assert {fast.call_of(rows[number].id).state for number in NUMBERS[1:3]} == {"queued"}
    assert {rows[number].cause for number in NUMBERS[1:3]} == {"never_placed"}
    assert [(row.failures_in_row, row.blocked_until) for row in fast.rows(Trunk) if row.failures_in_row] == []
