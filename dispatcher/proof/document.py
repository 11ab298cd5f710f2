"""The proof of one alarm as a document that other programs read.

``content`` is what the digest is over. Its members only ever grow in number; the format's name changes when
one of them changes its meaning.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from dispatcher.core import Core
from dispatcher.policies import AlarmPlan
from dispatcher.proof.records import Records, read
from dispatcher.proof.seal import sealed
from dispatcher.proof.story import Entry, line_of, person, story_of
from dispatcher.proof.times import local, utc
from dispatcher.store.attempts import facts_from


def proof_of(core: Core, tx: Connection, alarm_id: str) -> dict[str, Any]:
    """Everything that can be shown of an alarm, with its digest. Raises :class:`Unknown`.

    What has been pruned since is named under ``completeness``; nothing is left out without a word.
    """
    records, now = read(tx, alarm_id), core.clock()
    plan = AlarmPlan.model_validate(records.alarm.plan or {"steps": []})
    zone = ZoneInfo(plan.timezone)
    content = {
        "alarm": _alarm(records.alarm),
        "timezone": plan.timezone,
        "timeline": [_line(entry, zone) for entry in story_of(records)],
        "calls": [_call(records, page, zone) for page in records.pages if page.call_id is not None],
        "not_called": [_not_called(page) for page in records.pages if page.call_id is None],
        "completeness": _completeness(core, records, now),
    }
    return sealed(content, utc(now) or "")


def _alarm(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "summary": row.summary,
        "severity": row.severity,
        "status": row.status,
        "source": row.source,
        "dedup_key": row.dedup_key,
        "policy": row.policy,
        "labels": dict(row.labels or {}),
        "occurrences": row.occurrences,
        "message": {row.message_kind: row.message_value},
        "delivered_when": row.delivered_when,
        "ack_digits": row.ack_digits,
        "raised_at": utc(row.created_at),
        "acknowledged_at": utc(row.acknowledged_at),
        "acknowledged_by": row.acknowledged_by,
        "resolved_at": utc(row.resolved_at),
        "expires_at": utc(row.expires_at),
    }


def _line(entry: Entry, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "at": utc(entry.at),
        "local": local(entry.at, zone),
        "what": entry.what,
        "text": entry.text,
        "evidence": entry.evidence,
        "call_id": entry.call_id,
        "attempt_id": entry.attempt_id,
    }


def _party(page: Any) -> dict[str, Any]:
    return {
        "who": person(page),
        "name": page.name,
        "contact": page.contact,
        "number": page.number,
        "extension": page.extension,
        "user": page.pbx_user,
        "step": page.step + 1,
        "round": page.round + 1,
        "purpose": page.purpose,
    }


def _call(records: Records, page: Any, zone: ZoneInfo) -> dict[str, Any]:
    call = records.calls[page.call_id]
    return {
        "id": call.id,
        **_party(page),
        "asked_for_at": utc(page.called_at),
        "state": call.state,
        "outcome": call.outcome,
        "also_told_of": [
            {"id": other.id, "summary": other.summary} for other in records.others.get(call.id, ())
        ],
        "attempts": [
            _attempt(row, records.reports.get(row.id, ()), zone) for row in records.attempts[call.id]
        ],
        "why": page.why,
    }


def _not_called(page: Any) -> dict[str, Any]:
    return {**_party(page), "why": page.why or ("their turn has not come" if page.ended_at is None else "")}


def _attempt(row: Any, reports: Any, zone: ZoneInfo) -> dict[str, Any]:
    facts = facts_from(row)
    times = {
        "dialled_at": row.dialed_at,
        "accepted_at": row.accepted_at,
        "ringing_at": facts.ringing_at,
        "answered_at": facts.answered_at,
        "heard_at": facts.prompt_ended_at,
        "ended_at": facts.ended_at,
    }
    return {
        "id": row.id,
        "ordinal": row.ordinal,
        "pbx": row.pbx,
        "trunk": row.taken_trunk or row.trunk or None,
        "line": line_of(row),
        "callid": row.callid,
        **{name: utc(at) for name, at in times.items()},
        "local": {name: local(at, zone) for name, at in times.items()},
        "answer_is_proven": bool(row.supervised),
        "keys": facts.digits or None,
        "outcome": row.outcome,
        "cause": facts.cause,
        "cause_text": row.cause_text or None,
        "record": _record(facts),
        "recording": facts.recording or None,
        "reports": [_report(report) for report in reports],
    }


def _record(facts: Any) -> dict[str, Any] | None:
    """The PBX's call detail record, as far as it was reported."""
    if facts.cdr_at is None:
        return None
    return {"at": utc(facts.cdr_at), "status": facts.cdr_status, "talk_seconds": facts.talk_seconds}


def _report(row: Any) -> dict[str, Any]:
    """A report as it came: its digest shows that a copy kept elsewhere is the same text."""
    digest = hashlib.sha256(row.body.encode()).hexdigest()
    return {"id": row.id, "received_at": utc(row.received_at), "event": row.word, "sha256": digest}


def _completeness(core: Core, records: Records, now: datetime) -> dict[str, Any]:
    keep, alarm = core.settings.retention, records.alarm
    begun = any(row.subject == "alarm" and row.at <= alarm.created_at for row in records.events)
    horizon = now - timedelta(days=keep.reports_days)
    attempts = [one for found in records.attempts.values() for one in found]
    pruned = [one for one in attempts if one.claimed_at < horizon and not records.reports.get(one.id)]
    return {
        "events": _kept(begun, "changes of the alarm and its calls", keep.events_days),
        "reports": _kept(not pruned, "reports of the PBXs, as they came", keep.reports_days),
    }


def _kept(is_complete: bool, what: str, days: int) -> dict[str, Any]:
    note = f"the {what}, are kept for {days} days, and some of this alarm's have been deleted since"
    return {"complete": is_complete, "kept_days": days, "note": None if is_complete else note}
