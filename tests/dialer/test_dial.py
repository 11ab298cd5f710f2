"""One dial: intent committed, request sent with nothing open, answer committed."""

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from dispatcher.dialer import dial as dialling
from dispatcher.domain.reasons import Nature, Reason, meaning
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.ledger import alarms, withdrawing
from dispatcher.metrics.counting import Count
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import DialOrder, Message
from dispatcher.store.tables import Event, table
from tests.cores import PBX, TRUNK
from tests.scripted import NUMBER, Office, calls, make_office, open_office, ringing

events = table(Event)


def test_a_dial_asks_the_pbx_for_exactly_what_was_requested(store_url: str) -> None:
    with open_office(store_url, pbx=[PBX | {"trunk": [TRUNK | {"prefix": "9"}]}]) as office:
        office.campaign(NUMBER, message_kind="prompt", message_value="alarm", message_count=2)

        [attempt] = office.dialled()

        message = Message(MessageKind.PROMPT, "alarm", 2)
        order = DialOrder(TargetKind.NUMBER, f"9{NUMBER}", message, "1000", "SPS-6-36", attempt)
        assert office.driver.orders == [order]
        row = office.attempt(attempt)
        assert (row.phase, row.callid) == ("up", "1543289641.1")
        assert (row.dialed_at, row.accepted_at) == (office.clock(), office.clock())


def test_an_extension_is_dialled_without_the_trunks_prefix(store_url: str) -> None:
    with open_office(store_url, pbx=[PBX | {"trunk": [TRUNK | {"prefix": "9"}]}]) as office:
        office.alarm("1002")

        assert office.claim() == []
        office.dialled("")

        [order] = office.driver.orders
        assert (order.target, order.digits) == (TargetKind.EXTENSION, "1002")


