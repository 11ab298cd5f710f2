"""Reports that can't be entered, and a database that goes away: nothing is lost, nobody is held up."""

import logging
from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from dispatcher.domain.vocabulary import Disposition
from dispatcher.ledger import entry
from dispatcher.store import reports
from dispatcher.store.tables import RawReport, table
from tests.scripted import Office, record, ringing

raw_reports = table(RawReport)

POISON = "31612340000"
NUMBERS = [POISON, "31612340001", "31612340002"]


@pytest.fixture
def poisoned(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Three calls that are up; whatever is learnt of the first can't be entered."""
    office.campaign(*NUMBERS)
    office.driver.on_dial = lambda order: f"1543289641.{order.digits}"
    office.dialled()
    enter: Callable[..., entry.Entered] = entry._enter_facts

    def fail(news: entry.News, trunks: frozenset[tuple[str, str]]) -> entry.Entered:
        if news.case.target.digits == POISON:
            raise ArithmeticError("this one never works")
        return enter(news, trunks)

    monkeypatch.setattr(entry, "_enter_facts", fail)
    return office


def reports_of_all() -> list[bytes]:
    return [ringing(f"1543289641.{number}", number) for number in NUMBERS]


def by_callid(office: Office) -> dict[str, str]:
    return {row.callid.partition(".")[2]: row.disposition for row in office.rows(RawReport)}


def test_a_report_that_fails_does_not_take_its_batch_with_it(poisoned: Office) -> None:
    poisoned.inbox.take([poisoned.incoming(body) for body in reports_of_all()])

    assert by_callid(poisoned) == {POISON: "pending", NUMBERS[1]: "applied", NUMBERS[2]: "applied"}
    assert poisoned.reports_by_disposition() == {"applied": 2}
    assert [row.ringing_at is None for row in poisoned.rows_of_attempts()] == [
        row.digits_dialled == POISON for row in poisoned.rows_of_attempts()
    ]


def test_it_does_not_hold_up_those_that_wait_with_it(poisoned: Office) -> None:
    """Three reports came before the dials' answers; the one that fails is passed by."""
    now = poisoned.clock()
    with poisoned.core.store.write() as tx:
        reports.keep(
            tx,
            [
                reports.Row("hq", now, "ALERT", f"1543289641.{number}", body.decode(), Disposition.PENDING)
                for number, body in zip(NUMBERS, reports_of_all(), strict=True)
            ],
        )

    assert poisoned.inbox.revisit("hq") == 2

    assert by_callid(poisoned) == {POISON: "pending", NUMBERS[1]: "applied", NUMBERS[2]: "applied"}


def test_after_a_minute_it_is_set_aside_and_said_so(
    poisoned: Office, caplog: pytest.LogCaptureFixture
) -> None:
    poisoned.take(ringing(f"1543289641.{POISON}", POISON))
    poisoned.clock.move(seconds=59)
    assert poisoned.inbox.revisit("hq") == 0

    poisoned.clock.move(seconds=2)
    with caplog.at_level(logging.ERROR):
        assert poisoned.inbox.revisit("hq") == 1

    assert by_callid(poisoned) == {POISON: "malformed"}
    assert poisoned.counted("dispatcher_reports_total") == {("hq", "ALERT", "malformed"): 1}
    assert "set aside" in caplog.text
    assert poisoned.inbox.revisit("hq") == 0


def test_when_the_fault_is_mended_in_time_it_is_applied(
    poisoned: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned.take(ringing(f"1543289641.{POISON}", POISON))

    monkeypatch.undo()

    assert poisoned.inbox.revisit("hq") == 1
    assert by_callid(poisoned) == {POISON: "applied"}


def test_while_the_database_is_away_nothing_is_taken(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("server closed the connection"))

    monkeypatch.setattr(reports, "keep", away)

    with pytest.raises(OperationalError):
        office.take(ringing("1.1"))

    assert office.rows(RawReport) == []
    assert office.reports_by_disposition() == {}


def test_an_error_after_the_commit_is_not_the_senders(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is durable was taken: the second look is made again by the sweep."""
    office.campaign("31612340001")

    def away(*_: object) -> bool:
        raise OperationalError("SELECT", {}, Exception("server closed the connection"))

    def meanwhile(order: object) -> str:
        with monkeypatch.context() as outage:
            outage.setattr(reports, "any_pending", away)
            office.take(ringing("1.1", "31612340001"))
        return "1.1"

    office.driver.on_dial = meanwhile
    [attempt] = office.dialled()
    office.inbox.revisit("hq")

    assert office.attempt(attempt).ringing_at is not None
    office.take(record("1.1", "31612340001"))
    assert office.attempt(attempt).phase == "ended"
