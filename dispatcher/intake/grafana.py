"""Grafana's webhook of unified alerting: what it says, in the dispatcher's words. Pure.

Payload and signature: "Configure webhook notifications" in Grafana's manual. It imitates Alertmanager's,
with members of its own; unknown ones are left alone.
"""

import hashlib
import hmac
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

from dispatcher.intake import alertmanager
from dispatcher.intake.alertmanager import Alert, Text
from dispatcher.intake.notices import Notice, Says, instant, shortened

_STATE_ALERTS = ("DatasourceNoData", "DatasourceError")
"""The names that Grafana gives to alerts about its rules: the rule's own name is in ``rulename``."""

_EXAMPLE: JsonDict = {
    "receiver": "phone",
    "status": "firing",
    "orgId": 1,
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "BoilerPressure", "grafana_folder": "Boilers", "severity": "critical"},
            "annotations": {"summary": "Boiler 3 over-pressure"},
            "startsAt": "2026-11-21T08:12:20+01:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://grafana:3000/alerting/grafana/bf4v9x2q8k1s0c/view?orgId=1",
            "fingerprint": "c6eadffa33fcdf37",
            "silenceURL": "http://grafana:3000/alerting/silence/new?alertmanager=grafana",
            "dashboardURL": "http://grafana:3000/d/boilers?orgId=1",
            "panelURL": "http://grafana:3000/d/boilers?orgId=1&viewPanel=4",
            "values": {"B": 12.2, "C": 1},
            "valueString": "[ var='B' labels={boiler=3} value=12.2 ]",
        }
    ],
    "groupLabels": {"alertname": "BoilerPressure"},
    "commonLabels": {"alertname": "BoilerPressure"},
    "commonAnnotations": {},
    "externalURL": "http://grafana:3000/",
    "version": "1",
    "groupKey": '{}/{}:{alertname="BoilerPressure"}',
    "truncatedAlerts": 0,
    "title": "[FIRING:1] BoilerPressure (Boilers critical)",
    "state": "alerting",
    "message": "**Firing**",
}


def _as_number(value: Any) -> Any:
    """Grafana writes the organisation as a number; templates of its users may write it as text."""
    return 0 if value is None or value == "" else value


OrgId = Annotated[int, BeforeValidator(_as_number)]


class GrafanaAlert(Alert):
    """One alert, with what Grafana adds to Alertmanager's."""

    orgId: OrgId = 0
    values: Any = None
    valueString: Text = ""
    silenceURL: Text = ""
    dashboardURL: Text = ""
    panelURL: Text = ""
    imageURL: Text = ""
    ruleUID: Text = ""


class GrafanaNotification(BaseModel):
    """What Grafana posts. The alerts are read one by one, later."""

    model_config = ConfigDict(hide_input_in_errors=True, json_schema_extra={"examples": [_EXAMPLE]})

    alerts: list[Any]
    orgId: OrgId = 0
    truncatedAlerts: Annotated[int | None, Field(ge=0)] = 0
    externalURL: Text = ""
    groupKey: Text = ""
    receiver: Text = ""


def notice_of(alert: GrafanaAlert, notification: GrafanaNotification) -> Notice:
    """One alert as a notice. The organisation is part of its key, since two may have the same rules."""
    return Notice(
        dedup_key=f"grafana:{alert.orgId or notification.orgId}:{alertmanager.episode_of(alert)}",
        says=Says.FIRING if alert.status == "firing" else Says.RESOLVED,
        summary=shortened(_summary(alert)),
        severity=alertmanager.severity_of(alert.labels),
        labels=alert.labels,
        late_for=alertmanager.LATE_FOR,
        details=_details(alert, notification),
    )


def _summary(alert: GrafanaAlert) -> str:
    name = alert.labels.get("alertname", "")
    rule = alert.labels.get("rulename", "")
    written = alertmanager.summary_of(alert)
    if name in _STATE_ALERTS and rule:
        # The rule's own words would claim what nobody has measured.
        return f"{name}: {rule}" + (f" ({written})" if written not in (name, rule) else "")
    return written


def _details(alert: GrafanaAlert, notification: GrafanaNotification) -> dict[str, Any]:
    found = {
        "labels": alert.labels,
        "annotations": alert.annotations,
        "values": alert.values,
        "valueString": alert.valueString,
        "generatorURL": alert.generatorURL,
        "silenceURL": alert.silenceURL,
        "dashboardURL": alert.dashboardURL,
        "panelURL": alert.panelURL,
        "imageURL": alert.imageURL,
        "ruleUID": alert.ruleUID,
        "orgId": alert.orgId or notification.orgId,
        "externalURL": notification.externalURL,
        "groupKey": notification.groupKey,
        "receiver": notification.receiver,
        "startsAt": instant(alert.startsAt),
    }
    return {name: value for name, value in found.items() if value not in ("", None)}


def why_unsigned(
    secret: str, body: bytes, signature: str | None, timestamp: str | None, now: datetime, max_age: float
) -> str | None:
    """Why ``body`` is not what the holder of ``secret`` sent, in words; None when it is.

    The signature is HMAC-SHA256 in hex over the body, or, where Grafana is told to send a time, over
    the time in Unix seconds, a colon and the body. A time further than ``max_age`` seconds from
    ``now`` is a replay, or a clock that is wrong.
    """
    if not signature:
        return "it is not signed"
    signed = body if timestamp is None else f"{timestamp}:".encode() + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.strip().lower().encode()):
        return "its signature is not the one of this body with our secret"
    if timestamp is None:
        return None
    # It is signed, so that it is Grafana's; anything but a number could only be a fault of its own.
    age = now.timestamp() - float(timestamp) if timestamp.isdecimal() else None
    if age is None or abs(age) > max_age:
        return f"its time is more than {max_age:g} seconds from ours"
    return None
