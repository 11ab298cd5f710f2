"""Lines: the configured trunks as the pacer and the dialer use them."""

from dataclasses import dataclass
from enum import StrEnum

import phonenumbers

from dispatcher.store.trunks import INTERNAL


class NumberFormat(StrEnum):
    """How a trunk wants an E.164 number dialled, before the trunk's prefix."""

    DIGITS = "digits"
    """``31612345678``: the country code and the number."""
    PLUS = "plus"
    """``+31612345678``."""
    INTERNATIONAL = "international"
    """``0031612345678``: with the international prefix."""
    NATIONAL = "national"
    """``0612345678`` inside the trunk's region, international elsewhere."""


@dataclass(frozen=True, slots=True)
class Line:
    """A trunk as it is dialled on. The line without a trunk stands for the PBX's own extensions."""

    pbx: str
    trunk: str
    channels: int
    reserved_for_alarms: int = 0
    calls_per_second: float | None = None
    extension: str = ""
    prefix: str = ""
    answer_supervision: bool = True
    number_format: NumberFormat = NumberFormat.DIGITS
    region: str = ""

    @property
    def is_internal(self) -> bool:
        """Whether this stands for calls to extensions, which take no trunk."""
        return self.trunk == INTERNAL

    def digits(self, number: str) -> str:
        """The digits for an E.164 number as this trunk wants them, without the prefix.

        A number that is not E.164 is dialled as it is.
        """
        if self.number_format is NumberFormat.PLUS or not number.startswith("+"):
            return number
        if self.number_format is NumberFormat.DIGITS:
            return number[1:]
        if self.number_format is NumberFormat.NATIONAL and self.region:
            parsed = phonenumbers.parse(number)
            if parsed.country_code == phonenumbers.country_code_for_region(self.region):
                national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
                return "".join(letter for letter in national if letter.isdigit())
        return f"00{number[1:]}"
