"""The auditor's questions are cheap: none of them reads a table whole, on SQLite."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from dispatcher.audit import INVARIANTS, Invariant
from dispatcher.store.engine import Store
from dispatcher.store.overdue import overdue
from tests.scripted import NUMBER, Office, open_office

SHORT = {"SCAN trunks", "SCAN pbx_sessions", "SCAN report_streams", "SCAN arrivals", "SCAN processes"}
"""Reading whole what has a row for each trunk or PBX, or for what comes in just now."""


@pytest.fixture
def office(sqlite_url: str) -> Any:
    with open_office(sqlite_url) as made:
        made.alarm("31612340001")
        made.campaign(NUMBER, "31612340002", max_concurrent=1)
        made.claim()
        made.clock.move(seconds=90)
        yield made


def plans(office: Office, ask: Any) -> list[str]:
    """How SQLite goes about what is asked, of the database and of the file of arrivals beside it."""
    asked = {store: Statements(store) for store in (office.core.store, office.core.arrivals.store)}
    with office.core.store.read() as tx:
        ask(tx)
    return [step for statements in asked.values() for step in statements.plans()]


class Statements:
    """The queries of a store from now on, until their plans are asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: list[tuple[str, Any]] = []
        event.listen(store.engine, "before_cursor_execute", self._note)

    def plans(self) -> list[str]:
        event.remove(self._store.engine, "before_cursor_execute", self._note)
        with self._store.read() as tx:
            return [
                row[3]
                for statement, parameters in self._seen
                for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]

    def _note(
        self, _c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> None:
        if statement.startswith("SELECT"):
            self._seen.append((statement, parameters))


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda one: one.name)
def test_no_long_table_is_read_whole(office: Office, invariant: Invariant) -> None:
    steps = plans(office, lambda tx: invariant.look(office.core, tx))
    assert steps
    whole = {step for step in steps if step.startswith("SCAN") and "INDEX" not in step}
    assert whole <= SHORT


@pytest.mark.parametrize("index", ["ix_reports_received", "ix_events_at", "ix_attempts_freed"])
def test_no_index_over_all_rows_is_read_whole(office: Office, index: str) -> None:
    steps = [step for one in INVARIANTS for step in plans(office, lambda tx, o=one: o.look(office.core, tx))]
    assert steps
    assert [step for step in steps if index in step] == []


def test_the_metric_of_overdue_channels_reads_only_what_is_held(office: Office) -> None:
    step, *others = plans(office, lambda tx: overdue(tx, datetime(2026, 3, 1, 12, tzinfo=UTC)))
    assert "ix_attempts_channels" in step
    assert not [other for other in others if other.startswith("SCAN")]
