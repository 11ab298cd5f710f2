"""Trying: receivers that are down, slow, out of order or gone; restarts; and what is given up."""

import logging
import threading
import time
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from dispatcher.domain.outgoing import GIVE_UP_AFTER
from dispatcher.outgoing import Courier, webhooks
from dispatcher.outgoing.post import USER_AGENT
from dispatcher.outgoing.webhooks import Rotation, WebhookChange
from dispatcher.store import deliveries, tallies
from dispatcher.store import webhooks as stored
from dispatcher.store.engine import Store
from dispatcher.work import carry_out
from tests.cores import SettableClock
from tests.outgoing.conftest import Desk, until
from tests.outgoing.receiver import SECRET, Receiver, Reply

UNDER_WAY = timedelta(seconds=12)
"""The time-out of the tests' tries, and the ten seconds in which they are written down."""


def counted(desk: Desk) -> dict[str, float]:
    with desk.store.read() as tx:
        rows = list(tallies.totals(tx))
    return {labels: value for name, labels, value in rows if name == "dispatcher_webhook_deliveries_total"}


def until_tried(desk: Desk, tries: int) -> None:
    """Wait until the only message has been tried so often, and the last try is written down."""

    def is_tried() -> bool:
        [row] = desk.rows()
        return bool(row.tries == tries and row.problem and row.next_at != desk.clock() + UNDER_WAY)

    until(is_tried)


