"""Ended calls, from the tables that Asterisk's own modules write; rows as 16.28 and 22.10 wrote them."""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from dispatcher.domain.facts import NOTHING, Facts, Target, join
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.outcomes import Terms, may_have_been_reached, outcome_of
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Report
from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, Outcome, TargetKind
from dispatcher.pbx.asterisk import Asterisk, examination
from dispatcher.pbx.asterisk.recorded import reports_of
from dispatcher.pbx.asterisk.tables import Tables
from dispatcher.pbx.errors import PbxRefused
from tests.pbx.asterisk.ami import ScriptedManager, refusal, success, usual

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
OWN = "01a1fede-199b-7798-8afc-cb328a994d3b"
OTHER = "01a1fede-199b-7798-8afc-cb328a994d3c"
TARGET = Target(TargetKind.NUMBER, "0612345678", MessageKind.IVR)
ACKNOWLEDGED = Terms(DeliveredWhen.ACKNOWLEDGED, "1")
CREATE = (
    "CREATE TABLE cdr (calldate TIMESTAMP, accountcode VARCHAR(80), disposition VARCHAR(45), "
    "billsec INTEGER, uniqueid VARCHAR(150), userfield VARCHAR(255))",
    "CREATE TABLE cel (eventtype VARCHAR(30), eventtime TIMESTAMP, uniqueid VARCHAR(150), "
    "userdeftype VARCHAR(255), extra VARCHAR(512))",
)


def record(
    disposition: str, billsec: Any = "0", userfield: str | None = "", callid: str = OWN
) -> dict[str, Any]:
    return {"uniqueid": callid, "disposition": disposition, "billsec": billsec, "userfield": userfield}


def hangup(cause: int, source: str = "", callid: str = OWN, kind: str = "HANGUP") -> dict[str, Any]:
    extra = f'{{"hangupcause":{cause},"hangupsource":"{source}","dialstatus":""}}'
    return {"uniqueid": callid, "eventtype": kind, "extra": extra, "userdeftype": ""}


def pressed(digit: str, direction: str = "Received") -> dict[str, Any]:
    extra = f'{{"digit":"{digit}","duration_ms":280}}'
    return {"uniqueid": OWN, "eventtype": "DTMF", "extra": extra, "userdeftype": direction}


def gathered(reports: Sequence[Report]) -> Facts:
    facts = NOTHING
    for report in reports:
        facts = join(facts, facts_of(report, TARGET, NOW))
    return facts


def facts(records: Sequence[dict[str, Any]], events: Sequence[dict[str, Any]] = ()) -> Facts:
    return gathered(reports_of([OWN], records, events))


CHANNEL = "PJSIP/trunk-00000000"


@pytest.mark.parametrize(
    ("records", "events", "outcome"),
    [
        ([record("BUSY")], [hangup(17, CHANNEL)], Outcome.BUSY),
        ([record("NO ANSWER")], [hangup(1, CHANNEL)], Outcome.INVALID_NUMBER),
        ([record("NO ANSWER")], [hangup(19, CHANNEL)], Outcome.NO_ANSWER),
        ([record("NO ANSWER")], [hangup(21, CHANNEL)], Outcome.REJECTED),
        ([record("CONGESTION")], [hangup(34, CHANNEL)], Outcome.CONGESTION),
        # Given up by Asterisk itself, in version 22 and in 16.
        ([record("FAILED")], [hangup(19)], Outcome.NO_ANSWER),
        ([record("FAILED")], [hangup(0)], Outcome.NO_ANSWER),
        # A column of numbers; the log without the records; a second record of the same call.
        ([record("NO ANSWER")], [hangup(21, CHANNEL, kind="3")], Outcome.REJECTED),
        ([], [hangup(17, CHANNEL)], Outcome.BUSY),
        ([record("NO ANSWER"), record("BUSY")], [], Outcome.BUSY),
        # Without CEL a call that failed may have been anything.
        ([record("CONGESTION")], [], Outcome.CONGESTION),
        ([record("NO ANSWER")], [], Outcome.NO_ANSWER),
        ([record("FAILED")], [], Outcome.UNKNOWN),
        ([record("NO ANSWER")], [hangup(127, CHANNEL)], Outcome.NO_ANSWER),
    ],
)
def test_why_a_call_was_not_answered(
    records: list[dict[str, Any]], events: list[dict[str, Any]], outcome: Outcome
) -> None:
    found = facts(records, events)
    assert found.ended_at is not None
    assert outcome_of(found, ACKNOWLEDGED) is outcome
    assert not may_have_been_reached(found)


