"""Call records by search: times as the PBX shows them, pages, and what is no proof that there are none."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Cdr, CdrStatus, PartyKind, Report, ReportEvent
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from tests.pbx.drivers import Observed
from tests.pbx.raw_pbx import RawPbx, in_turn
from tests.pbx.yeastar_p.conftest import SESSION, TOKEN, MakeDriver, asked, refusal, told

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
SINCE, UNTIL = datetime(2026, 11, 21, 14, 5, tzinfo=UTC), datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
WITHIN = int(datetime(2026, 11, 21, 14, 30, tzinfo=UTC).timestamp())


def information(
    date: str = "YYYY/MM/DD", time: str = "hh:mm:ss", shown: str = "2026/11/21 16:44:40"
) -> bytes:
    """The guide's answer to system/information."""
    return told(
        data={
            "sn": "3631A2124XXX",
            "system_date_format": date,
            "system_time_format": time,
            "system_time": shown,
        }
    )


ROW: dict[str, Any] = {
    "time": "2026/11/21 15:30:00",
    "call_from": "Alarm<6500>",
    "call_to": "0612345678",
    "timestamp": WITHIN,
    "uid": "2026112115300010F70",
    "disposition": "ANSWERED",
    "call_type": "Outbound",
    "call_from_number": "6500",
    "call_to_number": "0612345678",
    "call_id": f"{WITHIN}.854",
    "new_id": 4711,
    "duration": 24,
    "ring_duration": 5,
    "talk_duration": 19,
    "dst_trunk": "siptrunk",
    "record_file": "a.wav",
    "pin_code": "",
}
"""A leg's record with the fields that boxes in the field have been seen to send."""

REPORT = Report(
    ReportEvent.CDR,
    "NewCdr",
    f"{WITHIN}.854",
    cdr=Cdr(
        CdrStatus.ANSWERED,
        called="0612345678",
        caller="6500",
        talk_seconds=19,
        trunk="siptrunk",
        recording="a.wav",
        started="2026/11/21 15:30:00",
        direction=PartyKind.OUTBOUND,
        call_seconds=24,
        began=datetime(2026, 11, 21, 14, 30, tzinfo=UTC),
    ),
)
NONE = told(total_number=0, data=[])


def page(*rows: dict[str, Any], total: int | None = None) -> bytes:
    return told(total_number=len(rows) if total is None else total, data=list(rows))


def query(target: str) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(urlsplit(target).query).items()}


@pytest.mark.parametrize(
    ("date", "time", "shown", "start", "end"),
    [
        ("YYYY/MM/DD", "hh:mm:ss", "2026/11/21 16:44:40", "2026/11/21 15:05:00", "2026/11/21 16:00:01"),
        ("MM/DD/YYYY", "HH:mm:ss", "11/21/2026 16:44:40", "11/21/2026 15:05:00", "11/21/2026 16:00:01"),
        ("DD-MM-YYYY", "HH:mm:ss", "21-11-2026 16:44:40", "21-11-2026 15:05:00", "21-11-2026 16:00:01"),
        (
            "YYYY/MM/DD",
            "hh:mm:ss A",
            "",
            "2026/11/21 03:05:00 PM",
            "2026/11/21 04:00:01 PM",
        ),
        (
            "MM/DD/YYYY",
            "hh:mm:ss",
            "11/21/2026 04:44:40 PM",
            "11/21/2026 03:05:00 PM",
            "11/21/2026 04:00:01 PM",
        ),
    ],
)
def test_times_are_asked_for_as_the_pbx_shows_them(
    driver_for: MakeDriver, observed: Observed, date: str, time: str, shown: str, start: str, end: str
) -> None:
    with RawPbx(in_turn(information(date, time, shown), page(ROW))) as pbx:
        found = driver_for(pbx.url, timezone=AMSTERDAM).records(SESSION, SINCE, UNTIL)

    assert list(found) == [REPORT]
    method, target, _ = asked(pbx)[1]
    assert (method, target.partition("?")[0]) == ("GET", "cdr/search")
    assert query(target) == {
        "start_time": start,
        "end_time": end,
        "sort_by": "time",
        "order_by": "asc",
        "page": "1",
        "page_size": "1000",
        "access_token": TOKEN,
    }
    assert observed == [("records", "ok")]


@pytest.mark.parametrize("date", ["", "YYYY", "YYYY/YYYY/DD", "DD.MM.YY", "Year/Month/Day"])
def test_a_format_that_is_not_known_is_not_guessed(driver_for: MakeDriver, date: str) -> None:
    with RawPbx(in_turn(information(date))) as pbx, pytest.raises(PbxInDoubt) as doubt:
        driver_for(pbx.url).records(SESSION, SINCE, UNTIL)

    assert doubt.value.reason is Reason.RESPONSE_UNREADABLE
    assert len(pbx.requests) == 1


