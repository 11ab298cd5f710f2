"""Wake-ups between threads and, through Redis, between processes."""

import threading
import time
from collections.abc import Iterator

import pytest

from dispatcher.signals import LocalSignals, RedisSignals, Signals, Subscription, Topic, make_signals, shared
from tests.services.fixtures import running
from tests.services.redis import RedisServer


@pytest.fixture(params=["local", "redis"])
def signals(request: pytest.FixtureRequest) -> Iterator[Signals]:
    url = "" if request.param == "local" else request.getfixturevalue("redis_url")
    made = make_signals(url)
    assert isinstance(made, RedisSignals if url else LocalSignals)
    yield made
    made.close()


def ready(signals: Signals, subscription: Subscription, *topics: Topic) -> None:
    """Wait until what is sent arrives: with Redis, a subscription takes a moment for each topic."""
    until = time.monotonic() + 20
    for topic in topics:
        while (topic, "ready") not in subscription.wait(0.05):
            assert time.monotonic() < until, "the subscription never began"
            signals.send(topic, "ready")
    while subscription.wait(0.1):
        pass


def test_a_signal_wakes_whoever_listens(signals: Signals) -> None:
    subscription = signals.subscribe(Topic.SESSION, Topic.EVENTS)
    ready(signals, subscription, Topic.SESSION, Topic.EVENTS)

    signals.send(Topic.SESSION, "hq")

    assert subscription.wait(10) == {(Topic.SESSION, "hq")}
    assert subscription.wait(0) == set()


def test_other_topics_do_not_wake(signals: Signals) -> None:
    pacer, events = signals.subscribe(Topic.PACER), signals.subscribe(Topic.EVENTS)
    ready(signals, pacer, Topic.PACER)
    ready(signals, events, Topic.EVENTS)

    signals.send(Topic.EVENTS)

    assert events.wait(10) == {(Topic.EVENTS, "")}
    assert pacer.wait(0.1) == set()


def test_signals_that_came_meanwhile_are_not_lost_and_count_once(signals: Signals) -> None:
    subscription = signals.subscribe(Topic.PACER, Topic.SESSION, Topic.EVENTS)
    ready(signals, subscription, Topic.PACER, Topic.SESSION, Topic.EVENTS)

    for _ in range(50):
        signals.send(Topic.PACER)
    signals.send(Topic.SESSION, "hq")
    signals.send(Topic.SESSION, "branch")

    gathered: set[tuple[Topic, str]] = set()
    until = time.monotonic() + 10
    while len(gathered) < 3 and time.monotonic() < until:
        gathered |= subscription.wait(1)
    assert gathered == {(Topic.PACER, ""), (Topic.SESSION, "hq"), (Topic.SESSION, "branch")}


def test_a_waiting_thread_is_let_go_at_the_close(signals: Signals) -> None:
    subscription = signals.subscribe(Topic.SESSION)
    done = threading.Event()

    def wait() -> None:
        subscription.wait(600)
        done.set()

    thread = threading.Thread(target=wait)
    thread.start()
    subscription.close()
    assert done.wait(timeout=10)
    thread.join(timeout=10)


def test_a_wait_has_an_end(signals: Signals) -> None:
    subscription = signals.subscribe(Topic.SESSION)
    began = time.monotonic()

    assert subscription.wait(0.05) == set()
    assert time.monotonic() - began < 15


def test_two_processes_hear_each_other_through_redis(redis_url: str) -> None:
    here, there = RedisSignals(redis_url), RedisSignals(redis_url)
    subscription = there.subscribe(Topic.PACER, Topic.EVENTS)
    ready(here, subscription, Topic.PACER, Topic.EVENTS)

    here.send(Topic.PACER)

    assert subscription.wait(10) == {(Topic.PACER, "")}
    here.close()
    there.close()


def test_who_begins_to_listen_looks_once(redis_url: str) -> None:
    """What was sent before is lost; the first look makes up for it."""
    signals = RedisSignals(redis_url)
    subscription = signals.subscribe(Topic.PACER)

    assert subscription.wait(20) == {(Topic.PACER, "")}
    signals.close()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis that the test may stop."""
    yield from running(RedisServer())


def test_while_redis_is_away_sending_raises_nothing_and_costs_little(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared, "_RETRY_SECONDS", 0.1)
    signals = RedisSignals(own_redis.url)
    subscription = signals.subscribe(Topic.PACER, Topic.EVENTS)
    ready(signals, subscription, Topic.PACER, Topic.EVENTS)

    own_redis.stop()
    began = time.monotonic()
    for _ in range(200):
        signals.send(Topic.PACER)
    assert time.monotonic() - began < 15
    assert "Redis is away" in caplog.text

    own_redis.start()
    # Whoever was cut off looks once, since wake-ups were lost meanwhile.
    until = time.monotonic() + 20
    heard: set[tuple[Topic, str]] = set()
    while (Topic.PACER, "") not in heard and time.monotonic() < until:
        heard |= subscription.wait(0.2)
    assert (Topic.PACER, "") in heard
    ready(signals, subscription, Topic.PACER, Topic.EVENTS)
    signals.send(Topic.PACER)
    assert subscription.wait(10) == {(Topic.PACER, "")}
    signals.close()


def test_redis_that_is_away_from_the_beginning_is_found_when_it_comes(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_RETRY_SECONDS", 0.1)
    own_redis.stop()
    signals = RedisSignals(own_redis.url)
    subscription = signals.subscribe(Topic.PACER)
    assert subscription.wait(0.3) == set()

    own_redis.start()

    assert subscription.wait(20) == {(Topic.PACER, "")}
    signals.close()


def test_events_that_nobody_hears_of_are_told_again_soon(redis_url: str) -> None:
    """Who begins to listen after a while of nobody doing so hears what is sent from then on."""
    here, there = RedisSignals(redis_url), RedisSignals(redis_url)
    for _ in range(20):
        here.send(Topic.EVENTS)
    subscription = there.subscribe(Topic.EVENTS)

    ready(here, subscription, Topic.EVENTS)

    here.close()
    there.close()
