"""Lines: the configured trunks as the pacer and the dialer use them."""

from dataclasses import dataclass
from enum import StrEnum

import phonenumbers

from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, TargetKind
from dispatcher.pbx.protocol import Capabilities
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
    rank: int = 0
    """Its place in the hunt order: of the trunks that can carry a call, the lowest is asked first."""
    abilities: Capabilities | None = None
    """What its PBX can place and prove; None is everything."""
    reports_are_fetched: bool = False
    """Whether its PBX posts no reports, so that nothing is known of calls while nobody fetches them."""
    own_ids: bool = False
    """Whether its PBX takes the attempt's own id for the call's."""

    @property
    def key(self) -> str:
        """How requests and events name the trunk."""
        return f"{self.pbx}/{self.trunk}"

    def places(self, kind: str, count: int, delivered_when: str) -> bool:
        """Whether its PBX can play such a message to an outside number, and prove its delivery."""
        return kind in self.kinds and (count <= 1 or self.repeats) and delivered_when in self.proofs

    @property
    def proofs(self) -> list[str]:
        """The values of ``delivered_when`` that its PBX can prove of calls to outside numbers."""
        return list(DeliveredWhen if self.abilities is None else self.abilities.proofs(TargetKind.NUMBER))

    @property
    def repeats(self) -> bool:
        """Whether its PBX repeats prompts by request."""
        return self.abilities is None or self.abilities.prompt_count

    @property
    def dials_at_once(self) -> bool:
        """Whether one thread can send many dial requests to its PBX at once."""
        return self.abilities is not None and self.abilities.dials_together

    @property
    def kinds(self) -> list[str]:
        """The kinds of message that its PBX can play to an outside number."""
        if self.abilities is None:
            return list(MessageKind)
        return [kind for kind, target in self.abilities.placeable if target is TargetKind.NUMBER]

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
