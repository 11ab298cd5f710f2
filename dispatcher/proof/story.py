"""The timeline of a proof: every step in the order in which it became known, as a sentence.

What a call did is taken from its attempt's facts, which are kept for as long as the alarm is; what happened
to the alarm is taken from the events, which are pruned after a while.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatcher.domain.vocabulary import Phase
from dispatcher.proof.records import Records
from dispatcher.store.attempts import facts_from

ALARM, CALL, ATTEMPT = "alarm", "call", "attempt"

_OF_ALARM = {
    "raised": "The alarm was raised {cause}",
    "repeated": "The same alarm came again: {cause}",
    "held": "Nobody was called for now: {cause}",
    "escalated": "It was escalated to {cause}",
    "resumed": "Its calls began again with {cause}",
    "left_out": "Somebody was left out: {cause}",
    "not_placed": "Somebody could not be called for now: {cause}",
    "nobody": "There was nobody to call: {cause}",
    "message_changed": "What is heard was changed: {cause}",
    "stumbled": "The dispatcher failed at the alarm: {cause}",
    "passed_over": "A step was passed over: {cause}",
    "acknowledged": "The alarm was acknowledged: {cause}",
    "reopened": "The alarm was opened again: {cause}",
    "resolved": "The alarm was resolved: {cause}",
    "cancelled": "The alarm was cancelled: {cause}",
    "expired": "The alarm expired: {cause}",
    "exhausted": "The alarm's calls were exhausted: {cause}",
}
_OF_CALL = {
    "queued": "A call to {who} was asked for: {cause}",
    "joined": "A call to {who} that was waiting took this alarm on: {cause}",
    "limited": "The call to {who} was put off: {cause}",
    "in_doubt": "Whether the PBX had placed the call to {who} was in doubt: {cause}",
    "transferred": "The call with {who} was put through {cause}",
    "transfer_asked": "The call with {who} was to be put through {cause}",
    "transfer_done": "The PBX has put the call with {who} through {cause}",
    "transfer_failed": "The call with {who} was not put through: {cause}",
    "cancelled": "The call to {who} was taken back: {cause}",
    "expired": "The call to {who} expired: {cause}",
    "failed": "The call to {who} failed: {cause}",
    "delivered": "The call to {who} counts as delivered: {cause}",
}
_NOTHING = "no reason was recorded"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline. ``evidence`` names the record that it was read from."""

    at: datetime
    what: str
    text: str
    evidence: str
    call_id: str | None = None
    attempt_id: str | None = None


def story_of(records: Records) -> list[Entry]:
    """The timeline, in order; what became known at the same instant in the order of a call."""
    found = [*_of_alarm(records), *_of_calls(records), *_of_attempts(records)]
    return sorted(found, key=lambda entry: (entry.at, _RANK.get(entry.what, len(_RANK))))


_RANK = {
    word: place
    for place, word in enumerate(
        (
            *("raised", "repeated", "dialled", "in_doubt", "accepted", "rang", "answered", "heard"),
            *("transferred", "key", "acknowledged", "resolved", "hang_up"),
            *("unanswered_elsewhere", "unanswered", "ended", "record"),
            *(
                "delivered",
                "failed",
                "cancelled",
                "held",
                "left_out",
                "not_placed",
                "escalated",
                "resumed",
                "queued",
                "joined",
            ),
        )
    )
}


def person(page: Any) -> str:
    """Whom a page is for: the name, the contact, and where they were to be reached."""
    if page.number is not None:
        where = page.number
    elif page.extension is not None:
        where = f"extension {page.extension}"
    else:
        where = f"user {page.pbx_user}"
    names = [one for one in (page.name, f"contact {page.contact}" if page.contact else None, where) if one]
    return names[0] if len(names) == 1 else f"{names[0]} ({', '.join(names[1:])})"


def line_of(attempt: Any) -> str:
    """Through which PBX and trunk an attempt went."""
    trunk = attempt.taken_trunk or attempt.trunk
    return f"PBX {attempt.pbx}, trunk {trunk}" if trunk else f"PBX {attempt.pbx}, no trunk"


