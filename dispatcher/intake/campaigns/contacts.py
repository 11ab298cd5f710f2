"""Contact rows as they are written, checked and turned into contacts that can be called."""

from dispatcher.intake.campaigns.numbers import BadNumber, BadZone, Zones, check_zone, e164, parse_number
from dispatcher.intake.campaigns.rows import BadRow, RawRow
from dispatcher.store.contacts import Contact

LONGEST_TEXT = 255
"""Characters of a name or an external id."""


class _Wrong(ValueError):
    """A field that can't be used; its message says why."""


class Checker:
    """Judges rows by the campaign's region and by whether their time zone is known."""

    def __init__(self, region: str | None, zones: Zones) -> None:
        self._region = region
        self._zones = zones

    def check(self, row: RawRow) -> Contact | BadRow:
        """The contact, or what is wrong with the row."""
        field, value = "number", row.number
        try:
            text = _text(value)
            if text is None:
                return BadRow(row.line, field, "missing")
            number = parse_number(text, self._region)
            field, value = "name", row.name
            name = _short_text(value)
            field, value = "external_id", row.external_id
            external_id = _short_text(value)
            field, value = "timezone", row.timezone
            zone = _text(value)
            if zone is None:
                value = row.number
                zone = self._zones.of_number(number)
            else:
                check_zone(zone)
        except (BadNumber, BadZone, _Wrong) as error:
            return BadRow(row.line, field, str(error), str(value))
        return Contact(e164(number), name, external_id, zone, row.fields or None)


def _text(value: object) -> str | None:
    """A field's text without blanks around it; None when there is none. JSON may write it as a number."""
    if isinstance(value, str):
        return value.strip() or None
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _Wrong("send text")


def _short_text(value: object) -> str | None:
    text = _text(value)
    if text is not None and len(text) > LONGEST_TEXT:
        raise _Wrong(f"longer than {LONGEST_TEXT} characters")
    return text
