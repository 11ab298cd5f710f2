"""Silences, maintenance windows and inhibitions as people and their systems write them."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from dispatcher.domain.matchers import Op, whole_match
from dispatcher.domain.vocabulary import SilenceKind
from dispatcher.errors import Misfit
from dispatcher.requests import Moment, Schema, WindowSpec, Zone

LabelName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Why = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]

_NIGHTLY: JsonDict = {
    "kind": "maintenance",
    "matchers": [{"label": "site", "value": "north"}],
    "windows": [{"days": ["sun"], "from": "02:00", "to": "04:00"}],
    "timezone": "Europe/Amsterdam",
    "why": "the pumps are tested",
}
_SILENCE: JsonDict = {
    "matchers": [{"label": "alertname", "op": "=~", "value": "Pump.*"}],
    "duration": 3600,
    "why": "being repaired",
}


class MatcherSpec(Schema):
    """One condition on a label, or on ``severity``, ``source``, ``policy``, ``dedup_key`` or ``summary``."""

    label: LabelName = Field(examples=["site"])
    op: Op = Field(
        Op.IS,
        description="A regular expression (`=~`, `!~`) is RE2's and matches the whole value.",
    )
    value: Annotated[str, StringConstraints(max_length=2000)] = Field(examples=["north"])

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.op in (Op.MATCHES, Op.MATCHES_NOT):
            try:
                whole_match(self.value)
            except ValueError as error:
                raise Misfit(f"the regular expression can't be read: {error}", "value") from None
        return self

    def document(self) -> dict[str, str]:
        """The matcher as the store keeps it."""
        return {"label": self.label, "op": str(self.op), "value": self.value}


Matchers = Annotated[list[MatcherSpec], Field(min_length=1, max_length=50)]


class SilenceSpec(Schema):
    """A time in which alarms that fit every matcher call nobody; they are recorded, and call at its end."""

    model_config = Schema.model_config | {"json_schema_extra": {"examples": [_SILENCE, _NIGHTLY]}}

    kind: SilenceKind = SilenceKind.SILENCE
    matchers: Matchers
    starts_at: Moment | None = Field(None, description="Usually now.")
    ends_at: Moment | None = None
    duration: Annotated[float, Field(gt=0, le=366 * 86_400)] | None = Field(
        None, description="Seconds from its start, in place of `ends_at`."
    )
    windows: Annotated[list[WindowSpec], Field(min_length=1, max_length=50)] | None = Field(
        None, description="Only in these hours, week by week; then it may go on without an end."
    )
    timezone: Zone = "UTC"
    why: Why = ""

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if self.ends_at is not None and self.duration is not None:
            raise Misfit("give ends_at or duration, not both", "duration")
        if self.ends_at is None and self.duration is None and self.windows is None:
            told = "it needs an end: ends_at, duration, or windows that open week by week"
            raise Misfit(told, "ends_at")
        return self

    def end_from(self, start: datetime) -> datetime | None:
        """When it ends, if it begins at ``start``; None when it goes on week by week."""
        return self.ends_at if self.duration is None else start + timedelta(seconds=self.duration)


class InhibitionSpec(Schema):
    """While an alarm that fits ``source`` is open or acknowledged, those that fit ``target`` call nobody."""

    source: Matchers
    target: Matchers
    equal: list[LabelName] = Field(
        default_factory=list,
        description="Labels of which both must have the same value.",
        examples=[["site"]],
    )

    def document(self) -> dict[str, Any]:
        """The inhibition as the store keeps it."""
        return {
            "source": [matcher.document() for matcher in self.source],
            "target": [matcher.document() for matcher in self.target],
            "equal": list(self.equal),
        }