@pytest.mark.parametrize(
    ("userfield", "digits", "is_heard", "outcome"),
    [
        ("heard=1 keys=1", "1", True, Outcome.DELIVERED),
        ("heard= keys=1", "1", False, Outcome.DELIVERED),
        ("heard=1 keys=", "", True, Outcome.NOT_HEARD),
        ("heard= keys=", "", False, Outcome.NOT_HEARD),
        ("heard=1 keys=92", "92", True, Outcome.NOT_HEARD),
    ],
)
def test_what_the_dialplan_has_noted_of_an_answered_call(
    userfield: str, digits: str, is_heard: bool, outcome: Outcome
) -> None:
    found = facts([record("ANSWERED", 7, userfield)], [hangup(16, CHANNEL)])
    assert (found.digits, found.prompt_ended_at is not None, found.talk_seconds) == (digits, is_heard, 7)
    assert outcome_of(found, ACKNOWLEDGED) is outcome
    assert not may_have_been_reached(found), "all of it was written down"


@pytest.mark.parametrize("userfield", ["", None, "customer 12"])
def test_an_answered_call_of_which_nothing_was_noted_may_have_been_heard(userfield: str | None) -> None:
    found = join(facts([record("ANSWERED", "5", userfield)]), Facts(closed_at=NOW))
    assert found.answered_at is not None
    assert found.ended_at is not None
    assert may_have_been_reached(found)


def test_keys_that_the_event_log_has() -> None:
    found = facts([record("ANSWERED", 5)], [pressed("9"), pressed("1"), pressed("5", "Sent"), hangup(16)])
    assert found.digits == "91"
    assert outcome_of(found, ACKNOWLEDGED) is Outcome.DELIVERED


def test_a_call_that_is_up_has_not_ended() -> None:
    assert reports_of([OWN], [], [{"uniqueid": OWN, "eventtype": "ANSWER", "extra": None}]) == []


def test_rows_that_are_not_as_expected_are_no_error() -> None:
    odd = {"uniqueid": OWN, "eventtype": "HANGUP", "extra": "not JSON"}
    assert facts([record("SOMETHING", "many")], [odd]).ended_at is not None


@pytest.fixture
def database(store_url: str) -> Iterator[str]:
    """An empty database with both tables, in SQLite and in PostgreSQL."""
    engine = create_engine(store_url)
    with engine.begin() as connection:
        for table in ("cdr", "cel"):
            connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
        for statement in CREATE:
            connection.execute(text(statement))
    yield store_url
    with engine.begin() as connection:
        for table in ("cdr", "cel"):
            connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    engine.dispose()


def write(url: str, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def a_call(callid: str = OWN, keys: str = "1", account: str = "dispatcher") -> str:
    values = f"'2026-11-21 08:00:00', '{account}', 'ANSWERED', 6, '{callid}', 'heard=1 keys={keys}'"
    return f"INSERT INTO cdr VALUES ({values})"


def endings(url: str, *callids: str, kept: str = "", has_context: bool = True) -> tuple[Facts, bool]:
    """What a driver tells of the first call, whose end Asterisk's own database has ``kept``, or has not."""

    def script(action: dict[str, str]) -> Sequence[bytes]:
        if action["Action"] == "ShowDialPlan" and not has_context:
            return [refusal(action, "Did not find context dispatcher-ended")]
        if action["Action"] != "DBGet":
            return usual(action)
        if not kept or action["Key"] != callids[0]:
            return [refusal(action, "Database entry not found")]
        key = action["ActionID"]
        row = f"Event: DBGetResponse\r\nActionID: {key}\r\nVal: {kept}"
        end = f"Event: DBGetComplete\r\nActionID: {key}\r\nEventList: Complete"
        return [success(action, "EventList: start"), row.encode(), end.encode()]

    with ScriptedManager(script) as manager:
        driver = Asterisk(manager.account(cdr_url=url), lambda *_: None)
        found = driver.endings(driver.login(), callids, NOW)
        driver.close()
    return gathered([report for report in found.reports if report.callid == callids[0]]), found.is_whole


def test_a_call_that_asterisks_own_database_does_not_know_is_found_in_the_tables(database: str) -> None:
    write(database, a_call(), a_call(OTHER, keys="2"))
    found, is_whole = endings(database, OWN, OTHER)
    assert (found.digits, is_whole) == ("1", True)


def test_what_asterisk_has_kept_itself_goes_before_the_tables(database: str) -> None:
    write(database, a_call(keys="7"))
    found, _ = endings(database, OWN, kept="Up|16|1|1|6||SIP 200 OK")
    assert found.digits == "1"


def test_without_the_context_the_tables_tell_and_prove_no_absence(database: str) -> None:
    write(database, a_call())
    assert endings(database, OWN, has_context=False)[0].digits == "1"
    assert endings(database, OTHER, has_context=False) == (NOTHING, False)


def test_many_calls_are_asked_for_in_pieces(database: str) -> None:
    write(database, a_call())
    assert endings(database, *(f"call-{number}" for number in range(450)), OWN)[1]
    tables = Tables(database, 2.0)
    assert len(tables.rows([*(f"call-{number}" for number in range(450)), OWN])[0]) == 1


def test_a_database_that_is_away_leaves_what_asterisk_has_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path / 'not-there.db'}"
    with caplog.at_level(logging.WARNING):
        found, is_whole = endings(url, OWN, OTHER, kept="Up|16|1|1|6||SIP 200 OK")
    assert (found.digits, is_whole) == ("1", True)
    assert "the records can't be read" in caplog.text
    assert not (tmp_path / "not-there.db").exists(), "nothing is made where nothing is"
    with pytest.raises(PbxRefused) as refused:
        endings(url, OWN, has_context=False)
    assert refused.value.reason is Reason.PBX_AWAY


