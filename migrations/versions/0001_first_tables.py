"""The first tables.

Revision 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

INSTANT = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _alarms()
    _audits()
    _campaigns()
    _events()
    _foreign_calls()
    _idempotency_keys()
    _inquiries()
    _arrivals()
    _leases()
    _pbx_sessions()
    _processes()
    _report_streams()
    _tallies()
    _trunks()
    _calls()
    _attempts()
    _doubts()
    _reports()


def downgrade() -> None:
    for table in (
        "reports",
        "doubts",
        "attempts",
        "calls",
        "trunks",
        "tallies",
        "report_streams",
        "processes",
        "pbx_sessions",
        "leases",
        "entered_arrivals",
        "arrivals",
        "inquiries",
        "idempotency_keys",
        "foreign_calls",
        "events",
        "campaigns",
        "audits",
        "alarms",
    ):
        op.drop_table(table)


def _index(name: str, table: str, *columns: str, where: str | None = None, unique: bool = False) -> None:
    condition = sa.text(where) if where else None
    op.create_index(
        name, table, list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition
    )


def _alarms() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("dedup_key", sa.String),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("summary", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("policy", sa.String),
        sa.Column("details", DOCUMENT),
        sa.Column("message_kind", sa.String, nullable=False),
        sa.Column("message_value", sa.String, nullable=False),
        sa.Column("message_count", sa.Integer, nullable=False),
        sa.Column("delivered_when", sa.String, nullable=False),
        sa.Column("ack_digits", sa.String, nullable=False),
        sa.Column("retry", DOCUMENT),
        sa.Column("occurrences", sa.Integer, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("acknowledged_at", INSTANT),
        sa.Column("acknowledged_by", sa.String),
        sa.Column("resolved_at", INSTANT),
        sa.CheckConstraint(
            "delivered_when IN ('answered', 'heard', 'acknowledged')", name="ck_alarms_delivered_when"
        ),
        sa.CheckConstraint(
            "message_kind IN ('ivr', 'prompt', 'queue', 'ring_group')", name="ck_alarms_message_kind"
        ),
        sa.CheckConstraint("severity IN ('critical', 'warning', 'info')", name="ck_alarms_severity"),
        sa.CheckConstraint(
            "status IN ('open', 'acknowledged', 'resolved', 'cancelled', 'expired', 'exhausted')",
            name="ck_alarms_status",
        ),
        sa.CheckConstraint("occurrences >= 1", name="ck_alarms_occurrences"),
        sa.PrimaryKeyConstraint("id", name="pk_alarms"),
    )
    _index("ix_alarms_expires", "alarms", "expires_at", where="status = 'open' AND expires_at IS NOT NULL")
    _index("ix_alarms_status", "alarms", "status", "id")
    _index("ix_alarms_dedup_key", "alarms", "dedup_key", "id", where="dedup_key IS NOT NULL")
    _index(
        "uq_alarms_open_dedup_key",
        "alarms",
        "dedup_key",
        where="dedup_key IS NOT NULL AND status IN ('open', 'acknowledged')",
        unique=True,
    )


def _audits() -> None:
    op.create_table(
        "audits",
        sa.Column("invariant", sa.String, nullable=False),
        sa.Column("found", sa.Integer, nullable=False),
        sa.Column("examples", DOCUMENT),
        sa.Column("looked_at", INSTANT, nullable=False),
        sa.Column("clean_at", INSTANT),
        sa.CheckConstraint("found >= 0", name="ck_audits_found"),
        sa.PrimaryKeyConstraint("invariant", name="pk_audits"),
    )


def _campaigns() -> None:
    op.create_table(
        "campaigns",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("message_kind", sa.String, nullable=False),
        sa.Column("message_value", sa.String, nullable=False),
        sa.Column("message_count", sa.Integer, nullable=False),
        sa.Column("delivered_when", sa.String, nullable=False),
        sa.Column("ack_digits", sa.String, nullable=False),
        sa.Column("retry", DOCUMENT),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("weight", sa.Integer, nullable=False),
        sa.Column("max_concurrent", sa.Integer),
        sa.Column("trunks", DOCUMENT),
        sa.Column("windows", DOCUMENT),
        sa.Column("timezone", sa.String),
        sa.Column("region", sa.String),
        sa.Column("callback_url", sa.String),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT),
        sa.Column("finished_at", INSTANT),
        sa.Column("expires_at", INSTANT),
        sa.Column("paused_why", sa.String, nullable=False),
        sa.CheckConstraint(
            "delivered_when IN ('answered', 'heard', 'acknowledged')", name="ck_campaigns_delivered_when"
        ),
        sa.CheckConstraint(
            "message_kind IN ('ivr', 'prompt', 'queue', 'ring_group')", name="ck_campaigns_message_kind"
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'running', 'paused', 'finished', 'cancelled')", name="ck_campaigns_status"
        ),
        sa.CheckConstraint(
            "max_concurrent IS NULL OR max_concurrent >= 1", name="ck_campaigns_max_concurrent"
        ),
        sa.CheckConstraint("priority BETWEEN 0 AND 9", name="ck_campaigns_priority"),
        sa.CheckConstraint("weight BETWEEN 1 AND 100", name="ck_campaigns_weight"),
        sa.PrimaryKeyConstraint("id", name="pk_campaigns"),
    )
    _index("ix_campaigns_status", "campaigns", "status")


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("subject_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("cause", sa.String, nullable=False),
        sa.Column("alarm_id", sa.String),
        sa.Column("campaign_id", sa.String),
        sa.Column("attempt_id", sa.String),
        sa.Column("data", DOCUMENT),
        sa.CheckConstraint(
            "subject IN ('alarm', 'campaign', 'call', 'trunk', "
            "'contact', 'do_not_call', 'group', 'inhibition', 'policy', 'schedule', 'silence', 'webhook')",
            name="ck_events_subject",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    _index("ix_events_alarm", "events", "alarm_id", where="alarm_id IS NOT NULL")
    _index("ix_events_at", "events", "at")
    _index("ix_events_subject", "events", "subject_id")
    kept = "'contact', 'do_not_call', 'group', 'inhibition', 'policy', 'schedule', 'silence', 'webhook'"
    _index("ix_events_trail", "events", "id", where=f"subject IN ({kept})")


def _foreign_calls() -> None:
    op.create_table(
        "foreign_calls",
        sa.Column("pbx", sa.String, nullable=False),
        sa.Column("callid", sa.String, nullable=False),
        sa.Column("trunk", sa.String, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("releases", sa.Integer, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.PrimaryKeyConstraint("pbx", "callid", name="pk_foreign_calls"),
    )
    _index("ix_foreign_calls_live", "foreign_calls", "pbx", "trunk", where="ended_at IS NULL")


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("client", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("request", sa.String, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", DOCUMENT),
        sa.Column("response", sa.String, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("client", "key", name="pk_idempotency_keys"),
    )
    _index("ix_idempotency_keys_created", "idempotency_keys", "created_at")


def _inquiries() -> None:
    op.create_table(
        "inquiries",
        sa.Column("pbx", sa.String, nullable=False),
        sa.Column("wanted_at", INSTANT),
        sa.Column("wanted_because", sa.String, nullable=False),
        sa.Column("looked_at", INSTANT),
        sa.Column("records_at", INSTANT),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("not_before", INSTANT),
        sa.CheckConstraint("failures >= 0", name="ck_inquiries_failures"),
        sa.PrimaryKeyConstraint("pbx", name="pk_inquiries"),
    )


def _doubts() -> None:
    op.create_table(
        "doubts",
        sa.Column("attempt_id", sa.Text, nullable=False),
        sa.Column("pbx", sa.String, nullable=False),
        sa.Column("because", sa.String, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.Column("looked_at", INSTANT),
        sa.Column("shown_at", INSTANT),
        sa.Column("absent_at", INSTANT),
        sa.Column("records_at", INSTANT),
        sa.Column("next_step", sa.String, nullable=False),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.CheckConstraint(
            "next_step IN ('look', 'fetch', 'close', 'never_placed')", name="ck_doubts_next_step"
        ),
        sa.CheckConstraint("looks >= 0", name="ck_doubts_looks"),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name="fk_doubts_attempt_id_attempts", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("attempt_id", name="pk_doubts"),
    )
    _index("ix_doubts_pbx", "doubts", "pbx", "next_at")


def _pbx_sessions() -> None:
    op.create_table(
        "pbx_sessions",
        sa.Column("pbx", sa.String, nullable=False),
        sa.Column("token", sa.String),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("began_at", INSTANT),
        sa.Column("refreshed_at", INSTANT),
        sa.Column("lease_owner", sa.String),
        sa.Column("lease_until", INSTANT),
        sa.Column("refused_password", sa.String),
        sa.Column("retry_at", INSTANT),
        sa.Column("problem", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("pbx", name="pk_pbx_sessions"),
    )


def _arrivals() -> None:
    op.create_table(
        "arrivals",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("batch", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_arrivals"),
    )
    op.create_table(
        "entered_arrivals",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_entered_arrivals"),
    )


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def _processes() -> None:
    op.create_table(
        "processes",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("dialing", DOCUMENT),
        sa.PrimaryKeyConstraint("name", name="pk_processes"),
    )


def _report_streams() -> None:
    op.create_table(
        "report_streams",
        sa.Column("pbx", sa.String, nullable=False),
        sa.Column("position", sa.String, nullable=False),
        sa.Column("connected_at", INSTANT),
        sa.Column("lost_at", INSTANT),
        sa.Column("refused_account", sa.String),
        sa.Column("retry_at", INSTANT),
        sa.Column("problem", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("pbx", name="pk_report_streams"),
    )


def _tallies() -> None:
    op.create_table(
        "tallies",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("labels", sa.String, nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("value", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("name", "labels", "shard", name="pk_tallies"),
    )


def _trunks() -> None:
    op.create_table(
        "trunks",
        sa.Column("pbx", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("configured", DOCUMENT),
        sa.Column("channels", sa.Integer, nullable=False),
        sa.Column("reserved_for_alarms", sa.Integer, nullable=False),
        sa.Column("calls_per_second", sa.Float),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("next_slot_at", INSTANT),
        sa.Column("last_claim_at", INSTANT),
        sa.Column("failures_in_row", sa.Integer, nullable=False),
        sa.Column("blocked_until", INSTANT),
        sa.Column("blocked_why", sa.String, nullable=False),
        sa.Column("down_why", sa.String, nullable=False),
        sa.Column("pbx_status", sa.String, nullable=False),
        sa.Column("pbx_usable", sa.Boolean),
        sa.Column("checked_at", INSTANT),
        sa.CheckConstraint("calls_per_second IS NULL OR calls_per_second > 0", name="ck_trunks_cps"),
        sa.CheckConstraint("channels >= 0", name="ck_trunks_channels"),
        sa.CheckConstraint("reserved_for_alarms >= 0", name="ck_trunks_reserved"),
        sa.PrimaryKeyConstraint("pbx", "name", name="pk_trunks"),
    )


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("alarm_id", sa.Text),
        sa.Column("campaign_id", sa.Text),
        sa.Column("pbx", sa.String),
        sa.Column("number", sa.String),
        sa.Column("extension", sa.String),
        sa.Column("pbx_user", sa.String),
        sa.Column("name", sa.String),
        sa.Column("external_id", sa.String),
        sa.Column("timezone", sa.String),
        sa.Column("fields", DOCUMENT),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("outcome", sa.String),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("attempts_made", sa.Integer, nullable=False),
        sa.Column("attempts_spent", sa.Integer, nullable=False),
        sa.Column("free_failures", sa.Integer, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.CheckConstraint(
            "outcome IN ('delivered', 'not_heard', 'busy', 'no_answer', 'rejected', 'invalid_number', "
            "'unreachable', 'congestion', 'not_permitted', 'voicemail', 'cancelled', 'unknown')",
            name="ck_calls_outcome",
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'active', 'delivered', 'failed', 'cancelled', 'expired')",
            name="ck_calls_state",
        ),
        sa.CheckConstraint("(alarm_id IS NULL) <> (campaign_id IS NULL)", name="ck_calls_one_reason"),
        sa.CheckConstraint(
            "(number IS NOT NULL AND extension IS NULL AND pbx_user IS NULL) OR (number IS NULL AND "
            "extension IS NOT NULL AND pbx_user IS NULL) OR (number IS NULL AND extension IS NULL AND "
            "pbx_user IS NOT NULL)",
            name="ck_calls_one_target",
        ),
        sa.CheckConstraint("attempts_spent >= 0 AND free_failures >= 0", name="ck_calls_counts"),
        sa.ForeignKeyConstraint(["alarm_id"], ["alarms.id"], name="fk_calls_alarm_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name="fk_calls_campaign_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
        sa.UniqueConstraint("campaign_id", "number", name="uq_calls_campaign_number"),
    )
    _index("ix_calls_active", "calls", "campaign_id", where="state = 'active'")
    _index("ix_calls_alarm", "calls", "alarm_id", where="alarm_id IS NOT NULL")
    _index(
        "ix_calls_campaign_state", "calls", "campaign_id", "state", "outcome", where="campaign_id IS NOT NULL"
    )
    _index("ix_calls_due_alarms", "calls", "due_at", where="state = 'queued' AND alarm_id IS NOT NULL")
    for name, dialled in (("ix_calls_fresh", "attempts_made = 0"), ("ix_calls_again", "attempts_made > 0")):
        waiting = f"state = 'queued' AND campaign_id IS NOT NULL AND {dialled}"
        _index(name, "calls", "campaign_id", "due_at", where=waiting)
    _index("ix_calls_expires", "calls", "expires_at", where="state = 'queued' AND expires_at IS NOT NULL")


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("pbx", sa.String, nullable=False),
        sa.Column("trunk", sa.String, nullable=False),
        sa.Column("target_kind", sa.String, nullable=False),
        sa.Column("digits_dialled", sa.String, nullable=False),
        sa.Column("lane", sa.String, nullable=False),
        sa.Column("supervised", sa.Boolean, nullable=False),
        sa.Column("phase", sa.String, nullable=False),
        sa.Column("channel_held", sa.Boolean, nullable=False),
        sa.Column("outcome", sa.String),
        sa.Column("callid", sa.String),
        sa.Column("claimed_at", INSTANT, nullable=False),
        sa.Column("slot_freed_at", INSTANT),
        sa.Column("dialed_at", INSTANT),
        sa.Column("accepted_at", INSTANT),
        sa.Column("doubted_at", INSTANT),
        sa.Column("ringing_at", INSTANT),
        sa.Column("answered_at", INSTANT),
        sa.Column("prompt_ended_at", INSTANT),
        sa.Column("keys", DOCUMENT),
        sa.Column("released_at", INSTANT),
        sa.Column("releases", DOCUMENT),
        sa.Column("failed_at", INSTANT),
        sa.Column("cause", sa.String),
        sa.Column("cause_text", sa.String, nullable=False),
        sa.Column("cdr_at", INSTANT),
        sa.Column("cdr_status", sa.String),
        sa.Column("talk_seconds", sa.Integer),
        sa.Column("recording", sa.String, nullable=False),
        sa.Column("leg", sa.String, nullable=False),
        sa.Column("taken_trunk", sa.String, nullable=False),
        sa.Column("closed_at", INSTANT),
        sa.Column("hung_up_at", INSTANT),
        sa.Column("freed_at", INSTANT),
        sa.Column("seen", sa.String, nullable=False),
        sa.CheckConstraint(
            "cause IN ('busy', 'rejected', 'no_answer', 'invalid_number', 'voicemail', "
            "'extension_not_idle', 'failed', 'congestion', 'unreachable', 'pbx_away', "
            "'not_connected', 'too_frequent', 'not_permitted', 'extension_unknown', 'ivr_unknown', "
            "'queue_unknown', 'ring_group_unknown', 'prompt_unknown', 'pbx_config', "
            "'credentials_refused', 'locked_out', 'token_invalid', 'bad_request', 'unsupported', "
            "'call_over', 'nothing_found', 'timed_out', 'connection_lost', 'http_error', 'pbx_fault', "
            "'response_unreadable', 'cancelled', 'never_placed')",
            name="ck_attempts_cause",
        ),
        sa.CheckConstraint(
            "cdr_status IN ('answered', 'voicemail', 'busy', 'no_answer', 'failed')",
            name="ck_attempts_cdr_status",
        ),
        sa.CheckConstraint(
            "outcome IN ('delivered', 'not_heard', 'busy', 'no_answer', 'rejected', 'invalid_number', "
            "'unreachable', 'congestion', 'not_permitted', 'voicemail', 'cancelled', 'unknown')",
            name="ck_attempts_outcome",
        ),
        sa.CheckConstraint("phase <> 'ended' OR outcome IS NOT NULL", name="ck_attempts_ended_has_outcome"),
        sa.CheckConstraint("phase = 'ended' OR channel_held", name="ck_attempts_live_holds_channel"),
        sa.CheckConstraint(
            "phase IN ('claimed', 'dialing', 'in_doubt', 'up', 'ended')", name="ck_attempts_phase"
        ),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_attempts_call_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.UniqueConstraint("call_id", "ordinal", name="uq_attempts_call_ordinal"),
    )
    _index("ix_attempts_callid", "attempts", "pbx", "callid", where="callid IS NOT NULL")
    _index("ix_attempts_channels", "attempts", "pbx", "trunk", where="channel_held")
    _index("ix_attempts_doubted", "attempts", "pbx", "claimed_at", where="doubted_at IS NOT NULL")
    _index("ix_attempts_freed", "attempts", "pbx", "trunk", "freed_at", where="freed_at IS NOT NULL")
    _index(
        "uq_attempts_one_live",
        "attempts",
        "call_id",
        where="phase IN ('claimed', 'dialing', 'in_doubt', 'up')",
        unique=True,
    )


def _reports() -> None:
    op.create_table(
        "reports",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("pbx", sa.String, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("word", sa.String, nullable=False),
        sa.Column("callid", sa.String, nullable=False),
        sa.Column("body", sa.String, nullable=False),
        sa.Column("disposition", sa.String, nullable=False),
        sa.Column("attempt_id", sa.Text),
        sa.CheckConstraint(
            "disposition IN ('pending', 'applied', 'duplicate', 'orphan', 'foreign', 'malformed')",
            name="ck_reports_disposition",
        ),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name="fk_reports_attempt_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reports"),
        sqlite_autoincrement=True,
    )
    _index("ix_reports_attempt", "reports", "attempt_id", where="attempt_id IS NOT NULL")
    _index("ix_reports_pending", "reports", "pbx", "callid", where="disposition = 'pending'")
    _index("ix_reports_received", "reports", "received_at")
