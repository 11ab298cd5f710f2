"""One closed set of reasons for everything that can keep a call from being placed or answered.

A driver maps every word and number of its vendor to a :class:`Reason`; nothing above a driver ever
sees the vendor's own. Each reason says what it means for the attempt (:class:`Nature`) and which
outcome the attempt gets.
"""

from dataclasses import dataclass
from enum import StrEnum

from dispatcher.domain.vocabulary import Outcome


class Nature(StrEnum):
    """What a failure allows: never again, later, or first find out whether a call exists."""

    PERMANENT = "permanent"
    RETRYABLE = "retryable"
    IN_DOUBT = "in_doubt"


class Reason(StrEnum):
    """Why a request was refused or a call was not answered."""

    # The callee's doing.
    BUSY = "busy"
    REJECTED = "rejected"
    NO_ANSWER = "no_answer"
    INVALID_NUMBER = "invalid_number"
    VOICEMAIL = "voicemail"
    EXTENSION_NOT_IDLE = "extension_not_idle"
    FAILED = "failed"
    # The trunk's and the PBX's doing.
    CONGESTION = "congestion"
    UNREACHABLE = "unreachable"
    PBX_AWAY = "pbx_away"
    NOT_CONNECTED = "not_connected"
    TOO_FREQUENT = "too_frequent"
    # How the PBX is set up.
    NOT_PERMITTED = "not_permitted"
    EXTENSION_UNKNOWN = "extension_unknown"
    IVR_UNKNOWN = "ivr_unknown"
    QUEUE_UNKNOWN = "queue_unknown"
    RING_GROUP_UNKNOWN = "ring_group_unknown"
    PROMPT_UNKNOWN = "prompt_unknown"
    PBX_CONFIG = "pbx_config"
    # The session with the PBX.
    CREDENTIALS_REFUSED = "credentials_refused"
    LOCKED_OUT = "locked_out"
    TOKEN_INVALID = "token_invalid"  # noqa: S105 - a reason's name, not a secret
    # The request itself.
    BAD_REQUEST = "bad_request"
    UNSUPPORTED = "unsupported"
    CALL_OVER = "call_over"
    NOTHING_FOUND = "nothing_found"
    # Nobody knows whether the PBX acted on the request.
    TIMED_OUT = "timed_out"
    CONNECTION_LOST = "connection_lost"
    HTTP_ERROR = "http_error"
    PBX_FAULT = "pbx_fault"
    RESPONSE_UNREADABLE = "response_unreadable"
    # Our own doing.
    CANCELLED = "cancelled"
    NEVER_PLACED = "never_placed"
    """No request was sent, or none that became a call."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason means for the attempt that met it."""

    nature: Nature
    outcome: Outcome


_LATER = Nature.RETRYABLE
_NEVER = Nature.PERMANENT
_DOUBT = Nature.IN_DOUBT

