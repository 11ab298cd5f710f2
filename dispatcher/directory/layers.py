"""Layers of a schedule as people write them, and what the domain makes of them."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from dispatcher.domain.rotations import OnHolidays, Restricted, Rota, Rotation
from dispatcher.domain.schedules import Joins, Layer
from dispatcher.domain.windows import DAYS, Window
from dispatcher.errors import Misfit
from dispatcher.requests import Day, Schema, WindowSpec, Word, Zone


def _clock(value: str) -> str:
    time.fromisoformat(value)
    return value


Clock = Annotated[
    str,
    StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"),
    AfterValidator(_clock),
    Field(examples=["08:00"]),
]
"""A time of day, ``HH:MM``."""

_EARLIEST, _LATEST = date(1971, 1, 1), date(2200, 1, 1)


def _sensible(value: date) -> date:
    if not _EARLIEST <= value <= _LATEST:
        raise ValueError(f"must be between {_EARLIEST} and {_LATEST}")
    return value


LocalDate = Annotated[date, AfterValidator(_sensible)]
"""A day of the calendar on the wall."""


class Every(Schema):
    """How long one member's turn is."""

    hours: Annotated[int, Field(ge=1, le=24 * 366)] | None = None
    days: Annotated[int, Field(ge=1, le=366)] | None = None
    weeks: Annotated[int, Field(ge=1, le=52)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        self._only_one_of(("hours", "days", "weeks"))
        return self

    def period(self) -> timedelta:
        """The turn's length, by the clock on the wall."""
        return timedelta(hours=self.hours or 0, days=self.days or 0, weeks=self.weeks or 0)


class LayerSpec(Schema):
    """People who take turns; or, with ``calendar``, whoever the schedule's iCalendar text names."""

    name: Word | None = None
    kind: Literal["rotation", "calendar"] = Field(
        "rotation", description="`calendar`: the events of the schedule's iCalendar text."
    )
    members: Annotated[list[Word], Field(max_length=200)] = Field(
        default_factory=list, examples=[["anna", "bob"]], description="Contacts, in the order of their turns."
    )
    every: Every = Field(Every(weeks=1), examples=[{"weeks": 1}, {"days": 1}, {"hours": 12}])
    starts: LocalDate | None = Field(
        None,
        examples=["2026-11-23"],
        description="The first member's turn begins on this day.",
    )
    hand_over: Clock = Field("08:00", description="Local time; it stays when summer time begins or ends.")
    weekday: Day | None = Field(
        None, description="With weeks: the day of the hand-over; without it the weekday of `starts`."
    )
    ends: LocalDate | None = Field(None, description="Nobody is on duty from this day's `hand_over` on.")
    timezone: Zone | None = Field(None, description="If it is not the schedule's.")
    windows: Annotated[list[WindowSpec], Field(max_length=50)] = Field(
        default_factory=list, description="The layer holds only within these local times; empty: always."
    )
    holidays: OnHolidays = Field(
        OnHolidays.AS_USUAL, description="`skip`: nobody of this layer on holidays; `only`: on these only."
    )
    joins: Joins = Field(
        Joins.OVERRIDE,
        description="`override`: takes the place of the layers before it while it has somebody on duty; "
        "`fill`: counts only where these have nobody; `add`: is on call beside them.",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.kind == "calendar":
            if self.members or self.starts is not None:
                told = "a calendar names its people itself; leave members and starts out"
                raise Misfit(told, "members" if self.members else "starts")
            return self
        if not self.members:
            raise Misfit("name at least one member", "members")
        if self.starts is None:
            raise Misfit("starts is needed: the day of the first member's first turn", "starts")
        if self.weekday is not None and self.every.weeks is None:
            raise Misfit("weekday goes with weeks", "weekday")
        if self.ends is not None and self.ends <= self.starts:
            raise Misfit("ends must be after starts", "ends")
        return self

    def document(self) -> dict[str, Any]:
        """The layer as the store keeps it."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def layer(self, zone: ZoneInfo, holidays: frozenset[date], calendar: Rota | None) -> Layer | None:
        """What the domain reads; None for a calendar that there is not."""
        own = zone if self.timezone is None else ZoneInfo(self.timezone)
        rota = self._rotation(own) if self.kind == "rotation" else calendar
        if rota is None:
            return None
        if self.windows or self.holidays is not OnHolidays.AS_USUAL:
            windows = tuple(_window(spec) for spec in self.windows)
            rota = Restricted(rota, own, windows, self.holidays, holidays)
        return Layer(rota, self.joins)

    def _rotation(self, zone: ZoneInfo) -> Rotation:
        clock = time.fromisoformat(self.hand_over)
        return Rotation(
            members=tuple(self.members),
            zone=zone,
            first=datetime.combine(self.starts or _EARLIEST, clock),
            period=self.every.period(),
            weekday=None if self.weekday is None else DAYS.index(self.weekday),
            until=None if self.ends is None else datetime.combine(self.ends, clock),
        )


def _window(spec: WindowSpec) -> Window:
    end = time(0) if spec.end == "24:00" else time.fromisoformat(spec.end)
    return Window(frozenset(DAYS.index(day) for day in spec.days), time.fromisoformat(spec.start), end)
