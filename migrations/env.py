"""What Alembic runs: the migrations within the transaction that `dispatcher.store.schema` has begun."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from dispatcher.store import tables
from dispatcher.store.types import JsonValue, Serial, UtcDateTime

PLAIN = {
    "JsonValue": "sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), 'postgresql')",
    "Serial": "sa.BigInteger().with_variant(sa.Integer(), 'sqlite')",
    "UtcDateTime": "sa.DateTime(timezone=True)",
    "AutoString": "sa.String()",
}


def render(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """Write our column types as plain SQLAlchemy: a migration must not change with the code."""
    if kind != "type":
        return False
    if item is JsonValue:
        autogenerate.imports.add("from sqlalchemy.dialects import postgresql")
        return PLAIN["JsonValue"]
    if item is Serial:
        return PLAIN["Serial"]
    if isinstance(item, UtcDateTime):
        return PLAIN["UtcDateTime"]
    return PLAIN.get(type(item).__name__, False)


def run() -> None:
    """Run offline, writing SQL, or on the connection that we were given."""
    options: dict[str, Any] = {
        "target_metadata": tables.table(tables.Alarm).metadata,
        "render_as_batch": True,
        "render_item": render,
        "compare_type": True,
    }
    if context.is_offline_mode():
        context.configure(dialect_name=context.config.attributes["dialect"], literal_binds=True, **options)
    else:
        context.configure(connection=context.config.attributes["connection"], **options)
    with context.begin_transaction():
        context.run_migrations()


run()