def test_the_password_is_in_no_error(caplog: pytest.LogCaptureFixture) -> None:
    url = "postgresql+psycopg://reader:open-sesame@127.0.0.1:1/asterisk"
    tables = Tables(url, 1.0)
    with pytest.raises(PbxRefused) as refused:
        tables.rows([OWN])
    with ScriptedManager(usual) as manager:
        account = manager.account(cdr_url=url)
        found = list(examination.tables(tables))
    shown = f"{refused.value} {refused.value.detail} {tables!r} {account!r} {found} {caplog.text}"
    assert "open-sesame" not in shown
    assert [one.is_right for one in found] == [False]


def test_nothing_can_be_written(database: str) -> None:
    tables = Tables(database, 2.0)
    with pytest.raises(PbxRefused), tables.connected() as connection:
        connection.execute(text("DELETE FROM cdr"))


def checked(url: str) -> dict[str, bool | None]:
    return {one.check: one.is_right for one in examination.tables(Tables(url, 2.0))}


def test_the_doctor_reads_the_tables_and_sees_that_ids_are_kept(database: str) -> None:
    assert checked(database) == {"table cdr": True, "table cel": True, "ids in the records": None}
    write(database, a_call("1699887766.42", account="people"))
    assert checked(database)["ids in the records"] is None, "of somebody else's call"
    write(database, a_call())
    assert checked(database)["ids in the records"] is True


def test_the_doctor_sees_ids_that_are_not_kept(database: str) -> None:
    write(database, a_call(""))
    assert checked(database)["ids in the records"] is False
    write(database, "DELETE FROM cdr", a_call(OWN[:32]))
    assert checked(database)["ids in the records"] is False


@pytest.mark.parametrize(
    ("statements", "check", "words"),
    [
        (["ALTER TABLE cdr DROP COLUMN disposition"], "table cdr", "it lacks disposition"),
        (["DROP TABLE cel"], "table cel", "there is none"),
        (
            ["DROP TABLE cel", "CREATE TABLE cel (eventtype TEXT, extra TEXT, uniqueid VARCHAR(32))"],
            "table cel",
            "uniqueid is for 32 characters",
        ),
    ],
)
def test_the_doctor_names_what_is_wrong(database: str, statements: list[str], check: str, words: str) -> None:
    write(database, *statements)
    found = {one.check: one for one in examination.tables(Tables(database, 2.0))}
    assert found[check].is_right is False
    assert words in found[check].detail
    assert found[check].mend


def test_the_columns_of_the_sqlite_module_go_by_another_name(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "master.db")) as connection:
        connection.execute("CREATE TABLE cel (eventtype, eventextra, uniqueid)")
        connection.execute("INSERT INTO cel VALUES ('HANGUP', '{\"hangupcause\":17}', ?)", (OWN,))
        connection.commit()
    url = f"sqlite:///{tmp_path / 'master.db'}"
    assert checked(url)["table cel"] is True
    assert endings(url, OWN)[0].cause is Reason.BUSY
