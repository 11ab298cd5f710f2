"""A PBX whose calls bear our ids: whatever became of a dial request, it is found out exactly."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from dispatcher.dialer.answer import Answer, mark_doubtful
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Report, ReportEvent
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import DialOrder, Endings, LiveCall, Session
from dispatcher.store import inquiries
from tests.scripted import NUMBER, Office, ScriptedDriver, open_office
from tests.upkeep.asked import live, lose_answers, pass_time, told

EXTENSION = "1002"


class Owning(ScriptedDriver):
    """Takes our ids for its calls', and keeps how they ended."""

    capabilities = replace(ScriptedDriver.capabilities, own_ids=True)

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[str, list[Report]] = {}
        self.asked: list[Sequence[str]] = []
        self.is_whole = True
        self.on_dial = lambda order: order.callid

    def endings(self, session: Session, callids: Sequence[str], since: datetime) -> Endings:
        self._note(session)
        self.asked.append(callids)
        told = [report for callid in callids for report in self.ends.get(callid, ())]
        return Endings(told, is_whole=self.is_whole)


@pytest.fixture
def pbx() -> Owning:
    return Owning()


@pytest.fixture
def office(store_url: str, pbx: Owning) -> Iterator[Office]:
    with open_office(store_url, driver=pbx) as made:
        yield made


def answered(callid: str, keys: str = "", *, heard: bool = True) -> list[Report]:
    """The end of a call that somebody took."""
    found = [Report(ReportEvent.OVER, "NewCdr", callid), Report(ReportEvent.ANSWERED, "NewCdr", callid)]
    if heard:
        found.append(Report(ReportEvent.PROMPT_ENDED, "NewCdr", callid))
    if keys:
        found.append(Report(ReportEvent.DTMF, "NewCdr", callid, keys=keys))
    return found


def failed(callid: str, reason: Reason) -> list[Report]:
    return [Report(ReportEvent.FAILED, "NewCdr", callid, reason=reason)]


def doubtful(office: Office, *targets: str, alarm: bool = False) -> list[str]:
    """Dials whose requests were not answered."""
    lose_answers(office)
    (office.alarm if alarm else office.campaign)(*targets)
    return office.dialled("" if len(targets[0]) <= 4 else "SPS-6-36")


def test_the_callid_is_the_attempts_own_id_from_the_request_on(office: Office, pbx: Owning) -> None:
    known: list[str] = []

    def look(order: DialOrder) -> str:
        known.append(office.attempt(order.callid).callid)
        return order.callid

    pbx.on_dial = look
    office.campaign(NUMBER)
    [attempt] = office.dialled()

    assert (known, office.attempt(attempt).callid) == ([attempt], attempt)
    assert office.attempt(attempt).phase == "up"


def test_a_lost_answer_and_a_call_that_is_up(office: Office, pbx: Owning) -> None:
    [attempt] = doubtful(office, NUMBER)
    assert office.attempt(attempt).phase == "in_doubt"
    pbx.live = [live("", leg=attempt, callid=attempt)]
    pass_time(office, 1)

    assert office.attempt(attempt).phase == "up"
    assert told(office, attempt) == ["the PBX shows it among its live calls"]


def test_a_lost_answer_and_a_call_that_has_ended_is_known_at_once(office: Office, pbx: Owning) -> None:
    [attempt] = doubtful(office, NUMBER)
    pbx.ends[attempt] = answered(attempt, "1")
    pass_time(office, 1)

    row = office.attempt(attempt)
    assert (row.phase, row.outcome, row.keys) == ("ended", "delivered", [[None, "1"]])


@pytest.mark.parametrize(
    ("reason", "outcome"), [(Reason.BUSY, "busy"), (Reason.INVALID_NUMBER, "invalid_number")]
)
def test_and_so_is_why_nobody_took_it(office: Office, pbx: Owning, reason: Reason, outcome: str) -> None:
    [attempt] = doubtful(office, NUMBER)
    pbx.ends[attempt] = failed(attempt, reason)
    pass_time(office, 1)

    assert office.attempt(attempt).outcome == outcome


def test_one_that_was_not_heard_is_certainly_so_and_called_again(office: Office, pbx: Owning) -> None:
    [attempt] = doubtful(office, NUMBER)
    pbx.ends[attempt] = answered(attempt, heard=False)
    pass_time(office, 1)

    assert office.attempt(attempt).outcome == "not_heard"
    assert office.call_of(attempt).state == "queued"


def test_neither_live_nor_ended_was_never_placed_and_needs_no_witness(office: Office, pbx: Owning) -> None:
    [attempt] = doubtful(office, NUMBER)
    pass_time(office, 29)
    assert office.attempt(attempt).phase == "in_doubt"
    pass_time(office, 3)

    row = office.attempt(attempt)
    assert (row.outcome, row.cause) == ("unreachable", "never_placed"), told(office, attempt)
    assert office.call_of(attempt).state == "queued"
    assert len(pbx.orders) == 1, "and it is a new attempt that dials again"


def test_a_restart_of_the_pbx_takes_the_proof_away(office: Office, pbx: Owning) -> None:
    [attempt] = doubtful(office, NUMBER)

    def restarted(session: Session) -> None:
        if session.token == "token-1":
            raise PbxRefused(Reason.TOKEN_INVALID, "started again")

    office.clock.move(seconds=1)
    pbx.on_request = restarted
    pass_time(office, 40)

    assert (office.attempt(attempt).outcome, office.call_of(attempt).state) == ("unknown", "failed")
    assert "the PBX was started again after the call was dialled" in told(office, attempt)[-1]


