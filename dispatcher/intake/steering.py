"""What operators change while everything runs: calls that are to stop, and trunks' limits."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import select, update

from dispatcher.domain.vocabulary import OPEN_CALL_STATES, CallState
from dispatcher.errors import Fault, NotPossible, Refused, Unknown
from dispatcher.ledger import alarms as ledger
from dispatcher.ledger.withdrawing import withdraw
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.tables import Call, Trunk, table
from dispatcher.store.trunks import INTERNAL
from dispatcher.work import Work

_calls = table(Call)
_trunks = table(Trunk)


def cancel_call(work: Work, call_id: str, by: str) -> None:
    """Stop a call, hanging up if it is up.

    Does nothing when it is cancelled already. Raises :class:`Unknown`, and :class:`NotPossible` when
    it has ended in another way.
    """
    query = select(_calls.c.state, _calls.c.alarm_id).where(_calls.c.id == call_id).with_for_update()
    call = work.tx.execute(query).one_or_none()
    if call is None:
        raise Unknown("call", call_id)
    if call.state == CallState.CANCELLED:
        return
    if call.state not in OPEN_CALL_STATES:
        raise NotPossible(f"a call that is {call.state} can't be cancelled", call.state)
    cause = f"cancelled by hand, by {by}"
    work.aftermath.add(
        withdraw(work.tx, work.now, [_calls.c.id == call_id], work.count, cause, hang_up_answered=True)
    )
    if call.alarm_id is not None:
        work.aftermath.add(ledger.after_calls(work.tx, work.now, [call_id]))


class TrunkChange(BaseModel):
    """What to change of a trunk; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"channels": 20}, {"paused": True}]}
    )

    channels: Annotated[int, Field(ge=0, le=100_000)] | None = Field(None, description="The limit.")
    reserved_for_alarms: Annotated[int, Field(ge=0, le=100_000)] | None = Field(
        None, description="Channels that campaigns leave free; at most `channels`."
    )
    calls_per_second: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] | None = Field(
        None, description="null: unlimited."
    )
    paused: bool | None = Field(None, description="A paused trunk starts no calls, alarms included.")

    @model_validator(mode="after")
    def _changes_something(self) -> "TrunkChange":
        if not self.model_fields_set:
            raise ValueError(f"name what is to change: {', '.join(TrunkChange.model_fields)}")
        return self

    @property
    def values(self) -> dict[str, Any]:
        """The columns that it names. Only ``calls_per_second`` may be null: it means unlimited."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        nulls = [name for name, value in given.items() if value is None and name != "calls_per_second"]
        if nulls:
            raise Refused(*(Fault((name,), "this can't be null; leave it out") for name in sorted(nulls)))
        return given


@dataclass(frozen=True, slots=True)
class _Difference:
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def name(self) -> str:
        """What happened, in a word."""
        if set(self.after) == {"paused"}:
            return "paused" if self.after["paused"] else "resumed"
        return "changed"

    def __str__(self) -> str:
        return ", ".join(f"{name} {self.before[name]} → {value}" for name, value in self.after.items())


def change_trunk(work: Work, pbx: str, name: str, change: TrunkChange, by: str) -> None:
    """Change a trunk's limits, pause or resume it. Raises :class:`Unknown` and :class:`Refused`.

    Calls that are up stay up; a lower limit holds for the next ones.
    """
    of_trunk = _trunks.c.pbx == pbx, _trunks.c.name == name
    row = work.tx.execute(select(_trunks).where(*of_trunk).with_for_update()).one_or_none()
    if row is None or name == INTERNAL:
        raise Unknown("trunk", f"{pbx}/{name}")
    values = change.values
    channels = values.get("channels", row.channels)
    if values.get("reserved_for_alarms", row.reserved_for_alarms) > channels:
        raise Refused(Fault(("reserved_for_alarms",), f"this is more than the trunk's {channels} channels"))
    after = {key: value for key, value in sorted(values.items()) if getattr(row, key) != value}
    if not after:
        return
    difference = _Difference({key: getattr(row, key) for key in after}, after)
    work.tx.execute(update(_trunks).where(*of_trunk).values(after))
    data = {"pbx": pbx, "trunk": name, "before": difference.before, "after": after}
    cause = f"by {by}: {difference}"
    events.record(work.tx, work.now, [Change("trunk", f"{pbx}/{name}", difference.name, cause, data=data)])
    work.aftermath.due = True
