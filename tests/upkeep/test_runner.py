"""The threads of upkeep: every sweep at its interval, whatever one of them raises."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError

from dispatcher.domain.reasons import Reason
from dispatcher.metrics import catalogue
from dispatcher.pbx.errors import PbxRefused
from dispatcher.signals import Topic
from dispatcher.store import tallies
from dispatcher.upkeep import CountWriter, Upkeep, housekeeping, sweeps
from tests.scripted import NUMBER, Office, make_office, posted, ringing


@contextmanager
def working(office: Office) -> Iterator[Upkeep]:
    upkeep = Upkeep(office.core, office.sessions, office.pbxes, office.inbox)
    thread = threading.Thread(target=upkeep.run)
    thread.start()
    try:
        yield upkeep
    finally:
        upkeep.stop()
        thread.join(timeout=20)
        assert not thread.is_alive()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_it_logs_in_and_takes_up_what_lies_about(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()
    office.clock.move(seconds=5)

    with working(office):
        until(lambda: office.messages.dialled)
        until(lambda: office.driver.logins)

    assert office.messages.dialled[0] == (attempt, False)


def test_a_sweep_that_fails_does_not_stop_the_others(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(core: object) -> None:
        raise ValueError("a bug")

    def away(core: object) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(housekeeping, "expire", bug)
    monkeypatch.setattr(sweeps, "resend_hang_ups", away)
    office.campaign(NUMBER)
    office.claim()
    office.clock.move(seconds=5)

    with working(office):
        until(lambda: office.messages.dialled)

    assert "expire failed and is tried again" in caplog.text
    assert "the database is away, resend hang-ups waits" in caplog.text


def test_a_start_of_the_pbx_takes_the_session_anew(office: Office) -> None:
    with working(office):
        until(lambda: office.driver.logins == 1)
        until(lambda: office.sessions.use("hq", lambda driver, session: session.token) == "token-1")
        office.take(posted("BootUp", ""))
        until(lambda: office.driver.logins == 2)


def test_of_two_processes_that_hear_of_the_start_one_logs_in(office: Office, store_url: str) -> None:
    other = make_office(store_url, clock=office.clock, driver=office.driver)
    with working(office), working(other):
        until(lambda: office.driver.logins == 1)
        for there in (office, other):
            there.core.signals.send(Topic.SESSION, "hq 1")
        until(lambda: office.driver.logins == 2)
    log_ins = office.driver.logins
    other.core.store.close()

    assert log_ins == 2


def test_a_pbx_that_refuses_the_login_is_said_and_survived(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise PbxRefused(Reason.CREDENTIALS_REFUSED, "10001")

    office.driver.on_login = refuse
    with working(office):
        until(lambda: "could not be refreshed" in caplog.text)
        office.take(posted("BootUp", ""))
        until(lambda: "logging in again at hq did not work" in caplog.text)

    assert office.driver.logins == 1
    assert "the PBX's password" not in caplog.text


def test_reports_that_wait_are_looked_at_again(office: Office) -> None:
    office.campaign(NUMBER)
    office.claim()

    def meanwhile(order: object) -> str:
        office.take(posted("PlayPromptEnd", "1.7"))
        return "1.1"

    office.driver.on_dial = meanwhile
    [row] = office.rows_of_attempts()
    office.dialer.dial(row.id)
    assert office.dispositions() == ["pending"]
    office.clock.move(seconds=61)

    with working(office):
        until(lambda: office.dispositions() == ["orphan"])


def test_a_processs_own_counts_are_written(office: Office) -> None:
    office.core.counts.add(catalogue.REPORTS_REFUSED, "address")
    office.core.counts.add(catalogue.REPORTS_REFUSED, "address")

    CountWriter(office.core).write()
    CountWriter(office.core).write()

    assert office.counted("dispatcher_reports_refused_total") == {("address",): 2}


def test_counts_outlive_an_outage_of_the_database(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = CountWriter(office.core)
    office.core.counts.add(catalogue.REPORTS_REFUSED, "serial")

    def away(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("gone"))

    with monkeypatch.context() as outage:
        outage.setattr(tallies, "add", away)
        writer.write()
    office.core.counts.add(catalogue.REPORTS_REFUSED, "serial")
    writer.write()

    assert office.counted("dispatcher_reports_refused_total") == {("serial",): 2}


def test_the_last_counts_are_written_at_the_end(office: Office) -> None:
    writer = CountWriter(office.core)
    thread = threading.Thread(target=writer.run)
    thread.start()
    office.core.counts.add(catalogue.REPORTS_REFUSED, "path")
    writer.stop()
    thread.join(timeout=20)

    assert office.counted("dispatcher_reports_refused_total") == {("path",): 1}
    office.take(ringing("1.1"))
