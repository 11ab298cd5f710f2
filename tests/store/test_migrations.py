"""The migrations: up and down with rows in every table, at once, failing half-way; and what they build."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Inspector, MetaData, inspect, text

import migrations
from dispatcher.store import marks, schema, webhooks
from dispatcher.store.engine import Store
from dispatcher.store.tables import Alarm, Event, table
from tests.store.rows import NOW, ROWS, add_one_of_each, stored, values

METADATA: MetaData = table(Alarm).metadata
REVISIONS = ["0001", "0002"]


def tables(url: str) -> set[str]:
    store = Store(url)
    with store.read() as tx:
        names = set(inspect(tx).get_table_names())
    store.close()
    return names - {"alembic_version"}


def fill(url: str) -> None:
    store = Store(url)
    with store.write() as tx:
        add_one_of_each(tx)
    store.close()


def contents(url: str) -> list[tuple[str, dict[str, Any]]]:
    store = Store(url)
    with store.read() as tx:
        rows = list(stored(tx))
    store.close()
    return rows


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, to which a test adds its own."""
    copy = tmp_path / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(schema, "MIGRATIONS", str(copy))
    return copy


def add_migration(folder: Path, statements: str) -> None:
    head = f'revision = "next"\ndown_revision = "{REVISIONS[-1]}"\n'
    body = f"import sqlalchemy as sa\nfrom alembic import op\n{head}def upgrade():\n{statements}\n"
    (folder / "versions" / "next.py").write_text(body + "def downgrade():\n    raise NotImplementedError\n")


def test_an_empty_database_gets_every_table_and_says_so(empty_store_url: str) -> None:
    assert schema.current(empty_store_url) is None
    assert not schema.is_current(empty_store_url)
    schema.upgrade(empty_store_url)
    assert schema.current(empty_store_url) == REVISIONS[-1] == schema.newest()
    assert schema.is_current(empty_store_url)
    assert tables(empty_store_url) == set(METADATA.tables)


def test_rows_come_back_as_they_were_stored(store_url: str) -> None:
    fill(store_url)
    schema.upgrade(store_url)
    rows = contents(store_url)
    assert [name for name, _ in rows] == list(ROWS)
    for name, row in rows:
        assert row == values(name) | ({"id": row["id"]} if "id" in row else {})


def test_every_table_has_an_example() -> None:
    assert set(ROWS) == set(METADATA.tables)


def test_down_with_rows_in_every_table_and_up_again(store_url: str) -> None:
    fill(store_url)
    for revision, before in zip(reversed(REVISIONS), [*reversed(REVISIONS[:-1]), "base"], strict=True):
        assert schema.current(store_url) == revision
        schema.downgrade(store_url, before)
    assert schema.current(store_url) is None
    assert not tables(store_url)
    for revision in REVISIONS:
        schema.upgrade(store_url, revision)
        assert schema.current(store_url) == revision
    fill(store_url)


def test_webhooks_are_told_what_happens_after_the_migration_that_brings_them(empty_store_url: str) -> None:
    schema.upgrade(empty_store_url, "0001")
    store = Store(empty_store_url)
    with store.write() as tx:
        for _ in range(3):
            tx.execute(
                table(Event).insert().values(at=NOW, subject="alarm", subject_id="a", name="raised", cause="")
            )
    schema.upgrade(empty_store_url)
    with store.read() as tx:
        mark = marks.find(tx, "outgoing")
        newest = webhooks.newest_event(tx)
    store.close()
    assert mark is not None
    assert (mark.position, mark.state) == (newest, None) == (3, None)


def test_the_revisions_are_these(empty_store_url: str) -> None:
    for revision in REVISIONS:
        schema.upgrade(empty_store_url, revision)
        assert schema.current(empty_store_url) == revision
    assert schema.is_current(empty_store_url)