def test_pages_are_put_together_oldest_first(driver_for: MakeDriver) -> None:
    early = ROW | {"call_id": f"{WITHIN - 60}.1", "timestamp": WITHIN - 60}
    with RawPbx(in_turn(information(), page(ROW, total=2), page(early, total=2))) as pbx:
        found = driver_for(pbx.url).records(SESSION, SINCE, UNTIL)

    assert [report.callid for report in found] == [f"{WITHIN - 60}.1", f"{WITHIN}.854"]


@pytest.mark.parametrize("nothing", [NONE, refusal(60001)])
@pytest.mark.parametrize("newest", [NONE, refusal(60001), page(ROW | {"timestamp": WITHIN - 7200})])
def test_nothing_found_is_confirmed_by_the_newest_record(
    driver_for: MakeDriver, nothing: bytes, newest: bytes
) -> None:
    with RawPbx(in_turn(information(), nothing, newest)) as pbx:
        assert list(driver_for(pbx.url).records(SESSION, SINCE, UNTIL)) == []

    _, target, _ = asked(pbx)[2]
    assert target.partition("?")[0] == "cdr/list"
    assert query(target)["order_by"] == "desc"


def test_nothing_found_where_there_is_something_proves_nothing(
    driver_for: MakeDriver, observed: Observed
) -> None:
    """The PBX has misread the times: calls would seem never to have been placed."""
    with RawPbx(in_turn(information(), NONE, page(ROW))) as pbx, pytest.raises(PbxInDoubt):
        driver_for(pbx.url).records(SESSION, SINCE, UNTIL)

    assert observed == [("records", "in_doubt")]


@pytest.mark.parametrize("callid", [None, "", " "])
def test_a_record_that_names_no_call_makes_the_search_worthless(
    driver_for: MakeDriver, callid: str | None
) -> None:
    with RawPbx(in_turn(information(), page(ROW, ROW | {"call_id": callid}))) as pbx:
        with pytest.raises(PbxInDoubt):
            driver_for(pbx.url).records(SESSION, SINCE, UNTIL)


@pytest.mark.parametrize(
    "answers",
    [
        [refusal(10004)],
        [information(), refusal(10004)],
        [information(), NONE, refusal(10004)],
        [information(), page(ROW, total=2), refusal(10004)],
    ],
)
def test_a_token_that_is_gone_is_not_taken_for_no_records(
    driver_for: MakeDriver, answers: list[bytes]
) -> None:
    with RawPbx(in_turn(*answers)) as pbx, pytest.raises(PbxRefused) as refused:
        driver_for(pbx.url).records(SESSION, SINCE, UNTIL)

    assert refused.value.reason is Reason.TOKEN_INVALID


@pytest.mark.parametrize("code", [-2, -1, 40002])
def test_a_search_that_fails_is_not_taken_for_no_records(driver_for: MakeDriver, code: int) -> None:
    with RawPbx(in_turn(information(), refusal(code))) as pbx, pytest.raises(PbxError):
        driver_for(pbx.url).records(SESSION, SINCE, UNTIL)


@pytest.mark.parametrize(
    ("changed", "began"),
    [
        ({"timestamp": None}, datetime.fromtimestamp(WITHIN, UTC)),
        ({"timestamp": None, "call_id": "a-call"}, None),
        ({"timestamp": "1795271400"}, datetime(2026, 11, 21, 14, 30, tzinfo=UTC)),
    ],
)
def test_when_a_call_began(driver_for: MakeDriver, changed: dict[str, Any], began: datetime | None) -> None:
    with RawPbx(in_turn(information(), page(ROW | changed))) as pbx:
        [report] = driver_for(pbx.url).records(SESSION, SINCE, UNTIL)

    assert report.cdr is not None
    assert report.cdr.began == began


def test_the_fields_of_the_guide_serve_as_well(driver_for: MakeDriver) -> None:
    row = {
        "call_id": f"{WITHIN}.1",
        "timestamp": WITHIN,
        "call_from": "Alarm<6500>",
        "call_to": "0612345678",
        "status": "NO ANSWER",
        "type": "Outbound",
        "duration": 30,
    }
    with RawPbx(in_turn(information(), page(row))) as pbx:
        [report] = driver_for(pbx.url).records(SESSION, SINCE, UNTIL)

    assert report.cdr is not None
    assert (report.cdr.caller, report.cdr.called) == ("6500", "0612345678")
    assert (report.cdr.status, report.cdr.talk_seconds) == (CdrStatus.NO_ANSWER, 0)
