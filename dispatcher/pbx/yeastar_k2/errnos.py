"""The error codes of API v2.0.0 (K2 API v2.0.0 manual, 'Error codes'), each with its reason.

They are those of v1.1.0 and the ones below, most of them of requests that configure the PBX, which the
dispatcher never sends: they are listed by the kind of request that they belong to, so that none is ever
unknown.
"""

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.yeastar import errnos
from dispatcher.pbx.yeastar.client import Errno

_CONFIGURATION: tuple[tuple[range, str], ...] = (
    (range(10034, 10042), "a paging group could not be configured"),
    (range(10042, 10062), "a trunk could not be configured"),
    (range(10063, 10073), "an inbound route could not be configured"),
    (range(10073, 10084), "an outbound route could not be configured"),
    (range(10088, 10093), "a trunk's DID could not be configured"),
    (range(10117, 10147), "an extension could not be configured"),
    (range(10148, 10150), "an extension group could not be configured"),
    (range(10151, 10153), "an extension group could not be configured"),
)
_CONFERENCE = (10105, 10106, 10107, 10112, 10113, 10115, 10116)

ERRNOS: dict[int, Errno] = (
    errnos.ERRNOS
    | {number: Errno(Reason.PBX_CONFIG, meaning) for numbers, meaning in _CONFIGURATION for number in numbers}
    | {number: Errno(Reason.FAILED, "the conference can't be changed so") for number in _CONFERENCE}
    | {
        10005: Errno(Reason.CALL_OVER, "the callid does not exist"),
        10062: Errno(Reason.PBX_CONFIG, "the trunk does not exist"),
        10100: Errno(Reason.NOTHING_FOUND, "what the request names does not exist"),
        10101: Errno(Reason.BAD_REQUEST, "caller and callee can't be joined by this request"),
        10102: Errno(Reason.FAILED, "the call can't be changed so"),
        10103: Errno(Reason.CALL_OVER, "the channelid does not exist"),
        10104: Errno(Reason.BAD_REQUEST, "the volume is not within 0 to 20"),
        10110: Errno(Reason.NOTHING_FOUND, "the conference does not exist"),
        10153: Errno(Reason.CALL_OVER, "the uaCSTA call does not exist"),
        20022: Errno(Reason.TOKEN_INVALID, "the token was given to another address"),
    }
)