def test_a_receiver_that_is_down_gets_it_when_it_is_back(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised")
    receiver.stop()
    desk.alarm()
    desk.tell()
    with desk.courier():
        until(lambda: desk.rows()[0].problem)
        [row] = desk.rows()
        assert (row.state, row.tries, row.status) == ("waiting", 1, None)
        assert row.problem.startswith("no connection")
        assert row.next_at == desk.clock() + timedelta(seconds=5)
        receiver.start()
        desk.make_due()
        until(lambda: desk.states() == ["sent"])

    [row], [got] = desk.rows(), receiver.got
    assert (row.tries, row.status, row.problem, row.next_at) == (2, 204, "", None)
    assert got.message_id == row.message_id
    assert got.headers["user-agent"] == USER_AGENT
    assert counted(desk) == {'["retried"]': 1, '["sent"]': 1}


def test_a_repetition_has_the_same_id_and_a_new_time(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised")
    receiver.reply = lambda got: Reply(500 if len(receiver.got) < 3 else 200, b"out\n of\x00order")
    desk.alarm()
    desk.tell()
    with desk.courier():
        for tries in (1, 2):
            until_tried(desk, tries)
            assert desk.rows()[0].problem == "HTTP 500: out of order"
            desk.clock.move(minutes=1)
        until(lambda: desk.states() == ["sent"])

    assert len({got.message_id for got in receiver.got}) == 1
    assert len({got.headers["webhook-timestamp"] for got in receiver.got}) == 3
    assert all(got.is_signed_with(SECRET) for got in receiver.got)


def test_after_three_days_it_is_given_up_and_can_be_replayed(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised")
    receiver.reply = lambda got: Reply(503)
    desk.alarm()
    desk.tell()
    began = desk.clock()
    tried_at = []
    with desk.courier():
        next_at: datetime | None = began
        while next_at is not None:
            desk.clock.now = next_at
            # By our own count: the courier may try as soon as the clock is moved.
            until_tried(desk, len(tried_at) + 1)
            tried_at.append(desk.clock() - began)
            [row] = desk.rows()
            next_at = row.next_at

        [row] = desk.rows()
        assert (row.state, row.problem, row.next_at, row.ended_at) == ("dead", "HTTP 503", None, desk.clock())
        assert tried_at[-1] == GIVE_UP_AFTER
        assert 15 < len(tried_at) < 25
        assert counted(desk) == {'["retried"]': len(tried_at) - 1, '["dead"]': 1}

        receiver.reply = lambda got: Reply()
        assert carry_out(desk.core, lambda work: webhooks.replay_dead(work, None)) == 1
        desk.clock.move(minutes=1)
        until(lambda: desk.states() == ["sent"])
    assert len({got.message_id for got in receiver.got}) == 1


def test_a_slow_receiver_holds_up_nobody_else(
    store_url: str, clock: SettableClock, receiver: Receiver, other: Receiver
) -> None:
    desk = Desk(store_url, clock, webhooks={"timeout": 60.0})
    desk.webhook("slow", receiver.url, "alarm.raised")
    desk.webhook("quick", other.url, "alarm.raised")
    receiver.reply = lambda got: Reply(after=60.0)
    for number in range(40):
        desk.alarm(f"number {number}")
    desk.tell()
    with desk.courier():
        until(lambda: [row.state for row in desk.rows() if row.webhook == "quick"] == ["sent"] * 40)
        until(lambda: len(receiver.got) == 8)
        slow = [row for row in desk.rows() if row.webhook == "slow"]
        receiver.stop()
    desk.store.close()

    # All that one may have under way at once is, and nothing of it has been answered.
    assert sorted(row.tries for row in slow) == [0] * 32 + [1] * 8
    assert {row.state for row in slow} == {"waiting"}


def test_a_receiver_that_does_not_answer_in_time_is_tried_again(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised")
    receiver.reply = lambda got: Reply(after=60.0)
    desk.alarm()
    desk.tell()
    with desk.courier():
        until_tried(desk, 1)
    receiver.stop()

    assert desk.rows()[0].problem == "no answer within 2 s"


def test_a_receiver_that_fails_is_left_alone_for_longer_and_longer(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised")
    receiver.reply = lambda got: Reply(500)
    for number in range(40):
        desk.alarm(f"number {number}")
    desk.tell()
    with desk.courier() as courier:
        until(lambda: len(receiver.got) == 8)
        until(lambda: sum(bool(row.problem) for row in desk.rows()) == 8)
        time.sleep(1.0)
        assert len(receiver.got) == 8
        for tried in (9, 10, 11):
            desk.clock.move(seconds=61)
            courier.wake()
            until(lambda tried=tried: len(receiver.got) == tried)  # type: ignore[misc]
            time.sleep(0.7)
            assert len(receiver.got) == tried
        receiver.reply = lambda got: Reply()
        desk.clock.move(seconds=61)
        courier.wake()
        until(lambda: desk.states().count("sent") >= 29)


def test_a_receiver_that_failed_is_tried_after_the_clock_was_set_back(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised")
    receiver.reply = lambda got: Reply(500)
    desk.alarm()
    desk.tell()
    with desk.courier() as courier:
        until(lambda: desk.rows()[0].problem)
        receiver.reply = lambda got: Reply()
        desk.clock.move(hours=-1)
        desk.make_due()
        courier.wake()
        until(lambda: desk.states() == ["sent"])


def test_what_waited_behind_a_dead_receiver_is_given_up_with_it(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised")
    receiver.stop()
    for number in range(20):
        desk.alarm(f"number {number}")
    desk.tell()
    desk.clock.move(days=3)
    desk.alarm("today")
    desk.tell()
    with desk.courier():
        until(lambda: desk.states().count("dead") == 20)

    assert counted(desk)['["dead"]'] == 20
    assert desk.rows()[-1].state == "waiting"


def test_gone_stops_the_webhook_and_gives_up_what_waits(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised")
    receiver.reply = lambda got: Reply(410)
    receiver.stop()
    for number in range(3):
        desk.alarm(f"number {number}")
    desk.tell()
    with desk.courier():
        until(lambda: all(row.problem for row in desk.rows()))
        receiver.start()
        desk.make_due()
        until(lambda: desk.states() == ["dead"] * 3)

    with desk.store.read() as tx:
        [hook] = stored.page(tx, 10, None)
    assert (hook.active, hook.stopped_why) == (False, "the receiver answered 410 Gone")
    desk.alarm("after that")
    desk.tell()
    assert len(desk.rows()) == 3


@pytest.mark.parametrize("status", [301, 307, 400, 404, 429])
def test_whatever_is_not_2xx_is_tried_again(
    status: int, sqlite_url: str, receiver: Receiver, other: Receiver
) -> None:
    desk = Desk(sqlite_url, SettableClock())
    desk.webhook("desk", receiver.url, "alarm.raised")
    headers = (("Location", other.url), ("Retry-After", "600"))
    receiver.reply = lambda got: Reply(status, headers=headers)
    desk.alarm()
    desk.tell()
    with desk.courier():
        until(lambda: desk.rows()[0].problem)

    [row] = desk.rows()
    assert (row.state, row.status) == ("waiting", status)
    assert other.got == []
    asked = 600 if status not in (301, 307) else 5
    assert row.next_at == desk.clock() + timedelta(seconds=asked)
    desk.store.close()


def test_what_was_under_way_in_a_crash_is_sent_again_with_its_id(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised")
    desk.alarm()
    desk.tell()
    # What a process does before it dies: it begins a try, and is never heard of again.
    with desk.store.write() as tx:
        [row] = deliveries.claim(tx, desk.clock(), [desk.rows()[0].id], UNDER_WAY)
    with desk.courier():
        time.sleep(0.7)
        assert receiver.got == []
        desk.clock.move(seconds=UNDER_WAY.seconds)
        until(lambda: desk.states() == ["sent"])

    assert receiver.got[0].message_id == row.message_id
    assert desk.rows()[0].tries == 2


def test_a_stop_leaves_what_takes_too_long_to_the_next_start(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised")
    receiver.reply = lambda got: Reply(after=60.0)
    slow = Desk(desk.store.url.render_as_string(hide_password=False), desk.clock, webhooks={"timeout": 60.0})
    desk.alarm()
    desk.tell()
    began = time.monotonic()
    with slow.courier():
        until(lambda: receiver.got)
    assert time.monotonic() - began < 30
    slow.store.close()
    receiver.stop()
    receiver.reply = lambda got: Reply()
    receiver.start()
    desk.clock.move(seconds=90)
    with desk.courier():
        until(lambda: desk.states() == ["sent"])

    assert len({got.message_id for got in receiver.got}) == 1


def test_without_the_database_messages_wait(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised")
    desk.alarm()
    desk.tell()

    def away(self: Store) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    with monkeypatch.context() as outage:
        outage.setattr(Store, "read", away)
        courier = Courier(desk.core)
        thread = threading.Thread(target=courier.run)
        thread.start()
        until(lambda: "the database is away, messages wait" in caplog.text)
    until(lambda: desk.states() == ["sent"])
    courier.stop()
    thread.join(20)


def test_a_new_secret_signs_beside_the_old_one_for_a_while(desk: Desk, receiver: Receiver) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised")
    new = carry_out(desk.core, lambda work: webhooks.rotate(work, "desk", Rotation(overlap=3600)))
    for _ in range(2):
        desk.alarm()
        desk.tell()
        with desk.courier():
            until(lambda: "waiting" not in desk.states())
        desk.clock.move(hours=2)

    first, second = receiver.got
    assert first.is_signed_with(SECRET)
    assert first.is_signed_with(new)
    assert second.is_signed_with(new)
    assert not second.is_signed_with(SECRET)


def test_what_waits_goes_to_the_new_address(desk: Desk, receiver: Receiver, other: Receiver) -> None:
    desk.webhook("desk", receiver.url, "alarm.raised")
    receiver.reply = lambda got: Reply(404)
    desk.alarm()
    desk.tell()
    with desk.courier():
        until(lambda: desk.rows()[0].problem)
        carry_out(desk.core, lambda work: webhooks.change(work, "desk", WebhookChange(url=other.url)))
        desk.make_due()
        until(lambda: desk.states() == ["sent"])

    assert len(other.got) == 1


@pytest.mark.parametrize("url", ["http://localhost:{port}/hook", "http://127.0.0.1:{port}/hook"])
def test_private_addresses_can_be_refused(sqlite_url: str, receiver: Receiver, url: str) -> None:
    desk = Desk(sqlite_url, SettableClock(), webhooks={"timeout": 2.0})
    desk.webhook("desk", url.format(port=httpx.URL(receiver.url).port), "alarm.raised")
    desk.alarm()
    desk.tell()
    strict = Desk(sqlite_url, desk.clock, webhooks={"timeout": 2.0, "private_addresses": False})
    with strict.courier():
        until(lambda: desk.rows()[0].problem)

    assert desk.rows()[0].problem == "the address is not public (webhooks.private_addresses)"
    assert receiver.got == []
    with desk.courier():
        desk.make_due()
        until(lambda: desk.states() == ["sent"])
    strict.store.close()
    desk.store.close()


def test_nothing_secret_is_logged(desk: Desk, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    desk.webhook("desk", f"{receiver.url}?token=hidden", "alarm.raised")
    receiver.reply = lambda got: Reply(410, b"no")
    desk.alarm()
    desk.tell()
    with desk.courier():
        until(lambda: desk.states() == ["dead"])

    assert "webhook desk is stopped" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET.removeprefix("whsec_") not in caplog.text
    assert "hidden" not in caplog.text
