"""The pacer's loop: woken by a signal, by its tick, and by an outage's end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from dispatcher.pacer import Pacer, loop
from dispatcher.pacer import claim as claiming
from dispatcher.signals import Topic
from dispatcher.store import trunks
from tests.cores import PBX
from tests.scripted import NUMBER, Office, open_office, whole_call


@contextmanager
def pacing(office: Office) -> Iterator[Pacer]:
    """A pacer at work."""
    pacer = Pacer(office.core, list(office.lines.values()))
    thread = threading.Thread(target=pacer.run)
    thread.start()
    try:
        yield pacer
    finally:
        pacer.stop()
        thread.join(timeout=20)
        assert not thread.is_alive()


def until(condition: Callable[[], object], seconds: float = 20.0) -> float:
    """Wait for something; how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it never came"
        time.sleep(0.005)
    return time.monotonic() - began


def asleep(office: Office, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when the pacer has looked once and found nothing."""
    looked = threading.Event()
    lock = trunks.lock

    def note(*args: Any) -> object:
        found = lock(*args)
        if args[3] == "":
            looked.set()
        return found

    monkeypatch.setattr(claiming.trunks, "lock", note)
    return looked


def test_it_is_woken_by_a_signal_and_wakes_the_dial_workers(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a tick of ten minutes, nothing but the signal can have woken it."""
    with open_office(store_url, pacing={"tick": 600.0}) as office:
        looked = asleep(office, monkeypatch)
        with pacing(office):
            assert looked.wait(timeout=20)
            office.campaign("31612340001")
            office.alarm(NUMBER)
            office.core.signals.send(Topic.PACER)
            until(lambda: len(office.messages.dialled) == 2)

        urgent = dict(office.messages.dialled)
        assert {office.attempt(attempt).lane == "alarms": urgent for attempt, urgent in urgent.items()} == {
            True: True,
            False: False,
        }


def test_without_a_signal_its_tick_finds_the_call(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_office(store_url, pacing={"tick": 0.05}) as office:
        looked = asleep(office, monkeypatch)
        with pacing(office):
            assert looked.wait(timeout=20)
            office.campaign(NUMBER)
            until(lambda: office.messages.dialled)


def test_an_outage_of_the_database_is_outlived(
    store_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lock, failures = trunks.lock, [OperationalError("SELECT", {}, Exception("gone")), ValueError("a bug")]

    def fail_twice(*args: Any) -> object:
        if failures:
            raise failures.pop(0)
        return lock(*args)

    monkeypatch.setattr(claiming.trunks, "lock", fail_twice)
    monkeypatch.setattr(loop, "_AFTER_OUTAGE", 0.01)
    with open_office(store_url) as office:
        office.campaign(NUMBER)
        with pacing(office):
            until(lambda: office.messages.dialled)

    assert "the database is away" in caplog.text
    assert "a bug" in caplog.text


def test_an_ended_call_wakes_it(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report that frees the only channel is what lets the next call start."""
    one = [PBX | {"trunk": [{"name": "SPS-6-36", "channels": 1}]}]
    with open_office(store_url, pacing={"tick": 600.0}, pbx=one) as office:
        office.campaign("31612340001", "31612340002")
        with pacing(office):
            until(lambda: office.messages.dialled)
            [(first, _)] = office.messages.dialled
            office.dialer.dial(first)
            row = office.attempt(first)
            office.take(*whole_call(row.callid, row.digits_dialled))
            until(lambda: len(office.messages.dialled) == 2)


def locked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the trunks that are locked from now on; the line of the extensions has none."""
    names: list[str] = []
    lock = trunks.lock

    def note(*args: Any) -> object:
        names.append(args[3])
        return lock(*args)

    monkeypatch.setattr(claiming.trunks, "lock", note)
    return names


def test_a_wake_up_that_finds_nothing_due_locks_no_trunk(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_office(store_url) as office:
        pacer = Pacer(office.core, list(office.lines.values()))
        names = locked(monkeypatch)
        pacer.pass_once(in_full=False)
        assert names == []
        pacer.pass_once()
        assert names == [line.trunk for line in office.lines.values()]


@pytest.mark.parametrize("kind", ["alarm", "campaign", "extension"])
def test_a_wake_up_locks_only_where_what_is_due_could_go_out(
    store_url: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with open_office(store_url) as office:
        {"alarm": office.alarm, "campaign": office.campaign, "extension": office.alarm}[kind](
            "1002" if kind == "extension" else NUMBER
        )
        pacer = Pacer(office.core, list(office.lines.values()))
        names = locked(monkeypatch)
        pacer.pass_once(in_full=False)
        assert len(office.messages.dialled) == 1
        of_trunks = [line.trunk for line in office.lines.values() if not line.is_internal]
        assert names == ([""] if kind == "extension" else of_trunks)


def test_however_often_it_is_woken_every_line_is_looked_at_once_a_tick(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_office(store_url, pacing={"tick": 0.05}) as office:
        names = locked(monkeypatch)
        with pacing(office):

            def woken_again() -> bool:
                office.core.signals.send(Topic.PACER)
                return names.count("") >= 3

            until(woken_again)
