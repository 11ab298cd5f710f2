"""The trunks' health, as the PBX shows it and as the failures of their own calls show it."""

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from dispatcher.core import Core
from dispatcher.domain.pacing import TrunkLoad
from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import Session, TrunkState
from dispatcher.signals import Topic
from dispatcher.store import trunks as store
from dispatcher.store.tables import Event, Trunk, table
from dispatcher.upkeep.trunks import TrunkWatch
from tests.scripted import NUMBER, TRUNK, Office, failed, ringing

trunks, events = table(Trunk), table(Event)
WORKS, FAILS = TrunkState(TRUNK, "Registered", "SIP", True), TrunkState(TRUNK, "Failure", "SIP", False)


@pytest.fixture
def watch(office: Office) -> TrunkWatch:
    return TrunkWatch(office.core, office.sessions, office.pbxes)


def shows(office: Office, watch: TrunkWatch, *states: TrunkState) -> None:
    """The PBX is asked, five seconds after the last time, and shows this."""
    office.driver.trunk_states = list(states)
    office.clock.move(seconds=5)
    watch.look_at_trunks("hq")


def answers_with(office: Office, error: PbxError | None) -> None:
    """What happens to every request from now on."""

    def on_request(session: object) -> None:
        if error is not None:
            raise error

    office.driver.on_request = on_request


def load(office: Office, name: str = TRUNK) -> TrunkLoad:
    with office.core.store.read() as tx:
        return next(load for row, load in store.loads(tx, office.clock()) if row.name == name)


def story(office: Office, name: str = TRUNK) -> list[tuple[str, str]]:
    """The events of a trunk: what happened, and why."""
    rows = office.rows(Event, events.c.subject == "trunk", events.c.subject_id == f"hq/{name}")
    return [(row.name, row.cause) for row in sorted(rows, key=lambda row: row.id)]


def change(core: Core, **columns: object) -> None:
    with core.store.write() as tx:
        tx.execute(update(trunks).where(trunks.c.name == TRUNK).values(**columns))


def fail(office: Office, times: int) -> None:
    """So many calls that the trunk does not take."""
    for _ in range(times):
        [attempt] = office.dialled()
        row = office.attempt(attempt)
        office.take(failed(row.callid, row.digits_dialled, reason="503 Service Unavailable"))


def numbers(count: int) -> list[str]:
    return [f"3161234{place:04d}" for place in range(count)]


class TestWhatThePbxShows:
    """A trunk that the PBX shows as unusable gets no calls, and returns by itself."""

    def test_it_is_kept(self, office: Office, watch: TrunkWatch) -> None:
        shows(office, watch, FAILS, TrunkState("not ours", "Registered", "SIP", True))

        [row] = office.rows(Trunk, trunks.c.name == TRUNK)
        assert (row.pbx_status, row.pbx_usable, row.checked_at) == ("Failure", False, office.clock())

    def test_a_trunk_that_is_down_gets_no_calls_until_it_is_up(
        self, office: Office, watch: TrunkWatch
    ) -> None:
        office.campaign(NUMBER)
        shows(office, watch, FAILS)
        assert office.claim() == []

        wake_ups = office.core.signals.subscribe(Topic.PACER)
        shows(office, watch, FAILS)
        assert not wake_ups.wait(0)
        shows(office, watch, WORKS)

        assert wake_ups.wait(0)
        assert len(office.claim()) == 1
        assert story(office) == [
            ("down", "hq shows it as Failure"),
            ("up", "no longer: hq shows it as Failure"),
        ]

    @pytest.mark.parametrize("state", [TrunkState(TRUNK, "Unknown", "SIP", None), None])
    def test_a_pbx_that_does_not_know_says_nothing_against_it(
        self, office: Office, watch: TrunkWatch, state: TrunkState | None
    ) -> None:
        office.campaign(NUMBER)

        shows(office, watch, *([state] if state else []))

        assert len(office.claim()) == 1
        assert story(office) == []

    def test_an_old_word_of_the_pbx_is_not_believed_for_ever(self, office: Office, watch: TrunkWatch) -> None:
        office.campaign(NUMBER)
        shows(office, watch, FAILS)
        office.clock.move(seconds=119)
        assert office.claim() == []

        office.clock.move(seconds=1)
        assert len(office.claim()) == 1

    def test_it_is_asked_seldom_while_all_is_well_and_often_otherwise(
        self, office: Office, watch: TrunkWatch
    ) -> None:
        def asked() -> int:
            before = len(office.driver.tokens)
            office.clock.move(seconds=5)
            watch.look_at_trunks("hq")
            return len(office.driver.tokens) - before

        office.driver.trunk_states = [WORKS]
        assert [asked() for _ in range(8)] == [1, 0, 0, 0, 0, 0, 1, 0]

        office.driver.trunk_states = [FAILS]
        assert [asked() for _ in range(6)] == [0, 0, 0, 0, 1, 1]

        office.driver.trunk_states = [WORKS]
        assert [asked() for _ in range(3)] == [1, 0, 0]

        change(office.core, blocked_until=office.clock() + timedelta(minutes=1), failures_in_row=6)
        assert [asked() for _ in range(3)] == [1, 1, 1]


