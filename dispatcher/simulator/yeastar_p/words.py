"""The P-Series' words: event ids, error codes, why a call failed (misspelt as in the guide), trunk states."""

from collections.abc import Mapping

from dispatcher.simulator.callees import Failure
from dispatcher.simulator.yeastar.reasons import REASONS as COMMON_REASONS

EVENT_IDS: Mapping[str, int] = {
    "ExtensionStatus": 30008,
    "CallStatus": 30011,
    "NewCdr": 30012,
    "Transfer": 30013,
    "CallFailed": 30015,
    "DTMF": 30017,
    "PlayPromptEnd": 30018,
}

ALL_EVENTS = 0

NO_INTERFACE, TOKEN_EXPIRED, ACCESS_DENIED = 10001, 10004, 10005
SYNTAX, PARAMETER = 40001, 40002
NOT_FOUND, LIMIT = 60001, 60002
BLOCKED = 70004
INTERNAL = -2

MESSAGES: Mapping[int, str] = {
    INTERNAL: "INTERNAL SERVER ERROR",
    -1: "FAILURE",
    NO_INTERFACE: "INTERFACE NOT EXISTED",
    TOKEN_EXPIRED: "ACCESS TOKEN EXPIRED",
    ACCESS_DENIED: "ACCESS DENIED",
    SYNTAX: "SYNTAX ERROR",
    PARAMETER: "PARAMETER ERROR",
    NOT_FOUND: "DATA NOT FOUND",
    LIMIT: "MAX LIMITATION EXCEEDED",
    BLOCKED: "ACCOUNT IP BLOCKED",
}

OF_SHARED: Mapping[str, int] = {
    "10004": PARAMETER,
    "10006": NOT_FOUND,
    "10015": -1,
    "10023": NOT_FOUND,
    "10024": PARAMETER,
    "10031": PARAMETER,
    "10101": PARAMETER,
    "10104": PARAMETER,
    "20000": SYNTAX,
    "20007": PARAMETER,
}
"""Which code stands for what API v2.0.0 has one of its own for; the guide names none for calls (inferred)."""

REASONS: Mapping[Failure, str] = {**COMMON_REASONS, Failure.NOT_PERMITTED: "NO Outbound Restrictin"}

EVENT_STATUS: Mapping[str, str] = {"FAILED": "NO ANSWER"}
"""The event of a new record knows four words only; a search knows FAILED as well."""

TRUNK_UP, TRUNK_BUSY = 1, 2
TRUNK_DOWN: Mapping[str, int] = {"FXO": 11, "GSM": 34, "BRI": 22, "E1": 22}
SIP_TRUNK_DOWN = 42
