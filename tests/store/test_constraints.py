"""The database refuses what must not be, whoever writes it, on SQLite and on PostgreSQL alike."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, Connection, UniqueConstraint
from sqlalchemy.exc import IntegrityError

from dispatcher.store.engine import Store
from dispatcher.store.tables import Alarm, table
from tests.store.rows import NOW, ROWS, add, add_one_of_each

Wrong = dict[str, Any]

BROKEN_CHECKS: list[tuple[str, str, Wrong]] = [
    ("ck_alarms_status", "alarms", {"status": "sleeping"}),
    ("ck_alarms_severity", "alarms", {"severity": "fatal"}),
    ("ck_alarms_message_kind", "alarms", {"message_kind": "fax"}),
    ("ck_alarms_delivered_when", "alarms", {"delivered_when": "rung"}),
    ("ck_alarms_occurrences", "alarms", {"occurrences": 0}),
    ("ck_campaigns_status", "campaigns", {"status": "started"}),
    ("ck_campaigns_message_kind", "campaigns", {"message_kind": ""}),
    ("ck_campaigns_delivered_when", "campaigns", {"delivered_when": "ANSWERED"}),
    ("ck_campaigns_priority", "campaigns", {"priority": 10}),
    ("ck_campaigns_priority", "campaigns", {"priority": -1}),
    ("ck_campaigns_weight", "campaigns", {"weight": 0}),
    ("ck_campaigns_max_concurrent", "campaigns", {"max_concurrent": 0}),
    ("ck_calls_state", "calls", {"state": "lost"}),
    ("ck_calls_outcome", "calls", {"outcome": "maybe"}),
    ("ck_calls_one_reason", "calls", {"alarm_id": "alarm-1"}),
    ("ck_calls_one_reason", "calls", {"campaign_id": None}),
    ("ck_calls_one_target", "calls", {"number": None}),
    ("ck_calls_one_target", "calls", {"extension": "1002"}),
    ("ck_calls_one_target", "calls", {"pbx_user": "ann"}),
    ("ck_calls_counts", "calls", {"attempts_spent": -1}),
    ("ck_calls_counts", "calls", {"free_failures": -1}),
    ("ck_attempts_phase", "attempts", {"phase": "over"}),
    ("ck_attempts_outcome", "attempts", {"outcome": "maybe"}),
    ("ck_attempts_cause", "attempts", {"cause": "because"}),
    ("ck_attempts_cdr_status", "attempts", {"cdr_status": "ANSWERED"}),
    ("ck_attempts_ended_has_outcome", "attempts", {"phase": "ended", "outcome": None}),
    ("ck_attempts_live_holds_channel", "attempts", {"channel_held": False}),
    ("ck_doubts_next_step", "doubts", {"next_step": "dial"}),
    ("ck_doubts_looks", "doubts", {"looks": -1}),
    ("ck_inquiries_failures", "inquiries", {"failures": -1}),
    ("ck_audits_found", "audits", {"found": -1}),
    ("ck_reports_disposition", "reports", {"disposition": "lost"}),
    ("ck_events_subject", "events", {"subject": "person"}),
    ("ck_trunks_channels", "trunks", {"channels": -1}),
    ("ck_trunks_reserved", "trunks", {"reserved_for_alarms": -1}),
    ("ck_trunks_cps", "trunks", {"calls_per_second": 0}),
    ("ck_alarms_step", "alarms", {"step": -1}),
    ("ck_alarms_round", "alarms", {"round": -1}),
    ("ck_calls_message_kind", "calls", {"message_kind": "fax"}),
    ("ck_calls_delivered_when", "calls", {"delivered_when": "rung"}),
    ("ck_pages_state", "pages", {"id": "other", "state": "lost"}),
    ("ck_pages_purpose", "pages", {"id": "other", "purpose": "fun"}),
    ("ck_pages_calling", "pages", {"id": "other", "state": "calling"}),
    ("ck_contacts_per_minute", "contacts", {"name": "other", "most_per_minute": 0}),
    ("ck_contacts_per_hour", "contacts", {"name": "other", "most_per_hour": 0}),
    ("ck_schedule_overrides_times", "schedule_overrides", {"id": "other", "ends_at": NOW}),
    ("ck_silences_kind", "silences", {"id": "other", "kind": "nap"}),
    ("ck_silences_times", "silences", {"id": "other", "ends_at": NOW - timedelta(seconds=1)}),
    ("ck_deliveries_state", "deliveries", {"state": "lost"}),
    ("ck_deliveries_tries", "deliveries", {"tries": -1}),
    ("ck_heartbeats_status", "heartbeats", {"name": "other", "status": "dead"}),
    ("ck_heartbeats_times", "heartbeats", {"name": "other", "every_seconds": 0}),
    ("ck_heartbeats_times", "heartbeats", {"name": "other", "grace_seconds": -1}),
]

_BUNDLED: Wrong = {
    "campaign_id": None,
    "alarm_id": "alarm-1",
    "state": "queued",
    "bundle": "digest",
}

REPEATED: list[tuple[str, str, Wrong]] = [
    ("uq_alarms_open_dedup_key", "alarms", {"id": "other"}),
    ("uq_alarms_open_dedup_key", "alarms", {"id": "other", "status": "acknowledged"}),
    ("uq_calls_campaign_number", "calls", {"id": "other"}),
    ("uq_attempts_call_ordinal", "attempts", {"id": "other", "phase": "ended", "outcome": "busy"}),
    ("uq_attempts_one_live", "attempts", {"id": "other", "ordinal": 2, "phase": "claimed"}),
    ("uq_attempts_one_live", "attempts", {"id": "other", "ordinal": 2, "phase": "in_doubt"}),
    ("uq_calls_bundle", "calls", {"id": "other", **_BUNDLED}),
    ("uq_pages_call", "pages", {"id": "other", "call_id": "bundled"}),
]

ALLOWED: list[tuple[str, Wrong]] = [
    ("alarms", {"id": "other", "status": "resolved"}),
    ("alarms", {"id": "other", "dedup_key": None}),
    ("calls", {"id": "other", "campaign_id": None, "alarm_id": "alarm-1"}),
    ("calls", {"id": "other", "number": None, "extension": "1002"}),
    ("attempts", {"id": "other", "ordinal": 2, "phase": "ended", "outcome": "busy", "channel_held": False}),
    ("attempts", {"id": "other", "ordinal": 2, "phase": "ended", "outcome": "busy", "channel_held": True}),
    ("trunks", {"name": "", "calls_per_second": None, "channels": 0}),
    ("reports", {"attempt_id": None}),
    ("calls", {"id": "other", **_BUNDLED, "attempts_made": 1}),
    ("calls", {"id": "other", **_BUNDLED, "state": "active"}),
    ("pages", {"id": "other"}),
    ("silences", {"id": "other", "ends_at": None}),
]

ORPHANS: list[tuple[str, Wrong]] = [
    ("calls", {"id": "other", "campaign_id": "nobody", "number": "+31600000000"}),
    ("calls", {"id": "other", "campaign_id": None, "alarm_id": "nobody"}),
    ("attempts", {"id": "other", "call_id": "nobody"}),
    ("reports", {"attempt_id": "nobody"}),
    ("doubts", {"attempt_id": "nobody"}),
    ("pages", {"id": "other", "alarm_id": "nobody"}),
    ("pages", {"id": "other", "call_id": "nobody"}),
    ("group_members", {"position": 1, "contact": "nobody"}),
    ("group_members", {"group_name": "nobody"}),
    ("schedule_overrides", {"id": "other", "schedule": "nobody"}),
    ("schedule_overrides", {"id": "other", "contact": "nobody"}),
    ("deliveries", {"webhook": "nobody"}),
    ("deliveries", {"campaign_id": "nobody"}),
]


@pytest.fixture
def tx(store_url: str) -> Iterator[Connection]:
    """A transaction that sees one row in every table, and is undone."""
    store = Store(store_url)
    with store.write() as connection:
        add_one_of_each(connection)
        add(connection, "calls", id="bundled", **_BUNDLED)
        add(connection, "pages", id="bundled", call_id="bundled", state="calling")
        yield connection
        connection.rollback()
    store.close()


def refused(tx: Connection, name: str, changed: Wrong) -> str:
    with pytest.raises(IntegrityError) as refusal:
        add(tx, name, **changed)
    return str(refusal.value.orig)


def new(name: str, changed: Wrong) -> Wrong:
    """Let the row break the rule under test, and no key."""
    fresh = {"id": "other"} if name in ("alarms", "campaigns", "calls", "attempts") else {}
    fresh |= {"trunks": {"name": "other"}, "alarms": {"dedup_key": None}}.get(name, {})
    fresh |= {"calls": {"number": "+31600000000"}, "attempts": {"ordinal": 2, "phase": "up"}}.get(name, {})
    return fresh | changed


@pytest.mark.parametrize(("constraint", "name", "changed"), BROKEN_CHECKS)
def test_a_row_that_breaks_a_check_is_refused(
    tx: Connection, constraint: str, name: str, changed: Wrong
) -> None:
    assert constraint in refused(tx, name, new(name, changed))


@pytest.mark.parametrize(("constraint", "name", "changed"), REPEATED)
def test_a_row_that_may_be_there_once_is_refused_twice(
    tx: Connection, constraint: str, name: str, changed: Wrong
) -> None:
    said = refused(tx, name, changed)
    # SQLite names the columns in place of the constraint.
    assert constraint in said or "UNIQUE constraint failed: " + name in said


@pytest.mark.parametrize(("name", "changed"), ORPHANS)
def test_a_row_that_refers_to_nothing_is_refused(tx: Connection, name: str, changed: Wrong) -> None:
    said = refused(tx, name, changed).lower()
    assert "foreign key constraint" in said


@pytest.mark.parametrize(("name", "changed"), ALLOWED)
def test_what_is_just_inside_the_rules_is_stored(tx: Connection, name: str, changed: Wrong) -> None:
    add(tx, name, **changed)


@pytest.mark.parametrize("name", [name for name in ROWS if "id" not in type(ROWS[name]).model_fields])
def test_a_key_is_there_once(tx: Connection, name: str) -> None:
    assert "unique" in refused(tx, name, {}).lower()


def test_what_belongs_to_a_deleted_campaign_or_alarm_goes_with_it(tx: Connection) -> None:
    campaigns = table(type(ROWS["campaigns"]))
    tx.execute(campaigns.delete())
    tx.execute(table(Alarm).delete())
    for name in ("calls", "attempts", "reports", "pages"):
        assert tx.execute(table(type(ROWS[name])).select()).all() == []
    assert tx.execute(table(type(ROWS["contacts"])).select()).all() != []


def test_a_time_without_a_zone_is_refused(tx: Connection) -> None:
    with pytest.raises(Exception, match="a time without a zone"):
        add(tx, "events", at=NOW.replace(tzinfo=None))


def test_every_constraint_is_tried() -> None:
    checks, unique, references = set(), set(), 0
    for item in table(Alarm).metadata.tables.values():
        checks |= {rule.name for rule in item.constraints if isinstance(rule, CheckConstraint)}
        unique |= {rule.name for rule in item.constraints if isinstance(rule, UniqueConstraint)}
        unique |= {index.name for index in item.indexes if index.unique}
        references += len(item.foreign_key_constraints)
    assert {name for name, _, _ in BROKEN_CHECKS} == checks
    assert {name for name, _, _ in REPEATED} == unique
    assert len(ORPHANS) == references
