"""Statements over many rows write exactly what SQLAlchemy would have written, on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from dispatcher.domain.vocabulary import Disposition
from dispatcher.store import schema
from dispatcher.store import tallies as counting
from dispatcher.store.bulk import BulkInsert, BulkUpdate
from dispatcher.store.engine import Store
from dispatcher.store.tables import Event, RawReport, table

events, reports = table(Event), table(RawReport)
AT = datetime(2026, 11, 21, 3, 0, 0, 123456, UTC)
COLUMNS = ("at", "subject", "subject_id", "name", "cause", "data", "alarm_id")

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "at": st.datetimes(
                datetime(1990, 1, 1),  # noqa: DTZ001 - the zones are given apart
                datetime(2100, 1, 1),  # noqa: DTZ001
                timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
            ),
            "subject": st.sampled_from(["alarm", "call"]),
            "subject_id": TEXT,
            "name": TEXT,
            "cause": TEXT,
            "data": st.none()
            | st.dictionaries(TEXT, st.none() | TEXT | st.integers(-5, 2**53) | st.booleans()),
            "alarm_id": st.none() | TEXT,
        }
    ),
    max_size=5,
)


@pytest.fixture
def store(store_url: str) -> Any:
    schema.upgrade(store_url)
    made = Store(store_url)
    yield made
    made.close()


def written(store: Store) -> list[tuple[Any, ...]]:
    with store.read() as tx:
        return [
            tuple(row)
            for row in tx.execute(select(*(events.c[name] for name in COLUMNS)).order_by(events.c.id))
        ]


@given(rows=ROWS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_inserted_is_what_sqlalchemy_inserts(store: Store, rows: list[dict[str, Any]]) -> None:
    with store.write() as tx:
        tx.execute(events.delete())
        BulkInsert(events, *COLUMNS).run(tx, rows)
    found = written(store)
    with store.write() as tx:
        tx.execute(events.delete())
        if rows:
            tx.execute(insert(events), rows)

    assert found == written(store)
    assert len(found) == len(rows)


def test_an_update_changes_the_named_rows_and_columns_alone(store: Store) -> None:
    report = {
        "pbx": "hq",
        "received_at": AT,
        "word": "RING",
        "callid": "1.1",
        "body": "{}",
        "attempt_id": None,
    }
    with store.write() as tx:
        tx.execute(insert(reports), [report | {"disposition": "pending"} for _ in range(3)])
        first, _second, third = tx.execute(select(reports.c.id).order_by(reports.c.id)).scalars()
        rows = [
            {"id": first, "disposition": Disposition.ORPHAN, "body": "ünï 'quoted' \\ %s"},
            {"id": third, "disposition": Disposition.FOREIGN, "body": "x"},
            {"id": 10**12, "disposition": Disposition.FOREIGN, "body": "x"},
        ]
        BulkUpdate(reports, "disposition", "body").run(tx, rows)
        found = tx.execute(
            select(reports.c.disposition, reports.c.body, reports.c.word).order_by(reports.c.id)
        ).all()

    assert [tuple(row) for row in found] == [
        ("orphan", "ünï 'quoted' \\ %s", "RING"),
        ("pending", "{}", "RING"),
        ("foreign", "x", "RING"),
    ]


def test_a_row_that_is_not_what_it_was_is_left_alone(store: Store) -> None:
    report = {
        "pbx": "hq",
        "received_at": AT,
        "word": "RING",
        "callid": "1.1",
        "body": "{}",
        "attempt_id": None,
    }
    with store.write() as tx:
        tx.execute(insert(reports), [report | {"disposition": what} for what in ("pending", "orphan")])
        keys = list(tx.execute(select(reports.c.id).order_by(reports.c.id)).scalars())
        rows = [{"id": key, "was": Disposition.PENDING, "disposition": Disposition.FOREIGN} for key in keys]
        BulkUpdate(reports, "disposition", was="disposition").run(tx, rows)
        both = [{"id": key, "word": "ALERT"} for key in keys]
        BulkUpdate(reports, "word", only="reports.disposition = 'orphan'").run(tx, both)
        found = tx.execute(select(reports.c.disposition, reports.c.word).order_by(reports.c.id)).all()

    assert [tuple(row) for row in found] == [("foreign", "RING"), ("orphan", "ALERT")]


def test_a_conflict_is_settled_as_it_says(store: Store) -> None:
    with store.write() as tx:
        counting.add(tx, {("calls", '["a"]'): 1.5, ("calls", '["b"]'): 1})
        counting.add(tx, {("calls", '["a"]'): 2.25})
        assert sorted(counting.totals(tx)) == [("calls", '["a"]', 3.75), ("calls", '["b"]', 1)]


def test_no_rows_are_no_statement(store: Store) -> None:
    with store.write() as tx:
        BulkInsert(events, *COLUMNS).run(tx, [])
        BulkUpdate(reports, "body").run(tx, [])
    assert written(store) == []


@pytest.mark.parametrize("at", [AT.replace(tzinfo=None), b"bytes"])
def test_what_cannot_be_stored_is_an_error(store: Store, at: object) -> None:
    row = dict.fromkeys(COLUMNS, "") | {"at": at, "subject": "call", "data": None}
    with pytest.raises(Exception), store.write() as tx:  # noqa: B017 - each database has its own
        BulkInsert(events, *COLUMNS).run(tx, [row])


@pytest.mark.parametrize("number", [1, 7, 64, 65, 200])
def test_any_number_of_rows_is_written_in_order(store: Store, number: int) -> None:
    blank = dict.fromkeys(COLUMNS, "") | {"at": AT, "subject": "call", "data": None}
    with store.write() as tx:
        BulkInsert(events, *COLUMNS).run(tx, [blank | {"name": str(place)} for place in range(number)])
        keys = list(tx.execute(select(events.c.id).order_by(events.c.id)).scalars())
        BulkUpdate(events, "cause").run(tx, [{"id": key, "cause": f"{key}"} for key in keys])
        found = tx.execute(select(events.c.id, events.c.name, events.c.cause).order_by(events.c.id)).all()

    assert [row.name for row in found] == [str(place) for place in range(number)]
    assert all(row.cause == str(row.id) for row in found)
