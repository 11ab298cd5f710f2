"""What a message says: the event, and its subject as it is when the message is written."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import to_json, to_jsonable_python
from sqlalchemy import Connection, select

from dispatcher.domain.outgoing import Kind
from dispatcher.domain.vocabulary import Outcome
from dispatcher.store import campaigns, results
from dispatcher.store.attempts import facts_from
from dispatcher.store.tables import Alarm, Call, Campaign, table

_log = logging.getLogger(__name__)

_alarms, _calls, _campaigns = table(Alarm), table(Call), table(Campaign)

_OF_ALARM = (
    "id",
    "status",
    "severity",
    "summary",
    "source",
    "dedup_key",
    "policy",
    "details",
    "labels",
    "occurrences",
    "created_at",
    "updated_at",
    "expires_at",
    "acknowledged_at",
    "acknowledged_by",
    "resolved_at",
)
_OF_CAMPAIGN = ("id", "name", "status", "created_at", "started_at", "finished_at", "expires_at")
_OF_CALL = (
    "id",
    "alarm_id",
    "campaign_id",
    "number",
    "extension",
    "name",
    "external_id",
    "fields",
    "state",
    "outcome",
    "created_at",
    "updated_at",
)
_OF_ATTEMPT = (
    "id",
    "ordinal",
    "pbx",
    "trunk",
    "outcome",
    "callid",
    "dialed_at",
    "ringing_at",
    "answered_at",
    "prompt_ended_at",
    "cause_text",
    "talk_seconds",
    "recording",
)


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell, ready to be sent."""

    event_id: int
    kind: Kind
    campaign_id: str | None
    body: str


def envelope(kind: Kind, at: datetime, data: Mapping[str, Any]) -> str:
    """A body as Standard Webhooks has it: ``type``, ``timestamp`` and ``data``.

    Half of a surrogate pair, as a text that was cut off inside an emoji ends with, becomes a question mark.
    """
    document = {"type": kind, "timestamp": at, "data": data}
    try:
        return to_json(document).decode()
    except ValueError:
        written = json.dumps(document, ensure_ascii=False, default=to_jsonable_python)
        return written.encode(errors="replace").decode()


def messages(tx: Connection, events: Sequence[tuple[Any, Kind]]) -> list[Message]:
    """What these event rows are to be told as. The subjects of all of them are looked up together.

    One that can't be written is left out, with an error in the log: the others do not wait for it.
    """
    subjects = {
        "alarm": _alarm_documents(tx, _ids("alarm", events)),
        "call": _call_documents(tx, _ids("call", events)),
        "campaign": _campaign_documents(tx, _ids("campaign", events)),
    }
    found = []
    for row, kind in events:
        try:
            found.append(_message(row, kind, subjects))
        except Exception:
            _log.exception("event %d (%s of %s %s) can't be told", row.id, kind, row.subject, row.subject_id)
    return found


def _ids(subject: str, events: Sequence[tuple[Any, Kind]]) -> list[str]:
    return list(dict.fromkeys(row.subject_id for row, _ in events if row.subject == subject))


def _message(row: Any, kind: Kind, subjects: Mapping[str, Mapping[str, Any]]) -> Message:
    if row.subject == "trunk":
        pbx, _, name = row.subject_id.partition("/")
        subject = {"pbx": pbx, "name": name}
    else:
        subject = subjects[row.subject].get(row.subject_id) or {"id": row.subject_id}
    data = {"event_id": row.id, "cause": row.cause, row.subject: subject}
    return Message(row.id, kind, row.campaign_id, envelope(kind, row.at, data))


def _members(row: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _alarm_documents(tx: Connection, ids: Sequence[str]) -> dict[str, Any]:
    rows = tx.execute(select(_alarms).where(_alarms.c.id.in_(ids))) if ids else ()
    return {row.id: _members(row, _OF_ALARM) for row in rows}


def _campaign_documents(tx: Connection, ids: Sequence[str]) -> dict[str, Any]:
    rows = tx.execute(select(_campaigns).where(_campaigns.c.id.in_(ids))).all() if ids else ()
    standings = campaigns.standings(tx, ids)
    return {
        row.id: _members(row, _OF_CAMPAIGN)
        | {"paused_why": row.paused_why or None}
        | {"counts": standings[row.id].counts, "outcomes": standings[row.id].outcomes}
        for row in rows
    }


def _call_documents(tx: Connection, ids: Sequence[str]) -> dict[str, Any]:
    rows = tx.execute(select(_calls).where(_calls.c.id.in_(ids))).all() if ids else ()
    attempts = results.attempts_of(tx, ids)
    return {
        row.id: _members(row, _OF_CALL)
        | {"user": row.pbx_user, "attempts": row.attempts_made}
        | {"attempt": _telling(attempts[row.id])}
        for row in rows
    }


def _telling(attempts: Sequence[Any]) -> dict[str, Any] | None:
    """The attempt that has delivered, else the last one."""
    if not attempts:
        return None
    row = next((one for one in attempts if one.outcome == Outcome.DELIVERED), attempts[-1])
    facts = facts_from(row)
    told = {"digits": facts.digits or None, "ended_at": facts.ended_at, "cause": facts.cause}
    return _members(row, _OF_ATTEMPT) | told
