"""Telephone numbers of contact rows, and the time zones that a number may be in."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from zoneinfo import available_timezones

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult
from phonenumbers import timezone as number_zones

from dispatcher.domain.windows import Window
from dispatcher.domain.zones import SEPARATOR, distinct, next_opening_everywhere, zones_from

LONGEST = 40
"""Characters of a number as it is written; E.164 has fifteen digits."""

_WRONG_LENGTH = {
    ValidationResult.TOO_SHORT: "too short",
    ValidationResult.TOO_LONG: "too long",
    ValidationResult.INVALID_LENGTH: "of a length that no number of this country has",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "local: the area code is missing",
    ValidationResult.INVALID_COUNTRY_CODE: "of a country code that does not exist",
}


class BadNumber(ValueError):
    """A text that is no telephone number that can be dialled; its message says why."""


class BadZone(ValueError):
    """A time zone that is not known, or in which a call would never be allowed."""


def parse_number(text: str, region: str | None) -> PhoneNumber:
    """A number written in E.164, or nationally when ``region`` (an ISO country) is given.

    It must have a length that exists in its country's plan. Numbers of ranges that are not known to
    be in use are taken: numbering plans change faster than the library's data. Raises BadNumber.
    """
    if len(text) > LONGEST:
        raise BadNumber(f"longer than {LONGEST} characters")
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise BadNumber(_unparsable(text, region, error)) from None
    if number.extension:
        raise BadNumber("an extension behind a number can't be dialled")
    length = phonenumbers.is_possible_number_with_reason(number)
    if length != ValidationResult.IS_POSSIBLE:
        raise BadNumber(_WRONG_LENGTH.get(length, "not possible"))
    return number


def _unparsable(text: str, region: str | None, error: NumberParseException) -> str:
    if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
        if text.lstrip().startswith("+"):
            return "of a country code that does not exist"
        if region is None:
            return "begin it with + and the country code, or give the campaign a region"
    return "not a telephone number"


def e164(number: PhoneNumber) -> str:
    """The number as ``+31612345678``."""
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


@lru_cache(maxsize=1)
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def check_zone(name: str) -> str:
    """``name`` when it is an IANA time zone; raises BadZone."""
    if name not in _known_zones():
        raise BadZone("not an IANA time zone, such as Europe/Amsterdam")
    return name


class Zones:
    """Finds the time zones that a number may be in, and checks that a call is ever allowed in all.

    ``windows`` are the campaign's, when it goes by each callee's own time; else empty.
    """

    def __init__(self, windows: Sequence[Window], now: datetime) -> None:
        self._windows = windows
        self._now = now
        self._known: dict[tuple[str, ...], str | BadZone] = {}

    def of_number(self, number: PhoneNumber) -> str | None:
        """The zones as they are stored in a call; None when they don't matter. Raises BadZone."""
        if not self._windows:
            return None
        names = number_zones.time_zones_for_number(number)
        if names == (number_zones.UNKNOWN_TIMEZONE,):
            # The range is not known to be in use; its first digits still tell the country or the area.
            names = number_zones.time_zones_for_geographical_number(number)
        known = self._known.get(names)
        if known is None:
            known = self._known[names] = self._judge(names)
        if isinstance(known, BadZone):
            raise known
        return known

    def _judge(self, names: tuple[str, ...]) -> str | BadZone:
        usable = [name for name in names if name in _known_zones() and name != number_zones.UNKNOWN_TIMEZONE]
        if len(usable) < len(names):
            return BadZone("the number's time zone is not known: give a timezone column")
        text = SEPARATOR.join(distinct(usable, self._now))
        try:
            next_opening_everywhere(self._windows, zones_from(text), self._now)
        except ValueError:
            return BadZone("the number's time zones never share a calling window: give a timezone column")
        return text