class TestPbxAway:
    """A PBX that is away burns no calls on any of its trunks, nor on its extensions."""

    @pytest.mark.parametrize(
        "error",
        [PbxRefused(Reason.PBX_AWAY, "no connection"), PbxInDoubt(Reason.TIMED_OUT, "no answer in 10 s")],
    )
    def test_nothing_is_dialled_until_it_answers(
        self, office: Office, watch: TrunkWatch, error: PbxError, caplog: pytest.LogCaptureFixture
    ) -> None:
        office.alarm(NUMBER, "1002")
        office.sessions.refresh("hq", timedelta(minutes=5))
        answers_with(office, error)
        with caplog.at_level(logging.WARNING):
            shows(office, watch, WORKS)
        assert "can't be seen" in caplog.text
        assert (office.claim(), office.claim("")) == ([], [])
        assert load(office).down == f"hq is away: {error.detail}"

        answers_with(office, None)
        shows(office, watch, WORKS)
        assert (len(office.claim()), len(office.claim(""))) == (1, 1)
        assert [name for name, _ in story(office)] == ["down", "up"]

    def test_one_answer_that_is_missing_proves_nothing(self, office: Office, watch: TrunkWatch) -> None:
        failures = [PbxRefused(Reason.HTTP_ERROR, "502 Bad Gateway")]

        def fail_once(session: object) -> None:
            if failures:
                raise failures.pop()

        office.driver.on_request = fail_once
        shows(office, watch, WORKS)

        assert failures == []
        assert load(office).down == ""

    @pytest.mark.parametrize("reason", [Reason.HTTP_ERROR, Reason.PBX_FAULT])
    def test_a_pbx_that_fails_at_this_one_query_is_there(
        self, office: Office, watch: TrunkWatch, monkeypatch: pytest.MonkeyPatch, reason: Reason
    ) -> None:
        """Nobody knows how its trunks are, so they are dialled on, also when they were down before."""

        def fail(session: object) -> None:
            raise PbxInDoubt(reason, "trunklist/query: no memory")

        office.alarm(NUMBER, "1002")
        shows(office, watch, FAILS)
        monkeypatch.setattr(office.driver, "trunks", fail)
        shows(office, watch)

        assert load(office).down == ""
        assert (len(office.dialled()), len(office.dialled(""))) == (1, 1)
        assert office.driver.heartbeats == 1

        answers_with(office, PbxInDoubt(reason, "502 Bad Gateway"))
        office.clock.move(seconds=30)
        shows(office, watch)
        assert load(office).down.startswith("hq is away")

        answers_with(office, None)
        shows(office, watch)
        assert load(office).down == ""

    def test_a_session_that_the_sign_of_life_has_renewed_is_gone_on_with(
        self, office: Office, watch: TrunkWatch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Some families give another token with every heartbeat, and the one before is good no more."""
        good = ["token-1"]

        def check(session: Session) -> None:
            if session.token != good[-1]:
                raise PbxRefused(Reason.TOKEN_INVALID, "no such token")

        def keep_alive(session: Session) -> Session:
            check(session)
            good.append(f"renewed-{len(good)}")
            return Session(good[-1])

        def fail(session: Session) -> None:
            check(session)
            raise PbxInDoubt(Reason.PBX_FAULT, "trunk/query: no memory")

        monkeypatch.setattr(office.driver, "keep_alive", keep_alive)
        monkeypatch.setattr(office.driver, "trunks", fail)
        for _ in range(3):
            office.clock.move(seconds=30)
            shows(office, watch)

        assert len(good) == 4
        assert office.driver.logins == 1

    def test_an_answer_that_is_no_list_is_still_an_answer(self, office: Office, watch: TrunkWatch) -> None:
        office.sessions.refresh("hq", timedelta(minutes=5))
        answers_with(office, PbxRefused(Reason.UNSUPPORTED, "no such request"))

        shows(office, watch)

        assert load(office).down == ""

    def test_while_no_login_is_possible_nothing_is_dialled(self, office: Office, watch: TrunkWatch) -> None:
        def refuse() -> None:
            raise PbxRefused(Reason.LOCKED_OUT, "this address is blocked")

        office.campaign(*numbers(2))
        office.driver.on_login = refuse
        shows(office, watch)
        assert office.claim() == []
        assert [name for name, _ in story(office)] == ["down"]

        office.driver.on_login = lambda: None
        office.clock.move(minutes=10)
        shows(office, watch, WORKS)
        assert len(office.claim()) == 2
        assert [name for name, _ in story(office)] == ["down", "up"]


class TestBreaker:
    """Five failures of the trunk's own block it; it is tried out with one call."""

    @pytest.fixture(autouse=True)
    def _blocked(self, office: Office) -> None:
        office.campaign(*numbers(40))
        change(office.core, channels=1, reserved_for_alarms=0)
        fail(office, 5)
        change(office.core, channels=30)

    def test_the_status_query_ends_the_first_block_and_one_call_tries_the_trunk(
        self, office: Office, watch: TrunkWatch
    ) -> None:
        assert office.claim() == []
        shows(office, watch, WORKS)
        [trial] = office.dialled()
        assert office.claim() == []

        row = office.attempt(trial)
        office.take(ringing(row.callid, row.digits_dialled))
        assert len(office.claim()) == 29
        assert [name for name, _ in story(office)] == ["blocked", "trying", "unblocked"]
        assert story(office)[2] == ("unblocked", "a call rings")

    def test_a_pbx_that_vouched_in_vain_is_not_believed_again(
        self, office: Office, watch: TrunkWatch
    ) -> None:
        shows(office, watch, WORKS)
        fail(office, 1)
        assert load(office).blocked_until == office.clock() + timedelta(seconds=20)

        shows(office, watch, WORKS)
        assert office.claim() == []
        office.clock.move(seconds=15)
        assert len(office.claim()) == 1

    def test_a_trunk_that_comes_up_again_is_tried_at_once_however_long_its_block(
        self, office: Office, watch: TrunkWatch
    ) -> None:
        shows(office, watch, WORKS)
        fail(office, 1)
        shows(office, watch, FAILS)
        shows(office, watch, WORKS)

        assert len(office.claim()) == 1

    def test_without_a_word_of_the_pbx_the_block_ends_with_its_time(self, office: Office) -> None:
        office.clock.move(seconds=9)
        assert office.claim() == []
        office.clock.move(seconds=1)
        assert len(office.claim()) == 1
        assert load(office).trying == 1

    @pytest.mark.parametrize(
        ("ends", "blocked"), [("486 Busy Here", False), ("503 Service Unavailable", True)]
    )
    def test_the_trial_decides(self, office: Office, ends: str, blocked: bool) -> None:
        office.clock.move(seconds=10)
        [trial] = office.dialled()
        row = office.attempt(trial)
        office.take(failed(row.callid, row.digits_dialled, reason=ends))

        assert len(office.claim()) == (0 if blocked else 30)
        assert story(office)[-1][0] == ("blocked" if blocked else "unblocked")

    def test_nobody_was_charged_an_attempt(self, office: Office) -> None:
        for row in office.rows_of_attempts():
            assert office.call_of(row.id).attempts_spent == 0


def test_extensions_that_are_away_do_not_block_the_others(office: Office) -> None:
    """An extension without a phone is its own affair; a PBX that is away is everybody's."""
    extensions = [f"10{place:02d}" for place in range(20)]

    def call(until: Callable[[object], str]) -> None:
        office.driver.on_dial = until
        for attempt in office.claim(""):
            office.dialer.dial(attempt)

    def unreachable(order: object) -> str:
        raise PbxRefused(Reason.UNREACHABLE, "no such registration")

    def away(order: object) -> str:
        raise PbxRefused(Reason.PBX_AWAY, "no connection")

    office.alarm(*extensions)
    call(unreachable)
    assert load(office, "").blocked_until is None

    call(away)
    assert load(office, "").blocked_until is not None