def _of_alarm(records: Records) -> Iterator[Entry]:
    known = set()
    for row in records.events:
        if row.subject != "alarm":
            continue
        known.add(row.name)
        words = _OF_ALARM.get(row.name)
        if words is None and row.name.startswith("key_"):
            words = (
                f"A key was given its effect, {row.name.removeprefix('key_').replace('_', ' ')}: {{cause}}"
            )
        words = words or f"{row.name.replace('_', ' ').capitalize()}: {{cause}}"
        yield Entry(row.at, row.name, words.format(cause=row.cause or _NOTHING), "event")
    yield from _of_the_row(records.alarm, known)


def _of_the_row(alarm: Any, known: set[str]) -> Iterator[Entry]:
    """What the alarm's own row still tells of events that have been pruned."""
    if not known & {"raised", "resolved"}:
        yield Entry(alarm.created_at, "raised", f"The alarm was raised by {alarm.source}", ALARM)
    if alarm.acknowledged_at is not None and "acknowledged" not in known:
        text = f"The alarm was acknowledged by {alarm.acknowledged_by}"
        yield Entry(alarm.acknowledged_at, "acknowledged", text, ALARM)
    if alarm.resolved_at is not None and "resolved" not in known:
        yield Entry(alarm.resolved_at, "resolved", "The alarm was resolved", ALARM)


def _of_calls(records: Records) -> Iterator[Entry]:
    asked = set()
    for row in records.events:
        if row.subject != "call" or row.subject_id not in records.calls:
            continue
        who, data = person(records.page_of(row.subject_id)), row.data or {}
        if "key" in row.cause.split(", ") and data.get("digits"):
            yield _entry(row, "key", f"{who} had pressed {data['digits']}")
        if "digits" in data or row.name not in _OF_CALL:
            continue  # The facts themselves are taken from the attempt.
        words = _OF_CALL[row.name]
        if row.name == "queued" and row.attempt_id is not None:
            words = "Another call to {who} was planned: {cause}"
        elif row.name in ("queued", "joined"):
            asked.add(row.subject_id)
        yield _entry(row, row.name, words.format(who=who, cause=row.cause or _NOTHING))
    for page in records.pages:
        if page.call_id is not None and page.call_id not in asked:
            text = f"A call to {person(page)} was asked for"
            yield Entry(page.called_at or page.created_at, "queued", text, "page", page.call_id)


def _entry(row: Any, what: str, text: str) -> Entry:
    return Entry(row.at, what, text, "event", row.subject_id, row.attempt_id)


def _of_attempts(records: Records) -> Iterator[Entry]:
    for call_id, attempts in records.attempts.items():
        who = person(records.page_of(call_id))
        for attempt in attempts:
            for at, what, text in _facts(attempt, who):
                if at is not None:
                    yield Entry(at, what, text, ATTEMPT, call_id, attempt.id)


def _facts(attempt: Any, who: str) -> Iterator[tuple[datetime | None, str, str]]:
    facts = facts_from(attempt)
    cause = attempt.cause_text or (facts.cause.replace("_", " ") if facts.cause else "")
    yield attempt.dialed_at, "dialled", f"{who} was dialled, attempt {attempt.ordinal}, {line_of(attempt)}"
    yield attempt.accepted_at, "accepted", f"The PBX took the call to {who} on as {attempt.callid}"
    yield facts.ringing_at, "rang", f"The telephone of {who} rang"
    answered = "answered" if attempt.supervised else "was connected (a line that proves no answer)"
    yield facts.answered_at, "answered", f"{who} {answered}"
    yield facts.prompt_ended_at, "heard", f"The message to {who} was played to its end"
    yield facts.hung_up_at, "hang_up", f"The PBX was asked to end the call to {who}"
    if facts.has_failed_elsewhere:
        text = f"Somebody to whom the call to {who} went on was not reached: {cause or 'no cause was told'}"
        yield facts.failed_at, "unanswered_elsewhere", text
    else:
        text = f"The call to {who} was not answered: {cause or 'no cause was told'}"
        yield facts.failed_at, "unanswered", text
    if attempt.phase == Phase.ENDED:
        yield facts.ended_at, "ended", f"The call to {who} was over: {attempt.outcome}"
    if facts.cdr_at is not None:
        talk = f", {facts.talk_seconds} s of talk" if facts.talk_seconds is not None else ""
        recording = f", recorded as {facts.recording}" if facts.recording else ""
        status = facts.cdr_status or "without a status"
        yield facts.cdr_at, "record", f"The PBX's call record of {who}: {status}{talk}{recording}"