def test_a_message_that_comes_twice_dials_once(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()

    office.dialer.dial(attempt)
    office.dialer.dial(attempt)
    office.dialer.dial("an attempt that never was")

    assert len(office.driver.orders) == 1


def test_messages_that_come_to_many_workers_at_once_dial_once(office: Office, store_url: str) -> None:
    office.campaign(*(f"3161234{number:04d}" for number in range(10)))
    claimed = office.claim()
    other = make_office(store_url, clock=office.clock, driver=office.driver)
    start = threading.Barrier(8)

    def work(there: Office) -> None:
        start.wait(timeout=10)
        for attempt in claimed:
            there.dialer.dial(attempt)

    threads = [threading.Thread(target=work, args=(there,)) for there in (office, other) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    other.core.store.close()

    assert sorted(order.digits for order in office.driver.orders) == [f"3161234{n:04d}" for n in range(10)]
    assert {row.phase for row in office.rows_of_attempts()} == {"up"}


def test_a_withdrawn_call_is_not_dialled(office: Office) -> None:
    alarm = office.alarm(NUMBER)
    [attempt] = office.claim()
    with office.core.store.write() as tx:
        withdrawing.withdraw(tx, office.clock(), [calls.c.alarm_id == alarm], Count(), "not wanted any more")

    office.dialer.dial(attempt)

    assert office.driver.orders == []


def test_nothing_is_open_in_the_database_while_the_pbx_is_asked(office: Office) -> None:
    """No connection is in use by this process, and on PostgreSQL none is in a transaction."""
    office.campaign(NUMBER)
    seen: list[Any] = []

    def look(order: DialOrder) -> str:
        pool = office.core.store.engine.pool
        seen.append(pool.checkedout())  # type: ignore[attr-defined]
        if not office.core.store.is_sqlite:
            with office.core.store.engine.connect() as connection:
                query = text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND state LIKE 'idle in transaction%'"
                )
                seen.append(connection.execute(query).scalar_one())
        else:
            with office.core.store.write() as tx:
                seen.append(tx.execute(text("SELECT 0")).scalar_one())
        return "1.1"

    office.driver.on_dial = look
    office.dialled()

    assert seen == [0, 0]


def test_the_intent_is_durable_before_the_request_goes_out(office: Office, store_url: str) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()
    other = make_office(store_url, clock=office.clock)
    seen: list[tuple[str, bool]] = []

    def look(order: DialOrder) -> str:
        row = other.attempt(attempt)
        seen.append((row.phase, row.channel_held))
        return "1.1"

    office.driver.on_dial = look
    office.dialer.dial(attempt)
    other.core.store.close()

    assert seen == [("dialing", True)]


REFUSALS = [reason for reason in Reason if meaning(reason).nature is not Nature.IN_DOUBT]


@pytest.mark.parametrize("reason", [reason for reason in REFUSALS if reason is not Reason.TOKEN_INVALID])
def test_a_refusal_gives_the_attempt_the_outcome_of_its_reason(sqlite_url: str, reason: Reason) -> None:
    with open_office(sqlite_url) as office:
        office.campaign(NUMBER)

        def refuse(order: DialOrder) -> str:
            raise PbxRefused(reason, "no")

        office.driver.on_dial = refuse
        [attempt] = office.dialled()

        row = office.attempt(attempt)
        expected = meaning(reason).outcome
        assert (row.phase, row.outcome, row.cause, row.cause_text) == ("ended", expected, reason, "no")
        assert row.channel_held is False
        assert row.freed_at == office.clock()


@pytest.mark.parametrize(
    ("reason", "state", "spent"),
    [
        (Reason.BUSY, "queued", 1),
        (Reason.CONGESTION, "queued", 0),
        (Reason.PBX_AWAY, "queued", 0),
        (Reason.EXTENSION_NOT_IDLE, "queued", 1),
        (Reason.INVALID_NUMBER, "failed", 1),
        (Reason.NOT_PERMITTED, "failed", 1),
        (Reason.IVR_UNKNOWN, "failed", 0),
    ],
)
def test_what_the_call_does_next_is_said_by_the_outcome(
    office: Office, reason: Reason, state: str, spent: int
) -> None:
    office.campaign(NUMBER)

    def refuse(order: DialOrder) -> str:
        raise PbxRefused(reason, "no")

    office.driver.on_dial = refuse
    [attempt] = office.dialled()

    call = office.call_of(attempt)
    assert (call.state, call.attempts_spent) == (state, spent)


@pytest.mark.parametrize("reason", [r for r in Reason if meaning(r).nature is Nature.IN_DOUBT])
def test_an_answer_that_proves_nothing_leaves_the_attempt_in_doubt(sqlite_url: str, reason: Reason) -> None:
    with open_office(sqlite_url) as office:
        office.campaign(NUMBER)

        def lose(order: DialOrder) -> str:
            raise PbxInDoubt(reason, "who knows")

        office.driver.on_dial = lose
        [attempt] = office.dialled()
        office.dialer.dial(attempt)

        assert office.attempt(attempt).phase == "in_doubt"
        assert len(office.driver.orders) == 1


@pytest.mark.parametrize("error", [RuntimeError("a bug"), SystemExit(1), KeyboardInterrupt()])
def test_whatever_interrupts_a_request_leaves_it_in_doubt(office: Office, error: BaseException) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()

    def interrupt(order: DialOrder) -> str:
        raise error

    office.driver.on_dial = interrupt
    with pytest.raises(type(error)):
        office.dialer.dial(attempt)

    assert office.attempt(attempt).phase == "in_doubt"


def test_a_lapsed_token_is_renewed_and_the_request_sent_once_more(office: Office) -> None:
    office.campaign(NUMBER)

    def lapsed_at_first(order: DialOrder) -> str:
        if office.driver.tokens[-1] == "token-1":
            raise PbxRefused(Reason.TOKEN_INVALID, "20004")
        return "1.1"

    office.driver.on_dial = lapsed_at_first
    [attempt] = office.dialled()

    assert office.attempt(attempt).callid == "1.1"
    assert office.driver.tokens == ["token-1", "token-2"]
    assert office.driver.logins == 2


def test_a_token_that_stays_refused_costs_the_callee_nothing(office: Office) -> None:
    office.campaign(NUMBER)

    def refuse(order: DialOrder) -> str:
        raise PbxRefused(Reason.TOKEN_INVALID, "20004")

    office.driver.on_dial = refuse
    [attempt] = office.dialled()

    assert len(office.driver.orders) == 2
    assert office.attempt(attempt).outcome == "unreachable"
    assert office.call_of(attempt).attempts_spent == 0


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses are only noted."""
    slept: list[float] = []
    monkeypatch.setattr(dialling, "time", SimpleNamespace(sleep=slept.append, monotonic=time.monotonic))
    return slept


class Outage:
    """Every transaction of an office fails while this lasts."""

    def __init__(self, office: Office) -> None:
        self.engine = office.core.store.engine
        self.left = 0

    def begin(self, commits: int) -> None:
        """The next so many transactions fail, as with a server that is gone."""
        self.left = commits

    def __enter__(self) -> "Outage":
        event.listen(self.engine, "commit", self._fail)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self.engine, "commit", self._fail)

    def _fail(self, connection: Any) -> None:
        if self.left > 0:
            self.left -= 1
            raise OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))


@pytest.fixture
def outage(office: Office) -> Iterator[Outage]:
    with Outage(office) as made:
        yield made


def test_a_callid_outlives_an_outage_of_the_database(
    office: Office, outage: Outage, short_pauses: list[float]
) -> None:
    office.campaign(NUMBER)

    def answer(order: DialOrder) -> str:
        outage.begin(6)
        return "1.1"

    office.driver.on_dial = answer
    [attempt] = office.dialled()

    row = office.attempt(attempt)
    assert (row.phase, row.callid) == ("up", "1.1")
    assert len(office.driver.orders) == 1
    assert len(short_pauses) == 6


def test_a_refusal_outlives_it_too_and_is_counted_once(
    office: Office, outage: Outage, short_pauses: list[float]
) -> None:
    office.campaign(NUMBER)

    def answer(order: DialOrder) -> str:
        outage.begin(3)
        raise PbxRefused(Reason.BUSY, "busy")

    office.driver.on_dial = answer
    [attempt] = office.dialled()

    assert office.attempt(attempt).outcome == "busy"
    assert office.call_of(attempt).attempts_spent == 1
    assert office.counted("dispatcher_attempts_total") == {("hq", "SPS-6-36", "busy"): 1}


def test_when_the_outage_lasts_too_long_the_attempt_is_left_to_the_sweep(
    office: Office, outage: Outage, short_pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()
    monkeypatch.setattr(dialling, "KEEP_TRYING_SECONDS", 0.0)

    def answer(order: DialOrder) -> str:
        outage.begin(1)
        return "1.1"

    office.driver.on_dial = answer
    with pytest.raises(OperationalError):
        office.dialer.dial(attempt)

    row = office.attempt(attempt)
    assert (row.phase, row.channel_held) == ("dialing", True)
    office.dialer.dial(attempt)
    assert len(office.driver.orders) == 1


def test_an_outage_before_the_request_sends_nothing(office: Office, outage: Outage) -> None:
    office.campaign(NUMBER)
    [attempt] = office.claim()

    outage.begin(1)
    office.dialer.dial(attempt)

    assert office.driver.orders == []
    assert office.attempt(attempt).phase == "claimed"
    office.dialer.dial(attempt)
    assert office.attempt(attempt).phase == "up"


def test_a_call_withdrawn_while_its_request_was_out_is_hung_up(office: Office) -> None:
    alarm = office.alarm(NUMBER)

    def meanwhile(order: DialOrder) -> str:
        with office.core.store.write() as tx:
            alarms.acknowledge(tx, office.clock(), alarm, Count(), by="operator", cause="by hand")
        return "1.1"

    office.driver.on_dial = meanwhile
    [attempt] = office.dialled()
    assert office.messages.hung_up == [attempt]

    office.take(ringing("1.1", leg="1.2"))
    office.hang_up.hang_up(attempt)
    assert office.driver.hung_up == ["1.2"]


def test_every_dial_leaves_an_event_with_its_attempt(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()

    told = office.rows(Event, events.c.attempt_id == attempt)
    assert [row.name for row in told] == ["active", "dialing"]
