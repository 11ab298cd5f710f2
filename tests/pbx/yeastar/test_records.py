"""Downloaded call records: clocks that are set back, columns in any order, and what is no record at all."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.reports import CdrStatus, PartyKind, ReportEvent
from dispatcher.pbx.errors import PbxInDoubt
from dispatcher.pbx.yeastar.records import local_span, records_in

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
HEAD = (
    "callid,timestart,callfrom,callto,callduraction,talkduraction,srctrunkname,dsttrunkname,"
    "status,type,pincode,recording,didnumber,sn"
)
ROW = (
    "1795255200.7,2026-11-21 11:00:00,6500,31612345678,13,9,,SPS-6-36,ANSWERED,Outbound,,a.wav,,369362089179"
)
CLOCK = "%Y-%m-%d %H:%M:%S"


def quoted(text: str) -> str:
    """Every value in quotation marks."""
    return "\r\n".join(",".join(f'"{item}"' for item in line.split(",")) for line in text.split("\r\n"))


encodings = pytest.mark.parametrize(
    "encoded",
    [
        lambda text: text.encode(),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("gb18030"),
        lambda text: text.encode() + b"\0\0",
        lambda text: text.replace("\r\n", "\n").encode(),
        lambda text: text.replace(",", ";").encode(),
        lambda text: quoted(text).encode(),
    ],
)


@encodings
def test_a_record_is_read_however_the_file_is_written(encoded: Callable[[str], bytes]) -> None:
    (report,) = records_in(encoded(f"{HEAD}\r\n{ROW.replace('a.wav', '录音.wav')}\r\n"), AMSTERDAM)

    assert (report.event, report.word, report.callid) == (ReportEvent.CDR, "NewCdr", "1795255200.7")
    assert report.serial == "369362089179"
    cdr = report.cdr
    assert cdr is not None
    assert (cdr.status, cdr.direction) == (CdrStatus.ANSWERED, PartyKind.OUTBOUND)
    assert (cdr.caller, cdr.called, cdr.trunk) == ("6500", "31612345678", "SPS-6-36")
    assert (cdr.call_seconds, cdr.talk_seconds, cdr.recording) == (13, 9, "录音.wav")
    assert cdr.began == datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def test_columns_may_stand_anywhere_be_unknown_or_missing() -> None:
    body = "Status,new column,CallTo,TimeStart,CallID\nBUSY,x,Ann <1002>,2026-11-21 11:00:00,1795255200.7\n"
    (report,) = records_in(body.encode(), AMSTERDAM)

    assert report.cdr is not None
    assert (report.cdr.status, report.cdr.called, report.cdr.call_seconds) == (CdrStatus.BUSY, "1002", None)


def test_several_rows_of_one_call_and_of_several_come_oldest_first() -> None:
    later = ROW.replace("1795255200.7", "1795255300.9").replace("11:00:00", "11:01:40")
    phantom = ROW.replace(",13,9,", ",1,0,").replace("ANSWERED", "NO ANSWER")
    found = records_in("\r\n".join([HEAD, later, ROW, "", phantom, ",,,,"]).encode(), AMSTERDAM)

    assert [report.callid for report in found] == ["1795255200.7", "1795255200.7", "1795255300.9"]


def test_no_rows_are_no_records() -> None:
    assert records_in(f"{HEAD}\r\n".encode(), AMSTERDAM) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"   \r\n", b"<html><body>504 Gateway Time-out</body></html>", b"callid,status\r\n1.1,BUSY\r\n"],
)
def test_what_is_no_list_of_records_is_not_taken_for_an_empty_one(body: bytes) -> None:
    with pytest.raises(PbxInDoubt):
        records_in(body, AMSTERDAM)


@pytest.mark.parametrize("hour", [5, 6])
def test_the_hour_that_comes_twice_is_told_apart_by_the_callid(hour: int) -> None:
    """On 1 November 2026, at 06:00 UTC, New York goes from two o'clock back to one."""
    began = datetime(2026, 11, 1, hour, 30, tzinfo=UTC)
    row = ROW.replace("1795255200", str(int(began.timestamp()))).replace("11-21 11:00", "11-01 01:30")
    (report,) = records_in(f"{HEAD}\n{row}".encode(), ZoneInfo("America/New_York"))

    assert report.cdr is not None
    assert report.cdr.began == began


def test_a_time_that_is_none_is_taken_from_the_callid() -> None:
    (report,) = records_in(f"{HEAD}\n{ROW.replace('2026-11-21 11:00:00', '')}".encode(), AMSTERDAM)

    assert report.cdr is not None
    assert report.cdr.began == datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


zones = st.sampled_from(
    ["UTC", "Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
# Around both changes of 2026, and anywhere else.
moments = st.integers(0, 366 * 24 * 60).map(lambda m: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=m))


@given(zone=zones, since=moments, length=st.integers(0, 600), offset=st.integers(0, 600))
def test_every_call_of_the_time_lies_in_the_span_whatever_the_clock_does(
    zone: str, since: datetime, length: int, offset: int
) -> None:
    until = since + timedelta(minutes=length)
    call = min(since + timedelta(minutes=offset), until)
    start, end = (at.strftime(CLOCK) for at in local_span(since, until, ZoneInfo(zone)))

    assert start <= call.astimezone(ZoneInfo(zone)).strftime(CLOCK) <= end
