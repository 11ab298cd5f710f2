"""The PBX is asked to put a call through, once, and the call's story says what came of it."""

from collections.abc import Callable, Iterator

import pytest

from dispatcher.dialer import Transfer
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.domain.vocabulary import TargetKind
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import LiveCall, Session, TransferOrder
from dispatcher.store import transfers
from dispatcher.store.attempts import lock_by_id
from dispatcher.store.tables import Event, table
from dispatcher.store.transfers import Wanted
from tests.scripted import NUMBER, TRUNK, Office, ScriptedDriver, answered, bye, open_office

CALLID, LEG = "1543289641.1", f"leg-{NUMBER}"
EXTENSION, OUTSIDE = Wanted(TargetKind.EXTENSION, "1002"), Wanted(TargetKind.NUMBER, "+31687654321")
events = table(Event)


class Transferring(ScriptedDriver):
    """Notes what it was asked to put through."""

    def __init__(self) -> None:
        super().__init__()
        self.transferred: list[TransferOrder] = []
        self.on_transfer: Callable[[], None] = lambda: None

    def transfer(self, session: Session, order: TransferOrder) -> None:
        self._note(session)
        self.transferred.append(order)
        self.on_transfer()


@pytest.fixture
def pbx() -> Transferring:
    return Transferring()


@pytest.fixture
def office(store_url: str, pbx: Transferring) -> Iterator[Office]:
    with open_office(store_url, driver=pbx) as made:
        yield made


def up(office: Office) -> str:
    """A call that somebody listens to."""
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    office.take(answered(CALLID))
    return attempt


def ask(office: Office, attempt: str, wanted: Wanted = EXTENSION) -> None:
    with office.core.store.write() as tx:
        [case] = lock_by_id(tx, office.core.ledger.requests, [attempt])
        transfers.ask(tx, office.clock(), case, wanted, "ann")


def put_through(office: Office, attempt: str) -> None:
    Transfer(office.core, office.sessions, office.lines).put_through(attempt)


def told(office: Office, attempt: str) -> list[tuple[str, str]]:
    rows = office.rows(Event, events.c.attempt_id == attempt, events.c.name.in_(transfers.STEPS))
    return [(row.name, row.cause) for row in sorted(rows, key=lambda row: row.id)]


def test_to_an_extension(office: Office, pbx: Transferring) -> None:
    attempt = up(office)
    ask(office, attempt)
    put_through(office, attempt)

    line = office.lines["hq", TRUNK]
    assert pbx.transferred == [TransferOrder(LEG, TargetKind.EXTENSION, "1002", line.extension)]
    assert told(office, attempt) == [
        ("transfer_asked", "to 1002, by ann"),
        ("transfer_sent", "to 1002"),
        ("transfer_done", "to 1002"),
    ]


def test_to_an_outside_number_over_the_calls_own_trunk(office: Office, pbx: Transferring) -> None:
    attempt = up(office)
    ask(office, attempt, OUTSIDE)
    put_through(office, attempt)

    line = office.lines["hq", TRUNK]
    digits = f"{line.prefix}31687654321"
    assert pbx.transferred == [TransferOrder(LEG, TargetKind.NUMBER, digits, line.extension, TRUNK)]


def test_a_message_that_comes_twice_asks_once(office: Office, pbx: Transferring) -> None:
    attempt = up(office)
    ask(office, attempt)
    put_through(office, attempt)
    put_through(office, attempt)
    assert len(pbx.transferred) == 1

    ask(office, attempt, OUTSIDE)
    put_through(office, attempt)
    assert len(pbx.transferred) == 2, "and a second wish is another one"


def test_nothing_is_asked_without_a_wish(office: Office, pbx: Transferring) -> None:
    put_through(office, up(office))
    put_through(office, "an attempt that never was")
    assert pbx.transferred == []


def test_without_a_report_that_names_it_the_leg_is_found(office: Office, pbx: Transferring) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    ask(office, attempt)
    pbx.live = [LiveCall("ours", NUMBER, TRUNK, PartyKind.OUTBOUND)]
    put_through(office, attempt)
    assert [order.leg for order in pbx.transferred] == ["ours"]


def test_a_call_that_has_ended_meanwhile(office: Office, pbx: Transferring) -> None:
    attempt = up(office)
    ask(office, attempt)
    office.take(bye(CALLID))
    put_through(office, attempt)

    assert pbx.transferred == []
    assert told(office, attempt)[-1] == ("transfer_failed", "the call is over")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PbxRefused(Reason.CALL_OVER, "gone"), "the call is over"),
        (PbxRefused(Reason.NOT_PERMITTED, "no right"), "no right"),
        (PbxInDoubt(Reason.TIMED_OUT, "no answer"), "nobody knows whether the PBX has done it"),
    ],
)
def test_what_the_pbx_says_against_it_is_told(
    office: Office, pbx: Transferring, error: Exception, words: str
) -> None:
    def refuse() -> None:
        raise error

    pbx.on_transfer = refuse
    attempt = up(office)
    ask(office, attempt)
    put_through(office, attempt)

    name, cause = told(office, attempt)[-1]
    assert name == "transfer_failed"
    assert words in cause
    assert office.attempt(attempt).phase == "up", "the call goes on"


def test_a_driver_that_can_not(store_url: str) -> None:
    with open_office(store_url) as office:
        attempt = up(office)
        ask(office, attempt)
        put_through(office, attempt)
        assert told(office, attempt)[-1] == ("transfer_failed", "unsupported: calls can't be put through")
