"""The statements of the hot paths use an index on SQLite, also where the index covers part of a table."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event

from dispatcher.dialer import answer, intent
from dispatcher.domain.vocabulary import DeliveryState
from dispatcher.pacer import lanes
from dispatcher.reports.sorting import attempts_without_callid
from dispatcher.store import attempts, deliveries, reports, trunks
from dispatcher.store.engine import Store
from dispatcher.store.tail import Tail

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINE = {"of_pbx": "hq", "of_name": "SPS-6-36"}
DUE = {"now": NOW, "of_pbx": "hq", "most": 5}

STATEMENTS: dict[str, Callable[[Connection], Any]] = {
    "channels in use": lambda tx: tx.execute(trunks._CHANNELS_IN_USE),
    "freed channels": lambda tx: tx.execute(trunks._FREED, {**LINE, "since": NOW, "most": 3}),
    "due calls of alarms": lambda tx: tx.execute(lanes._DUE["alarms"][False], DUE),
    "calls due again": lambda tx: tx.execute(lanes._DUE["again"][False], {**DUE, "of_campaign": "c"}),
    "calls due at first": lambda tx: tx.execute(lanes._DUE["fresh"][False], {**DUE, "of_campaign": "c"}),
    "running campaigns": lambda tx: tx.execute(lanes._RUNNING, {"now": NOW}),
    "cases by callid": lambda tx: tx.execute(
        attempts._BY_CALLID, {"of_pbx": "hq", "callids": ["1.2", "1.3"], "since": NOW}
    ),
    "cases by id": lambda tx: tx.execute(attempts._BY_ID, {"ids": ["a", "b"]}),
    "intents": lambda tx: tx.execute(intent._STARTED, {"ids": ["a", "b"]}),
    "withdrawn meanwhile": lambda tx: tx.execute(answer._WITHDRAWN, {"ids": ["a", "b"]}),
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
        if statement.startswith(("SELECT", "UPDATE")):
            seen.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", note)
    with store.write() as tx:
        STATEMENTS[name](tx)
        statement, parameters = seen[0]
        steps = [row[3] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    store.close()

    assert [step for step in steps if step.startswith("SCAN") and "INDEX" not in step] == []
