"""Zabbix: what the media type of ``docs/integrations/zabbix`` sends, in the dispatcher's words. Pure.

The members are Zabbix's macros ("Supported macros" in its manual), as texts. A macro that says nothing
of an event is sent as it is written, ``{EVENT.UPDATE.ACTION}``; it counts as left out.
"""

import json
import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from dispatcher.domain.vocabulary import Severity
from dispatcher.intake.notices import FOR_EVER, Notice, Says, shortened

SEVERITIES = {
    "0": Severity.WARNING,
    "1": Severity.INFO,
    "2": Severity.WARNING,
    "3": Severity.WARNING,
    "4": Severity.CRITICAL,
    "5": Severity.CRITICAL,
    "not classified": Severity.WARNING,
    "information": Severity.INFO,
    "warning": Severity.WARNING,
    "average": Severity.WARNING,
    "high": Severity.CRITICAL,
    "disaster": Severity.CRITICAL,
}
"""Zabbix's severities by number and by name. One that somebody has renamed still has its number."""

_UNRESOLVED = re.compile(r"\{[A-Z$][A-Z0-9_.$:\" -]*\}|\*UNKNOWN\*")
_RECOVERED = ("0", "ok", "resolved")
_EXAMPLE: JsonDict = {
    "event_id": "4711",
    "event_value": "1",
    "event_name": "Boiler 3 over-pressure",
    "nseverity": "5",
    "severity": "Disaster",
    "host": "boiler-3",
    "hostgroups": "Boilers, Site north",
    "trigger_id": "13926",
    "opdata": "12.2 bar",
    "tags": [{"tag": "scope", "value": "availability"}],
    "update_status": "0",
    "update_action": "",
    "user": "",
    "message": "",
    "recovery_id": "",
    "url": "http://zabbix/tr_events.php?triggerid=13926&eventid=4711",
}


def _text(value: Any) -> Any:
    """A macro's value. Numbers are taken as texts; what Zabbix could not fill in is empty."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    found = str(value).strip()
    return "" if _UNRESOLVED.fullmatch(found) else found


def _tags(value: Any) -> Any:
    """``{EVENT.TAGSJSON}``, as JSON or as the text that the macro is."""
    if isinstance(value, str):
        cleaned = _text(value)
        if not cleaned:
            return []
        try:
            return json.loads(cleaned)
        except ValueError:
            raise ValueError("is not the JSON of {EVENT.TAGSJSON}") from None
    return [] if value is None else value


Macro = Annotated[str, BeforeValidator(_text)]
EventId = Annotated[str, BeforeValidator(_text), StringConstraints(pattern=r"^[0-9]{1,20}$")]


class Tag(BaseModel):
    """A tag of an event."""

    tag: Macro
    value: Macro = ""


class ZabbixEvent(BaseModel):
    """One event, as our media type sends it. ``event_id`` is the problem's in its recovery, too."""

    model_config = ConfigDict(hide_input_in_errors=True, json_schema_extra={"examples": [_EXAMPLE]})

    event_id: EventId = Field(description="`{EVENT.ID}`: the problem's, in a recovery or an update too.")
    event_value: Macro = Field("1", description="`{EVENT.VALUE}`: 1 while there is a problem, 0 after.")
    event_name: Macro = Field("", description="`{EVENT.NAME}`")
    nseverity: Macro = Field("", description="`{EVENT.NSEVERITY}`, 0 to 5.")
    severity: Macro = Field("", description="`{EVENT.SEVERITY}`, the name.")
    host: Macro = Field("", description="`{HOST.NAME}`")
    hostgroups: Macro = Field("", description="`{TRIGGER.HOSTGROUP.NAME}`")
    trigger_id: Macro = Field("", description="`{TRIGGER.ID}`")
    opdata: Macro = Field("", description="`{EVENT.OPDATA}`")
    tags: Annotated[list[Tag], BeforeValidator(_tags)] = Field([], description="`{EVENT.TAGSJSON}`")
    update_status: Macro = Field("0", description="`{EVENT.UPDATE.STATUS}`: 1 when somebody has acted on it.")
    update_action: Macro = Field("", description="`{EVENT.UPDATE.ACTION}`: what they did, in words.")
    user: Macro = Field("", description="`{USER.FULLNAME}`: who did.")
    message: Macro = Field("", description="`{EVENT.UPDATE.MESSAGE}`: what they wrote.")
    recovery_id: Macro = Field("", description="`{EVENT.RECOVERY.ID}`")
    url: Macro = Field("", description="Where it is shown in Zabbix.")
    server: Macro = Field("", description="A name for this Zabbix, where several of them call.")


def notice_of(event: ZabbixEvent) -> Notice:
    """One event as a notice. An event is an episode, and has one end: nothing of it comes after that."""
    server = shortened(event.server, 100) if event.server else "zabbix"
    return Notice(
        dedup_key=f"{server}:{event.event_id}",
        says=_says(event),
        summary=shortened(_summary(event)),
        severity=_severity(event),
        labels=_labels(event),
        details=_details(event),
        late_for=FOR_EVER,
        by=event.user,
        why=" ".join(part for part in (event.update_action, event.message) if part),
    )


def _says(event: ZabbixEvent) -> Says:
    if event.update_status == "1":
        return _says_update(event)
    is_over = event.event_value.lower() in _RECOVERED or bool(event.recovery_id)
    return Says.RESOLVED if is_over else Says.FIRING


def _says_update(event: ZabbixEvent) -> Says:
    """What somebody's action on a problem comes to; of several at once the one that changes most."""
    did = set(re.findall(r"[a-z]+", event.update_action.lower()))
    if "closed" in did or event.event_value.lower() in _RECOVERED:
        return Says.RESOLVED
    if "acknowledged" in did:
        return Says.ACKNOWLEDGED
    if "suppressed" in did:
        return Says.CALLED_OFF
    return Says.FIRING if did & {"unsuppressed", "severity"} else Says.NOTED


def _severity(event: ZabbixEvent) -> Severity:
    number = SEVERITIES.get(event.nseverity)
    return number or SEVERITIES.get(event.severity.lower(), Severity.WARNING)


def _summary(event: ZabbixEvent) -> str:
    name = event.event_name or f"event {event.event_id}"
    return name if not event.host or event.host in name else f"{event.host}: {name}"


def _labels(event: ZabbixEvent) -> dict[str, str]:
    """The event's tags, several values of one in a row, and host and host groups."""
    found: dict[str, list[str]] = {}
    for tag in event.tags:
        found.setdefault(tag.tag, []).append(tag.value)
    ours = {"host": event.host, "hostgroup": event.hostgroups, "severity": event.severity}
    return {name: ",".join(values) for name, values in found.items() if name} | {
        name: value for name, value in ours.items() if value
    }


def _details(event: ZabbixEvent) -> dict[str, Any]:
    sent = event.model_dump(exclude={"tags", "user", "message", "update_status", "update_action"})
    tags = [tag.model_dump() for tag in event.tags]
    return {name: value for name, value in sent.items() if value} | ({"tags": tags} if tags else {})
