"""Prometheus Alertmanager's webhook (version 4): what it says, in the dispatcher's words. Pure.

Payload: "webhook_config" in Alertmanager's configuration manual. Unknown members are left alone, and
each alert stands by itself, so that one that can't be read does not take its neighbours with it.
"""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from dispatcher.domain.vocabulary import Severity
from dispatcher.intake.notices import Notice, Says, instant, shortened

LATE_FOR = timedelta(minutes=5)
"""Alertmanager tries one notification for as long as its usual ``group_interval``, so that a repeat may
overtake the resolution by no more. What fires later with the same start has not ended: where Prometheus
could not reach Alertmanager for some minutes, an alert is resolved and fires on with its old ``startsAt``.
"""
SEVERITIES = {
    **dict.fromkeys(
        ("critical", "crit", "page", "error", "err", "fatal", "emergency", "high"), Severity.CRITICAL
    ),
    **dict.fromkeys(("alert", "disaster", "p1", "sev1"), Severity.CRITICAL),
    **dict.fromkeys(
        ("info", "information", "informational", "notice", "debug", "none", "low"), Severity.INFO
    ),
}
"""The values of the label ``severity`` in use; whatever is not listed is a warning."""


def _texts(value: Any) -> Any:
    """Label values are strings; senders that imitate Alertmanager also write numbers and null."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return {str(key): item if isinstance(item, str) else json.dumps(item) for key, item in value.items()}
    return value


Texts = Annotated[dict[str, str], BeforeValidator(_texts)]
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]


class Alert(BaseModel):
    """One alert of a notification."""

    model_config = ConfigDict(hide_input_in_errors=True)

    status: Literal["firing", "resolved"]
    labels: Texts = Field(default_factory=dict)
    annotations: Texts = Field(default_factory=dict)
    startsAt: datetime | None = None
    generatorURL: Text = ""
    fingerprint: Annotated[Text, Field(max_length=200)] = ""


class Notification(BaseModel):
    """What Alertmanager posts. The alerts are read one by one, later."""

    model_config = ConfigDict(
        hide_input_in_errors=True,
        json_schema_extra={
            "examples": [
                {
                    "version": "4",
                    "groupKey": '{}:{alertname="BoilerPressure"}',
                    "truncatedAlerts": 0,
                    "status": "firing",
                    "receiver": "phone",
                    "groupLabels": {"alertname": "BoilerPressure"},
                    "commonLabels": {"alertname": "BoilerPressure", "severity": "critical"},
                    "commonAnnotations": {"summary": "Boiler 3 over-pressure"},
                    "externalURL": "http://alertmanager:9093",
                    "alerts": [
                        {
                            "status": "firing",
                            "labels": {"alertname": "BoilerPressure", "severity": "critical"},
                            "annotations": {"summary": "Boiler 3 over-pressure"},
                            "startsAt": "2026-11-21T07:12:26.739Z",
                            "endsAt": "0001-01-01T00:00:00Z",
                            "generatorURL": "http://prometheus:9090/graph",
                            "fingerprint": "5ad6f5b5d9e4f7a1",
                        }
                    ],
                }
            ]
        },
    )

    alerts: list[Any]
    truncatedAlerts: Annotated[int | None, Field(ge=0)] = 0
    externalURL: Text = ""
    groupKey: Text = ""
    receiver: Text = ""


def notice_of(alert: Alert, notification: Notification) -> Notice:
    """One alert as a notice. Its key names the episode: the alert, and when it began to fire."""
    return Notice(
        dedup_key=episode_of(alert),
        says=Says.FIRING if alert.status == "firing" else Says.RESOLVED,
        summary=shortened(summary_of(alert)),
        severity=severity_of(alert.labels),
        labels=alert.labels,
        late_for=LATE_FOR,
        details={
            "labels": alert.labels,
            "annotations": alert.annotations,
            "generatorURL": alert.generatorURL,
            "externalURL": notification.externalURL,
            "groupKey": notification.groupKey,
            "receiver": notification.receiver,
            "startsAt": instant(alert.startsAt),
        },
    )


def episode_of(alert: Alert) -> str:
    """The alert and its start. Without a fingerprint (Alertmanager before 0.16) its labels stand for it."""
    return f"{alert.fingerprint or _fingerprint(alert.labels)}@{instant(alert.startsAt)}"


def severity_of(labels: dict[str, str]) -> Severity:
    """What the label ``severity`` comes to."""
    return SEVERITIES.get(labels.get("severity", "").strip().lower(), Severity.WARNING)


def summary_of(alert: Alert) -> str:
    """What people are told: the annotations made for them, else the alert's name."""
    written = alert.annotations.get("summary") or alert.annotations.get("description")
    return written or alert.labels.get("alertname") or "an alert without a name"


def _fingerprint(labels: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16]
