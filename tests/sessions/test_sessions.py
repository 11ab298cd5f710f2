"""One login per PBX for every process; a refused password is never tried again by itself."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from dispatcher import sessions as module
from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import Driver, Session
from dispatcher.sessions import LEASE, LOCKOUT, Pbx, Sessions
from dispatcher.store import inquiries
from dispatcher.store.tables import Inquiry, PbxSession, table
from tests.scripted import NUMBER, Office, account_of, make_office

rows = table(PbxSession)
EVERY = timedelta(minutes=5)


@pytest.fixture
def other(office: Office, store_url: str) -> Iterator[Office]:
    """A second process of the same installation."""
    made = make_office(store_url, clock=office.clock, driver=office.driver)
    yield made
    made.core.store.close()


def token(driver: Driver, session: Session) -> str:
    return session.token


def use(office: Office) -> str:
    """A request that gives back the token it was made with."""
    return office.sessions.use("hq", token)


def log_in(*offices: Office) -> None:
    """Every process knows the session."""
    for office in offices:
        use(office)


def test_processes_share_one_login(office: Office, other: Office) -> None:
    assert [use(office), use(office), use(other), use(other)] == ["token-1"] * 4
    assert office.driver.logins == 1


def test_many_threads_of_two_processes_log_in_once(office: Office, other: Office) -> None:
    start = threading.Barrier(8)

    def request(there: Office) -> str:
        start.wait(timeout=20)
        return use(there)

    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(request, [office, other] * 4))

    assert tokens == ["token-1"] * 8
    assert office.driver.logins == 1


def lapsed(stale: str) -> Callable[[Driver, Session], str]:
    """A request to a PBX that has forgotten one token."""

    def request(driver: Driver, session: Session) -> str:
        if session.token == stale:
            raise PbxRefused(Reason.TOKEN_INVALID, "20004")
        return session.token

    return request


def test_a_lapsed_token_is_renewed_once_for_all_processes(office: Office, other: Office) -> None:
    log_in(office, other)

    assert office.sessions.use("hq", lapsed("token-1")) == "token-2"
    assert other.sessions.use("hq", lapsed("token-1")) == "token-2"
    assert office.driver.logins == 2


def test_many_that_find_the_token_lapsed_log_in_once(office: Office, other: Office) -> None:
    log_in(office, other)
    start = threading.Barrier(8)

    def request(there: Office) -> str:
        start.wait(timeout=20)
        return there.sessions.use("hq", lapsed("token-1"))

    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(request, [office, other] * 4))

    assert tokens == ["token-2"] * 8
    assert office.driver.logins == 2


def test_another_refusal_is_not_the_sessions_business(office: Office) -> None:
    def busy(driver: Driver, session: Session) -> str:
        raise PbxRefused(Reason.BUSY, "486")

    with pytest.raises(PbxRefused, match="486"):
        office.sessions.use("hq", busy)
    assert office.driver.logins == 1


def refuse(office: Office, reason: Reason) -> None:
    """The PBX turns every login down."""

    def no() -> None:
        raise PbxRefused(reason, "the manual's words")

    office.driver.on_login = no


def test_a_refused_password_is_tried_once(office: Office, other: Office) -> None:
    refuse(office, Reason.CREDENTIALS_REFUSED)

    for there in (office, other, office, other):
        with pytest.raises(PbxRefused) as caught:
            use(there)
        assert caught.value.reason is Reason.CREDENTIALS_REFUSED
        office.clock.move(hours=1)

    assert office.driver.logins == 1


def test_a_changed_password_is_tried(office: Office) -> None:
    refuse(office, Reason.CREDENTIALS_REFUSED)
    with pytest.raises(PbxRefused):
        use(office)

    office.driver.on_login = lambda: None
    pbx = office.core.settings.pbx[0]
    changed = {"hq": Pbx(account_of(pbx, "a new password"), office.driver)}
    mended = Sessions(office.core.store, changed, office.clock)

    assert mended.use("hq", token) == "token-2"
    [row] = office.rows(PbxSession)
    assert (row.refused_password, row.problem) == (None, "")


def test_the_account_is_kept_only_as_a_digest(office: Office) -> None:
    refuse(office, Reason.CREDENTIALS_REFUSED)
    with pytest.raises(PbxRefused):
        use(office)

    [row] = office.rows(PbxSession)
    assert len(row.refused_password) == 32
    assert "the PBX's password" not in repr(row)


def test_a_lock_out_is_waited_for(office: Office, other: Office) -> None:
    """Five refused logins block an address for ten minutes (S-Series API v1.1.0 manual, 'Login')."""
    refuse(office, Reason.LOCKED_OUT)
    with pytest.raises(PbxRefused):
        use(office)
    office.driver.on_login = lambda: None

    office.clock.move(seconds=LOCKOUT.total_seconds() - 1)
    with pytest.raises(PbxRefused) as caught:
        use(other)
    assert caught.value.reason is Reason.PBX_AWAY
    assert office.driver.logins == 1

    office.clock.move(seconds=2)
    assert use(other) == "token-2"


@pytest.mark.parametrize("error", [PbxInDoubt(Reason.TIMED_OUT, "none"), PbxRefused(Reason.PBX_AWAY, "none")])
def test_a_pbx_that_is_away_is_tried_again_after_a_pause(office: Office, error: Exception) -> None:
    """A login places no call, so nothing about it is in doubt, and nobody pays for it with an attempt."""

    def away() -> None:
        raise error

    office.driver.on_login = away
    for _ in range(3):
        with pytest.raises(PbxRefused) as refused:
            use(office)
        assert refused.value.reason is Reason.PBX_AWAY
    assert office.driver.logins == 1

    office.driver.on_login = lambda: None
    office.clock.move(seconds=4)
    assert use(office) == "token-2"


def test_a_login_that_a_dead_process_left_is_taken_over(office: Office, other: Office) -> None:
    """The process dies inside its login; its lease runs out."""

    class Died(BaseException):
        pass

    def die() -> None:
        raise Died

    office.driver.on_login = die
    with pytest.raises(Died):
        use(office)

    office.driver.on_login = lambda: None
    office.clock.move(seconds=LEASE.total_seconds() + 1)
    assert use(other) == "token-2"


def test_while_another_process_logs_in_one_waits_and_then_gives_up(
    office: Office, other: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WAIT_FOR_OTHERS", 0.2)
    inside, leave = threading.Event(), threading.Event()

    def hang() -> None:
        inside.set()
        assert leave.wait(timeout=20)

    office.driver.on_login = hang
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(use, office)
        assert inside.wait(timeout=20)
        with pytest.raises(PbxRefused, match="too long"):
            use(other)
        leave.set()
        assert first.result(timeout=20) == "token-1"

    assert use(other) == "token-1"
    assert office.driver.logins == 1


def test_after_the_pbx_has_started_one_process_takes_the_session_anew(office: Office, other: Office) -> None:
    """Every process hears of the start, which ended the session of generation 1."""
    log_in(office, other)

    for there in (office, other, office, other):
        there.sessions.renew("hq", 1)

    assert use(office) == use(other) == "token-2"
    assert office.driver.logins == 2


def test_a_second_start_ends_the_second_session(office: Office, other: Office) -> None:
    log_in(office, other)
    office.sessions.renew("hq", 1)
    other.sessions.renew("hq", 2)

    assert use(other) == "token-3"
    assert office.sessions.use("hq", lapsed("token-2")) == "token-3"


def test_a_start_of_a_pbx_that_was_never_used_logs_in(office: Office) -> None:
    office.sessions.renew("hq", 0)

    assert office.driver.logins == 1


def test_one_of_two_processes_sends_the_heartbeat(office: Office, other: Office) -> None:
    log_in(office, other)

    office.clock.move(minutes=6)
    for there in (office, other, office, other):
        there.sessions.refresh("hq", EVERY)

    assert office.driver.heartbeats == 1
    office.clock.move(minutes=6)
    other.sessions.refresh("hq", EVERY)
    assert office.driver.heartbeats == 2


def test_two_that_send_it_at_the_same_time_send_one(office: Office, other: Office) -> None:
    log_in(office, other)
    office.clock.move(minutes=6)
    start = threading.Barrier(8)

    def refresh(there: Office) -> None:
        start.wait(timeout=20)
        there.sessions.refresh("hq", EVERY)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(refresh, [office, other] * 4))

    assert office.driver.heartbeats == 1


def test_a_session_that_the_heartbeat_has_replaced_is_every_processs(
    office: Office, other: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(office, other)
    office.clock.move(minutes=6)
    monkeypatch.setattr(office.driver, "keep_alive", lambda session: Session(f"after {session.token}"))
    office.sessions.refresh("hq", EVERY)

    def replaced(session: Session) -> None:
        if session.token == "token-1":
            raise PbxRefused(Reason.TOKEN_INVALID, "20004")

    office.driver.on_request = replaced
    assert office.sessions.use("hq", _heard) == other.sessions.use("hq", _heard) == "after token-1"
    assert office.driver.logins == 1


def test_a_session_that_was_refreshed_began_with_its_login(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the PBX was asked since then it has not forgotten by a refresh."""
    use(office)
    began_at = office.clock()
    monkeypatch.setattr(office.driver, "keep_alive", lambda session: Session(f"after {session.token}"))
    office.clock.move(minutes=6)
    office.sessions.refresh("hq", EVERY)
    [row] = office.rows(PbxSession)
    assert (row.token, row.generation, row.began_at) == ("after token-1", 2, began_at)

    office.clock.move(minutes=1)
    office.sessions.renew("hq", row.generation)
    [row] = office.rows(PbxSession)
    assert (row.token, row.generation, row.began_at) == ("token-2", 3, office.clock())


