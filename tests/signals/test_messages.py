"""Messages to the dial workers through Redis: waited for, not polled, and taken once."""

import threading
from collections.abc import Iterator

import pytest
from dramatiq import Broker
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import ConnectionClosed

from dispatcher import broker as wake_ups
from dispatcher.broker import BULK, URGENT, BrokerMessages, make_broker
from tests.services.redis import RedisServer


@pytest.fixture
def broker(redis_url: str) -> Iterator[Broker]:
    made = make_broker(redis_url)
    made.flush_all()
    yield made
    made.close()


def take(consumer: Consumer, looks: int = 40) -> MessageProxy:
    """The next message, which the consumer may look for some times."""
    for _ in range(looks):
        message = next(consumer)
        if message is not None:
            return message
    raise AssertionError("no message came")


def test_a_message_that_comes_while_it_is_waited_for_is_taken(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake_ups, "WAIT_SECONDS", 30)
    sending = threading.Timer(0.2, BrokerMessages(broker).dial, (["late"],), {"urgent": True})
    sending.start()

    # One look is enough: it lasts until there is a message.
    message = next(broker.consume(URGENT))

    assert message is not None
    assert message.args == ("late",)
    sending.join()


def test_who_waits_in_vain_looks_up_after_a_while(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake_ups, "WAIT_SECONDS", 0.05)

    assert next(broker.consume(URGENT)) is None


def test_of_two_that_wait_each_message_is_taken_by_one(broker: Broker) -> None:
    taken: list[str] = []
    guard, is_over = threading.Lock(), threading.Event()

    def consume() -> None:
        consumer = broker.consume(BULK)
        while not is_over.is_set():
            message = next(consumer)
            if message is not None:
                consumer.ack(message)
                with guard:
                    taken.extend(message.args)
                    if len(taken) >= len(wanted):
                        is_over.set()

    wanted = [f"attempt-{place}" for place in range(50)]
    threads = [threading.Thread(target=consume) for _ in range(2)]
    for thread in threads:
        thread.start()
    for attempt in wanted:
        BrokerMessages(broker).dial([attempt], urgent=False)
    assert is_over.wait(30)
    for thread in threads:
        thread.join()

    assert sorted(taken) == sorted(wanted)


def test_what_was_taken_and_given_back_is_taken_again(broker: Broker) -> None:
    BrokerMessages(broker).dial(["again"], urgent=True)
    consumer = broker.consume(URGENT)
    message = take(consumer)

    consumer.requeue([message])

    assert take(broker.consume(URGENT)).args == ("again",)


def test_who_has_all_that_it_may_have_waits_for_room(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake_ups, "_PREFETCH", 1)
    for attempt in ("first", "second"):
        BrokerMessages(broker).dial([attempt], urgent=True)
    consumer = broker.consume(URGENT)
    first = take(consumer)

    assert next(consumer) is None
    consumer.ack(first)
    assert take(consumer).args == ("second",)


def test_a_consumer_says_when_redis_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake_ups, "WAIT_SECONDS", 30)
    with RedisServer() as server:
        broker = make_broker(server.url)
        consumer = broker.consume(URGENT)
        dying = threading.Timer(0.2, server.kill)
        dying.start()

        with pytest.raises(ConnectionClosed):
            next(consumer)
        dying.join()
