"""One valid row of every table, as a starting point for rows that are wrong in one place."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert
from sqlmodel import SQLModel

from dispatcher.store.tables import (
    Alarm,
    AlarmGroup,
    Arrival,
    Attempt,
    AuditState,
    Call,
    Campaign,
    Contact,
    ContactGroup,
    Delivery,
    DoNotCall,
    Doubt,
    EnteredArrival,
    Event,
    ForeignCall,
    GroupMember,
    Heartbeat,
    IdempotencyKey,
    Inhibition,
    Inquiry,
    Lease,
    Mark,
    Page,
    PbxIvrs,
    PbxSession,
    Policy,
    ProcessSign,
    RawReport,
    ReportStreamState,
    Schedule,
    ScheduleOverride,
    Silence,
    Tally,
    Trunk,
    Webhook,
    table,
)

NOW = datetime(2026, 11, 21, 8, 30, 15, 250_000, tzinfo=UTC)

_MESSAGE = {
    "message_kind": "ivr",
    "message_value": "6500",
    "delivered_when": "acknowledged",
    "ack_digits": "1",
}
_MADE = {"created_at": NOW, "updated_at": NOW}

ROWS: dict[str, SQLModel] = {
    "alarms": Alarm(
        id="alarm-1",
        dedup_key="boiler-3",
        status="open",
        severity="critical",
        summary="Boiler 3 over-pressure",
        source="api",
        details={"site": "north", "nested": {"bar": [1, 2.5, None]}},
        retry={"max_attempts": 3, "busy": 30},
        expires_at=NOW + timedelta(hours=1),
        **_MESSAGE,
        **_MADE,
    ),
    "campaigns": Campaign(
        id="campaign-1",
        name="Evacuation drill",
        status="running",
        trunks=["hq/SPS-6-36"],
        windows=[{"days": ["mon"], "from": "09:00", "to": "20:00"}],
        max_concurrent=5,
        **_MESSAGE,
        **_MADE,
    ),
    "calls": Call(
        id="call-1", campaign_id="campaign-1", number="+31612345678", state="active", due_at=NOW, **_MADE
    ),
    "attempts": Attempt(
        id="attempt-1",
        call_id="call-1",
        ordinal=1,
        pbx="hq",
        trunk="SPS-6-36",
        target_kind="number",
        digits_dialled="931612345678",
        lane="campaign-1",
        phase="up",
        callid="1543289641.6",
        claimed_at=NOW,
        keys=[[1, "1"], [None, "12#"]],
    ),
    "doubts": Doubt(
        attempt_id="attempt-1",
        pbx="hq",
        because="no report since 08:30:15 UTC",
        since=NOW,
        looks=1,
        looked_at=NOW,
        next_step="fetch",
        next_at=NOW,
    ),
    "inquiries": Inquiry(pbx="hq", wanted_at=NOW, wanted_because="a new login", failures=1),
    "reports": RawReport(
        pbx="hq",
        received_at=NOW,
        word="DTMF",
        callid="1543289641.6",
        body='{"event": "DTMF"}',
        disposition="applied",
        attempt_id="attempt-1",
    ),
    "events": Event(at=NOW, subject="call", subject_id="call-1", name="dialled", data={"trunk": "SPS-6-36"}),
    "trunks": Trunk(pbx="hq", name="SPS-6-36", channels=30, reserved_for_alarms=4, calls_per_second=5.0),
    "foreign_calls": ForeignCall(pbx="hq", callid="1543289641.9", trunk="SPS-6-36", since=NOW),
    "arrivals": Arrival(id="batch-1", at=NOW, batch='[["hq", "2026-11-21T12:00:00+00:00", "{}"]]'),
    "entered_arrivals": EnteredArrival(id="batch-0", at=NOW),
    "leases": Lease(name="upkeep", owner="host:1:a", until=NOW),
    "processes": ProcessSign(name="host:1:a", seen_at=NOW, dialing=["attempt-1"]),
    "report_streams": ReportStreamState(pbx="hq", position="17", connected_at=NOW),
    "pbx_ivrs": PbxIvrs(pbx="hq", numbers=["6500", "6501"], looked_at=NOW),
    "pbx_sessions": PbxSession(pbx="hq", token="f00", refreshed_at=NOW),
    "tallies": Tally(name="dispatcher_alarms_total", labels='["api", "critical"]', shard=3, value=2.5),
    "audits": AuditState(
        invariant="active_call_without_attempt", found=1, examples=["call-1"], looked_at=NOW, clean_at=None
    ),
    "idempotency_keys": IdempotencyKey(
        client="monitoring", key="k-1", request="digest", status=202, headers={"etag": "1"}, created_at=NOW
    ),
    "contacts": Contact(name="ann", full_name="Ann Jansen", ways=[{"number": "+31612345678"}], **_MADE),
    "contact_groups": ContactGroup(name="ops", **_MADE),
    "group_members": GroupMember(group_name="ops", position=0, contact="ann"),
    "schedules": Schedule(name="duty", timezone="Europe/Amsterdam", layers=[], **_MADE),
    "schedule_overrides": ScheduleOverride(
        id="override-1",
        schedule="duty",
        contact="ann",
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=1),
        created_at=NOW,
    ),
    "policies": Policy(name="night-shift", document={"to": [{"group": "ops"}]}, **_MADE),
    "do_not_call": DoNotCall(number="+31612345678", added_at=NOW),
    "silences": Silence(
        id="silence-1",
        kind="silence",
        matchers=[{"label": "site", "op": "=", "value": "north"}],
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=1),
        created_at=NOW,
    ),
    "inhibitions": Inhibition(name="site-down", source=[], target=[], equal=["site"], **_MADE),
    "alarm_groups": AlarmGroup(key="g-1", policy="night-shift", labels={"site": "north"}, next_at=NOW),
    "pages": Page(
        id="page-1",
        alarm_id="alarm-1",
        purpose="alarm",
        number="+31612345678",
        state="waiting",
        created_at=NOW,
    ),
    "webhooks": Webhook(name="desk", url="http://127.0.0.1:9/hook", secret="whsec_c2VjcmV0", **_MADE),
    "deliveries": Delivery(
        message_id="msg-1",
        kind="alarm.acknowledged",
        webhook="desk",
        receiver="desk",
        url="http://127.0.0.1:9/hook",
        body="{}",
        state="waiting",
        next_at=NOW,
        give_up_at=NOW + timedelta(days=3),
        created_at=NOW,
    ),
    "heartbeats": Heartbeat(name="backup", every_seconds=60.0, alarm={}, status="new", **_MADE),
    "marks": Mark(name="outgoing", position=17, state={"watched": []}, at=NOW),
}
"""By table, those first that others refer to."""


def values(name: str, /, **changed: Any) -> dict[str, Any]:
    """The columns of the valid row of one table, with some of them ``changed``."""
    row = ROWS[name].model_dump() | changed
    if row.get("id", "") is None:
        del row["id"]
    return row


def add(tx: Connection, name: str, /, **changed: Any) -> None:
    """Insert one row."""
    tx.execute(insert(table(type(ROWS[name]))).values(values(name, **changed)))


def add_one_of_each(tx: Connection) -> None:
    """Insert one row into every table."""
    for name in ROWS:
        add(tx, name)


def stored(tx: Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every row of every table, as columns by name."""
    for name, model in ROWS.items():
        for row in tx.execute(table(type(model)).select()):
            yield name, dict(row._mapping)
