"""What a dead process was dialling is in doubt within seconds; what a living one dials is left alone."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from dispatcher.dialer.role import SILENT, Dialing
from dispatcher.pbx.protocol import DialOrder
from dispatcher.store.tables import ProcessSign
from dispatcher.upkeep.abandoned import WHY, Abandoned
from dispatcher.upkeep.clock import ClockWatch
from tests.scripted import NUMBER, Office, make_office

OTHER = "31612345679"


@pytest.fixture
def second(office: Office, store_url: str) -> Iterator[Office]:
    """A second process of the same installation."""
    made = make_office(store_url, clock=office.clock, driver=office.driver)
    yield made
    made.core.store.close()


@contextmanager
def dialling(office: Office, role: Dialing, *attempts: str) -> Iterator[threading.Event]:
    """The PBX lets a process wait for its answers until the event is set."""
    begun, answer = threading.Barrier(len(attempts) + 1), threading.Event()

    def slow(order: DialOrder) -> str:
        begun.wait(timeout=20)
        assert answer.wait(timeout=20)
        return f"1543289641.{order.digits[-1]}"

    office.driver.on_dial = slow
    with ThreadPoolExecutor(len(attempts)) as pool:
        waiting = [pool.submit(role.dial, attempt) for attempt in attempts]
        begun.wait(timeout=20)
        try:
            yield answer
        finally:
            answer.set()
            for one in waiting:
                one.result(timeout=20)


def pass_time(office: Office, abandoned: Abandoned, *living: Dialing) -> None:
    """Time goes by until a process without signs is dead, and somebody watches it go by."""
    for _ in range(8):
        office.clock.move(seconds=1.5)
        for role in living:
            role.beat()
        abandoned.sweep()


def test_what_a_dead_process_was_dialling_is_in_doubt_and_the_living_goes_on(
    office: Office, second: Office
) -> None:
    office.campaign(NUMBER, OTHER)
    one, other = office.claim()
    dead, alive = Dialing(office.core, office.dialer), Dialing(second.core, second.dialer)
    abandoned = Abandoned(second.core)
    dead.beat()
    alive.beat()
    with dialling(office, dead, one), dialling(office, alive, other):
        pass_time(office, abandoned, alive)
        assert office.attempt(one).phase == "in_doubt"
        assert WHY in office.attempt(one).cause_text
        assert office.attempt(other).phase == "dialing"


def test_it_is_found_after_the_clock_was_set_back(office: Office, second: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()
    dead, alive = Dialing(office.core, office.dialer), Dialing(second.core, second.dialer)
    abandoned, watch = Abandoned(second.core), ClockWatch(second.core, second.inbox)
    dead.beat()
    pass_time(office, abandoned, alive, dead)
    with dialling(office, dead, attempt):
        watch.look()
        office.clock.move(hours=-1)
        for _ in range(2):
            watch.look()
        pass_time(office, abandoned, alive)
        assert office.attempt(attempt).phase == "in_doubt"


def test_an_answer_that_comes_after_all_ends_the_doubt(office: Office) -> None:
    """The process was not dead but stood still."""
    office.campaign(NUMBER)
    [attempt] = office.claim()
    role, abandoned = Dialing(office.core, office.dialer), Abandoned(office.core)
    role.beat()
    with dialling(office, role, attempt) as answer:
        pass_time(office, abandoned)
        assert office.attempt(attempt).phase == "in_doubt"
        answer.set()
    assert office.attempt(attempt).phase == "up"
    assert office.attempt(attempt).callid == "1543289641.8"


def test_nothing_is_doubted_while_every_process_lives(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()
    role, abandoned = Dialing(office.core, office.dialer), Abandoned(office.core)
    with dialling(office, role, attempt):
        pass_time(office, abandoned, role)
        assert office.attempt(attempt).phase == "dialing"


def test_a_dial_begun_after_a_living_processs_last_sign_may_be_its_own(
    office: Office, second: Office
) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()
    dead, alive = Dialing(office.core, office.dialer), Dialing(second.core, second.dialer)
    abandoned = Abandoned(office.core)
    dead.beat()
    pass_time(office, abandoned, alive)
    with dialling(second, alive, attempt):
        abandoned.sweep()
        assert office.attempt(attempt).phase == "dialing"
        office.clock.move(seconds=1)
        alive.beat()
        abandoned.sweep()
        assert office.attempt(attempt).phase == "dialing"


def test_after_an_outage_processes_have_time_to_give_a_sign(office: Office) -> None:
    """While the database was away, nobody could."""
    office.campaign(NUMBER)
    [attempt] = office.claim()
    role, abandoned = Dialing(office.core, office.dialer), Abandoned(office.core)
    role.beat()
    with dialling(office, role, attempt):
        pass_time(office, abandoned, role)
        office.clock.move(minutes=1)
        abandoned.sweep()
        office.clock.move(seconds=1)
        abandoned.sweep()
        assert office.attempt(attempt).phase == "dialing"
        pass_time(office, abandoned, role)
        assert office.attempt(attempt).phase == "dialing"


def test_a_process_that_ends_in_order_signs_off(office: Office) -> None:
    role = Dialing(office.core, office.dialer, "host:1:a")
    thread = threading.Thread(target=role.run)
    thread.start()
    while not office.rows(ProcessSign):
        pass
    role.stop()
    thread.join(timeout=20)

    assert office.rows(ProcessSign) == []


def test_what_is_unanswered_at_the_end_is_in_doubt(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()
    role = Dialing(office.core, office.dialer)
    with dialling(office, role, attempt):
        role.stop()
        role.run()
        assert office.attempt(attempt).phase == "in_doubt"
        assert "stopped before the PBX had answered" in office.attempt(attempt).cause_text


def test_a_draining_process_begins_no_dial(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()
    role = Dialing(office.core, office.dialer)
    role.drain()
    role.dial(attempt)

    assert office.driver.orders == []
    assert office.attempt(attempt).phase == "claimed"


def test_the_long_dead_are_forgotten(office: Office) -> None:
    Dialing(office.core, office.dialer, "long dead").beat()
    office.clock.move(hours=2)
    abandoned = Abandoned(office.core)
    pass_time(office, abandoned)

    assert office.rows(ProcessSign) == []
    assert SILENT.total_seconds() < 10
