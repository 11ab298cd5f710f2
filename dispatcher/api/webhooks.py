"""``/v1/intake``: each monitoring product's own payload, unchanged."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from dispatcher.api.auth import Intake
from dispatcher.api.bodies import RAW_BODY
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import Once, OnceDep
from dispatcher.api.problems import MEDIA_TYPE, Problem, problem_members
from dispatcher.errors import Refused
from dispatcher.intake import alertmanager, grafana, icinga, zabbix
from dispatcher.intake.alarms import Effect
from dispatcher.intake.alertmanager import Alert, Notification
from dispatcher.intake.grafana import GrafanaAlert, GrafanaNotification
from dispatcher.intake.icinga import IcingaNotification
from dispatcher.intake.notices import Notice
from dispatcher.intake.webhooks import Reading, Result, note_truncated, policy_for, take_all
from dispatcher.intake.zabbix import ZabbixEvent
from dispatcher.metrics import catalogue
from dispatcher.work import Work

_log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/intake", tags=["intake"])

Policy = Annotated[
    str | None,
    Query(description="The notification policy; without it the default one, or the only one."),
]


class AlertResult(BaseModel):
    """What became of one alert."""

    index: int = Field(description="Its place in the notification.")
    effect: Effect | None = Field(description="What it did; null when it could not be taken.")
    alarm_id: str | None = Field(description="The alarm that it did this to; null when there is none.")
    dedup_key: str | None
    error: str | None


class TakenIn(BaseModel):
    """What became of a notification, alert by alert."""

    accepted: int
    failed: int
    truncated: int = Field(description="Alerts that the sender left out.")
    results: list[AlertResult]


_FAILED: dict[int | str, dict[str, Any]] = {
    500: {"description": "Some alerts failed for a reason of our own; the others were taken."}
}


def _one_of(model: type[BaseModel]) -> dict[str, Any]:
    """The description of a body that is read by :class:`Reading`, like each alert of a longer one."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    parts = schema.pop("$defs", {})
    for name, field in schema["properties"].items():
        found = field.get("items", {}).get("$ref", "").rpartition("/")[2]
        if found:
            schema["properties"][name] = field | {"items": parts[found]}
    return {"requestBody": {"content": {"application/json": {"schema": schema}}, "required": True}}


@router.post("/alertmanager", status_code=202, response_model=TakenIn, responses=_FAILED)
def take_alertmanager(
    notification: Notification, once: OnceDep, _client: Intake, policy: Policy = None
) -> Response:
    """Alertmanager's webhook, version 4. Each alert is an alarm, and stands by itself.

    The alarm's key is the alert's fingerprint with its `startsAt`, so that a repeat joins it, its
    resolution resolves it, and its next episode is a new one. An alert that can't be taken is listed
    with its error, and the others are taken; 422 when none was, so that Alertmanager logs it and counts
    its notification as failed. 503 while the database is away: Alertmanager sends it
    all again. See `docs/integrations/alertmanager.md`.
    """
    readings = [partial(_read_alertmanager, alert, notification) for alert in notification.alerts]
    return _answer(once, "alertmanager", policy, readings, notification.truncatedAlerts or 0)


def _read_alertmanager(alert: Any, notification: Notification) -> Notice:
    return alertmanager.notice_of(Alert.model_validate(alert), notification)


def _signed(request: Request, core: CoreDep, _client: Intake) -> None:
    """Refuse (401) what Grafana has not signed, where a secret is configured."""
    settings = core.settings.intake.grafana
    secret = settings.signing_secret()
    if not secret:
        return
    timestamp = request.headers.get(settings.timestamp_header)
    if timestamp is None and settings.timestamp_required:
        why: str | None = f"it has no time in the header {settings.timestamp_header}"
    else:
        signature = request.headers.get(settings.signature_header)
        body = request.scope.get(RAW_BODY, b"")
        why = grafana.why_unsigned(secret, body, signature, timestamp, core.clock(), settings.max_age)
    if why is not None:
        core.counts.add(catalogue.NOTIFICATIONS_REFUSED, "grafana", "signature")
        _log.warning("a notification from grafana was refused, so nobody is called for its alerts: %s", why)
        raise Problem(401, f"{settings.signature_header}: {why}")


