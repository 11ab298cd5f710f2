"""When the auditor counts, mends, keeps quiet, and gives its sign of life."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from dispatcher.audit import AllClear, Auditor, Invariant
from dispatcher.store import audits
from dispatcher.store.ids import new_id
from dispatcher.store.tables import Trunk, table
from tests.audit.conftest import Attended, Noted
from tests.cores import START
from tests.scripted import NUMBER, Office, calls, open_office
from tests.store import rows

SECRET = "5ad6f5b5-d9e4-f7a1"


class Switch:
    """A dead man's switch: what it was asked for, and what it answers."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.status = 200
        switch = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                switch.paths.append(self.path)
                self.send_response(switch.status)
                self.send_header("Location", f"http://127.0.0.1:1/{SECRET}")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}?from=site"


@pytest.fixture
def switch() -> Iterator[Switch]:
    made = Switch()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def all_clear(switch: Switch) -> Iterator[AllClear]:
    made = AllClear(switch.url)
    yield made
    made.close()


def clean_at(office: Office) -> float | None:
    with office.core.store.read() as tx:
        at = audits.clean_at(tx)
    return (at - START).total_seconds() if at is not None else None


def break_something(office: Office) -> None:
    """A finding that mends itself at once."""
    office.campaign(NUMBER)
    with office.core.store.write() as tx:
        tx.execute(update(calls).values(state="active"))


class Scripted:
    """An invariant that a test breaks and restores."""

    def __init__(self) -> None:
        self.found: Sequence[str] | Exception = ()
        self.mending: list[Sequence[str]] = []

    @property
    def invariant(self) -> Invariant:
        return Invariant("scripted", "it is broken", "mend it", lambda core, tx: self._look(), self._mend)

    def _look(self) -> Sequence[str]:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def _mend(self, _means: object, subjects: Sequence[str]) -> int:
        self.mending.append(list(subjects))
        if self.found == ("bug",):
            raise ValueError("a bug")
        return 0


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


def auditing(office: Office, scripted: Scripted, all_clear: AllClear | None = None) -> Auditor:
    return Auditor(office.core, office.inbox, all_clear, invariants=[scripted.invariant])


class TestTwoLooks:
    """A change that is just being made is no finding."""

    def test_what_one_look_alone_sees_is_neither_counted_nor_mended(
        self, office: Office, scripted: Scripted
    ) -> None:
        auditor = auditing(office, scripted)
        assert auditor.pass_once()
        for moving in (("a",), ("b",), ("c", "d")):
            scripted.found = moving
            assert auditor.pass_once(), "calls in motion never stand still for two looks"
        scripted.found = ("d", "e")
        assert not auditor.pass_once()
        assert scripted.mending == [["d"]]

    def test_a_first_look_that_sees_something_calls_nothing_clean(
        self, office: Office, scripted: Scripted
    ) -> None:
        scripted.found = ("a",)
        auditor = auditing(office, scripted)
        assert not auditor.pass_once()
        assert clean_at(office) is None
        assert scripted.mending == []

    def test_a_process_that_has_just_taken_over_looks_twice_again(
        self, office: Office, scripted: Scripted
    ) -> None:
        ours = True
        auditor = Auditor(office.core, office.inbox, invariants=[scripted.invariant], is_ours=lambda: ours)
        scripted.found = ("a",)
        auditor.pass_once()
        ours = False
        assert not auditor.pass_once()
        ours = True
        auditor.pass_once()
        assert scripted.mending == []
        auditor.pass_once()
        assert scripted.mending == [["a"]]


