"""Adding a campaign's calls many at a time, each number once."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, text

from dispatcher.domain.vocabulary import CallState
from dispatcher.store.ids import new_id
from dispatcher.store.types import UtcDateTime


class Contact(NamedTuple):
    """One person of a campaign: a number in E.164, and what the campaign's owner said of them."""

    number: str
    name: str | None
    external_id: str | None
    timezone: str | None
    fields: dict[str, Any] | None


_COLUMNS = "id, number, name, external_id, timezone, fields"
_INSERT = f"""
INSERT INTO calls (
    {_COLUMNS}, campaign_id, state, due_at, created_at, updated_at, expires_at,
    attempts_made, attempts_spent, free_failures
)
SELECT {{values}}, :campaign_id, '{CallState.QUEUED}', :now, :now, :now, :expires_at, 0, 0, 0
FROM {{rows}}
ON CONFLICT (campaign_id, number) DO NOTHING
"""  # noqa: S608 - only names of this module are put into the text

_TIMES = (bindparam("now", type_=UtcDateTime()), bindparam("expires_at", type_=UtcDateTime()))

_POSTGRESQL = text(
    _INSERT.format(
        values="id, number, name, external_id, timezone, fields",
        rows="json_to_recordset(CAST(:rows AS json)) AS given (id text, number text, name text,"
        " external_id text, timezone text, fields jsonb)",
    )
).bindparams(*_TIMES)

# The condition tells SQLite's parser that ON CONFLICT belongs to the INSERT and not to a join.
_SQLITE = text(
    _INSERT.format(
        values=", ".join(f"json_extract(value, '$.{name.strip()}')" for name in _COLUMNS.split(",")),
        rows="json_each(:rows) WHERE true",
    )
).bindparams(*_TIMES)

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def add(
    tx: Connection,
    now: datetime,
    campaign_id: str,
    expires_at: datetime | None,
    contacts: Sequence[Contact],
) -> int:
    """Queue a call for every contact whose number the campaign does not have yet; returns how many."""
    rows = [{"id": new_id(), **contact._asdict()} for contact in contacts]
    statement = _POSTGRESQL if tx.dialect.name == "postgresql" else _SQLITE
    values = {"rows": _encode(rows), "campaign_id": campaign_id, "now": now, "expires_at": expires_at}
    return int(tx.execute(statement, values).rowcount)
