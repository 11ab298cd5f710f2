"""The statements of the hot paths use an index on SQLite, also where the index covers part of a table.

To go through the index of a primary key from end to end is to read the table whole.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event

from dispatcher.dialer import answer, intent
from dispatcher.domain.vocabulary import CallState, DeliveryState, Outcome
from dispatcher.pacer import lanes, wanting
from dispatcher.reports.sorting import attempts_without_callid
from dispatcher.store import attempts, calls, deliveries, reports, trunks
from dispatcher.store.calls import CallChange
from dispatcher.store.engine import Store
from dispatcher.store.tail import Tail

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINE = {"of_pbx": "hq", "of_name": "SPS-6-36"}
DUE = {"now": NOW, "of_pbx": "hq", "most": 5, "called_since": NOW}
CHANGE = CallChange("a", CallState.ACTIVE, CallState.DELIVERED, Outcome.DELIVERED, 1, 0)

OWN = ("SCAN v", "SCAN json_each", "SCAN CONSTANT ROW", "SCAN 3 CONST", "SCAN 8 CONST", "SCAN 64 CONST")
"""Rows that the statement brings along."""

STATEMENTS: dict[str, Callable[[Connection], Any]] = {
    "channels in use": trunks._CHANNELS_IN_USE.all,
    "freed channels": lambda tx: trunks._FREED.all(tx, **LINE, since=NOW, most=3),
    "due calls of alarms": lambda tx: lanes._ALARMS_OUT.all(tx, **DUE),
    "due calls of alarms to extensions": lambda tx: lanes._ALARMS_WITHIN.all(tx, **DUE),
    "what is due at all": lambda tx: wanting._LOOK.all(tx, now=NOW),
    "calls due again": lambda tx: lanes._DUE_AGAIN.all(tx, **DUE, of_campaign="c"),
    "calls due at first": lambda tx: lanes._DUE_FRESH.all(tx, **DUE, of_campaign="c"),
    "running campaigns": lambda tx: lanes._RUNNING.all(tx, now=NOW),
    "cases by callid": lambda tx: attempts._BY_CALLID.all(tx, of_pbx="hq", callids=["1.2", "1.3"], since=NOW),
    "cases by id": lambda tx: attempts._BY_ID.all(tx, ids=["a", "b"]),
    "intents": lambda tx: intent._STARTED.all(tx, ids=["a", "b"]),
    "withdrawn meanwhile": lambda tx: answer._WITHDRAWN.all(tx, ids=["a", "b"]),
    "the end of calls": lambda tx: calls.change(tx, NOW, [CHANGE] * 3),
    "facts": lambda tx: attempts._save(("answered_at", "seen")).run(
        tx, [{"id": "a", "answered_at": NOW, "seen": "x"}] * 70
    ),
    "pending reports": lambda tx: reports.any_pending(tx, "hq"),
    "pending reports of a call": lambda tx: reports.any_pending(tx, "hq", ["1.2"]),
    "receivers of messages": deliveries.receivers,
    "messages for a receiver": lambda tx: deliveries.due(tx, NOW, "desk", 8),
    "messages that are dead": lambda tx: deliveries.page(tx, 50, None, states=[DeliveryState.DEAD]),
    "messages to a webhook": lambda tx: deliveries.page(tx, 50, None, webhook="desk"),
    "events behind a mark": lambda tx: Tail(17).read(tx, 0.0),
    "attempts without a callid": lambda tx: attempts_without_callid(tx, "hq", NOW),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_table_is_read_whole(name: str, sqlite_url: str) -> None:
    store = Store(sqlite_url)
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "WITH")):
            seen.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", note)
    with store.write() as tx:
        STATEMENTS[name](tx)
        statement, parameters = seen[0]
        steps = [row[3] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    store.close()

    scans = [step for step in steps if step.startswith("SCAN") and not step.startswith(OWN)]
    whole = [step for step in scans if "INDEX" not in step or "autoindex" in step]
    assert whole == []