def _heard(driver: Driver, session: Session) -> str:
    driver.logout(session)
    return session.token


def test_a_fresh_session_needs_no_heartbeat_and_a_missing_one_a_login(office: Office) -> None:
    office.sessions.refresh("hq", EVERY)
    office.sessions.refresh("hq", EVERY)

    assert (office.driver.logins, office.driver.heartbeats) == (1, 0)


def test_a_heartbeat_that_finds_the_token_lapsed_logs_in(office: Office) -> None:
    use(office)
    office.clock.move(minutes=31)

    def lapsed_at_first(session: Session) -> None:
        if session.token == "token-1":
            raise PbxRefused(Reason.TOKEN_INVALID, "20004")

    office.driver.on_request = lapsed_at_first
    office.sessions.refresh("hq", EVERY)

    assert (office.driver.logins, office.driver.heartbeats) == (2, 1)
    assert use(office) == "token-2"


def test_no_error_and_no_row_shows_the_password(office: Office) -> None:
    refuse(office, Reason.LOCKED_OUT)
    with pytest.raises(PbxRefused) as caught:
        use(office)

    assert "the PBX's password" not in str(caught.value)
    assert "the PBX's password" not in str(office.rows(PbxSession))


def test_every_further_login_demands_that_the_open_calls_are_asked_for(office: Office, other: Office) -> None:
    """Reports end with the token (S-Series API v1.1.0 manual, 'Heartbeat')."""

    def demanded() -> str:
        for row in office.rows(Inquiry):
            if row.wanted_at is not None:
                with office.core.store.write() as tx:
                    inquiries.taken_up(tx, "hq", row.wanted_at)
                return str(row.wanted_because)
        return ""

    use(office)
    assert demanded() == "", "there were no calls before it"
    assert other.sessions.use("hq", lapsed("token-1")) == "token-2"
    assert demanded() == "its reports were not sent before this login"
    assert demanded() == ""

    assert office.sessions.use("hq", lapsed("token-1")) == "token-2"
    office.clock.move(minutes=6)
    office.sessions.refresh("hq", EVERY)
    assert demanded() == "", "another process's login and a heartbeat are none"


def test_without_the_database_a_request_is_refused_and_nothing_is_in_doubt(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was sent, so a dial that met the outage is no doubt."""

    def away(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    office.campaign(NUMBER)
    [attempt] = office.claim()
    with monkeypatch.context() as outage:
        outage.setattr(module.sessions, "of_pbx", away)
        office.dialer.dial(attempt)

    row = office.attempt(attempt)
    assert (row.phase, row.outcome, row.doubted_at) == ("ended", "unreachable", None)
    assert "the database is away" in row.cause_text
    assert row.cause == "never_placed", "which is no failure of the trunk's"
    assert office.driver.orders == []
    assert office.call_of(attempt).attempts_spent == 0
