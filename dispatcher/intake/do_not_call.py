"""Adding numbers to the do-not-call list from a file: good rows are entered, bad ones listed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from dispatcher.core import Core
from dispatcher.directory import do_not_call
from dispatcher.directory.trail import tell
from dispatcher.domain.vocabulary import Kept
from dispatcher.intake.campaigns.numbers import BadNumber, e164, parse_number
from dispatcher.intake.campaigns.rows import BadRow, RawRow, Reader
from dispatcher.intake.campaigns.tally import Tally
from dispatcher.work import Work, carry_out

BATCH = 1_000
"""Rows that one transaction enters."""

LONGEST_WHY = 1000
_YES = {"1", "true", "yes", "y", "x"}
_NO = {"", "0", "false", "no", "n"}


def import_numbers(core: Core, reader: Reader, client: str, region: str | None) -> Tally:
    """Enter the rows, a batch a transaction: their ``number``, and if they have them ``why``,
    ``alarms_too`` and ``expires_at``. Sending the same file again changes nothing.
    """
    now = core.clock()
    check = partial(_checked, region=region or core.settings.alarms.region, now=now)
    origin = {"source": do_not_call.BY_IMPORT, "added_by": client, "added_at": now}
    tally = Tally()
    for batch in _batches(origin | row for row in tally.good_rows(reader, check)):
        carry_out(core, partial(_enter, batch, client))
        tally.accepted += len(batch)
    return tally


def _enter(rows: list[dict[str, Any]], client: str, work: Work) -> None:
    do_not_call.enter(work.tx, work.now, rows, work.count, work.aftermath)
    data = {"by": client, "numbers": len(rows)}
    # One row for all of them: the entries themselves say where they came from.
    tell(work, Kept.DO_NOT_CALL, "import", "imported", f"{len(rows)} numbers imported by {client}", data)


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Some rows at a time; of several with one number the last."""
    batch: dict[str, dict[str, Any]] = {}
    for row in rows:
        batch[row["number"]] = row
        if len(batch) >= BATCH:
            yield list(batch.values())
            batch = {}
    if batch:
        yield list(batch.values())


def _checked(row: RawRow, region: str, now: datetime) -> dict[str, Any] | BadRow:
    fields = {name.strip().casefold(): value for name, value in row.fields.items()}
    column, value = "number", row.number
    try:
        number = e164(parse_number(_text(value), region or None))
        column, value = "why", fields.get("why")
        why = _text(value)
        if len(why) > LONGEST_WHY:
            raise ValueError(f"longer than {LONGEST_WHY} characters")
        column, value = "alarms_too", fields.get("alarms_too")
        alarms_too = _truth(_text(value))
        column, value = "expires_at", fields.get("expires_at")
        expires_at = _moment(_text(value), now)
    except BadNumber as error:
        return BadRow(row.line, column, str(error) if row.number else "missing", str(value or ""))
    except ValueError as error:
        return BadRow(row.line, column, str(error), str(value))
    return {"number": number, "why": why, "alarms_too": alarms_too, "expires_at": expires_at}


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value).strip()
    raise ValueError("send text")


def _truth(text: str) -> bool:
    if text.casefold() in _YES:
        return True
    if text.casefold() in _NO:
        return False
    raise ValueError("write yes or no")


def _moment(text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("write a time as 2026-12-31T00:00:00Z") from None
    if moment <= now:
        raise ValueError("in the past")
    return moment