@router.post(
    "/grafana",
    status_code=202,
    response_model=TakenIn,
    responses=_FAILED | {401: {"description": "No API key, or the body is not signed with our secret."}},
    dependencies=[Depends(_signed)],
)
def take_grafana(
    notification: GrafanaNotification, once: OnceDep, _client: Intake, policy: Policy = None
) -> Response:
    """Grafana's webhook of unified alerting, taken as Alertmanager's is.

    The key has the organisation (`orgId`), the fingerprint and `startsAt`. Values, panel, silence and
    picture stay with the alarm, under `details`. With a secret in `[intake.grafana]` every body must be
    signed: HMAC-SHA256 in `X-Grafana-Alerting-Signature`, over the body alone, or over
    `TIME:` and the body with the time in `X-Grafana-Alerting-Timestamp`. See `docs/integrations/grafana.md`.
    """
    readings = [partial(_read_grafana, alert, notification) for alert in notification.alerts]
    return _answer(once, "grafana", policy, readings, notification.truncatedAlerts or 0)


def _read_grafana(alert: Any, notification: GrafanaNotification) -> Notice:
    return grafana.notice_of(GrafanaAlert.model_validate(alert), notification)


@router.post(
    "/zabbix",
    status_code=202,
    response_model=TakenIn,
    responses=_FAILED,
    openapi_extra=_one_of(ZabbixEvent),
)
def take_zabbix(
    event: Annotated[Any, Body()], once: OnceDep, _client: Intake, policy: Policy = None
) -> Response:
    """One event of Zabbix, as the media type of `docs/integrations/zabbix` sends it.

    The key is the event's id, which its recovery and its updates keep: a problem raises, a recovery
    resolves. To acknowledge the problem in Zabbix acknowledges the alarm and stops its calls; to
    suppress it calls them off, to unsuppress it or change its severity raises or joins, to close it
    resolves; a comment is noted in the timeline.
    """
    return _answer(once, "zabbix", policy, [partial(_read_zabbix, event)])


def _read_zabbix(event: Any) -> Notice:
    return zabbix.notice_of(ZabbixEvent.model_validate(event))


@router.post(
    "/icinga",
    status_code=202,
    response_model=TakenIn,
    responses=_FAILED,
    openapi_extra=_one_of(IcingaNotification),
)
def take_icinga(
    notification: Annotated[Any, Body()], once: OnceDep, _client: Intake, policy: Policy = None
) -> Response:
    """One notification of Icinga 2 or Nagios, as the command of `deploy/icinga` sends it.

    The key is `host!service`, or the host's name. PROBLEM raises or joins, RECOVERY resolves,
    ACKNOWLEDGEMENT acknowledges and stops the calls, DOWNTIMESTART calls them off. The end of a downtime
    or of flapping resolves where all is well, and else raises or joins, unless the problem is acknowledged.
    CUSTOM and FLAPPINGSTART are noted in the timeline. One that was made before the last one taken of
    its key (`sent_at`) changes nothing.
    """
    return _answer(once, "icinga", policy, [partial(_read_icinga, notification)])


def _read_icinga(notification: Any) -> Notice:
    return icinga.notice_of(IcingaNotification.model_validate(notification))


def _answer(
    once: Once, source: str, policy: str | None, readings: Sequence[Reading], truncated: int = 0
) -> Response:
    """Take all of it in one transaction. The sender may not look into the answer, but sees its status."""

    def take(work: Work) -> tuple[int, Any]:
        chosen = _policy(work, source, policy)
        results = take_all(work, source, chosen, readings)
        note_truncated(work, results, truncated, source)
        # Senders try again after 5xx only: what failed by our own fault gets another chance.
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


def _policy(work: Work, source: str, named: str | None) -> str:
    try:
        return policy_for(work.tx, work.core.settings, named)
    except Refused:
        # This transaction, and what it has counted, is rolled back.
        work.core.counts.add(catalogue.NOTIFICATIONS_REFUSED, source, "policy")
        raise


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
