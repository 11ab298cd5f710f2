"""Contacts, groups, schedules, overrides and forbidden numbers, as people and their systems write them."""

from datetime import datetime
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from dispatcher.config.fields import Name as _Name
from dispatcher.directory.layers import LayerSpec, LocalDate
from dispatcher.errors import Misfit
from dispatcher.requests import Moment, PhoneNumber, Schema, Word, Zone

Name = Annotated[
    _Name, Field(description="Letters, digits, `_`, `.` and `-`; at most 64.", examples=["duty-engineer"])
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
MOST_WAYS = 10
MOST_MEMBERS = 1000
MOST_LAYERS = 20
MOST_HOLIDAYS = 500

_ANNA = {
    "name": "anna",
    "full_name": "Anna Jansen",
    "ways": [{"number": "+31612345678"}, {"extension": "1002"}],
    "timezone": "Europe/Amsterdam",
    "limits": {"per_minute": 2, "per_hour": 10},
    "details": {"email": "anna@example.org"},
}


class WaySpec(Schema):
    """One way to reach somebody: a number, or an extension or user of a PBX."""

    number: PhoneNumber | None = Field(None, examples=["+31612345678"])
    extension: Word | None = Field(None, examples=["1002"])
    user: Word | None = Field(None, examples=["a.jansen"])
    pbx: Word | None = Field(None, description="Whose extension or user it is, where there are several PBXs.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self._only_one_of(("number", "extension", "user")) == "number" and self.pbx is not None:
            raise Misfit("pbx goes with an extension or a user only", "pbx")
        return self


class LimitsSpec(Schema):
    """So many calls for alarms at most."""

    per_minute: Annotated[int, Field(ge=1, le=1000)] | None = None
    per_hour: Annotated[int, Field(ge=1, le=10_000)] | None = None


class ContactSpec(Schema):
    """A person, with the ways to reach them."""

    full_name: Word | None = Field(None, examples=["Anna Jansen"])
    ways: Annotated[list[WaySpec], Field(min_length=1, max_length=MOST_WAYS)] = Field(
        description="In the order in which they are tried."
    )
    timezone: Zone | None = None
    limits: LimitsSpec = Field(LimitsSpec(), description="Calls for alarms that this person takes at most.")
    details: dict[str, Any] | None = Field(
        None, description="Anything else; kept and shown. Calendars may name the person by `email`."
    )

    @field_validator("ways")
    @classmethod
    def _are_different(cls, ways: list[WaySpec]) -> list[WaySpec]:
        if len({(way.number, way.extension, way.user, way.pbx) for way in ways}) < len(ways):
            raise ValueError("a way is there twice")
        return ways


class NewContact(ContactSpec, json_schema_extra={"examples": [_ANNA]}):
    """A contact, with its name."""

    name: Name


class ContactGroupSpec(Schema):
    """Several contacts under one name."""

    description: Text = ""
    members: Annotated[list[Name], Field(max_length=MOST_MEMBERS)] = Field(
        description="Contacts, in the order in which they are called.", examples=[["anna", "bob"]]
    )

    @field_validator("members")
    @classmethod
    def _are_different(cls, members: list[str]) -> list[str]:
        return list(dict.fromkeys(members))


class NewContactGroup(ContactGroupSpec):
    """A group, with its name."""

    name: Name = Field(examples=["ops"])


class Holiday(Schema):
    """A day that is unlike others of its weekday, from midnight to midnight."""

    date: LocalDate = Field(examples=["2026-12-25"])
    name: Text = Field("", examples=["Christmas"])


_ROTA = {
    "name": "night",
    "timezone": "Europe/Amsterdam",
    "layers": [
        {
            "members": ["anna", "bob"],
            "every": {"weeks": 1},
            "weekday": "mon",
            "hand_over": "08:00",
            "starts": "2026-11-23",
        },
        {
            "name": "office",
            "members": ["desk"],
            "starts": "2026-11-23",
            "windows": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:00"}],
            "holidays": "skip",
        },
    ],
    "holidays": [{"date": "2026-12-25", "name": "Christmas"}],
}


class ScheduleSpec(Schema):
    """Who is on call when: layers, the later over the earlier ones, and a calendar if there is one."""

    description: Text = ""
    timezone: Zone
    layers: Annotated[list[LayerSpec], Field(max_length=MOST_LAYERS)] = Field(default_factory=list)
    holidays: Annotated[list[Holiday], Field(max_length=MOST_HOLIDAYS)] = Field(default_factory=list)

    @field_validator("layers")
    @classmethod
    def _have_one_calendar(cls, layers: list[LayerSpec]) -> list[LayerSpec]:
        if sum(layer.kind == "calendar" for layer in layers) > 1:
            raise ValueError("a schedule has one calendar, so one layer of it")
        return layers

    def members(self) -> list[tuple[int, int, str]]:
        """Every contact that is named, with the layer and the place in it."""
        return [
            (layer, place, name)
            for layer, spec in enumerate(self.layers)
            for place, name in enumerate(spec.members)
        ]


class NewSchedule(ScheduleSpec, json_schema_extra={"examples": [_ROTA]}):
    """A schedule, with its name."""

    name: Name = Field(examples=["night"])


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must begin with http:// or https:// and name a host")
    return value


class CalendarFeed(Schema):
    """Where a schedule's iCalendar text is fetched from."""

    url: Annotated[str, StringConstraints(max_length=2000), AfterValidator(_web_address)] = Field(
        examples=["https://calendar.example.org/rota.ics"],
        description="It is never shown again but for its host: whoever has such an address can read it.",
    )


class OverrideSpec(Schema):
    """Somebody takes over for a time, or nobody does."""

    contact: Name | None = Field(
        description="Who takes over; null: nobody, so that whoever is on call is off for that time.",
        examples=["carl"],
    )
    instead_of: Name | None = Field(
        None, description="Whose duty it is; null: everybody's, also when nobody is on call."
    )
    starts_at: Moment | None = Field(None, description="Null: now.")
    ends_at: Moment
    why: Text = Field("", examples=["anna is ill"])

    @model_validator(mode="after")
    def _is_somebody_else(self) -> Self:
        if self.contact is not None and self.contact == self.instead_of:
            raise Misfit("contact and instead_of are the same person", "instead_of")
        return self

    def begin(self, now: datetime) -> datetime:
        """When it begins."""
        return self.starts_at or now


class DoNotCallSpec(Schema):
    """Why, how far and for how long a number may not be called."""

    why: Text = Field("", examples=["asked by letter"])
    alarms_too: bool = Field(False, description="Not even for alarms; else only campaigns leave it out.")
    expires_at: Moment | None = Field(None, description="Until when; null: for good.")


class NewDoNotCall(DoNotCallSpec):
    """A number that may not be called."""

    number: PhoneNumber = Field(examples=["+31612345678"])