def test_a_look_and_a_mend_that_fail_do_not_stop_the_others(
    office: Office, scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    other = Scripted()
    pair = [scripted.invariant, Invariant("other", "so is this", "", lambda c, t: other._look(), other._mend)]
    auditor = Auditor(office.core, office.inbox, invariants=pair)
    scripted.found, other.found = ValueError("a bug"), ("a",)
    auditor.pass_once()
    assert not auditor.pass_once()
    assert "scripted can't be looked at" in caplog.text
    assert other.mending == [["a"]]

    scripted.found = ("bug",)
    auditor.pass_once()
    auditor.pass_once()
    assert "scripted can't be mended" in caplog.text
    assert len(other.mending) == 3


def test_a_finding_is_logged_once(
    office: Office, scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    auditor = auditing(office, scripted)
    scripted.found = ("call-7",)
    for _ in range(4):
        auditor.pass_once()
    assert caplog.text.count("scripted, 1 times: it is broken: call-7") == 1


class TestAllClear:
    """The switch is fed while all is clean, and at no other time."""

    def test_it_is_withheld_while_something_is_found_and_sent_when_all_is_clean(
        self, office: Office, switch: Switch, all_clear: AllClear
    ) -> None:
        break_something(office)
        auditor = Attended(office, all_clear)

        auditor.pass_once()
        office.clock.move(seconds=15)
        auditor.pass_once()
        assert switch.paths == []
        assert clean_at(office) is None

        office.clock.move(seconds=15)
        assert auditor.pass_once()
        assert switch.paths == [f"/{SECRET}?from=site"]
        assert clean_at(office) == 30

    def test_it_is_withheld_when_something_can_not_be_looked_at(
        self, office: Office, scripted: Scripted, switch: Switch, all_clear: AllClear
    ) -> None:
        scripted.found = ValueError("a bug")
        assert not auditing(office, scripted, all_clear).pass_once()
        assert switch.paths == []

    def test_the_last_clean_time_stays_while_something_is_wrong(
        self, office: Office, scripted: Scripted
    ) -> None:
        auditor = auditing(office, scripted)
        auditor.pass_once()
        scripted.found = ("a",)
        for _ in range(3):
            office.clock.move(seconds=15)
            auditor.pass_once()
        assert clean_at(office) == 15, "the first look at it counts for nothing yet"

    def test_once_a_minute_is_enough(self, switch: Switch) -> None:
        now = 1000.0
        all_clear = AllClear(switch.url, lambda: now)
        assert all_clear.give()
        now += 59
        assert not all_clear.give()
        now += 2
        assert all_clear.give()
        all_clear.close()
        assert len(switch.paths) == 2

    @pytest.mark.parametrize("status", [302, 404, 503])
    def test_a_failure_is_logged_without_the_secret_and_tried_again(
        self, switch: Switch, all_clear: AllClear, caplog: pytest.LogCaptureFixture, status: int
    ) -> None:
        caplog.set_level(logging.DEBUG)
        switch.status = status
        assert not all_clear.give()
        switch.status = 200
        assert all_clear.give()
        assert f"could not be sent to 127.0.0.1: HTTP {status}" in caplog.text
        assert SECRET not in caplog.text

    def test_a_switch_that_is_away_is_logged_without_the_secret(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        all_clear = AllClear(f"https://127.0.0.1:1/{SECRET}")
        assert not all_clear.give()
        all_clear.close()
        assert "could not be sent to 127.0.0.1: ConnectError" in caplog.text
        assert SECRET not in caplog.text


def test_it_works_in_a_thread_and_survives_an_outage(
    sqlite_url: str, scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    with open_office(sqlite_url, audit={"every": 0.01}) as office:
        auditor = auditing(office, scripted)
        scripted.found = OperationalError("SELECT", {}, Exception("gone"))
        thread = threading.Thread(target=auditor.run)
        thread.start()
        until = time.monotonic() + 20
        while "the database is away, the auditor waits" not in caplog.text:
            assert time.monotonic() < until
            time.sleep(0.01)
        scripted.found = ()
        while clean_at(office) is None:
            assert time.monotonic() < until
            time.sleep(0.01)
        auditor.stop()
        thread.join(timeout=20)
        assert not thread.is_alive()


def test_no_all_clear_while_nobody_can_be_called_for_an_alarm(office: Office) -> None:
    """The only PBX refuses the login, and nothing else is wrong."""
    all_clear = Noted(office)
    auditor = Attended(office, all_clear)
    with office.core.store.write() as tx:
        rows.add(tx, "pbx_sessions", problem="credentials_refused: wrong user name or password")
    began = office.clock()
    office.alarm(NUMBER)
    for _ in range(20):
        office.clock.move(seconds=30)
        assert office.dialled() == []
        auditor.pass_once()

    assert max(all_clear.given) <= began + timedelta(seconds=150)


def test_no_all_clear_while_one_call_after_the_other_gives_way(office: Office) -> None:
    """The trunk is paused, and each look finds another call of the same alarm waiting."""
    all_clear = Noted(office)
    auditor = Attended(office, all_clear)
    with office.core.store.write() as tx:
        tx.execute(update(table(Trunk)).values(paused=True))
    began = office.clock()
    alarm_id = office.alarm(NUMBER)
    for _ in range(20):
        office.clock.move(seconds=30)
        with office.core.store.write() as tx:
            again, was_queued = new_id(), calls.c.state == "queued"
            [call] = tx.execute(select(calls).where(was_queued)).mappings().all()
            tx.execute(update(calls).where(was_queued).values(state="cancelled", outcome="cancelled"))
            rows.add(tx, "calls", **(dict(call) | {"id": again}))
            rows.add(tx, "pages", id=again, alarm_id=alarm_id, call_id=again, state="calling")
        auditor.pass_once()

    assert max(all_clear.given) <= began + timedelta(seconds=150)