def test_processes_that_start_at_once_migrate_once(empty_store_url: str) -> None:
    program = "import sys; from dispatcher.store import schema; schema.upgrade(sys.argv[1])"
    command = [sys.executable, "-W", "error", "-c", program, empty_store_url]
    root = Path(migrations.__file__).parents[1]
    starting = [subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in starting:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert schema.is_current(empty_store_url)


def test_a_migration_that_fails_half_way_leaves_nothing(store_url: str, folder: Path) -> None:
    fill(store_url)
    before = contents(store_url)
    add_migration(
        folder,
        '    op.create_table("half", sa.Column("id", sa.Integer, primary_key=True))\n'
        '    op.execute("DELETE FROM reports")\n'
        '    op.execute("SELECT * FROM not_there")\n',
    )
    with pytest.raises(Exception, match="not_there"):
        schema.upgrade(store_url)
    assert schema.current(store_url) == REVISIONS[-1]
    assert not schema.is_current(store_url)
    assert "half" not in tables(store_url)
    assert contents(store_url) == before


def test_a_table_can_be_rebuilt_without_losing_the_rows_that_refer_to_it(
    store_url: str, folder: Path
) -> None:
    fill(store_url)
    before = contents(store_url)
    add_migration(
        folder,
        '    with op.batch_alter_table("campaigns") as batch:\n'
        '        batch.alter_column("weight", type_=sa.BigInteger)\n',
    )
    schema.upgrade(store_url)
    assert schema.current(store_url) == "next"
    assert contents(store_url) == before


def test_a_migration_may_not_leave_rows_that_refer_to_nothing(sqlite_url: str, folder: Path) -> None:
    fill(sqlite_url)
    add_migration(folder, '    op.execute("DELETE FROM campaigns")')
    with pytest.raises(RuntimeError, match="rows in calls that refer to nothing"):
        schema.upgrade(sqlite_url)
    assert len(contents(sqlite_url)) == len(ROWS)


def test_a_database_of_a_newer_version_is_not_touched(store_url: str) -> None:
    store = Store(store_url)
    with store.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    assert not schema.is_current(store_url)
    with pytest.raises(Exception, match="9999"):
        schema.upgrade(store_url)


def test_the_next_migration_is_drafted_from_the_tables(empty_store_url: str, folder: Path) -> None:
    for written in (folder / "versions").glob("*.py"):
        written.unlink()
    schema.draft(empty_store_url, "tables anew")
    drafted = (folder / "versions" / "0001_tables_anew.py").read_text()
    assert "dispatcher" not in drafted
    assert "sqlmodel" not in drafted
    schema.upgrade(empty_store_url)
    fill(empty_store_url)


@pytest.mark.parametrize("url", ["sqlite://", "postgresql+psycopg://host/name"])
def test_the_statements_can_be_had_without_a_database(url: str) -> None:
    statements = schema.sql(url)
    created = set(re.findall(r"CREATE TABLE (\w+)", statements))
    assert created == {*METADATA.tables, "alembic_version"}
    assert f"version_num='{REVISIONS[-1]}'" in statements


def test_alembic_finds_no_difference_between_the_tables_and_the_migrated_schema(store_url: str) -> None:
    store = Store(store_url)
    with store.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []
    store.close()


@pytest.fixture(params=["sqlite", "postgres"])
def migrated_and_created(request: pytest.FixtureRequest) -> Iterator[tuple[Connection, Connection]]:
    """Two databases of one kind: one built by the migrations, one straight from the tables."""
    migrated = Store(request.getfixturevalue(f"{request.param}_url"))
    created = Store(request.getfixturevalue(f"empty_{request.param}_url"))
    with created.write() as tx:
        METADATA.create_all(tx)
    with migrated.read() as one, created.read() as other:
        yield one, other
    migrated.close()
    created.close()


def constraints(inspector: Inspector, name: str) -> dict[str, Any]:
    """What holds for a table's rows, in an order of its own and without the names of keys."""
    return {
        "checks": {item["name"]: item["sqltext"] for item in inspector.get_check_constraints(name)},
        "unique": {item["name"]: item["column_names"] for item in inspector.get_unique_constraints(name)},
        "primary key": inspector.get_pk_constraint(name)["constrained_columns"],
        "foreign keys": sorted(
            (item["constrained_columns"], item["referred_table"], item["referred_columns"], item["options"])
            for item in inspector.get_foreign_keys(name)
        ),
        "indexes": {
            item["name"]: (
                item["column_names"],
                bool(item["unique"]),
                str(item.get("dialect_options", {}).get(f"{inspector.dialect.name}_where")),
            )
            for item in inspector.get_indexes(name)
        },
        "columns": {
            item["name"]: (str(item["type"]), item["nullable"]) for item in inspector.get_columns(name)
        },
    }


def test_both_ways_build_the_same_tables(migrated_and_created: tuple[Connection, Connection]) -> None:
    migrated, created = (
        {name: constraints(inspect(tx), name) for name in METADATA.tables} for tx in migrated_and_created
    )
    assert migrated == created
