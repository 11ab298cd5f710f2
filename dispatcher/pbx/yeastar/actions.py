"""Reports of API v1.1.0 (S-Series API v1.1.0 manual, 'API reports'), which are named by ``action``.

A PBX of API v2.0.0 sends them as well, to a session that it takes for one without ``version`` (K2 API
v2.0.0 manual, 'Get API token').
"""

from collections.abc import Sequence
from typing import Any

from dispatcher.domain.reports import Report, ReportEvent
from dispatcher.pbx.yeastar.client import text
from dispatcher.pbx.yeastar.events import UNKNOWN, reports_of
from dispatcher.pbx.yeastar.parties import parties_of
from dispatcher.pbx.yeastar.words import letters

ACTIONS: dict[str, ReportEvent] = {
    "BootUp": ReportEvent.BOOT,
    "ConfigChange": ReportEvent.OTHER,
    "ExtensionStatus": ReportEvent.OTHER,
    "ALERT": ReportEvent.RINGING,
    "RING": ReportEvent.RINGING,
    "ANSWER": ReportEvent.ANSWERED,
    "ANSWERED": ReportEvent.ANSWERED,
    "BYE": ReportEvent.RELEASED,
    "Tranfer": ReportEvent.TRANSFERRED,
    "CallFailed": ReportEvent.FAILED,
    "DTMF": ReportEvent.DTMF,
    "NewCdr": ReportEvent.CDR,
    "Invite": ReportEvent.OTHER,
    "Incoming": ReportEvent.OTHER,
    "PlayPromptEnd": ReportEvent.PROMPT_ENDED,
    "satisfaction": ReportEvent.OTHER,
}
"""Every report of the manual, under the manual's own name."""

SPELLINGS = {"transfer": "Tranfer", "dtmfevent": "DTMF"}
"""Names, by their letters, that are not the manual's: a receiver in the field saw "DTMF event"."""

_WORDS: dict[str, str] = {letters(word): word for word in ACTIONS} | SPELLINGS


def read_action(data: dict[str, Any]) -> Sequence[Report]:
    """The reports in a body with an ``action``; an unknown one gives ``ReportEvent.OTHER``.

    Raises ``ValueError`` when there is no action.
    """
    action = text(data.get("action"))
    if not action:
        raise ValueError("a report without an action")
    word = action if action in ACTIONS else _WORDS.get(letters(action), UNKNOWN)
    return reports_of(ACTIONS.get(word, ReportEvent.OTHER), word, parties_of(data), data)
