"""The error codes of the OpenAPI (P-Series developer guide, 'Error Code and Error Message').

The guide's list says little of calls. What has failed within the PBX (-2), failed without a reason (-1),
was done in part (1) or is still being done (2) may have placed a call, so these are in doubt, and so is
every code that is not listed here.
"""

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.yeastar.client import Errno

ERRCODES: dict[int, Errno] = {
    -2: Errno(Reason.PBX_FAULT, "an error within the PBX"),
    -1: Errno(Reason.PBX_FAULT, "failure"),
    1: Errno(Reason.PBX_FAULT, "done in part"),
    2: Errno(Reason.PBX_FAULT, "still being done"),
    10001: Errno(Reason.UNSUPPORTED, "the API does not know this request"),
    10003: Errno(Reason.UNSUPPORTED, "the API does not have this version"),
    10004: Errno(Reason.TOKEN_INVALID, "the token has expired"),
    10005: Errno(Reason.PBX_CONFIG, "access denied"),
    40001: Errno(Reason.BAD_REQUEST, "a syntax error"),
    40002: Errno(Reason.BAD_REQUEST, "a parameter is wrong"),
    40003: Errno(Reason.BAD_REQUEST, "a parameter is a duplicate"),
    60001: Errno(Reason.NOTHING_FOUND, "not found"),
    60002: Errno(Reason.TOO_FREQUENT, "a limit is exceeded"),
    70004: Errno(Reason.LOCKED_OUT, "our address is blocked"),
    70082: Errno(Reason.TOO_FREQUENT, "the PBX is overloaded"),
    70084: Errno(Reason.PBX_CONFIG, "forbidden"),
}

_REFUSED = Errno(Reason.CREDENTIALS_REFUSED, "the client ID or secret is not taken")
_OF_LOGIN: dict[int, Errno] = dict.fromkeys((10005, 60001, 70084), _REFUSED)
_OF_ACCOUNTS = range(70000, 80000)


def of_request(code: int) -> Errno | None:
    """What a request was answered with; None for a code that is not listed."""
    return ERRCODES.get(code)


def of_dial(code: int) -> Errno | None:
    """The same of a request that places a call: what it names is not found, however often it is asked."""
    if code == 60001:
        return Errno(Reason.BAD_REQUEST, "what is to call or to be played is not found")
    return ERRCODES.get(code)


def of_login(code: int) -> Errno | None:
    """The same of a login. Which code a wrong secret has is not documented.

    Five wrong ones block our address, so whatever may be one, a code of accounts that is not listed
    included, is taken for it and not tried again (inferred).
    """
    known = _OF_LOGIN.get(code) or ERRCODES.get(code)
    return _REFUSED if known is None and code in _OF_ACCOUNTS else known
