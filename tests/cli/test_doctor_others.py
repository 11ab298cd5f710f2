"""The doctor tells of messages that nobody took, and of heartbeats that nobody hears."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from dispatcher.cli.doctor.others import check_others
from dispatcher.store import heartbeats
from dispatcher.store.engine import Store
from tests.store.rows import NOW, add

RECENT = {"created_at": NOW, "updated_at": NOW}


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    store = Store(store_url)
    yield store
    store.close()


def found(store: Store, after: timedelta = timedelta(0)) -> list[tuple[str, str, str]]:
    findings = list(check_others(store, NOW + after))
    assert all(finding.mend for finding in findings if finding.result != "ok")
    return [(finding.result, finding.check, finding.detail) for finding in findings]


def message(store: Store, **changed: Any) -> None:
    with store.write() as tx:
        plain = {"id": None, "campaign_id": None, "webhook": "ops", "receiver": "ops", "created_at": NOW}
        add(tx, "deliveries", **plain | changed)


def hook(store: Store, **changed: Any) -> None:
    with store.write() as tx:
        add(tx, "webhooks", **{"name": "ops", "active": True, "stopped_why": ""} | changed)


def heartbeat(store: Store, **changed: Any) -> None:
    with store.write() as tx:
        plain = {"name": "backup", "every_seconds": 60.0, "grace_seconds": 30.0, "alarm_id": None, **RECENT}
        heartbeats.add(tx, {"alarm": {}, **plain, **changed})


def test_nothing_is_said_where_there_is_nothing(store: Store) -> None:
    assert found(store) == []


def test_messages_that_were_taken_are_well(store: Store) -> None:
    hook(store)
    message(store, state="sent", next_at=None, ended_at=NOW)
    assert found(store) == [("ok", "webhooks", "1 webhook, and every message was taken")]


def test_messages_that_were_given_up_are_told_with_the_last_reason(store: Store) -> None:
    hook(store)
    message(store, state="dead", next_at=None, ended_at=NOW, problem="HTTP 500")
    message(store, state="dead", next_at=None, ended_at=NOW, problem="connection refused")
    assert found(store) == [
        ("warn", "messages to ops", "2 were given up, the last one for: connection refused")
    ]


def test_messages_that_wait_for_long_are_told(store: Store) -> None:
    hook(store)
    message(store, state="waiting", ended_at=None)
    assert [result for result, _, _ in found(store)] == ["ok"]
    assert found(store, timedelta(minutes=11)) == [
        ("warn", "messages to ops", f"1 wait, the oldest since {NOW:%Y-%m-%d %H:%M} UTC")
    ]


def test_a_webhook_that_stopped_by_itself_is_told(store: Store) -> None:
    hook(store, active=False, stopped_why="it answered 410 Gone")
    assert found(store) == [("warn", "webhook ops", "it is told nothing any more: it answered 410 Gone")]


def test_silent_heartbeats_are_told(store: Store) -> None:
    heartbeat(store, status="down", heard_at=NOW - timedelta(hours=2), due_at=NOW)
    [(result, check, detail)] = found(store)
    assert (result, check) == ("warn", "heartbeat backup")
    assert "silent: last heard at 2026-11-21 06:30 UTC" in detail
    assert "its alarm could not be raised" in detail


def test_a_heartbeat_that_never_signed_is_told_once_it_should_have(store: Store) -> None:
    heartbeat(store, status="new")
    assert [result for result, _, _ in found(store, timedelta(seconds=89))] == ["ok"]
    [(result, check, detail)] = found(store, timedelta(seconds=91))
    assert (result, check) == ("warn", "heartbeat backup")
    assert "never heard since" in detail


def test_heartbeats_that_are_heard_or_paused_are_well(store: Store) -> None:
    heartbeat(store, status="up", heard_at=NOW, due_at=NOW + timedelta(seconds=90))
    heartbeat(store, name="nightly", status="paused")
    assert found(store, timedelta(hours=1)) == [("ok", "heartbeats", "2 heartbeats, and none is silent")]
