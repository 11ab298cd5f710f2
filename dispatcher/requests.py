"""What alarms, campaigns and notification policies ask for, as people and their systems write it.

The HTTP API and the configuration file read the same schemas. They say what a request may look like;
whether a number can be dialled and a PBX can place the message is intake's business.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, cast
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from dispatcher.domain.retry import RetryRules
from dispatcher.domain.vocabulary import MessageKind, Outcome
from dispatcher.errors import Misfit

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""A name or number that must not be blank."""

PbxNumber = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20, pattern=r"^[0-9*#]+$")]
"""The number of an IVR, a queue or a ring group on the PBX."""

PhoneNumber = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=40, pattern=r"^[+0-9(*#][-+0-9 ()./*#]*$")
]
"""A telephone number as people write it; what it means depends on the region."""

AckDigits = Annotated[str, StringConstraints(max_length=12, pattern=r"^[0-9*#]*$")]
"""The keys that acknowledge: each character is one key."""

Seconds = Annotated[float, Field(ge=0, le=30 * 86_400, allow_inf_nan=False)]
"""A span of time, from nothing to thirty days."""


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC this is before the year 1 or after the year 9999") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A point in time with its offset, brought to UTC."""

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be an IANA time zone, such as Europe/Amsterdam") from None
    return value


Zone = Annotated[str, AfterValidator(_zone), Field(examples=["Europe/Amsterdam"])]
"""The name of an IANA time zone."""

RecipientKind = Literal["number", "extension", "user", "contact", "group", "schedule"]
RECIPIENT_KINDS: tuple[RecipientKind, ...] = (
    "number",
    "extension",
    "user",
    "contact",
    "group",
    "schedule",
)


class Schema(BaseModel):
    """Refuses unknown keys, and keeps what was sent out of error texts."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )

    def _only_one_of(self, names: tuple[str, ...]) -> str:
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) != 1:
            found = f"got {' and '.join(given)}" if given else "got none of them"
            raise ValueError(f"exactly one of {', '.join(names)} is needed; {found}")
        return given[0]


class Recipient(Schema):
    """Whom to call: a number, an extension or user of a PBX, or a contact, group or schedule by its name."""

    number: PhoneNumber | None = Field(None, examples=["+31612345678"])
    """A telephone number, E.164 or national."""
    extension: Word | None = Field(None, examples=["1002"])
    """An extension of a PBX."""
    user: Word | None = Field(None, examples=["a.jansen"])
    """A user of a PBX (Axeos)."""
    contact: Word | None = Field(None, examples=["duty-engineer"])
    """A contact by its name."""
    group: Word | None = Field(None, examples=["ops"])
    """A group of contacts by its name."""
    schedule: Word | None = Field(None, examples=["night"])
    """Whoever is on call when the call is to be made."""
    pbx: Word | None = Field(None, examples=["hq"])
    """The PBX whose extension or user is meant, where several are configured."""
    name: Word | None = Field(None, examples=["Ann Jansen"])
    """Who this is, for people to read."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        kind = self._only_one_of(RECIPIENT_KINDS)
        if self.pbx is not None and kind not in ("extension", "user"):
            raise Misfit("pbx goes with an extension or a user only", "pbx")
        return self

    @property
    def kind(self) -> RecipientKind:
        """Which of the six it is."""
        return next(kind for kind in RECIPIENT_KINDS if getattr(self, kind) is not None)

    @property
    def value(self) -> str:
        """The number, extension or name itself."""
        return cast(str, getattr(self, self.kind))


class MessageSpec(Schema):
    """What the person hears: an IVR, prompts joined by ``+``, a queue or a ring group."""

    ivr: PbxNumber | None = Field(None, examples=["6500"])
    """The number of an IVR of the PBX."""
    prompt: Word | None = Field(None, examples=["boiler+evacuate"])
    """Names of prompts of the PBX, joined by `+`."""
    queue: PbxNumber | None = Field(None, examples=["6700"])
    """The number of a queue."""
    ring_group: PbxNumber | None = Field(None, examples=["6200"])
    """The number of a ring group."""
    count: Annotated[int, Field(ge=1, le=100)] = 1
    """How often the prompts are played."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        kind = self._only_one_of(tuple(MessageKind))
        if kind != MessageKind.PROMPT and self.count != 1:
            raise Misfit("count goes with a prompt only", "count")
        return self

    @field_validator("prompt")
    @classmethod
    def _names_only(cls, prompt: str | None) -> str | None:
        if prompt is not None and not all(part.strip() for part in prompt.split("+")):
            raise ValueError("must be names of prompts, joined by single + signs")
        return prompt

    @property
    def kind(self) -> MessageKind:
        """Which of the four it is."""
        return next(kind for kind in MessageKind if getattr(self, kind) is not None)

    @property
    def value(self) -> str:
        """The IVR's, queue's or ring group's number, or the prompts' names."""
        return cast(str, getattr(self, self.kind))


class WindowSpec(Schema):
    """On which days and between which local times people may be called.

    A ``to`` before ``from`` runs over midnight into the next day.
    """

    days: Annotated[list[Day], Field(min_length=1, description="The days on which the window begins.")]
    start: str = Field(alias="from", examples=["09:00"], description="When it begins, in local time.")
    end: str = Field(alias="to", examples=["20:00"], description="`24:00` is the end of the day.")

    @field_validator("start", "end")
    @classmethod
    def _is_clock(cls, value: str, info: Any) -> str:
        if _CLOCK.fullmatch(value) or (info.field_name == "end" and value == "24:00"):
            return value
        raise ValueError("write a time of day as HH:MM, from 00:00 to 23:59")

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.start == self.end:
            raise Misfit("from and to are the same; for a whole day write 00:00 to 24:00", "to")
        return self

    def document(self) -> dict[str, Any]:
        """The window as the store keeps it."""
        return {"days": sorted(set(self.days), key=_DAYS.index), "from": self.start, "to": self.end}


class RetrySpec(Schema):
    """The one budget of attempts, and for any outcome the seconds before the next attempt."""

    max_attempts: Annotated[int, Field(ge=1, le=100)] = RetryRules().max_attempts
    """The one budget of attempts, for all outcomes together."""
    delivered: Seconds | None = None
    not_heard: Seconds | None = None
    busy: Seconds | None = None
    no_answer: Seconds | None = None
    rejected: Seconds | None = None
    invalid_number: Seconds | None = None
    unreachable: Seconds | None = None
    congestion: Seconds | None = None
    not_permitted: Seconds | None = None
    voicemail: Seconds | None = None
    cancelled: Seconds | None = None
    unknown: Seconds | None = None

    @model_validator(mode="before")
    @classmethod
    def _knows_every_key(cls, value: Any) -> Any:
        known = ["max_attempts", *Outcome]
        unknown = [str(key) for key in value if key not in known] if isinstance(value, dict) else []
        if unknown:
            raise Misfit(f"there is no {', '.join(unknown)}; the keys are {', '.join(known)}", unknown[0])
        return value

    def rules(self) -> RetryRules:
        """The rules, as the domain reads them."""
        delays = {outcome: getattr(self, outcome) for outcome in Outcome}
        return RetryRules(
            self.max_attempts, {outcome: delay for outcome, delay in delays.items() if delay is not None}
        )

    def document(self) -> dict[str, Any]:
        """The rules, as the store keeps them."""
        return self.model_dump(exclude_none=True)
