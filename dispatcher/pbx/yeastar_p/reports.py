"""Events of the OpenAPI (P-Series developer guide, 'API Events'), parsed.

Each is ``{"type": 30012, "sn": "…", "msg": "…"}`` with JSON as a text in ``msg``, which is read a second
time; the guide's samples show that text without its escapes, and some events have an object in its place.
What ``msg`` says is what an event of API v2.0.0 says, in other spellings: ``call_id`` for ``callid``,
``member_status``, ``extension`` for ``ext``, and blanks for what is empty.
"""

import re
from collections.abc import Sequence
from typing import Any

from dispatcher.domain.reports import Report, ReportEvent
from dispatcher.pbx.yeastar.call_status import CALL_STATUS, call_status
from dispatcher.pbx.yeastar.client import text
from dispatcher.pbx.yeastar.events import UNKNOWN, reports_of
from dispatcher.pbx.yeastar.lenient import read_object
from dispatcher.pbx.yeastar.parties import parties_of

_OTHER = ReportEvent.OTHER
_EVENTS: dict[str, tuple[str, ReportEvent]] = {
    "30005": ("OrganizationChange", _OTHER),
    "30006": ("OrganizationMemberChange", _OTHER),
    "30007": ("ExtensionRegistration", _OTHER),
    "30008": ("ExtensionStatus", _OTHER),
    "30009": ("ExtensionPresence", _OTHER),
    "30010": ("TrunkRegistration", _OTHER),
    "30011": (CALL_STATUS, _OTHER),
    "30012": ("NewCdr", ReportEvent.CDR),
    "30013": ("Transfer", ReportEvent.TRANSFERRED),
    "30014": ("Forward", _OTHER),
    "30015": ("CallFailed", ReportEvent.FAILED),
    "30016": ("Invite", _OTHER),
    "30017": ("DTMF", ReportEvent.DTMF),
    "30018": ("PlayPromptEnd", ReportEvent.PROMPT_ENDED),
    "30019": ("satisfaction", _OTHER),
    "30020": ("uacstacall", _OTHER),
    "30031": ("sms-received", _OTHER),
    "30032": ("sms-sent", _OTHER),
    "30033": ("Recording", _OTHER),
    "30039": ("CallTimeline", _OTHER),
}
"""Every event that is known, by its id. Those of calls have the names that API v2.0.0 gives them."""

TOPICS = (30011, 30012, 30013, 30014, 30015, 30017, 30018)
"""What is asked for: every event of a call."""

REPORT_WORDS: tuple[str, ...] = (*(word for word, _ in _EVENTS.values()), UNKNOWN)

_UNESCAPED = re.compile(rb'("msg"\s*:\s*)"\s*(\{\s*["}].*\})\s*"', re.DOTALL)


def parse(body: bytes) -> Sequence[Report]:
    """The reports in one body: one, or more of a call's status and of keys.

    An unknown event gives a report with ``ReportEvent.OTHER``. Raises ``ValueError`` when the body is
    no object, or names no event.
    """
    envelope = read_object(_UNESCAPED.sub(rb"\1\2", body))
    kind = text(envelope.get("type"))
    if not kind:
        raise ValueError("a report without a type")
    word, event = _EVENTS.get(kind, (UNKNOWN, _OTHER))
    data = plain(_message(envelope)) | {"sn": envelope.get("sn")}
    if word == CALL_STATUS:
        return call_status(data)
    return reports_of(event, word, parties_of(data), data)


def _message(envelope: dict[str, Any]) -> dict[str, Any]:
    found = envelope.get("msg")
    if isinstance(found, str):
        return read_object(found.encode())
    return found if isinstance(found, dict) else {}


def plain(value: Any) -> Any:
    """The same as API v2.0.0 spells it: no underscores in keys, and ``ext`` for a party's ``extension``."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, item in value.items():
        name = "ext" if key == "extension" and isinstance(item, dict) else key.replace("_", "")
        found[name] = plain(item)
    return found