MEANINGS: dict[Reason, Meaning] = {
    Reason.BUSY: Meaning(_LATER, Outcome.BUSY),
    Reason.REJECTED: Meaning(_LATER, Outcome.REJECTED),
    Reason.NO_ANSWER: Meaning(_LATER, Outcome.NO_ANSWER),
    Reason.INVALID_NUMBER: Meaning(_NEVER, Outcome.INVALID_NUMBER),
    Reason.VOICEMAIL: Meaning(_LATER, Outcome.VOICEMAIL),
    Reason.EXTENSION_NOT_IDLE: Meaning(_LATER, Outcome.BUSY),
    Reason.FAILED: Meaning(_LATER, Outcome.UNKNOWN),
    Reason.CONGESTION: Meaning(_LATER, Outcome.CONGESTION),
    Reason.UNREACHABLE: Meaning(_LATER, Outcome.UNREACHABLE),
    Reason.PBX_AWAY: Meaning(_LATER, Outcome.UNREACHABLE),
    Reason.NOT_CONNECTED: Meaning(_LATER, Outcome.CONGESTION),
    Reason.TOO_FREQUENT: Meaning(_LATER, Outcome.CONGESTION),
    Reason.NOT_PERMITTED: Meaning(_NEVER, Outcome.NOT_PERMITTED),
    Reason.EXTENSION_UNKNOWN: Meaning(_NEVER, Outcome.NOT_PERMITTED),
    Reason.IVR_UNKNOWN: Meaning(_NEVER, Outcome.NOT_PERMITTED),
    Reason.QUEUE_UNKNOWN: Meaning(_NEVER, Outcome.NOT_PERMITTED),
    Reason.RING_GROUP_UNKNOWN: Meaning(_NEVER, Outcome.NOT_PERMITTED),
    Reason.PROMPT_UNKNOWN: Meaning(_NEVER, Outcome.NOT_PERMITTED),
    Reason.PBX_CONFIG: Meaning(_NEVER, Outcome.NOT_PERMITTED),
    Reason.CREDENTIALS_REFUSED: Meaning(_LATER, Outcome.UNREACHABLE),
    Reason.LOCKED_OUT: Meaning(_LATER, Outcome.UNREACHABLE),
    Reason.TOKEN_INVALID: Meaning(_LATER, Outcome.UNREACHABLE),
    Reason.BAD_REQUEST: Meaning(_NEVER, Outcome.NOT_PERMITTED),
    Reason.UNSUPPORTED: Meaning(_NEVER, Outcome.NOT_PERMITTED),
    Reason.CALL_OVER: Meaning(_LATER, Outcome.UNKNOWN),
    Reason.NOTHING_FOUND: Meaning(_LATER, Outcome.UNKNOWN),
    Reason.TIMED_OUT: Meaning(_DOUBT, Outcome.UNKNOWN),
    Reason.CONNECTION_LOST: Meaning(_DOUBT, Outcome.UNKNOWN),
    Reason.HTTP_ERROR: Meaning(_DOUBT, Outcome.UNKNOWN),
    Reason.PBX_FAULT: Meaning(_DOUBT, Outcome.UNKNOWN),
    Reason.RESPONSE_UNREADABLE: Meaning(_DOUBT, Outcome.UNKNOWN),
    Reason.CANCELLED: Meaning(_NEVER, Outcome.CANCELLED),
    Reason.NEVER_PLACED: Meaning(_LATER, Outcome.UNREACHABLE),
}


def _vagueness(reason: Reason) -> int:
    if reason is Reason.NEVER_PLACED:
        return 2
    return int(MEANINGS[reason].outcome is Outcome.UNKNOWN)


OF_THE_SET_UP = frozenset(
    {
        Reason.EXTENSION_UNKNOWN,
        Reason.IVR_UNKNOWN,
        Reason.QUEUE_UNKNOWN,
        Reason.RING_GROUP_UNKNOWN,
        Reason.PROMPT_UNKNOWN,
        Reason.PBX_CONFIG,
        Reason.BAD_REQUEST,
        Reason.UNSUPPORTED,
    }
)
"""Refusals that have to do with the message, the trunk or the PBX, and not with the number dialled.

``NOT_PERMITTED`` is none of them: an extension may be allowed to call some numbers and not others.
"""

OF_THE_LINE = frozenset({Reason.CONGESTION, Reason.UNREACHABLE})
"""What a call meets on its way, a trunk or an extension's line, beyond a PBX that has taken it on."""

PRECEDENCE: dict[Reason, int] = {reason: rank for rank, reason in enumerate(sorted(Reason, key=_vagueness))}
"""Which reason stays when a call's reports name several, so that their order does not matter.

The lowest rank stays: what is the callee's doing, then the trunk's, then what tells nothing, and last our
own conclusion that there was no call.
"""


def meaning(reason: Reason) -> Meaning:
    """What ``reason`` means; every reason has one, and a test holds the table to it."""
    return MEANINGS[reason]
