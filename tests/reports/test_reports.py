"""What becomes of a report: applied, a duplicate, an orphan, a stranger's, or not to be understood."""

import threading

import pytest

from dispatcher.signals import Topic
from dispatcher.store.tables import Alarm, Event, RawReport, table
from tests.cores import PBX
from tests.scripted import (
    NUMBER,
    Office,
    answered,
    bye,
    inside,
    key,
    make_office,
    outside,
    posted,
    record,
    ringing,
    whole_call,
)

events, raw_reports = table(Event), table(RawReport)


def test_the_reports_of_a_call_become_its_facts(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()

    office.take(*whole_call(office.attempt(attempt).callid))

    row = office.attempt(attempt)
    assert (row.phase, row.outcome, row.channel_held) == ("ended", "delivered", False)
    assert office.call_of(attempt).state == "delivered"
    assert office.reports_by_disposition() == {"applied": 5}


def test_reports_that_come_before_the_dials_answer_wait_for_it(office: Office) -> None:
    office.campaign(NUMBER)
    seen: list[list[str]] = []

    def answer_late(order: object) -> str:
        office.take(*whole_call("1543289641.1"))
        seen.append(office.dispositions())
        return "1543289641.1"

    office.driver.on_dial = answer_late
    [attempt] = office.dialled()

    assert seen == [["pending"] * 5]
    assert office.dispositions() == ["applied"] * 5
    assert office.reports_by_disposition() == {"applied": 5}
    assert office.attempt(attempt).outcome == "delivered"


def test_they_wait_also_when_the_route_has_rewritten_the_number(office: Office) -> None:
    alarm = office.alarm("31612345678", delivered_when="acknowledged", ack_digits="1")
    seen: list[list[str]] = []

    def answer_late(order: object) -> str:
        office.take(
            ringing("1543289641.1", "0612345678"),
            answered("1543289641.1", "0612345678"),
            posted("DTMF", "1543289641.1", outside("0612345678"), info="1", flag="0"),
        )
        seen.append(office.dispositions())
        return "1543289641.1"

    office.driver.on_dial = answer_late
    [attempt] = office.dialled()

    assert seen == [["pending"] * 3]
    row = office.attempt(attempt)
    assert (row.ringing_at, row.answered_at, row.outcome) == (office.clock(), office.clock(), "delivered")
    assert [row.status for row in office.rows(Alarm, table(Alarm).c.id == alarm)] == ["acknowledged"]


def test_a_repeated_report_is_counted_and_changes_nothing(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    callid = office.attempt(attempt).callid
    once = [ringing(callid), bye(callid)]

    office.take(*once)
    office.clock.move(seconds=5)
    office.take(*once)
    office.inbox.take([office.incoming(body) for body in [*once, *once]])

    row = office.attempt(attempt)
    assert (row.phase, row.ringing_at) == ("up", row.released_at)
    assert office.dispositions() == ["applied", "applied", *["duplicate"] * 6]
    assert office.reports_by_disposition() == {"applied": 2, "duplicate": 6}


def test_two_receivers_that_take_one_report_at_once_apply_it_once(office: Office, store_url: str) -> None:
    office.campaign(*(f"3161234{number:04d}" for number in range(20)))
    rows = [office.attempt(attempt) for attempt in office.dialled()]
    bodies = [ringing(row.callid, row.digits_dialled) for row in rows]
    other = make_office(store_url, clock=office.clock, driver=office.driver)
    start = threading.Barrier(2)

    def receive(there: Office) -> None:
        start.wait(timeout=10)
        there.take(*bodies)

    threads = [threading.Thread(target=receive, args=(there,)) for there in (office, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    other.core.store.close()

    assert office.reports_by_disposition() == {"applied": 20, "duplicate": 20}
    assert len(office.rows(Event, events.c.name == "ringing")) == 20


def test_a_report_without_a_call_is_an_orphan_after_a_minute(office: Office) -> None:
    office.campaign(NUMBER)
    office.claim()
    prompt_of_nobody = posted("PlayPromptEnd", "1543289641.77")

    def ask_later(order: object) -> str:
        office.take(prompt_of_nobody)
        office.clock.move(seconds=59)
        office.inbox.revisit("hq")
        assert office.dispositions() == ["pending"]
        office.clock.move(seconds=2)
        office.inbox.revisit("hq")
        return "1543289641.1"

    office.driver.on_dial = ask_later
    [attempt] = [row.id for row in office.rows_of_attempts()]
    office.dialer.dial(attempt)

    assert office.dispositions() == ["orphan"]
    assert office.reports_by_disposition() == {"orphan": 1}


def test_with_no_dial_under_way_nothing_has_to_wait(office: Office) -> None:
    office.take(posted("PlayPromptEnd", "1543289641.77"), key("1543289641.78"))

    assert office.dispositions() == ["orphan", "foreign"]


def test_an_unknown_event_and_a_start_of_the_pbx_are_no_calls(office: Office) -> None:
    renewals = office.core.signals.subscribe(Topic.SESSION)

    office.take(posted("ExtensionStatus", "", extid="1001"), posted("Brandnew", ""), posted("BootUp", ""))

    assert office.dispositions() == ["foreign", "foreign", "applied"]
    assert {text for _, text in renewals.wait(0.0)} == {"hq 0"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"callid": "1.1"}', b"null", b"\x00"])
def test_what_can_not_be_understood_is_kept_and_counted(office: Office, body: bytes) -> None:
    office.take(body)

    [row] = office.rows(RawReport)
    assert (row.disposition, row.word) == ("malformed", "unknown")
    assert office.counted("dispatcher_reports_total") == {("hq", "unknown", "malformed"): 1}


def test_every_disposition_is_counted_by_its_event(office: Office) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    callid = office.attempt(attempt).callid

    office.take(
        ringing(callid), ringing(callid), answered("1.9", "31699999999"), posted("PlayPromptEnd", "1.8"), b"{"
    )

    assert office.counted("dispatcher_reports_total") == {
        ("hq", "ALERT", "applied"): 1,
        ("hq", "ALERT", "duplicate"): 1,
        ("hq", "ANSWERED", "foreign"): 1,
        ("hq", "PlayPromptEnd", "orphan"): 1,
        ("hq", "unknown", "malformed"): 1,
    }


def test_a_callid_that_comes_again_after_a_day_is_another_call(office: Office) -> None:
    """A callid is the PBX's clock and a count, which a start with a wrong clock may repeat."""
    office.campaign(NUMBER)
    [old] = office.dialled()
    callid = office.attempt(old).callid
    office.take(*whole_call(callid))

    office.clock.move(days=1, seconds=1)
    office.campaign("31687654321")
    office.driver.on_dial = lambda order: callid
    [new] = office.dialled()
    office.take(ringing(callid, "31687654321"), record(callid, "31687654321", status="BUSY", talk=0))

    assert (office.attempt(old).outcome, office.attempt(new).outcome) == ("delivered", "busy")


def test_a_callid_that_comes_again_on_the_same_day_is_the_latest_call(office: Office) -> None:
    office.campaign(NUMBER)
    [old] = office.dialled()
    callid = office.attempt(old).callid
    office.take(*whole_call(callid))

    office.clock.move(hours=2)
    office.campaign("31687654321")
    office.driver.on_dial = lambda order: callid
    [new] = office.dialled()
    office.take(ringing(callid, "31687654321"))

    assert office.attempt(new).ringing_at == office.clock()


def test_a_report_of_another_pbx_with_the_same_callid_is_not_ours(store_url: str) -> None:
    pbxes = [PBX, PBX | {"name": "branch", "url": "http://127.0.0.1:8089", "trunk": []}]
    office = make_office(store_url, pbx=pbxes)
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    stranger = office.incoming(ringing(office.attempt(attempt).callid))
    stranger.pbx = "branch"

    office.inbox.take([stranger])

    assert office.dispositions() == ["foreign"]
    assert office.attempt(attempt).ringing_at is None
    office.core.store.close()


def test_a_transfer_is_told_with_its_target_and_changes_nothing_else(office: Office) -> None:
    """S-Series API v1.1.0 manual, 'Transfer report': the parties are those of the call after it."""
    office.alarm(NUMBER)
    [attempt] = office.dialled()
    callid = office.attempt(attempt).callid
    office.take(ringing(callid), answered(callid))
    before = office.attempt(attempt)

    transfer = posted("Tranfer", callid, outside(), inside("1005"))
    office.take(transfer, transfer)

    [told] = office.rows(Event, events.c.name == "transferred")
    assert (told.attempt_id, told.data, told.cause) == (attempt, {"to": "1005"}, "to 1005")
    after = office.attempt(attempt)
    assert (after.phase, after.outcome, after.channel_held) == (before.phase, before.outcome, True)
    assert office.reports_by_disposition() == {"applied": 3, "duplicate": 1}
