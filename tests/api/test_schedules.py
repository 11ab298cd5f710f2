"""Schedules over the API: who is on call now and next, overrides, gaps, calendars."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.directory import feeds
from tests.cores import SettableClock

# The clock of the core stands at Saturday 2026-11-21 10:00 UTC, 11:00 in Amsterdam.
WEEKLY = {"members": ["anna", "bob"], "starts": "2026-11-16", "hand_over": "08:00"}
OFFICE_HOURS = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:00"}


@pytest.fixture
def staffed(api: TestClient) -> TestClient:
    for place, name in enumerate(("anna", "bob", "carl")):
        api.put(f"/v1/contacts/{name}", json={"ways": [{"number": f"+3161111111{place}"}]})
    return api


def schedule(api: TestClient, *layers: dict[str, Any], **more: Any) -> dict[str, Any]:
    asked = {"timezone": "Europe/Amsterdam", "layers": list(layers), **more}
    answer = api.put("/v1/schedules/night", json=asked)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


def names(contacts: list[dict[str, Any]]) -> list[str]:
    return [one["name"] for one in contacts]


def listed(api: TestClient, what: str, **span: str) -> list[tuple[str, str, list[str]]]:
    answer = api.get(f"/v1/schedules/night/{what}", params=span)
    assert answer.status_code == 200, answer.text
    return [(one["start"], one["end"], one["contacts"]) for one in answer.json()["items"]]


def test_a_schedule_is_kept_as_it_was_written(staffed: TestClient) -> None:
    layer = WEEKLY | {"name": "week", "every": {"weeks": 1}, "windows": [OFFICE_HOURS], "holidays": "skip"}
    shown = schedule(staffed, layer, holidays=[{"date": "2026-12-25", "name": "Christmas"}])
    assert shown["layers"][0].items() >= layer.items()
    assert shown["holidays"] == [{"date": "2026-12-25", "name": "Christmas"}]
    again = staffed.put(
        "/v1/schedules/night", json={name: shown[name] for name in ("timezone", "layers", "holidays")}
    )
    assert again.json()["layers"] == shown["layers"]


def test_who_is_on_call_now_and_next(staffed: TestClient) -> None:
    assert schedule(staffed, WEEKLY)["on_call"] == ["anna"]
    now = staffed.get("/v1/schedules/night/on-call").json()
    assert (names(now["contacts"]), now["until"]) == (["anna"], "2026-11-23T07:00:00Z")
    assert now["contacts"][0]["ways"] == [{"number": "+31611111110"}]
    assert (now["next"]["at"], names(now["next"]["contacts"])) == ("2026-11-23T07:00:00Z", ["bob"])
    later = staffed.get("/v1/schedules/night/on-call", params={"at": "2026-11-23T08:00:00+01:00"}).json()
    assert names(later["contacts"]) == ["bob"]


def test_shifts_and_gaps_of_a_span(staffed: TestClient) -> None:
    schedule(staffed, WEEKLY | {"windows": [OFFICE_HOURS]})
    span = {"from": "2026-11-20T12:00:00Z", "to": "2026-11-24T12:00:00Z"}
    assert listed(staffed, "shifts", **span) == [
        ("2026-11-20T12:00:00Z", "2026-11-20T17:00:00Z", ["anna"]),
        ("2026-11-23T07:00:00Z", "2026-11-23T17:00:00Z", ["bob"]),
        ("2026-11-24T07:00:00Z", "2026-11-24T12:00:00Z", ["bob"]),
    ]
    assert listed(staffed, "gaps", **span) == [
        ("2026-11-20T17:00:00Z", "2026-11-23T07:00:00Z", []),
        ("2026-11-23T17:00:00Z", "2026-11-24T07:00:00Z", []),
    ]


@pytest.mark.parametrize(
    ("span", "told"),
    [
        ({"from": "2026-11-20T00:00:00Z", "to": "2026-11-20T00:00:00Z"}, "to: must be after from"),
        ({"to": "2027-11-20T00:00:00Z"}, "to: must be within 100 days after from"),
        ({"from": "9999-12-31T23:59:59Z"}, "from: must be between 1971 and 2200"),
    ],
)
def test_a_span_that_makes_no_sense_is_refused(staffed: TestClient, span: dict[str, str], told: str) -> None:
    schedule(staffed, WEEKLY)
    answer = staffed.get("/v1/schedules/night/gaps", params=span)
    assert (answer.status_code, answer.json()["detail"]) == (422, told)
    assert answer.json()["errors"][0]["in"] == "query"


def test_gaps_are_shown_before_they_hurt(staffed: TestClient) -> None:
    assert schedule(staffed, WEEKLY)["warnings"] == []
    assert schedule(staffed, WEEKLY | {"ends": "2026-11-24"})["warnings"] == [
        "nobody is on call from 2026-11-24 08:00 (Europe/Amsterdam) for the rest of the next 7 days"
    ]
    nights = {"days": ["sat", "sun"], "from": "20:00", "to": "08:00"}
    shown = schedule(staffed, WEEKLY | {"windows": [nights]})
    assert shown["on_call"] == []
    assert shown["warnings"][0] == "nobody is on call from now until 2026-11-21 20:00 (Europe/Amsterdam)"


def test_the_time_to_the_next_gap_is_a_metric(staffed: TestClient) -> None:
    schedule(staffed, WEEKLY | {"ends": "2026-11-22"})
    staffed.put("/v1/schedules/day", json={"timezone": "UTC", "layers": [WEEKLY]})
    text = staffed.get("/metrics").text
    assert 'dispatcher_schedule_gap_seconds{schedule="night"} 75600.0' in text
    assert 'dispatcher_schedule_gap_seconds{schedule="day"} 604800.0' in text


def test_an_override_takes_over_and_can_be_taken_back(staffed: TestClient) -> None:
    schedule(staffed, WEEKLY)
    asked = {"contact": "carl", "instead_of": "anna", "ends_at": "2026-11-21T12:00:00Z", "why": "ill"}
    made = staffed.post("/v1/schedules/night/overrides", json=asked)
    assert made.status_code == 201
    assert made.json() | asked == made.json()
    assert made.json()["starts_at"] == "2026-11-21T10:00:00Z"

    now = staffed.get("/v1/schedules/night/on-call").json()
    assert (names(now["contacts"]), now["until"]) == (["carl"], "2026-11-21T12:00:00Z")
    assert staffed.get("/v1/schedules/night").json()["overrides"] == [made.json()]
    assert staffed.get("/v1/schedules/night/overrides").json()["items"] == [made.json()]

    path = f"/v1/schedules/night/overrides/{made.json()['id']}"
    assert staffed.delete(path).status_code == 204
    assert staffed.delete(path).status_code == 404
    assert names(staffed.get("/v1/schedules/night/on-call").json()["contacts"]) == ["anna"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"contact": "dora"}, "contact"),
        ({"contact": "carl", "instead_of": "dora"}, "instead_of"),
        ({"contact": "carl", "starts_at": "2026-11-23T00:00:00Z"}, "ends_at"),
        ({"contact": "carl", "ends_at": "2028-01-01T00:00:00Z"}, "ends_at"),
        (
            {"contact": "carl", "starts_at": "2026-11-20T00:00:00Z", "ends_at": "2026-11-21T09:00:00Z"},
            "ends_at",
        ),
    ],
)
def test_an_override_that_can_not_be_is_refused(staffed: TestClient, asked: Any, field: str) -> None:
    schedule(staffed, WEEKLY)
    answer = staffed.post("/v1/schedules/night/overrides", json={"ends_at": "2026-11-22T00:00:00Z"} | asked)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("layer", "field", "told"),
    [
        ({"members": ["dora"], "starts": "2026-11-16"}, "layers.0.members.0", "no contact named 'dora'"),
        ({"starts": "2026-11-16"}, "layers.0.members", "name at least one member"),
        ({"members": ["anna"]}, "layers.0.starts", "starts is needed"),
        (WEEKLY | {"every": {"days": 1, "hours": 1}}, "layers.0.every", "exactly one of hours, days, weeks"),
        (WEEKLY | {"every": {"days": 1}, "weekday": "mon"}, "layers.0.weekday", "weekday goes with weeks"),
        (WEEKLY | {"hand_over": "24:00"}, "layers.0.hand_over", "pattern"),
        (WEEKLY | {"starts": "0001-01-01"}, "layers.0.starts", "between 1971"),
        (WEEKLY | {"ends": "2026-11-16"}, "layers.0.ends", "ends must be after starts"),
        ({"kind": "calendar", "members": ["anna"]}, "layers.0.members", "a calendar names its people itself"),
    ],
)
def test_a_layer_that_can_not_be_is_refused(staffed: TestClient, layer: Any, field: str, told: str) -> None:
    answer = staffed.post(
        "/v1/schedules", json={"name": "night", "timezone": "Europe/Amsterdam", "layers": [layer]}
    )
    assert answer.status_code == 422
    assert told in answer.json()["detail"]
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


def test_a_schedule_that_is_not_there(staffed: TestClient) -> None:
    for path in ("", "/on-call", "/shifts", "/gaps", "/overrides", "/calendar"):
        assert staffed.get(f"/v1/schedules/none{path}").status_code == 404
    assert staffed.delete("/v1/schedules/none").status_code == 404


# Calendars.

CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:{who}\r\n"
    "DTSTART;TZID=Europe/Amsterdam:20261121T090000\r\nDTEND;TZID=Europe/Amsterdam:20261121T170000\r\n"
    "RRULE:FREQ=DAILY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


class Feed:
    """A calendar server on this machine; ``status`` and ``text`` are what it answers."""

    def __init__(self) -> None:
        self.status, self.text, self.asked = 200, CALENDAR.format(who="carl"), 0
        feed = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                feed.asked += 1
                self.send_response(feed.status)
                self.end_headers()
                self.wfile.write(feed.text.encode())

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/private-7f3a/rota.ics?token=hidden"
        self.thread = Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()


@pytest.fixture
def feed() -> Iterator[Feed]:
    made = Feed()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


def put_text(api: TestClient, text: str) -> Any:
    headers = {"Content-Type": "text/calendar"}
    return api.put("/v1/schedules/night/calendar", content=text.encode(), headers=headers)


def test_a_calendar_goes_over_the_layers_unless_one_of_them_is_its_place(staffed: TestClient) -> None:
    schedule(staffed, WEEKLY)
    answer = put_text(staffed, CALENDAR.format(who="Carl"))
    assert answer.status_code == 200
    assert answer.json()["on_call"] == ["carl"]
    assert answer.json()["calendar"] == {
        "feed": None,
        "at": "2026-11-21T10:00:00Z",
        "fetched_again_at": None,
        "problem": None,
    }
    assert schedule(staffed, {"kind": "calendar"}, WEEKLY)["on_call"] == ["anna"]
    assert schedule(staffed, {"kind": "calendar"}, WEEKLY | {"joins": "fill"})["on_call"] == ["carl"]

    answer = staffed.get("/v1/schedules/night/calendar")
    assert answer.text == CALENDAR.format(who="Carl")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert staffed.delete("/v1/schedules/night/calendar").status_code == 204
    assert staffed.get("/v1/schedules/night").json()["calendar"] is None


def test_a_calendar_that_names_a_stranger_is_told(staffed: TestClient) -> None:
    schedule(staffed)
    warnings = put_text(staffed, CALENDAR.format(who="Dora")).json()["warnings"]
    assert "nobody is on call from now for the rest of the next 7 days" in warnings
    assert "events of the calendar name nobody who is a contact: 'Dora'" in warnings
    warnings = put_text(staffed, CALENDAR.format(who="Dora + Carl")).json()["warnings"]
    assert "events of the calendar name, beside a contact, somebody who is none: 'dora'" in warnings


def test_what_is_no_calendar_is_refused_and_the_old_one_stays(staffed: TestClient) -> None:
    schedule(staffed)
    put_text(staffed, CALENDAR.format(who="carl"))
    answer = put_text(staffed, "<html></html>")
    assert answer.status_code == 422
    assert "not an iCalendar text" in answer.json()["detail"]
    assert put_text(staffed, "a" * 1_000_001).status_code == 413
    assert staffed.get("/v1/schedules/night").json()["on_call"] == ["carl"]


def test_a_feed_is_fetched_at_once_and_again_and_its_address_stays_secret(
    staffed: TestClient, feed: Feed, core: Core, clock: SettableClock
) -> None:
    schedule(staffed, WEEKLY)
    shown = staffed.put("/v1/schedules/night/calendar", json={"url": feed.url}).json()
    assert shown["on_call"] == ["carl"]
    assert (shown["calendar"]["feed"], shown["calendar"]["problem"]) == ("127.0.0.1", None)
    assert "7f3a" not in str(shown)

    feed.text = CALENDAR.format(who="bob")
    feeds.refetch(core)
    assert feed.asked == 1
    clock.move(minutes=15)
    feeds.refetch(core)
    assert feed.asked == 2
    assert staffed.get("/v1/schedules/night").json()["on_call"] == ["bob"]


def test_a_feed_that_fails_is_told_and_the_last_good_text_is_kept(
    staffed: TestClient, feed: Feed, core: Core, clock: SettableClock, caplog: pytest.LogCaptureFixture
) -> None:
    schedule(staffed)
    staffed.put("/v1/schedules/night/calendar", json={"url": feed.url})
    problems = []
    for feed.status, feed.text in ((503, ""), (200, "<html>Sign in</html>")):
        clock.move(minutes=15)
        feeds.refetch(core)
        shown = staffed.get("/v1/schedules/night").json()
        assert shown["on_call"] == ["carl"]
        assert any(one.startswith("the calendar could not be fetched") for one in shown["warnings"])
        problems.append(shown["calendar"]["problem"])
    assert problems[0] == "127.0.0.1 answered 503"
    assert problems[1].startswith("not an iCalendar text")
    assert "7f3a" not in caplog.text

    feed.text = CALENDAR.format(who="anna")
    clock.move(minutes=5)
    feeds.refetch(core)
    shown = staffed.get("/v1/schedules/night").json()
    assert (shown["on_call"], shown["calendar"]["problem"]) == (["anna"], None)


def test_a_feed_that_can_not_be_reached_is_no_error_of_the_request(staffed: TestClient, feed: Feed) -> None:
    schedule(staffed, WEEKLY)
    feed.server.server_close()
    answer = staffed.put("/v1/schedules/night/calendar", json={"url": feed.url})
    assert answer.status_code == 200
    assert answer.json()["on_call"] == ["anna"]
    assert answer.json()["calendar"]["problem"].startswith("127.0.0.1 ")


@pytest.mark.parametrize("url", ["ftp://example.org/a.ics", "a", 1])
def test_what_is_no_web_address_is_refused(staffed: TestClient, url: Any) -> None:
    schedule(staffed)
    answer = staffed.put("/v1/schedules/night/calendar", json={"url": url})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "url")
