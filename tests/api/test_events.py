"""Following events: in order, without a gap, from where one left off, and never too slowly."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from dispatcher.api import events as routes
from dispatcher.api import feed as feeding
from dispatcher.api import make_app
from dispatcher.core import Core
from dispatcher.runtime.running import WebServer, address_of, bound
from dispatcher.signals import Topic
from dispatcher.store import events
from dispatcher.store.engine import Store
from dispatcher.store.events import Change
from dispatcher.store.tables import Event, table
from dispatcher.store.tail import PATIENCE, WATCHED, Tail
from tests.api.test_campaigns import CAMPAIGN, THREE
from tests.cores import START, make_core

_events = table(Event)
SECONDS = 10.0


@dataclass
class Server:
    url: str
    core: Core
    app: Any

    @contextmanager
    def stream(self, query: str = "", **headers: str) -> Iterator["Stream"]:
        with (
            httpx.Client(base_url=self.url, timeout=SECONDS) as client,
            client.stream("GET", f"/v1/events{query}", headers=headers) as response,
        ):
            assert response.status_code == 200, response.read()
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = response.iter_lines()
            assert [next(lines), next(lines), next(lines)] == ["retry: 2000", ": following", ""]
            yield Stream(lines)

    def write(self, *names: str, subject: str = "trunk") -> None:
        changes = [Change(subject, "hq/SPS-6-36", name) for name in names]
        with self.core.store.write() as tx:
            events.record(tx, START, changes)
        self.core.signals.send(Topic.EVENTS)


@dataclass
class Stream:
    lines: Iterator[str]

    def next(self) -> tuple[int, str, dict[str, Any]]:
        """The next event: its id, its subject and its data."""
        found: dict[str, str] = {}
        for line in self.lines:
            name, _, value = line.partition(": ")
            if line == "" and found:
                return int(found["id"]), found["event"], json.loads(found["data"])
            if name:
                found[name] = value
        raise AssertionError("the stream has ended")

    def names(self, number: int) -> list[str]:
        return [self.next()[2]["name"] for _ in range(number)]


@pytest.fixture
def server(store_url: str) -> Iterator[Server]:
    core = make_core(store_url)
    app = make_app(core)
    listening = bound("127.0.0.1:0")
    web = WebServer(app, listening, "api", before_stop=app.state.feed.close)
    web.start()
    yield Server(f"http://{address_of(listening)}", core, app)
    web.stop()
    core.store.close()


def test_changes_come_as_they_happen_with_what_they_changed(server: Server) -> None:
    with server.stream() as stream, httpx.Client(base_url=server.url) as api:
        campaign = api.post("/v1/campaigns", json=CAMPAIGN).json()
        first_id, subject, data = stream.next()
        path = f"/v1/campaigns/{campaign['id']}"
        api.post(f"{path}/contacts", content=THREE, headers={"Content-Type": "text/csv"})
        api.post(f"{path}/start")
        api.post(f"{path}/cancel")

        assert (subject, data["name"], data["subject_id"]) == ("campaign", "created", campaign["id"])
        assert data["current"]["name"] == "Appointments"
        told = [stream.next() for _ in range(6)]
        assert [data["name"] for _, _, data in told][:3] == ["contacts_added", "started", "cancelled"]
        assert [subject for _, subject, _ in told] == ["campaign"] * 3 + ["call"] * 3
        assert [key for key, _, _ in told] == list(range(first_id + 1, first_id + 7))
        assert told[-1][2]["current"]["state"] == "cancelled"
        assert told[-1][2]["current"]["number"].startswith("+3161234567")


def test_a_client_comes_back_behind_the_last_event_it_had(server: Server) -> None:
    server.write("one", "two", "three")
    with server.core.store.read() as tx:
        first = tx.execute(select(func.min(_events.c.id))).scalar_one()

    with server.stream(**{"Last-Event-ID": str(first)}) as stream:
        assert stream.names(2) == ["two", "three"]
        server.write("four")
        assert stream.names(1) == ["four"]
    with server.stream(**{"Last-Event-ID": "0"}) as stream:
        assert stream.names(4) == ["one", "two", "three", "four"]


def test_only_the_asked_for_subjects_come(server: Server) -> None:
    with server.stream("?subject=alarm&subject=call") as stream:
        server.write("noise")
        server.write("ringing", subject="call")
        server.write("noise")
        server.write("open", subject="alarm")

        assert stream.names(2) == ["ringing", "open"]


@pytest.mark.parametrize(
    ("query", "headers"),
    [("?subject=weather", {}), ("", {"Last-Event-ID": "x"}), ("", {"Last-Event-ID": "-1"})],
)
def test_nonsense_is_refused(server: Server, query: str, headers: dict[str, str]) -> None:
    assert httpx.get(f"{server.url}/v1/events{query}", headers=headers).status_code == 422


def test_silence_is_broken_by_comments(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "HEARTBEAT", 0.1)

    with server.stream() as stream:
        assert [next(stream.lines), next(stream.lines), next(stream.lines)] == [
            ": still here",
            "",
            ": still here",
        ]


def test_a_burst_comes_whole_and_a_client_that_is_too_slow_is_cut_off_and_misses_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "MOST_WAITING", 10)
    names = [f"n{number}" for number in range(50)]
    with server.stream() as stream:
        server.write("zero")
        last_id, _, _ = stream.next()
        server.write(*names)  # more than may wait
        with pytest.raises(AssertionError, match="the stream has ended"):
            stream.next()
    monkeypatch.undo()

    with server.stream(**{"Last-Event-ID": str(last_id)}) as stream:
        assert stream.names(50) == names


def test_without_a_wake_up_the_tick_finds_what_is_new(server: Server) -> None:
    with server.stream() as stream, server.core.store.write() as tx:
        events.record(tx, START, [Change("trunk", "hq/SPS-6-36", "paused")])
        tx.commit()
        assert stream.names(1) == ["paused"]


def test_ending_the_process_ends_the_streams(server: Server) -> None:
    with server.stream() as stream:
        server.app.state.feed.close()
        with pytest.raises(AssertionError, match="the stream has ended"):
            stream.next()


def record(store: Store, *names: str) -> None:
    with store.write() as tx:
        events.record(tx, START, [Change("call", "c", name) for name in names])


def follow(store: Store, tail: Tail, clock: float) -> list[str]:
    with store.read() as tx:
        return [row.name for row in tail.read(tx, clock)]


def begun(store: Store) -> Tail:
    tail = Tail()
    with store.read() as tx:
        tail.begin(tx, 0.0)
    return tail


def test_a_row_that_is_committed_after_later_ones_is_waited_for(postgres_url: str) -> None:
    store = Store(postgres_url)
    record(store, "zero")
    tail = begun(store)
    with store.write() as slow:
        events.record(slow, START, [Change("call", "c", "one")])
        record(store, "two")
        assert follow(store, tail, 1.0) == []
        assert follow(store, tail, 1.0 + PATIENCE / 2) == []
    record(store, "three")

    assert follow(store, tail, 2.9) == ["one", "two", "three"]
    assert follow(store, tail, 3.0) == []
    store.close()


def test_ids_that_were_rolled_back_hold_nobody_up_for_long(postgres_url: str) -> None:
    store = Store(postgres_url)
    tail = begun(store)
    record(store, "one")
    with store.engine.connect() as connection:
        events.record(connection, START, [Change("call", "c", "never")] * 3)
        connection.rollback()
    record(store, "two")

    assert follow(store, tail, 0.0) == ["one"]
    assert follow(store, tail, PATIENCE + 0.1) == ["two"]
    store.close()


def test_a_row_that_is_very_late_comes_late_but_comes(postgres_url: str) -> None:
    store = Store(postgres_url)
    record(store, "zero")
    with store.write() as before, store.write() as slow:
        events.record(before, START, [Change("call", "c", "begun before")])
        record(store, "one")
        tail = begun(store)
        events.record(slow, START, [Change("call", "c", "late") for _ in range(3)])
        record(store, "two")
        assert follow(store, tail, 1.0) == []
        assert follow(store, tail, 1.0 + PATIENCE) == ["two"]
        slow.commit()
        before.commit()
        assert follow(store, tail, 10.0) == ["begun before", "late", "late", "late"]
        assert follow(store, tail, WATCHED + 10.0) == []
    store.close()
