"""Icinga 2 and Nagios: what the command of ``deploy/icinga`` sends, in the dispatcher's words. Pure.

Types of notifications: "Notifications" in Icinga 2's manual, "$NOTIFICATIONTYPE$" in Nagios's. The key is
the checked thing, ``host!service``, and not an episode of it, since no notification names one; so each says
when it was sent, and one that was overtaken by a later one is known by that.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from dispatcher.domain.vocabulary import Severity
from dispatcher.intake.alertmanager import SEVERITIES, Texts
from dispatcher.intake.notices import LONGEST_KEY, Notice, Says, shortened

_STATES = {
    "CRITICAL": Severity.CRITICAL,
    "DOWN": Severity.CRITICAL,
    "OK": Severity.INFO,
    "UP": Severity.INFO,
}
"""The states that are no warning."""
_WELL = ("OK", "UP")
_ENDS = (
    "FLAPPINGEND",
    "FLAPPINGSTOP",
    "FLAPPINGDISABLED",
    "DOWNTIMEEND",
    "DOWNTIMEREMOVED",
    "DOWNTIMECANCELLED",
)
_EXAMPLE: JsonDict = {
    "type": "PROBLEM",
    "host": "boiler-3",
    "service": "pressure",
    "state": "CRITICAL",
    "output": "CRITICAL - 12.2 bar",
    "author": "",
    "comment": "",
    "acknowledged": False,
    "hostgroups": "boilers,site-north",
    "servicegroups": "",
    "sent_at": 1795250000,
    "labels": {"team": "heating"},
    "url": "http://icinga/icingaweb2/monitoring/service/show?host=boiler-3&service=pressure",
}


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


def _empty(value: Any) -> Any:
    return "" if value is None else value


Text = Annotated[str, BeforeValidator(_empty)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255)]


class IcingaNotification(BaseModel):
    """One notification, as our command sends it."""

    model_config = ConfigDict(hide_input_in_errors=True, json_schema_extra={"examples": [_EXAMPLE]})

    type: Annotated[
        Literal[
            "PROBLEM",
            "RECOVERY",
            "ACKNOWLEDGEMENT",
            "CUSTOM",
            "FLAPPINGSTART",
            "FLAPPINGEND",
            "FLAPPINGSTOP",
            "FLAPPINGDISABLED",
            "DOWNTIMESTART",
            "DOWNTIMEEND",
            "DOWNTIMEREMOVED",
            "DOWNTIMECANCELLED",
        ],
        BeforeValidator(_upper),
    ] = Field(description="`$notification.type$`, or Nagios's `$NOTIFICATIONTYPE$`.")
    host: Annotated[Name, StringConstraints(min_length=1)]
    service: Annotated[Name, BeforeValidator(_empty)] = Field("", description="Empty for the host itself.")
    state: Annotated[Text, BeforeValidator(_upper)] = Field(
        "", description="OK, WARNING, CRITICAL or UNKNOWN; UP, DOWN or UNREACHABLE."
    )
    output: Text = Field("", description="What the check said.")
    author: Text = Field("", description="Who acknowledged it, or planned the downtime.")
    comment: Text = ""
    acknowledged: bool | None = Field(None, description="Whether the problem is acknowledged there.")
    hostgroups: Text = ""
    servicegroups: Text = ""
    sent_at: Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)] | None = Field(
        None, description="When the notification was made, in Unix seconds; an older one changes nothing."
    )
    severity: Text = Field("", description="In place of the one that `state` comes to.")
    labels: Texts = Field(default_factory=dict, description="Further labels.")
    url: Text = ""


def notice_of(one: IcingaNotification) -> Notice:
    """One notification as a notice."""
    return Notice(
        dedup_key=(f"{one.host}!{one.service}" if one.service else one.host)[:LONGEST_KEY],
        says=_says(one),
        summary=shortened(_summary(one)),
        severity=_severity(one),
        labels=_labels(one),
        details=_details(one),
        said_at=None if one.sent_at is None else datetime.fromtimestamp(one.sent_at, UTC),
        by=one.author,
        why=_why(one),
    )


def _says(one: IcingaNotification) -> Says:
    """What a type comes to.

    While something flaps or is in a downtime, nothing is sent of it. So its end says how it is then: well,
    or, unless somebody has that in hand already, a problem.
    """
    if one.type == "PROBLEM":
        return Says.FIRING
    if one.type == "RECOVERY":
        return Says.RESOLVED
    if one.type == "ACKNOWLEDGEMENT":
        return Says.ACKNOWLEDGED
    if one.type == "DOWNTIMESTART":
        return Says.CALLED_OFF
    if one.type in _ENDS and one.state in _WELL:
        return Says.WELL
    if one.type in _ENDS and one.state and not one.acknowledged:
        return Says.FIRING
    return Says.NOTED


def _severity(one: IcingaNotification) -> Severity:
    wanted = one.severity.strip().lower()
    if wanted:
        return SEVERITIES.get(wanted, Severity.WARNING)
    return _STATES.get(one.state, Severity.WARNING)


def _summary(one: IcingaNotification) -> str:
    what = f"{one.host} {one.service}".strip()
    state = f" is {one.state}" if one.state else ""
    return f"{what}{state}: {one.output}" if one.output else f"{what}{state}"


def _why(one: IcingaNotification) -> str:
    return f"{one.type}: {one.comment}" if one.comment else one.type


def _labels(one: IcingaNotification) -> dict[str, str]:
    ours = {
        "host": one.host,
        "service": one.service,
        "hostgroup": one.hostgroups,
        "servicegroup": one.servicegroups,
        "state": one.state,
    }
    return one.labels | {name: value for name, value in ours.items() if value}


def _details(one: IcingaNotification) -> dict[str, Any]:
    sent = one.model_dump(exclude={"labels", "sent_at", "author", "comment", "acknowledged"})
    return {name: value for name, value in sent.items() if value}
