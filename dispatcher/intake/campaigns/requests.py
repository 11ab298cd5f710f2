"""What a campaign asks for, as people and their systems write it."""

from typing import Annotated, Self

import phonenumbers
from pydantic import (
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    field_validator,
    model_validator,
)

from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind
from dispatcher.errors import Fault, Refused
from dispatcher.intake.campaigns.numbers import BadZone, check_zone
from dispatcher.requests import AckDigits, MessageSpec, Moment, RetrySpec, WindowSpec

RECIPIENT = "recipient"
"""A ``timezone`` that means each callee's own."""

_URL: TypeAdapter[AnyHttpUrl] = TypeAdapter(AnyHttpUrl)


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class NewCampaign(_Schema):
    """One message for many people, at a pace. It is made as a draft, which calls nobody yet."""

    name: Name
    message: MessageSpec = Field(examples=[{"ivr": "6500"}])
    delivered_when: DeliveredWhen | None = Field(
        default=None,
        description=(
            "What must be proven before a call counts as delivered; by default `heard`, "
            "and `answered` with a queue or ring group."
        ),
    )
    ack_digits: AckDigits = Field(default="1", description="The keys that acknowledge, with `acknowledged`.")
    retry: RetrySpec = RetrySpec()
    priority: Annotated[int, Field(ge=0, le=9)] = Field(default=5, description="9 goes first.")
    weight: Annotated[int, Field(ge=1, le=100)] = Field(
        default=1, description="The share of the channels among campaigns of one priority."
    )
    max_concurrent: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="So many calls at once at most; null: as many as there are channels."
    )
    trunks: Annotated[list[Name], Field(min_length=1, max_length=500)] | None = Field(
        default=None,
        description="As `pbx/trunk`, in the order in which they are tried; null: all.",
        examples=[["hq/SPS-6-36"]],
    )
    windows: Annotated[list[WindowSpec], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="When people may be called; null: at any time."
    )
    timezone: str | None = Field(
        default=None,
        description=(
            "The windows' time zone: an IANA name, or `recipient` (the default with windows): each callee's "
            "own, from the row's `timezone`, else from the number. A number that may be in several zones "
            "is only called while all of them are within the windows."
        ),
        examples=["Europe/Amsterdam"],
    )
    region: str | None = Field(
        default=None, description="The country (ISO 3166) of numbers without a country code.", examples=["NL"]
    )
    expires_at: Moment | None = Field(default=None, description="No call is placed after this.")
    callback_url: Annotated[str, StringConstraints(max_length=2000)] | None = Field(
        default=None,
        description=(
            "Told the outcome of each call and every change of the campaign, as Standard Webhooks say; "
            "signed when `webhooks.callback_secret` is configured."
        ),
        examples=["https://crm.example.org/calls"],
    )

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str | None) -> str | None:
        if value is None or value == RECIPIENT:
            return value
        try:
            return check_zone(value)
        except BadZone as error:
            raise ValueError(f"{error}, or {RECIPIENT!r}") from None

    @field_validator("region")
    @classmethod
    def _is_region(cls, value: str | None) -> str | None:
        if value is None:
            return None
        region = value.strip().upper()
        if region not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError("not a country's ISO 3166 code of two letters, such as NL")
        return region

    @field_validator("callback_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                url = _URL.validate_python(value)
            except ValueError:
                raise ValueError("not an http or https address") from None
            if url.username or url.password:
                raise ValueError("must not hold a user name or password: the signature shows who sends")
        return value

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        if self.delivered_when is DeliveredWhen.ACKNOWLEDGED and not self.ack_digits:
            raise Refused(Fault(("ack_digits",), "name the keys that acknowledge"))
        return self

    def proof(self) -> DeliveredWhen:
        """What must be proven before a call counts as delivered."""
        if self.delivered_when is not None:
            return self.delivered_when
        played = self.message.kind in (MessageKind.IVR, MessageKind.PROMPT)
        return DeliveredWhen.HEARD if played else DeliveredWhen.ANSWERED

    def zone(self) -> str | None:
        """The time zone that the windows go by: without one, each callee's own."""
        return RECIPIENT if self.windows and self.timezone is None else self.timezone
