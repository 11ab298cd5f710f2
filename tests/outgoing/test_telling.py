"""From an event to the receiver: what is told, to whom, signed how, and written once."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from dispatcher.domain.outgoing import Kind
from dispatcher.domain.vocabulary import CampaignStatus
from dispatcher.outgoing import FanOut, documents
from dispatcher.outgoing.documents import envelope
from dispatcher.store import campaigns, webhooks
from dispatcher.store.engine import Store
from dispatcher.store.events import Change, record
from tests.cores import SettableClock, accept, claim, learn
from tests.outgoing.conftest import Desk, until
from tests.outgoing.receiver import SECRET, Receiver
from tests.store import rows


def test_an_alarm_is_told_from_beginning_to_end_signed(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url)
    alarm_id = desk.alarm(details={"site": "north"})
    desk.acknowledge(alarm_id)
    desk.tell()

    with desk.courier():
        until(lambda: desk.states() == ["sent"] * 3)

    assert sorted(receiver.kinds) == ["alarm.acknowledged", "alarm.raised", "call.cancelled"]
    for got in receiver.got:
        assert got.is_signed_with(SECRET)
        assert not got.is_signed_with("whsec_" + "A" * 32)
        assert got.headers["content-type"] == "application/json"
        assert got.headers["webhook-timestamp"] == str(int(desk.clock().timestamp()))
    told = next(got.document for got in receiver.got if got.kind == "alarm.acknowledged")
    assert told["timestamp"] == "2026-11-21T10:00:00Z"
    assert told["data"]["cause"] == "by hand, by ann"
    alarm = told["data"]["alarm"]
    assert (alarm["id"], alarm["status"], alarm["acknowledged_by"]) == (alarm_id, "acknowledged", "ann")
    assert alarm["details"] == {"site": "north"}


def test_that_nobody_can_be_called_for_an_alarm_is_told_at_once(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url, "alarm.nobody")
    alarm_id = desk.alarm()
    with desk.core.store.write() as tx:
        record(tx, desk.clock(), [Change("alarm", alarm_id, "nobody", "nobody is on call", alarm_id)])
    desk.tell()

    [row] = desk.rows()
    assert row.kind == "alarm.nobody"
    assert '"cause":"nobody is on call"' in row.body.replace('": "', '":"')


def test_a_text_that_was_cut_off_inside_an_emoji_stops_nothing(
    embedded_desk: Desk, receiver: Receiver
) -> None:
    """SQLite can hold what JSON can write, half a surrogate pair included; the API lets none in."""
    desk = embedded_desk
    desk.webhook("desk", receiver.url, "alarm.raised")
    desk.alarm("first", details={"text": "cut off \ud83d", "site": "north"})
    desk.alarm("second")
    desk.tell()

    first, second = [json.loads(row.body)["data"]["alarm"] for row in desk.rows()]
    assert (first["summary"], second["summary"]) == ("first", "second")
    assert first["details"] == {"text": "cut off ?", "site": "north"}
    assert first["created_at"] == second["created_at"]


def test_an_event_that_can_not_be_written_is_left_out_with_an_error(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised", "alarm.acknowledged")
    alarm_id = desk.alarm("first")

    def written(kind: Kind, at: datetime, data: Mapping[str, Any]) -> str:
        if kind is Kind.ALARM_RAISED:
            raise ValueError("beyond writing")
        return envelope(kind, at, data)

    monkeypatch.setattr(documents, "envelope", written)
    desk.tell()
    desk.acknowledge(alarm_id)
    desk.tell()

    assert [row.kind for row in desk.rows()] == ["alarm.acknowledged"]
    assert f"alarm.raised of alarm {alarm_id}) can't be told" in caplog.text


def test_only_what_is_asked_for_is_told(desk: Desk, receiver: Receiver, other: Receiver) -> None:
    desk.webhook("everything", receiver.url)
    desk.webhook("calls", other.url, "call.*", "trunk.down")
    desk.acknowledge(desk.alarm())
    desk.tell()

    told = [(row.webhook, row.kind) for row in desk.rows()]
    assert ("calls", "call.cancelled") in told
    assert [kind for name, kind in told if name == "calls"] == ["call.cancelled"]
    assert len([kind for name, kind in told if name == "everything"]) == 3


def test_a_webhook_is_told_what_happens_after_it_was_made(desk: Desk, receiver: Receiver) -> None:
    desk.alarm("before")
    desk.webhook("desk", receiver.url, "alarm.raised")
    desk.alarm("after")
    desk.tell()

    [row] = desk.rows()
    assert '"after"' in row.body


def test_an_event_is_told_once_however_many_tell(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised")
    desk.alarm()
    one, another = FanOut(desk.core), FanOut(desk.core)
    written: list[bool] = []
    transact = desk.core.store.transact

    def overtaken(work: object) -> object:
        # Between the first one's reading and writing the other does both.
        if not written:
            written.append(True)
            another.step()
        return transact(work)  # type: ignore[arg-type]

    object.__setattr__(desk.core, "store", _Wrapped(desk.core.store, overtaken))
    while one.step():
        pass
    desk.tell()

    assert [row.kind for row in desk.rows()] == ["alarm.raised"]
    assert written


class _Wrapped:
    """A store whose transactions a test interferes with."""

    def __init__(self, store: Store, transact: object) -> None:
        self._store = store
        self.transact = transact

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def test_a_late_commit_is_told_too_even_after_a_restart(postgres_url: str, receiver: Receiver) -> None:
    clock = SettableClock()
    desk = Desk(postgres_url, clock)
    desk.webhook("desk", receiver.url, "trunk.*")
    with desk.store.engine.connect() as slow, slow.begin():
        record(slow, clock(), [Change("trunk", "hq/t", "down")])
        with desk.store.write() as tx:
            record(tx, clock(), [Change("trunk", "hq/t", "up")])
        desk.tell()
        assert desk.rows() == []
        clock.move(seconds=3)
        desk.tell()
        assert [row.kind for row in desk.rows()] == ["trunk.up"]
    # The other transaction has committed now; a new process goes on where this one stood.
    desk.store.close()
    clock.move(hours=5)
    again = Desk(postgres_url, clock)
    again.tell()

    assert [row.kind for row in again.rows()] == ["trunk.up", "trunk.down"]
    again.tell()
    assert len(again.rows()) == 2
    again.store.close()


def test_a_report_that_a_call_failed_is_not_told_beside_its_outcome(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url, "call.*")
    desk.alarm(retry={"max_attempts": 1})
    [attempt] = claim(desk.core)
    accept(desk.core, attempt, "1.1")
    learn(desk.core, attempt, closed_at=desk.clock())
    desk.clock.move(seconds=1)
    learn(desk.core, attempt, failed_at=desk.clock())
    desk.tell()

    assert [row.kind for row in desk.rows()] == ["call.failed"]


def test_a_campaign_calls_back_signed_with_the_configured_secret(
    store_url: str, clock: SettableClock, receiver: Receiver
) -> None:
    desk = Desk(store_url, clock, webhooks={"timeout": 2.0, "callback_secret": SECRET})
    with desk.store.write() as tx:
        rows.add(tx, "campaigns", id="c1", callback_url=receiver.url, windows=None, trunks=None)
        rows.add(tx, "campaigns", id="c2", callback_url=None)
        rows.add(tx, "calls", campaign_id="c1", state="queued", external_id="row-7", due_at=clock())
    [attempt] = claim(desk.core)
    accept(desk.core, attempt, "1.1")
    learn(desk.core, attempt, answered_at=clock(), prompt_ended_at=clock(), keys=frozenset({(1, "1")}))
    learn(desk.core, attempt, closed_at=clock())
    with desk.store.write() as tx:
        for key in ("c1", "c2"):
            campaigns.move(tx, clock(), key, CampaignStatus.FINISHED, "finished", "no call is left")
    desk.tell()
    with desk.courier():
        until(lambda: desk.states() == ["sent", "sent"])
    desk.store.close()

    told = {got.kind: got for got in receiver.got}
    assert set(told) == {"call.delivered", "campaign.finished"}
    assert all(got.is_signed_with(SECRET) for got in receiver.got)
    call = told["call.delivered"].document["data"]["call"]
    assert (call["external_id"], call["outcome"], call["attempt"]["digits"]) == ("row-7", "delivered", "1")
    assert told["campaign.finished"].document["data"]["campaign"]["counts"]["delivered"] == 1


def test_callbacks_without_a_secret_are_not_signed(desk: Desk, receiver: Receiver) -> None:
    with desk.store.write() as tx:
        rows.add(tx, "campaigns", id="c1", callback_url=receiver.url)
        campaigns.move(tx, desk.clock(), "c1", CampaignStatus.PAUSED, "paused", "by ann")
    desk.tell()
    with desk.courier():
        until(lambda: desk.states() == ["sent"])

    [got] = receiver.got
    assert got.kind == "campaign.paused"
    assert got.message_id
    assert "webhook-signature" not in got.headers


def test_while_nobody_is_to_be_told_nothing_is_written(desk: Desk, receiver: Receiver) -> None:
    desk.alarm()
    desk.tell()
    desk.webhook("desk", receiver.url, "alarm.raised")
    with desk.store.write() as tx:
        webhooks.change(tx, "desk", {"active": False})
    desk.alarm()
    desk.tell()

    assert desk.rows() == []
