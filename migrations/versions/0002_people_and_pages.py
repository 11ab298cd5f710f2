"""Contacts, groups, schedules, policies; pages and escalation; silences; webhooks and heartbeats.

Revision 0002, after 0001.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

INSTANT = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "alarm_groups",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("labels", DOCUMENT, nullable=True),
        sa.Column("told_at", INSTANT, nullable=True),
        sa.Column("next_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "contact_groups",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "contacts",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("full_name", sa.String(), nullable=True),
        sa.Column("ways", DOCUMENT, nullable=False),
        sa.Column("timezone", sa.String(), nullable=True),
        sa.Column("most_per_minute", sa.Integer(), nullable=True),
        sa.Column("most_per_hour", sa.Integer(), nullable=True),
        sa.Column("details", DOCUMENT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("most_per_hour IS NULL OR most_per_hour >= 1", name="ck_contacts_per_hour"),
        sa.CheckConstraint("most_per_minute IS NULL OR most_per_minute >= 1", name="ck_contacts_per_minute"),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "do_not_call",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("alarms_too", sa.Boolean(), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("added_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_do_not_call_added", "do_not_call", ["added_at"], unique=False)
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("every_seconds", sa.Float(), nullable=False),
        sa.Column("grace_seconds", sa.Float(), nullable=False),
        sa.Column("alarm", DOCUMENT, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("heard_at", INSTANT, nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("latest_at", INSTANT, nullable=True),
        sa.Column("gap_seconds", sa.Float(), nullable=True),
        sa.Column("alarm_id", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("status IN ('new', 'up', 'down', 'paused')", name="ck_heartbeats_status"),
        sa.CheckConstraint("every_seconds > 0 AND grace_seconds >= 0", name="ck_heartbeats_times"),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index(
        "ix_heartbeats_due",
        "heartbeats",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )

    op.create_table(
        "inhibitions",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source", DOCUMENT, nullable=False),
        sa.Column("target", DOCUMENT, nullable=False),
        sa.Column("equal", DOCUMENT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "policies",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "schedules",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("layers", DOCUMENT, nullable=False),
        sa.Column("holidays", DOCUMENT, nullable=True),
        sa.Column("calendar_url", sa.String(), nullable=True),
        sa.Column("calendar", sa.String(), nullable=True),
        sa.Column("calendar_at", INSTANT, nullable=True),
        sa.Column("calendar_due_at", INSTANT, nullable=True),
        sa.Column("calendar_problem", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "silences",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("matchers", DOCUMENT, nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=True),
        sa.Column("windows", DOCUMENT, nullable=True),
        sa.Column("timezone", sa.String(), nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("kind IN ('silence', 'maintenance')", name="ck_silences_kind"),
        sa.CheckConstraint("ends_at IS NULL OR ends_at >= starts_at", name="ck_silences_times"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_silences_ends", "silences", ["ends_at"], unique=False)

    op.create_table(
        "webhooks",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("previous_secret", sa.String(), nullable=True),
        sa.Column("previous_until", INSTANT, nullable=True),
        sa.Column("kinds", DOCUMENT, nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("stopped_why", sa.String(), nullable=False),
        sa.Column("after_event", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("webhook", sa.Text(), nullable=True),
        sa.Column("campaign_id", sa.Text(), nullable=True),
        sa.Column("receiver", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", INSTANT, nullable=True),
        sa.Column("give_up_at", INSTANT, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'dead')", name="ck_deliveries_state"),
        sa.CheckConstraint("tries >= 0", name="ck_deliveries_tries"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["webhook"], ["webhooks.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_deliveries_dead",
        "deliveries",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    )
    _index("ix_deliveries_due", "deliveries", "receiver", "next_at", where="state = 'waiting'")
    _index("ix_deliveries_ended", "deliveries", "ended_at", where="ended_at IS NOT NULL")
    _index("ix_deliveries_webhook", "deliveries", "webhook", "id", where="webhook IS NOT NULL")
    op.create_table(
        "marks",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("state", DOCUMENT, nullable=True),
        sa.Column("at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    # Webhooks are told what happens from now on.
    op.execute(
        "INSERT INTO marks (name, position) SELECT 'outgoing', max(id) FROM events HAVING max(id) IS NOT NULL"
    )

    op.create_table(
        "group_members",
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact"],
            ["contacts.name"],
        ),
        sa.ForeignKeyConstraint(["group_name"], ["contact_groups.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_name", "position"),
    )
    op.create_table(
        "schedule_overrides",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=True),
        sa.Column("instead_of", sa.String(), nullable=True),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name="ck_schedule_overrides_times"),
        sa.ForeignKeyConstraint(
            ["contact"],
            ["contacts.name"],
        ),
        sa.ForeignKeyConstraint(["schedule"], ["schedules.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_schedule_overrides_schedule", "schedule_overrides", ["schedule", "ends_at"], unique=False
    )

    op.create_table(
        "pbx_ivrs",
        sa.Column("pbx", sa.String(), nullable=False),
        sa.Column("numbers", DOCUMENT, nullable=True),
        sa.Column("looked_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("pbx"),
    )

    op.create_table(
        "pages",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("alarm_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("extension", sa.String(), nullable=True),
        sa.Column("pbx_user", sa.String(), nullable=True),
        sa.Column("pbx", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("contact", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("keys_done", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("called_at", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.CheckConstraint("purpose IN ('alarm', 'resolved')", name="ck_pages_purpose"),
        sa.CheckConstraint("state <> 'calling' OR call_id IS NOT NULL", name="ck_pages_calling"),
        sa.CheckConstraint("state IN ('waiting', 'calling', 'ended')", name="ck_pages_state"),
        sa.ForeignKeyConstraint(["alarm_id"], ["alarms.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_pages_alarm", "pages", ["alarm_id"], unique=False)
    op.create_index(
        "uq_pages_call",
        "pages",
        ["call_id", "alarm_id"],
        unique=True,
        sqlite_where=sa.text("call_id IS NOT NULL"),
        postgresql_where=sa.text("call_id IS NOT NULL"),
    )

    _add_columns()
    _add_indexes()
    _page_the_calls_there_are()


def _add_columns() -> None:
    of_alarms: tuple[sa.Column[Any], ...] = (
        sa.Column("labels", DOCUMENT),
        sa.Column("plan", DOCUMENT),
        sa.Column("next_at", INSTANT),
        sa.Column("held_why", sa.String),
        sa.Column("held_by", sa.String),
    )
    for column in of_alarms:
        op.add_column("alarms", column)
    for name in ("step", "round"):
        number = sa.Column(name, sa.Integer, nullable=False, server_default="0")
        _add_checked("alarms", number, f"ck_alarms_{name}", f"{name} >= 0")
    of_calls: tuple[sa.Column[Any], ...] = (
        sa.Column("callee", sa.String),
        sa.Column("bundle", sa.String),
        sa.Column("message_value", sa.String),
        sa.Column("message_count", sa.Integer),
        sa.Column("most_per_minute", sa.Integer),
        sa.Column("most_per_hour", sa.Integer),
    )
    for column in of_calls:
        op.add_column("calls", column)
    kinds = "message_kind IN ('ivr', 'prompt', 'queue', 'ring_group')"
    _add_checked("calls", sa.Column("message_kind", sa.String), "ck_calls_message_kind", kinds)
    op.add_column("calls", sa.Column("budget_from", sa.Integer, nullable=False, server_default="0"))
    proofs = "delivered_when IN ('answered', 'heard', 'acknowledged')"
    _add_checked("calls", sa.Column("delivered_when", sa.String), "ck_calls_delivered_when", proofs)


def _add_checked(table: str, column: sa.Column[Any], name: str, check: str) -> None:
    """Add a column with a check. SQLite takes both in one statement only, short of copying the table."""
    if op.get_context().dialect.name != "sqlite":
        op.add_column(table, column)
        op.create_check_constraint(name, table, check)
        return
    kind = "INTEGER NOT NULL DEFAULT '0'" if isinstance(column.type, sa.Integer) else "VARCHAR"
    op.execute(f"ALTER TABLE {table} ADD COLUMN {column.name} {kind} CONSTRAINT {name} CHECK ({check})")


def _add_indexes() -> None:
    _index("ix_alarms_held", "alarms", "held_by", where="held_by IS NOT NULL")
    _index("ix_alarms_next", "alarms", "next_at", where="next_at IS NOT NULL")
    _index("ix_calls_bundle", "calls", "bundle", where="bundle IS NOT NULL AND state = 'queued'")
    _index("ix_calls_callee", "calls", "callee", "updated_at", where="callee IS NOT NULL")
    _index(
        "uq_calls_bundle",
        "calls",
        "bundle",
        where="bundle IS NOT NULL AND state = 'queued' AND attempts_made = 0",
        unique=True,
    )


def _index(name: str, table: str, *columns: str, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name, table, list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition
    )


def _page_the_calls_there_are() -> None:
    """Every call of an alarm tells that one alarm."""
    op.execute(
        "INSERT INTO pages (id, alarm_id, call_id, purpose, step, round, line, position, number, extension,"
        " pbx_user, pbx, name, state, why, keys_done, created_at, called_at, ended_at)"
        " SELECT id, alarm_id, id, 'alarm', 0, 0, 0, 0, number, extension, pbx_user, pbx, name,"
        " CASE WHEN state IN ('queued', 'active') THEN 'calling' ELSE 'ended' END,"
        " '', '', created_at, created_at,"
        " CASE WHEN state IN ('queued', 'active') THEN NULL ELSE updated_at END"
        " FROM calls WHERE alarm_id IS NOT NULL"
    )


def downgrade() -> None:
    with op.batch_alter_table("calls") as batch:
        batch.drop_index(
            "uq_calls_bundle",
            sqlite_where=sa.text("bundle IS NOT NULL AND state = 'queued' AND attempts_made = 0"),
            postgresql_where=sa.text("bundle IS NOT NULL AND state = 'queued' AND attempts_made = 0"),
        )
        batch.drop_index(
            "ix_calls_callee",
            sqlite_where=sa.text("callee IS NOT NULL"),
            postgresql_where=sa.text("callee IS NOT NULL"),
        )
        batch.drop_index(
            "ix_calls_bundle",
            sqlite_where=sa.text("bundle IS NOT NULL AND state = 'queued'"),
            postgresql_where=sa.text("bundle IS NOT NULL AND state = 'queued'"),
        )
        batch.drop_constraint("ck_calls_delivered_when", type_="check")
        batch.drop_constraint("ck_calls_message_kind", type_="check")
        batch.drop_column("budget_from")
        batch.drop_column("most_per_hour")
        batch.drop_column("most_per_minute")
        batch.drop_column("delivered_when")
        batch.drop_column("message_count")
        batch.drop_column("message_value")
        batch.drop_column("message_kind")
        batch.drop_column("bundle")
        batch.drop_column("callee")

    with op.batch_alter_table("alarms") as batch:
        batch.drop_index(
            "ix_alarms_next",
            sqlite_where=sa.text("next_at IS NOT NULL"),
            postgresql_where=sa.text("next_at IS NOT NULL"),
        )
        batch.drop_index(
            "ix_alarms_held",
            sqlite_where=sa.text("held_by IS NOT NULL"),
            postgresql_where=sa.text("held_by IS NOT NULL"),
        )
        batch.drop_constraint("ck_alarms_round", type_="check")
        batch.drop_constraint("ck_alarms_step", type_="check")
        batch.drop_column("held_by")
        batch.drop_column("held_why")
        batch.drop_column("next_at")
        batch.drop_column("round")
        batch.drop_column("step")
        batch.drop_column("plan")
        batch.drop_column("labels")

    with op.batch_alter_table("pages") as batch:
        batch.drop_index(
            "uq_pages_call",
            sqlite_where=sa.text("call_id IS NOT NULL"),
            postgresql_where=sa.text("call_id IS NOT NULL"),
        )
        batch.drop_index("ix_pages_alarm")

    op.drop_table("pages")
    op.drop_table("pbx_ivrs")
    with op.batch_alter_table("schedule_overrides") as batch:
        batch.drop_index("ix_schedule_overrides_schedule")

    op.drop_table("schedule_overrides")
    op.drop_table("group_members")
    op.drop_table("marks")
    op.drop_table("deliveries")
    op.drop_table("webhooks")
    with op.batch_alter_table("silences") as batch:
        batch.drop_index("ix_silences_ends")

    op.drop_table("silences")
    op.drop_table("schedules")
    op.drop_table("policies")
    op.drop_table("inhibitions")
    with op.batch_alter_table("heartbeats") as batch:
        batch.drop_index(
            "ix_heartbeats_due",
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )

    op.drop_table("heartbeats")
    with op.batch_alter_table("do_not_call") as batch:
        batch.drop_index("ix_do_not_call_added")

    op.drop_table("do_not_call")
    op.drop_table("contacts")
    op.drop_table("contact_groups")
    op.drop_table("alarm_groups")
