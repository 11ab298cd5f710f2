"""Numbers as people write them, and the time zones in which their phones may ring."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from dispatcher.domain.zones import opening, zones_from
from dispatcher.intake.campaigns.numbers import BadNumber, BadZone, Zones, check_zone, e164, parse_number
from dispatcher.store.campaigns import windows_from
from tests.cores import START

OFFICE = windows_from([{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}])


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("+31612345678", None, "+31612345678"),
        ("06 - 12 34 56 78", "NL", "+31612345678"),
        ("0031612345678", "NL", "+31612345678"),
        ("(020) 123 4567", "NL", "+31201234567"),
        ("011 31 6 12345678", "US", "+31612345678"),
        ("415-555-2671", "US", "+14155552671"),
        ("+15551234567", None, "+15551234567"),  # no such area code, but a possible number
    ],
)
def test_numbers_are_taken_as_they_are_written(text: str, region: str | None, number: str) -> None:
    assert e164(parse_number(text, region)) == number


@pytest.mark.parametrize(
    ("text", "region", "reason"),
    [
        ("0612345678", None, "give the campaign a region"),
        ("+999123456789", None, "a country code that does not exist"),
        ("12", "NL", "too short"),
        ("+31612345678901", None, "too long"),
        ("555-2671", "US", "the area code is missing"),
        ("+31612345678 ext. 9", None, "an extension"),
        ("Anna", "NL", "not a telephone number"),
        ("1" * 41, "NL", "longer than 40"),
    ],
)
def test_what_is_no_number_says_why(text: str, region: str | None, reason: str) -> None:
    with pytest.raises(BadNumber, match=reason):
        parse_number(text, region)


def zones_of(number: str) -> str | None:
    return Zones(OFFICE, START).of_number(parse_number(number, None))


def test_a_number_has_the_zones_of_its_area() -> None:
    assert zones_of("+31612345678") == "Europe/Amsterdam"
    assert zones_of("+14155552671") == "America/Los_Angeles"
    # Guernsey, Jersey and the Isle of Man keep London's time: one of the four stands for all.
    assert zones_of("+447400123456") == "Europe/Guernsey"
    assert zones_of("+34612345678") == "Atlantic/Canary,Europe/Madrid"


def test_a_number_that_could_never_be_called_in_all_its_zones_is_refused() -> None:
    with pytest.raises(BadZone, match="never share a calling window"):
        zones_of("+18005551234")  # from Guam to Puerto Rico
    with pytest.raises(BadZone, match="not known"):
        zones_of("+881612345678")


def test_without_windows_zones_do_not_matter() -> None:
    assert Zones((), START).of_number(parse_number("+881612345678", None)) is None


@pytest.mark.parametrize("name", ["", "europe/amsterdam!", "../../etc/passwd", "Europe", "UTC+1", "x" * 999])
def test_only_iana_names_are_zones(name: str) -> None:
    with pytest.raises(BadZone):
        check_zone(name)


def test_a_call_waits_until_every_zone_is_open() -> None:
    spain = "Atlantic/Canary,Europe/Madrid"
    monday = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)  # 09:30 in Madrid, 08:30 on the Canaries

    assert opening(OFFICE, spain, monday) == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert opening(OFFICE, "Europe/Madrid", monday) == monday
    # 16:30 on the Canaries is 17:30 in Madrid: the day is over.
    late = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
    assert opening(OFFICE, spain, late) == datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_zones_that_never_overlap_never_open() -> None:
    with pytest.raises(ValueError, match="never overlap"):
        opening(OFFICE, "Asia/Tokyo,America/New_York", START)


def test_no_zone_is_utc_and_no_windows_are_always_open() -> None:
    assert opening([], None, START) == START
    assert opening(OFFICE, None, START) == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert zones_from("Europe/Amsterdam") == (ZoneInfo("Europe/Amsterdam"),)


def test_a_whole_day_can_be_a_window() -> None:
    saturday = windows_from([{"days": ["sat"], "from": "00:00", "to": "24:00"}])

    assert opening(saturday, "UTC", datetime(2026, 11, 21, 23, 59, tzinfo=UTC)).day == 21
    assert opening(saturday, "UTC", datetime(2026, 11, 22, 0, 0, tzinfo=UTC)).day == 28
