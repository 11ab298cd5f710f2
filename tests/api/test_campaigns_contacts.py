"""Uploading contacts: good rows in, bad ones listed, nothing half-done, each number once."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.intake.campaigns import importing
from dispatcher.signals import Topic
from dispatcher.store import contacts
from dispatcher.store.tables import Call, Event, table
from tests.api.test_campaigns import THREE, WORKDAYS, create, started, upload

_calls, _events = table(Call), table(Event)
NDJSON = "application/x-ndjson"


def rows_of(core: Core) -> list[Any]:
    with core.store.read() as tx:
        return list(tx.execute(select(_calls).order_by(_calls.c.number)).all())


def send(api: TestClient, body: Any, kind: str = "text/csv", **headers: str) -> Any:
    campaign_id = create(api)["id"]
    path = f"/v1/campaigns/{campaign_id}/contacts"
    return api.post(path, content=body, headers={"Content-Type": kind, **headers})


def test_a_spreadsheets_csv_is_taken_as_it_is(api: TestClient, core: Core) -> None:
    # Excel in the Netherlands: a byte order mark, semicolons, CRLF, quotes over lines, blank columns.
    body = (
        "\ufeffNumber;Name;external_id;City;;\r\n"
        '06 12345678;"Anna; de Boer";42;Delft;;\r\n'
        '"0031-612345679";"Bob\r\nof ""the"" Hill";43\r\n'
        ";;;;;\r\n"
        "\r\n"
        "+32 470 12 34 56;Cas;44;Gent\r\n"
    ).encode()
    campaign_id = create(api, expires_at="2026-12-01T00:00:00Z")["id"]

    document = upload(api, campaign_id, body, "text/csv; charset=utf-8")

    assert document == {
        "accepted": 3,
        "duplicate": 0,
        "do_not_call": 0,
        "invalid": 0,
        "errors": [],
        "errors_truncated": False,
    }
    rows = rows_of(core)
    assert [row.number for row in rows] == ["+31612345678", "+31612345679", "+32470123456"]
    assert [row.name for row in rows] == ["Anna; de Boer", 'Bob\r\nof "the" Hill', "Cas"]
    assert [row.external_id for row in rows] == ["42", "43", "44"]
    assert [row.fields for row in rows] == [{"City": "Delft"}, {"City": ""}, {"City": "Gent"}]
    assert {row.state for row in rows} == {"queued"}
    assert {row.due_at for row in rows} == {core.clock()}
    assert {row.expires_at.isoformat() for row in rows} == {"2026-12-01T00:00:00+00:00"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found_by_the_header(api: TestClient, core: Core, delimiter: str) -> None:
    body = delimiter.join(["first,name", "number"]) if delimiter != "," else "first name,number"
    campaign_id = create(api)["id"]

    upload(api, campaign_id, f"{body}\n{delimiter.join(['Anna', '+31612345678'])}\n")

    assert rows_of(core)[0].number == "+31612345678"


def test_bad_rows_are_listed_with_line_and_reason_and_the_good_ones_are_in(
    api: TestClient, core: Core
) -> None:
    body = (
        "number,name,timezone\n"
        "+31612345678,Anna,Europe/Amsterdam\n"
        "12,Bob,\n"
        ",Cas,\n"
        "+31612345679,Dirk,Europe/Atlantis\n"
        '+31612345670,"Eva\nEngel",,surplus\n'
        f"+31612345671,{'x' * 256},\n"
        '+31612345672,"Finn" Fast,\n'
        "+31612345673,Gijs,\n"
    )
    campaign_id = create(api)["id"]

    document = upload(api, campaign_id, body)

    assert (document["accepted"], document["invalid"]) == (2, 6)
    told = [(error["line"], error["field"], error["reason"]) for error in document["errors"]]
    assert told == [
        (3, "number", "too short"),
        (4, "number", "missing"),
        (5, "timezone", "not an IANA time zone, such as Europe/Amsterdam"),
        (6, None, "4 columns, but the header names 3"),
        (8, "name", "longer than 255 characters"),
        (9, None, "can't be read as CSV: ',' expected after '\"'"),
    ]
    assert document["errors"][0]["value"] == "12"
    assert len(document["errors"][4]["value"]) < 110
    assert {row.name for row in rows_of(core)} == {"Anna", "Gijs"}


def test_a_quote_that_is_never_closed_costs_one_row_and_not_the_file(api: TestClient, core: Core) -> None:
    people = "".join(f"+3161000{number:04d},P{number}\n" for number in range(300))
    campaign_id = create(api)["id"]

    document = upload(api, campaign_id, f'number,name\n+31612345678,"Anna\n{people}')

    assert (document["accepted"], document["invalid"]) == (300, 1)
    assert document["errors"][0]["line"] == 2
    assert "is a quote missing?" in document["errors"][0]["reason"]


def test_an_unclosed_quote_at_the_end_hides_nobody(api: TestClient, core: Core) -> None:
    campaign_id = create(api)["id"]

    document = upload(api, campaign_id, 'number,name\n+31612345678,"Anna\n+31612345679,Bob\n')

    assert (document["accepted"], document["invalid"]) == (1, 1)
    assert rows_of(core)[0].name == "Bob"


def test_json_lines_keep_what_they_say(api: TestClient, core: Core) -> None:
    rows = [
        {"number": "+31612345671", "name": "Anna", "external_id": 42, "visits": [1, 2.5], "vip": True},
        {"number": 31612345672, "name": None},
        {"number": "+31612345673", "note": "NUL \x00 and half a \ud83d"},
        {"number": ["+31612345674"]},
        {"number": True},
        {"name": "nobody"},
        ["+31612345675"],
    ]
    body = "\n".join(json.dumps(row) for row in rows)
    campaign_id = create(api)["id"]

    document = upload(
        api, campaign_id, f'{body}\n\n{{"number": NaN}}\n{{"number": "+31612345676", "x": 1e999}}', NDJSON
    )

    told = [(error["line"], error["field"], error["reason"]) for error in document["errors"]]
    assert [line for line, _, _ in told] == [3, 4, 5, 6, 7, 9, 10]
    assert told[1:4] == [(4, "number", "send text"), (5, "number", "send text"), (6, "number", "missing")]
    first, second = rows_of(core)
    assert first.fields == {"visits": [1, 2.5], "vip": True}
    assert (first.external_id, second.number, second.fields) == ("42", "+31612345672", None)


def test_nul_characters_are_replaced_as_everywhere(api: TestClient, core: Core) -> None:
    campaign_id = create(api)["id"]

    upload(api, campaign_id, "number,name,note\n+31612345671,An\x00na,a\x00b\n")
    upload(
        api, campaign_id, '{"number": "+31612345672", "name": "B\\u0000b", "k\\u0000": "\\u0000"}\n', NDJSON
    )

    assert [row.name for row in rows_of(core)] == ["An\ufffdna", "B\ufffdb"]
    assert [row.fields for row in rows_of(core)] == [{"note": "a\ufffdb"}, {"k\ufffd": "\ufffd"}]


def test_each_number_is_called_once_however_often_and_however_it_is_written(
    api: TestClient, core: Core
) -> None:
    campaign_id = create(api)["id"]
    upload(api, campaign_id, THREE)

    again = upload(api, campaign_id, "number\n0612345671\n+31 6 1234 5674\n0031612345674\n")

    assert (again["accepted"], again["duplicate"]) == (1, 2)
    assert len(rows_of(core)) == 4
    # Another campaign has its own list.
    assert upload(api, create(api)["id"], THREE)["accepted"] == 3


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 415),
        ("multipart/form-data; boundary=x", 415),
        ("text/csv; charset=iso-8859-1", 415),
        ("", 415),
        ("TEXT/CSV", 200),
    ],
)
def test_only_csv_and_json_lines_in_utf8_are_taken(
    api: TestClient, core: Core, kind: str, status: int
) -> None:
    answer = send(api, THREE, kind)

    assert answer.status_code == status
    assert len(rows_of(core)) == (3 if status == 200 else 0)


def test_compressed_bodies_are_refused(api: TestClient) -> None:
    assert send(api, b"\x1f\x8b", **{"Content-Encoding": "gzip"}).status_code == 415


@pytest.mark.parametrize("place", [0, 10, 70_000, 400_000, 999_999])
def test_one_byte_that_is_not_utf8_stops_the_whole_body(api: TestClient, core: Core, place: int) -> None:
    body = bytearray(("number\n" + "".join(f"+316{n:08d}\n" for n in range(80_000))).encode()[:1_000_000])
    body[place] = 0xFF

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield bytes(body[start : start + 65_536])

    answer = send(api, chunks())

    assert answer.status_code == 400
    assert f"byte {place} " in answer.json()["detail"]
    assert rows_of(core) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "send a header row"),
        ("\n\n", "send a header row"),
        ("phone,name\n+31612345678,Anna\n", "names no column 'number'; it names: phone, name"),
        ("number,name,name\n", "names a column twice: name"),
        ("number,,name\n", "column 2 has no name"),
        ('"number\n', "can't be read as CSV"),
        ("number" + ",x" * 40_000 + "\n", "longer than"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(api: TestClient, core: Core, body: str, reason: str) -> None:
    answer = send(api, body)

    assert answer.status_code == 422
    assert reason in answer.json()["detail"]
    assert answer.json()["errors"][0]["field"] == "number"


def test_an_upload_with_a_key_is_done_once_and_answered_alike(api: TestClient, core: Core) -> None:
    campaign_id = create(api)["id"]
    path, key = f"/v1/campaigns/{campaign_id}/contacts", {"Idempotency-Key": "u1", "Content-Type": "text/csv"}

    first = api.post(path, content=THREE, headers=key)
    second = api.post(path, content=THREE, headers=key)
    other = api.post(path, content="number\n+31612345679\n", headers=key)

    assert first.json()["accepted"] == 3
    assert second.json() == first.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert other.status_code == 422
    assert len(rows_of(core)) == 3


def test_only_the_first_thousand_bad_rows_are_listed_and_all_are_counted(api: TestClient) -> None:
    document = upload(api, create(api)["id"], "number\n" + "x\n" * 1_500)

    assert (document["invalid"], len(document["errors"])) == (1_500, 1_000)
    assert document["errors_truncated"] is True


def test_an_ended_campaign_takes_no_more_and_a_running_one_dials_them(api: TestClient, core: Core) -> None:
    campaign_id = started(api)
    wake_ups = core.signals.subscribe(Topic.PACER)
    upload(api, campaign_id, "number\n+31612345679\n")
    assert wake_ups.wait(0) == {(Topic.PACER, "")}
    api.post(f"/v1/campaigns/{campaign_id}/cancel")

    path = f"/v1/campaigns/{campaign_id}/contacts"
    late = api.post(path, content=THREE, headers={"Content-Type": "text/csv"})

    assert late.status_code == 409
    assert late.json()["current_status"] == "cancelled"


def test_the_callees_own_time_zone_is_theirs_or_their_numbers(api: TestClient, core: Core) -> None:
    campaign_id = create(api, windows=[WORKDAYS], region=None)["id"]
    body = (
        "number,timezone\n"
        "+31612345678,\n"
        "+31612345679,America/New_York\n"
        "+34612345678,\n"  # a Spanish mobile may be on the Canaries
        "+881612345678,\n"  # a satellite telephone may be anywhere
        "+881612345679,Asia/Tokyo\n"
    )

    document = upload(api, campaign_id, body)

    zones = {row.number: row.timezone for row in rows_of(core)}
    assert zones == {
        "+31612345678": "Europe/Amsterdam",
        "+31612345679": "America/New_York",
        "+34612345678": "Atlantic/Canary,Europe/Madrid",
        "+881612345679": "Asia/Tokyo",
    }
    assert [(error["line"], error["field"]) for error in document["errors"]] == [(5, "timezone")]
    assert "give a timezone column" in document["errors"][0]["reason"]


def test_an_outage_within_an_upload_says_what_is_in_and_sending_again_completes_it(
    api: TestClient, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)
    campaign_id = create(api)["id"]
    added = contacts.add
    batches = iter(range(10))

    def failing(*arguments: Any) -> int:
        if next(batches) == 1:
            raise OperationalError("insert", {}, Exception("the connection was lost"))
        return added(*arguments)

    monkeypatch.setattr(contacts, "add", failing)
    path, kind = f"/v1/campaigns/{campaign_id}/contacts", {"Content-Type": "text/csv"}
    broken = api.post(path, content=THREE, headers=kind)
    again = api.post(path, content=THREE, headers=kind)

    assert broken.status_code == 503
    assert broken.json()["accepted"] == 2
    assert "send the same body again" in broken.json()["detail"]
    assert (again.json()["accepted"], again.json()["duplicate"]) == (1, 2)


def test_an_upload_leaves_one_event_with_its_counts(api: TestClient, core: Core) -> None:
    campaign_id = create(api)["id"]
    upload(api, campaign_id, f"{THREE}x,Dirk\n")

    query = select(_events.c.data, _events.c.cause).where(_events.c.name == "contacts_added")
    with core.store.read() as tx:
        data, cause = tx.execute(query).one()
        assert tx.execute(select(func.count()).select_from(_calls)).scalar_one() == 3
    assert data == {"accepted": 3, "duplicate": 0, "do_not_call": 0, "invalid": 1}
    assert cause == "3 accepted, 1 invalid"
