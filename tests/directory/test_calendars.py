"""iCalendar texts as rotas: as Google, Outlook, PagerDuty and people's own scripts write them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dispatcher.directory.calendars import BadCalendar, CalendarRota, check, parsed
from dispatcher.domain.schedules import Layer, Schedule, gaps, on_call

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
MEANS = {"anna": "anna", "bob@example.org": "bob", "carl smit": "carl"}


def calendar(*events: str) -> str:
    """A text with an event of each of ``events``, whose lines are parted by bars."""
    bodies = [
        "\r\n".join(["BEGIN:VEVENT", f"UID:{number}@example.org", *event.split("|"), "END:VEVENT"])
        for number, event in enumerate(events)
    ]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test", *bodies, "END:VCALENDAR", ""])


def local(at: datetime) -> str:
    return f"{at.astimezone(AMSTERDAM):%m-%d %H:%M}"


def duties(text: str, start: str, days: int = 7) -> list[tuple[str, str, str]]:
    begin = datetime.fromisoformat(start).replace(tzinfo=AMSTERDAM)
    rota = CalendarRota(parsed(text), AMSTERDAM, MEANS)
    found = rota.duties(begin, begin + timedelta(days=days))
    return [(local(one.start), local(one.end), "+".join(one.who)) for one in found]


def test_a_weekly_duty_keeps_its_local_hour_when_summer_time_ends() -> None:
    text = calendar(
        "SUMMARY:Anna|DTSTART;TZID=Europe/Amsterdam:20261019T080000|DTEND;TZID=Europe/Amsterdam:20261020T080000|"
        "RRULE:FREQ=WEEKLY"
    )
    assert duties(text, "2026-10-19", 14) == [
        ("10-19 08:00", "10-20 08:00", "anna"),
        ("10-26 08:00", "10-27 08:00", "anna"),
    ]


def test_an_exception_and_a_moved_occurrence() -> None:
    daily = "SUMMARY:Anna|DTSTART:20261116T070000Z|DTEND:20261116T080000Z|RRULE:FREQ=DAILY;COUNT=4"
    text = calendar(f"{daily}|EXDATE:20261117T070000Z").replace(
        "END:VCALENDAR",
        "BEGIN:VEVENT\r\nUID:0@example.org\r\nRECURRENCE-ID:20261118T070000Z\r\nSUMMARY:Carl Smit\r\n"
        "DTSTART:20261118T120000Z\r\nDTEND:20261118T130000Z\r\nEND:VEVENT\r\nEND:VCALENDAR",
    )
    assert duties(text, "2026-11-16") == [
        ("11-16 08:00", "11-16 09:00", "anna"),
        ("11-18 13:00", "11-18 14:00", "carl"),
        ("11-19 08:00", "11-19 09:00", "anna"),
    ]


def test_whole_days_and_times_without_a_zone_are_those_of_the_schedule() -> None:
    text = calendar(
        "SUMMARY:anna|DTSTART;VALUE=DATE:20261121|DTEND;VALUE=DATE:20261123",
        "SUMMARY:carl smit|DTSTART:20261124T090000|DURATION:PT2H",
    )
    assert duties(text, "2026-11-20") == [
        ("11-21 00:00", "11-23 00:00", "anna"),
        ("11-24 09:00", "11-24 11:00", "carl"),
    ]


@pytest.mark.parametrize(
    "place", ["Europe/Amsterdam", "Pacific/Auckland", "Pacific/Honolulu", "Asia/Kolkata"]
)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("DTSTART;VALUE=DATE:20261005|DTEND;VALUE=DATE:20261012", "DTSTART;VALUE=DATE:20261012"),
        ("DTSTART:20261005T080000|DTEND:20261012T080000", "DTSTART:20261012T080000|DTEND:20261012T200000"),
    ],
)
def test_at_every_instant_whoever_has_the_day_is_on_call(first: str, second: str, place: str) -> None:
    zone = ZoneInfo(place)
    text = calendar(f"SUMMARY:anna|{first}", f"SUMMARY:carl smit|{second}")
    schedule = Schedule([Layer(CalendarRota(parsed(text), zone, MEANS))])
    hour = 8 if "T08" in first else 0
    begin = datetime(2026, 10, 5, hour, tzinfo=zone)
    change, end = begin + timedelta(days=7), begin + timedelta(days=7, hours=12)
    expected = [
        ((), -1),
        (("anna",), 0),
        (("anna",), 7 * 24 - 1),
        (("carl",), 7 * 24),
        (("carl",), 7 * 24 + 11),
    ]
    for who, hours in expected:
        assert on_call(schedule, (begin + timedelta(hours=hours, minutes=30)).astimezone(UTC)) == who
    assert on_call(schedule, change.astimezone(UTC)) == ("carl",)
    assert gaps(schedule, begin.astimezone(UTC), end.astimezone(UTC)) == []


@pytest.mark.parametrize("day", ["2026-10-25", "2026-03-29"])
def test_a_night_duty_lasts_to_its_last_hour_when_the_clock_is_changed(day: str) -> None:
    nights = "DTSTART;TZID=Europe/Amsterdam:20260101T200000|DTEND;TZID=Europe/Amsterdam:20260102T080000"
    text = calendar(f"SUMMARY:anna|{nights}|RRULE:FREQ=DAILY")
    schedule = Schedule([Layer(CalendarRota(parsed(text), AMSTERDAM, MEANS))])
    morning = datetime.fromisoformat(f"{day}T07:30").replace(tzinfo=AMSTERDAM)
    assert on_call(schedule, morning.astimezone(UTC)) == ("anna",)
    assert on_call(schedule, morning.astimezone(UTC) + timedelta(hours=1)) == ()


@pytest.mark.parametrize(
    ("lines", "who"),
    [
        ("SUMMARY:anna", "anna"),
        ("SUMMARY: [L1] Anna ", "anna"),
        ("SUMMARY:Anna\\, Carl Smit", "anna+carl"),
        ("SUMMARY:Carl Smit and Anna", "carl+anna"),
        ("SUMMARY:On call|ATTENDEE;CN=Bob B:mailto:Bob@Example.org", "bob"),
        ("SUMMARY:anna|ATTENDEE;CN=Carl Smit:mailto:carl@example.org", "carl"),
        ("SUMMARY:anna|ATTENDEE:mailto:who@example.org", "anna"),
        ("SUMMARY:anna|ATTENDEE;PARTSTAT=DECLINED:mailto:bob@example.org", "anna"),
        ("SUMMARY:x|ATTENDEE:mailto:bob@example.org|ATTENDEE;CN=ANNA:mailto:a@example.org", "bob+anna"),
    ],
)
def test_whom_an_event_names(lines: str, who: str) -> None:
    text = calendar(f"{lines}|DTSTART:20261121T090000Z|DTEND:20261121T100000Z")
    assert [one[2] for one in duties(text, "2026-11-21")] == [who]


def test_events_that_name_nobody_are_told() -> None:
    when = "DTSTART:20261121T090000Z|DTEND:20261121T100000Z"
    off = f"SUMMARY:Off|STATUS:CANCELLED|{when}"
    text = calendar(f"SUMMARY:Dora|{when}", off, f"SUMMARY:anna|{when}", when)
    rota = CalendarRota(parsed(text), AMSTERDAM, MEANS)
    assert rota.strangers(NOW - timedelta(days=1), NOW + timedelta(days=1)) == ["", "Dora"]
    assert rota.strangers(NOW, NOW + timedelta(days=1)) == []
    assert [one[2] for one in duties(text, "2026-11-21")] == ["anna"]


def test_names_that_mean_nobody_beside_a_contact_are_told() -> None:
    when = "DTSTART:20261121T090000Z|DTEND:20261121T100000Z"
    guests = f"SUMMARY:x and y|ATTENDEE:mailto:bob@example.org|ATTENDEE:mailto:room@example.org|{when}"
    text = calendar(f"SUMMARY:Dora and Anna|{when}", guests, f"SUMMARY:nobody and none|{when}")
    rota = CalendarRota(parsed(text), AMSTERDAM, MEANS)
    assert rota.left_out(NOW - timedelta(days=1), NOW + timedelta(days=1)) == ["dora"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not an iCalendar text"),
        ("<html>Sign in</html>", "not an iCalendar text"),
        ("BEGIN:VEVENT\r\nEND:VEVENT\r\n", "does not begin with BEGIN:VCALENDAR"),
        (calendar("SUMMARY:a|DTSTART:20261121T090000Z|RRULE:FREQ=MINUTELY"), "repeats MINUTELY"),
        (calendar("SUMMARY:a|DTSTART:20261121T090000Z|RRULE:FREQ=DAILY;BYDAY=XX"), "can't be read"),
        (calendar("SUMMARY:a|DTEND:20261121T090000Z"), "can't be read"),
        (calendar("SUMMARY:" + "a" * 1_000_000), "larger than"),
    ],
)
def test_what_is_no_calendar_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(BadCalendar, match=why):
        check(text, NOW)


def test_a_calendar_that_can_be_used_passes() -> None:
    assert check(calendar("SUMMARY:Anna|DTSTART:20261121T090000Z|RRULE:FREQ=DAILY"), NOW).words == {"anna"}
