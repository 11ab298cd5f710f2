"""``POST /v1/alarms/test`` and ``/v1/alarms/{id}/legs``: whether a person can be reached, and how fast."""

from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from dispatcher.api.alarms import shown
from dispatcher.api.answers import json_response
from dispatcher.api.auth import Operate, Read
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import OnceDep
from dispatcher.api.views import AlarmView
from dispatcher.domain.vocabulary import AlarmStatus, Outcome
from dispatcher.intake import trials
from dispatcher.intake.trials import TrialRequest
from dispatcher.proof import journey_of
from dispatcher.work import Work

router = APIRouter(prefix="/v1/alarms", tags=["alarms"])


class LegView(BaseModel):
    """One leg; times are null while it has not come."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["ringing"], description="What it ends with.")
    at: datetime | None
    seconds: float | None = Field(description="Since the leg before.")
    since_raised: float | None = Field(description="Seconds since the alarm was durable.")


class JourneyView(BaseModel):
    """How far an alarm has come by the call that was delivered, else by its latest."""

    model_config = ConfigDict(from_attributes=True)

    alarm_id: str
    status: AlarmStatus
    legs: list[LegView]
    who: str | None
    line: str | None = Field(examples=["PBX hq, trunk SPS-6-36"])
    callid: str | None
    outcome: Outcome | None
    waiting: int = Field(description="So many calls are queued or under way.")
    delivered: bool = Field(description="A call has shown what the alarm asks for.")
    over: bool = Field(description="Nothing more is to come.")


@router.post("/test", status_code=202, response_model=AlarmView)
def raise_test_alarm(request: TrialRequest, once: OnceDep, _client: Operate) -> Response:
    """Call people to see whether they are reached. Silences, inhibitions, groups and hours don't hold it.

    Its calls tell of nothing else, and it keeps no other alarm quiet. Its source is `test`.
    """

    def take(work: Work) -> tuple[int, AlarmView]:
        return 202, shown(work.core, work.tx, trials.take(work, request))

    return once.answer(take)


@router.get("/{alarm_id}/legs", response_model=JourneyView)
def get_legs(alarm_id: str, core: CoreDep, _client: Read) -> Response:
    """How long each leg took, from the durable alarm to the telephone, the key, and the acknowledgement."""
    with core.store.read() as tx:
        return json_response(JourneyView.model_validate(journey_of(tx, alarm_id)))
