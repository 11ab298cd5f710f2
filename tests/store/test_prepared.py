"""Prepared statements answer what SQLAlchemy would have answered, on both databases."""

import importlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Integer, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from dispatcher.store import schema
from dispatcher.store.engine import Store
from dispatcher.store.prepared import AnyOf, Prepared, _known
from dispatcher.store.tables import Campaign, RawReport, Trunk, table
from tests.store import rows

campaigns, trunks, reports = table(Campaign), table(Trunk), table(RawReport)
AT = datetime(2026, 11, 21, 3, 0, 0, 120000, UTC)
INDIA = timezone(timedelta(hours=5, minutes=30))


@pytest.fixture
def store(store_url: str) -> Any:
    schema.upgrade(store_url)
    made = Store(store_url)
    yield made
    made.close()


@pytest.mark.parametrize("of", [campaigns, trunks])
def test_values_are_as_sqlalchemy_gives_them(store: Store, of: Any) -> None:
    """Times, flags, JSON and numbers, and nothing at all."""
    with store.write() as tx:
        rows.add(tx, "campaigns", id="one", windows=[{"days": ["mon"]}], expires_at=None)
        rows.add(tx, "trunks", pbx="hq", name="T", calls_per_second=0.5, paused=True, last_claim_at=AT)
        expected = tx.execute(select(of)).all()
        found = Prepared(select(of)).all(tx)

    assert [tuple(row) for row in found] == [tuple(row) for row in expected]
    assert found[0]._fields == tuple(expected[0]._fields)
    assert len(found) == 1


def test_a_time_is_found_whatever_zone_it_is_given_in(store: Store) -> None:
    after = Prepared(select(campaigns.c.id).where(campaigns.c.created_at > bindparam("since")))
    with store.write() as tx:
        rows.add(tx, "campaigns", id="one", created_at=AT)
        found = [
            after.all(tx, since=(AT + timedelta(seconds=seconds)).astimezone(zone))
            for seconds in (-1, 0)
            for zone in (UTC, INDIA)
        ]
        with pytest.raises(ValueError, match="zone"):
            after.all(tx, since=AT.replace(tzinfo=None))

    assert [[row.id for row in rows_] for rows_ in found] == [["one"], ["one"], [], []]


def test_a_list_of_any_length_is_one_parameter(store: Store) -> None:
    by_name = Prepared(select(trunks.c.name).where(AnyOf(trunks.c.name, "names")).order_by(trunks.c.name))
    strange = ["plain", "it's", 'quo"ted', "comma,", "{brace}", "ünï", ""]
    with store.write() as tx:
        for name in strange:
            rows.add(tx, "trunks", pbx="hq", name=name)
        for wanted in (strange, strange[:1], [], ["no such"], {"it's"}):
            found = {row.name for row in by_name.all(tx, names=wanted)}
            assert found == set(wanted) & set(strange)


def test_rows_that_are_made_changed_and_deleted_are_returned(store: Store) -> None:
    make = Prepared(
        insert(reports)
        .values(
            pbx=bindparam("of_pbx"),
            received_at=bindparam("at"),
            word="ALERT",
            callid="",
            body="{}",
            disposition="pending",
        )
        .returning(reports.c.id, reports.c.received_at)
    )
    change = Prepared(
        update(reports)
        .where(AnyOf(reports.c.id, "ids", Integer()), reports.c.word == "ALERT")
        .values(callid=bindparam("new_callid"))
        .returning(reports.c.id)
    )
    remove = Prepared(delete(reports).where(AnyOf(reports.c.id, "ids", Integer())))
    with store.write() as tx:
        ids = [make.all(tx, of_pbx="hq", at=AT)[0].id for _ in range(3)]
        assert make.all(tx, of_pbx="hq", at=AT)[0].received_at == AT
        assert {row.id for row in change.all(tx, ids=ids[:2], new_callid="1.1")} == set(ids[:2])
        remove.run(tx, ids=ids)
        assert [row.callid for row in tx.execute(select(reports.c.callid))] == [""]


def test_errors_are_those_of_sqlalchemy(store: Store) -> None:
    make = Prepared(
        insert(reports).values(
            pbx="hq", received_at=bindparam("at"), word="", callid="", body="", disposition="no such"
        )
    )
    with pytest.raises(IntegrityError), store.write() as tx:
        make.run(tx, at=AT)


def test_a_statement_whose_text_depends_on_its_values_is_refused(store: Store) -> None:
    among = select(trunks).where(trunks.c.name.in_(bindparam("names", expanding=True)))
    statement = Prepared(among, only="neither, lest others that warm up meet it")
    with store.read() as tx, pytest.raises(ValueError, match="form"):
        statement.all(tx, names=["a"])


def test_every_statement_of_the_product_is_compiled_in_the_warm_up(store: Store) -> None:
    importlib.import_module("dispatcher.runtime.wiring")
    store.warm_up()
    name = store.engine.dialect.name
    fit = [one for one in _known if one._only in (None, name)]
    assert len(fit) > 20
    assert [one for one in fit if name not in one._forms] == []