def test_but_not_what_was_kept(office: Office, pbx: Owning) -> None:
    [attempt] = doubtful(office, NUMBER)
    pbx.ends[attempt] = failed(attempt, Reason.BUSY)

    def restarted(session: Session) -> None:
        if session.token == "token-1":
            raise PbxRefused(Reason.TOKEN_INVALID, "started again")

    pbx.on_request = restarted
    pass_time(office, 5)

    assert office.attempt(attempt).outcome == "busy"


def test_where_ends_are_not_kept_nothing_is_proven(
    office: Office, pbx: Owning, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Sequence[Report]:
        raise PbxRefused(Reason.PBX_CONFIG, "there is no such context")

    monkeypatch.setattr(pbx, "endings", refuse)
    [attempt] = doubtful(office, NUMBER)
    pass_time(office, 200, 5)

    assert office.attempt(attempt).outcome == "unknown"


def test_an_end_that_is_written_down_late_is_waited_for(office: Office, pbx: Owning) -> None:
    pbx.is_whole = False
    [attempt] = doubtful(office, NUMBER)
    pass_time(office, 35)
    assert office.attempt(attempt).phase == "in_doubt"
    pbx.ends[attempt] = answered(attempt, "1")
    pass_time(office, 4)

    assert office.attempt(attempt).outcome == "delivered"


def test_where_not_every_end_is_kept_a_missing_one_proves_nothing(office: Office, pbx: Owning) -> None:
    pbx.is_whole = False
    [attempt] = doubtful(office, NUMBER)
    pass_time(office, 60)

    assert (office.attempt(attempt).outcome, office.call_of(attempt).state) == ("unknown", "failed")


def test_a_report_that_comes_before_the_answer_is_its_calls(office: Office, pbx: Owning) -> None:
    def ring_first(order: DialOrder) -> str:
        body = f'{{"action":"RING","callid":"{order.callid}","sn":"369362089179"}}'
        office.take(body.encode())
        return order.callid

    pbx.on_dial = ring_first
    office.campaign(NUMBER)
    [attempt] = office.dialled()

    row = office.attempt(attempt)
    assert (row.phase, row.ringing_at is not None) == ("up", True)
    assert office.dispositions() == ["applied"]


def test_and_an_answer_that_is_lost_after_it_leaves_no_doubt(office: Office, pbx: Owning) -> None:
    def ring_and_lose(order: DialOrder) -> str:
        office.take(f'{{"action":"RING","callid":"{order.callid}","sn":"369362089179"}}'.encode())
        raise PbxInDoubt(Reason.TIMED_OUT, "no answer in time")

    pbx.on_dial = ring_and_lose
    office.campaign(NUMBER)
    [attempt] = office.dialled()

    assert (office.attempt(attempt).phase, office.attempt(attempt).doubted_at) == ("up", None)


def test_a_report_takes_a_call_out_of_doubt(office: Office, pbx: Owning) -> None:
    [attempt] = doubtful(office, NUMBER)
    office.take(f'{{"action":"RING","callid":"{attempt}","sn":"369362089179"}}'.encode())

    assert office.attempt(attempt).phase == "up"


def test_a_killed_worker_is_as_good_as_a_lost_answer(office: Office, pbx: Owning) -> None:
    """What the sweep finds of a dial whose process died between its two commits."""
    [attempt] = doubtful(office, NUMBER)
    with office.core.store.write() as tx:
        tx.exec_driver_sql(f"UPDATE attempts SET phase = 'dialing', doubted_at = NULL WHERE id = '{attempt}'")
        tx.exec_driver_sql("DELETE FROM doubts")
        lost = Answer(attempt, "hq", office.clock(), reason=Reason.CONNECTION_LOST, in_doubt=True)
        mark_doubtful(tx, office.clock(), office.core.ledger, [lost])
    assert office.attempt(attempt).phase == "in_doubt"
    pbx.ends[attempt] = answered(attempt, "1")
    pass_time(office, 1)

    assert office.attempt(attempt).outcome == "delivered"


def test_extensions_are_found_as_well(office: Office, pbx: Owning) -> None:
    [attempt] = doubtful(office, EXTENSION, alarm=True)
    pbx.live = [LiveCall(attempt, EXTENSION, "", live().direction, callid=attempt)]
    pass_time(office, 1)
    assert office.attempt(attempt).phase == "up"
    pbx.live, pbx.ends[attempt] = [], answered(attempt, "1")
    pass_time(office, 120)

    assert office.attempt(attempt).outcome == "delivered"


def test_only_those_that_are_not_shown_are_asked_for(office: Office, pbx: Owning) -> None:
    shown, gone = doubtful(office, NUMBER, "31687654321")
    pbx.live = [live("", leg=shown, callid=shown)]
    pass_time(office, 0)

    assert pbx.asked == [[gone]]


def test_events_that_were_missed_are_made_good(office: Office, pbx: Owning) -> None:
    office.campaign(NUMBER, "31687654321")
    over, up = office.dialled()
    pbx.ends[over] = answered(over, "1")
    pbx.live = [live("", leg=up, callid=up)]
    office.clock.move(seconds=10)
    with office.core.store.write() as tx:
        inquiries.demand(tx, "hq", office.clock(), "its reports were not read")
    pass_time(office, 5)

    assert (office.attempt(over).outcome, office.attempt(up).phase) == ("delivered", "up")
