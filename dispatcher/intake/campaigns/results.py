"""A campaign's results as CSV that a spreadsheet opens without harm."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from dispatcher.core import Core
from dispatcher.domain.vocabulary import CallState, Outcome
from dispatcher.store import results
from dispatcher.store.attempts import facts_from

BATCH = 1_000
_BEFORE = ("number", "name", "external_id")
_AFTER = (
    "state",
    "outcome",
    "attempts",
    "delivered_at",
    "answered_at",
    "heard_at",
    "acknowledged_at",
    "digits",
    "cause",
    "talk_seconds",
    "recording",
    "call_id",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")


def results_csv(core: Core, row: Any) -> Iterator[str]:
    """One line per call of the campaign ``row``, in pieces; no transaction stays open between them."""
    with core.store.read() as tx:
        names = results.field_names(tx, row.id)
    yield _lines([[*_BEFORE, *(safe(_title(name)) for name in names), *_AFTER]])
    after: str | None = None
    while True:
        with core.store.read() as tx:
            calls = results.calls_page(tx, row.id, BATCH, after)
            attempts = results.attempts_of(tx, [call.id for call in calls])
            pressed = [call.id for call in calls if any(attempt.keys for attempt in attempts[call.id])]
            keyed = _acknowledged(results.key_events(tx, pressed), row.ack_digits)
        if not calls:
            return
        yield _lines([_cells(call, names, attempts[call.id], keyed.get(call.id)) for call in calls])
        after = calls[-1].id


def _title(name: str) -> str:
    """A further column's title; one that has the name of a column of ours is told apart."""
    return f"fields.{name}" if name in (*_BEFORE, *_AFTER) else name


def _cells(
    call: Any, names: Sequence[str], attempts: Sequence[Any], acknowledged: datetime | None
) -> list[Any]:
    further = call.fields or {}
    telling = next((item for item in attempts if item.outcome == Outcome.DELIVERED), None)
    if telling is None and attempts:
        telling = attempts[-1]
    return [
        call.number,
        safe(call.name or ""),
        safe(call.external_id or ""),
        *(safe(_text(further.get(name))) for name in names),
        call.state,
        call.outcome or "",
        call.attempts_made,
        _time(call.updated_at if call.state == CallState.DELIVERED else None),
        _time(_earliest(item.answered_at for item in attempts)),
        _time(_earliest(item.prompt_ended_at for item in attempts)),
        _time(acknowledged),
        *_told(telling),
        call.id,
    ]


def _told(attempt: Any | None) -> list[Any]:
    """What the attempt that decided has to say: digits, cause, talk time and recording."""
    if attempt is None:
        return ["", "", "", ""]
    talked = "" if attempt.talk_seconds is None else attempt.talk_seconds
    cause = safe(attempt.cause_text or attempt.cause or "")
    return [facts_from(attempt).digits, cause, talked, safe(attempt.recording)]


def _acknowledged(events: Sequence[Any], ack_digits: str) -> dict[str, datetime]:
    """When the first acknowledging key of each call came."""
    found: dict[str, datetime] = {}
    for event in events:
        digits = (event.data or {}).get("digits") or ""
        if any(digit in ack_digits for digit in digits):
            found.setdefault(event.call_id, event.at)
    return found


def _earliest(times: Iterator[datetime | None]) -> datetime | None:
    return min((at for at in times if at is not None), default=None)


def _time(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def safe(text: str) -> str:
    """``text`` as a cell that no spreadsheet takes for a formula; plain numbers stay numbers.

    A single quote is put before what begins like a formula, as OWASP advises on CSV injection.
    """
    if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def _lines(rows: Sequence[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
