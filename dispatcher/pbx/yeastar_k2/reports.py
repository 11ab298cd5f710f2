"""Events of API v2.0.0 (K2 API v2.0.0 manual, 'API events'), parsed.

They are those of API v1.1.0 under ``event``, with ``members`` for parties, and CallStatus; reports of v1.1.0
itself are understood as well.
"""

from collections.abc import Sequence

from dispatcher.domain.reports import Report, ReportEvent
from dispatcher.pbx.yeastar.actions import ACTIONS, SPELLINGS
from dispatcher.pbx.yeastar.call_status import CALL_STATUS, call_status
from dispatcher.pbx.yeastar.client import text
from dispatcher.pbx.yeastar.events import UNKNOWN, reports_of
from dispatcher.pbx.yeastar.lenient import read_object
from dispatcher.pbx.yeastar.parties import parties_of
from dispatcher.pbx.yeastar.words import letters

_EVENTS: dict[str, ReportEvent] = ACTIONS | dict.fromkeys(
    (
        CALL_STATUS,
        "Forward",
        "ConferenceStatus",
        "uacstacall",
        "sms-send",
        "QueueAgentRingNoAnswerTimeout",
        "QueueAutoPause",
    ),
    ReportEvent.OTHER,
)
REPORT_WORDS: tuple[str, ...] = (*_EVENTS, UNKNOWN)

_WORDS: dict[str, str] = {letters(word): word for word in _EVENTS} | SPELLINGS


def parse(body: bytes) -> Sequence[Report]:
    """The reports in one body: one, or, of a CallStatus, one for each member that does something.

    An unknown event gives a report with ``ReportEvent.OTHER``. Raises ``ValueError`` when the body is
    no object, or names no event.
    """
    data = read_object(body)
    name = text(data.get("event")) or text(data.get("action"))
    if not name:
        raise ValueError("a report without an event")
    word = name if name in _EVENTS else _WORDS.get(letters(name), UNKNOWN)
    if word == CALL_STATUS:
        return call_status(data)
    return reports_of(_EVENTS.get(word, ReportEvent.OTHER), word, parties_of(data), data)
