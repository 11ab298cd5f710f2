"""``/v1/intake``: each monitoring product's own payload, unchanged."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from dispatcher.api.auth import Intake
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import OnceDep
from dispatcher.api.problems import MEDIA_TYPE, problem_members
from dispatcher.intake import alertmanager
from dispatcher.intake.alarms import Effect
from dispatcher.intake.alertmanager import Alert, Notification
from dispatcher.intake.notices import Notice
from dispatcher.intake.webhooks import Result, note_truncated, policy_for, take_all
from dispatcher.intake.work import Work

router = APIRouter(prefix="/v1/intake", tags=["intake"])

Policy = Annotated[
    str | None,
    Query(description="The notification policy; without it the default one, or the only one."),
]


class AlertResult(BaseModel):
    """What became of one alert."""

    index: int = Field(description="Its place in the notification.")
    effect: Effect | None = Field(description="What it did; null when it could not be taken.")
    alarm_id: str | None
    dedup_key: str | None
    error: str | None


class TakenIn(BaseModel):
    """What became of a notification, alert by alert."""

    accepted: int
    failed: int
    truncated: int = Field(description="Alerts that the sender left out.")
    results: list[AlertResult]


@router.post(
    "/alertmanager",
    status_code=202,
    response_model=TakenIn,
    responses={500: {"description": "Some alerts failed for a reason of our own; the others were taken."}},
)
def take_alertmanager(
    notification: Notification, core: CoreDep, once: OnceDep, _client: Intake, policy: Policy = None
) -> Response:
    """Alertmanager's webhook, version 4. Each alert is an alarm, and stands by itself.

    The alarm's key is the alert's fingerprint with its `startsAt`, so that a repeat joins it, its
    resolution resolves it, and its next episode is a new one. An alert that can't be taken is listed
    with its error, and the others are taken; 422 when none was, so that Alertmanager logs it and counts
    its notification as failed. 503 while the database is away: Alertmanager sends it
    all again.
    """
    chosen = policy_for(core.settings, policy)
    readings = [partial(_read, alert, notification) for alert in notification.alerts]

    def take(work: Work) -> tuple[int, Any]:
        results = take_all(work, "alertmanager", chosen, readings)
        truncated = notification.truncatedAlerts or 0
        note_truncated(work, results, truncated, "alertmanager")
        # Alertmanager tries again after 5xx only: what failed by our own fault gets another chance.
        taken = _taken_in(results, truncated)
        if any(result.unexpected for result in results):
            return 500, taken
        if taken.failed and not taken.accepted:
            return 422, problem_members(422, _why_none(results)) | taken.model_dump()
        return 202, taken

    answer = once.answer(take)
    if answer.status_code == 422:
        answer.headers["Content-Type"] = MEDIA_TYPE
    return answer


def _read(alert: Any, notification: Notification) -> Notice:
    return alertmanager.notice_of(Alert.model_validate(alert), notification)


def _why_none(results: list[Result]) -> str:
    errors = dict.fromkeys(result.error for result in results if result.error is not None)
    return f"no alert was taken: {'; '.join(errors)}"


def _taken_in(results: list[Result], truncated: int) -> TakenIn:
    failed = sum(result.error is not None for result in results)
    shown = [
        AlertResult(
            index=result.index,
            effect=result.effect,
            alarm_id=result.alarm_id,
            dedup_key=result.dedup_key,
            error=result.error,
        )
        for result in results
    ]
    return TakenIn(accepted=len(results) - failed, failed=failed, truncated=truncated, results=shown)
