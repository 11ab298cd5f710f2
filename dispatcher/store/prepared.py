"""Statements that run for every report and every dial, compiled once.

SQLAlchemy takes a tenth of a millisecond for each execution of a statement that the database answers in a
hundredth. Here it compiles the statement once for each kind of database, and the driver runs the text.
"""

import json
from collections import namedtuple
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakSet

from sqlalchemy import Boolean, ColumnElement, Connection, Dialect, Text, any_, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from dispatcher.store.direct import execute

Process = Callable[[Any], Any]


class AnyOf(ColumnElement[bool]):
    """Whether a column is one of the values given as the parameter ``name``: an ``IN`` of one form only."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], name: str, kind: Any = Text) -> None:
        self.type = Boolean()
        self.column = column
        self.among = bindparam(name, type_=_Collection(kind))

    def self_group(self, against: Any = None) -> "AnyOf":
        """Itself: it is true or false already, and an index is used only where it stands alone."""
        return self


class _Collection(ARRAY[Any]):
    """Many values in one parameter: an array on PostgreSQL, JSON on SQLite."""

    def bind_processor(self, dialect: Dialect) -> Process | None:
        """What the driver is given."""
        return _as_json if dialect.name == "sqlite" else list


def _as_json(values: Iterable[Any]) -> str:
    return json.dumps(list(values))


@compiles(AnyOf, "sqlite")
def _any_of_json(element: AnyOf, compiler: SQLCompiler, **more: Any) -> str:
    column, among = compiler.process(element.column, **more), compiler.process(element.among, **more)
    return f"{column} IN (SELECT value FROM json_each({among}))"  # noqa: S608


@compiles(AnyOf, "postgresql")
def _any_of_array(element: AnyOf, compiler: SQLCompiler, **more: Any) -> str:
    return compiler.process(element.column == any_(element.among), **more)


class Prepared:
    """A statement whose parameters are all named with ``bindparam``; no ``IN`` but :class:`AnyOf`.

    Rows come as named tuples, with values as the columns' types make them.
    """

    def __init__(self, statement: Any, *, only: str | None = None) -> None:
        """``statement`` is a ``SELECT``, or an ``INSERT``, ``UPDATE`` or ``DELETE``, with or without rows.

        ``only`` names the one kind of database that has such a statement, where the other has not.
        """
        self._statement = statement
        self._only = only
        self._forms: dict[str, _Form] = {}
        _known.add(self)

    def compile(self, dialect: Dialect) -> None:
        """Have the statement ready, where this kind of database has it: its first run is as fast as any."""
        if self._only in (None, dialect.name):
            self._form(dialect)

    def all(self, tx: Connection, **values: Any) -> list[Any]:
        """Run the statement; its rows."""
        form = self._form(tx.dialect)
        return form.read(form.execute(tx, values))

    def run(self, tx: Connection, **values: Any) -> None:
        """Run a statement that has no rows."""
        self._form(tx.dialect).execute(tx, values)

    def _form(self, dialect: Dialect) -> "_Form":
        known = self._forms.get(dialect.name)
        if known is None:
            known = self._forms[dialect.name] = _Form(self._statement, dialect)
        return known


_known: WeakSet[Prepared] = WeakSet()


def compile_all(dialect: Dialect) -> None:
    """Have every statement of this process ready for one kind of database."""
    for statement in list(_known):
        statement.compile(dialect)


class _Form:
    """A statement as one kind of database takes it."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._text = compiled.string
        if "POSTCOMPILE" in self._text:
            raise ValueError("the form of a prepared statement can't depend on its values")
        self._order: list[str] | None = compiled.positiontup
        writers = {
            name: bind.type.dialect_impl(dialect).bind_processor(dialect)
            for name, bind in compiled.binds.items()
        }
        self._fixed = {
            name: _processed(writers[name], bind.value)
            for name, bind in compiled.binds.items()
            if not bind.required
        }
        self._writers = {name: write for name, write in writers.items() if write and name not in self._fixed}
        self._columns = list(getattr(statement, "exported_columns", ()))
        self._dialect = dialect
        self._known_readers: list[tuple[int, Process]] | None = None
        self._make = _row_type([column.key for column in self._columns])._make

    def execute(self, tx: Connection, values: dict[str, Any]) -> Any:
        """Run the statement; the cursor that has its rows."""
        given = self._fixed | values
        for name, write in self._writers.items():
            given[name] = write(given[name])
        if self._order is None:
            return execute(tx, self._text, given)
        return execute(tx, self._text, tuple([given[name] for name in self._order]))

    def read(self, cursor: Any) -> list[Any]:
        rows, make = cursor.fetchall(), self._make
        if not rows:
            return []
        readers = self._readers(cursor)
        if not readers:
            return [make(row) for row in rows]
        found = []
        for row in rows:
            values = list(row)
            for place, read in readers:
                values[place] = read(values[place])
            found.append(make(values))
        return found

    def _readers(self, cursor: Any) -> list[tuple[int, Process]]:
        """What turns the driver's values into the columns', by place; known once there has been an answer."""
        if self._known_readers is None:
            dialect = self._dialect
            readers = [
                column.type.dialect_impl(dialect).result_processor(dialect, told[1])
                for column, told in zip(self._columns, cursor.description, strict=True)
            ]
            self._known_readers = [(place, read) for place, read in enumerate(readers) if read is not None]
        return self._known_readers


def _processed(write: Process | None, value: Any) -> Any:
    return value if write is None else write(value)


def _row_type(names: list[str]) -> Any:
    return namedtuple("Row", names, rename=True)
