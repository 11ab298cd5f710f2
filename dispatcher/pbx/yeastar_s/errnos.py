"""The error codes of API v1.1.0 (S-Series API v1.1.0 manual, 'Error codes'), each with its reason.

Codes of 10xxx mean that the PBX turned the request down: no call exists. 20010 and 3xxxx mean that a
process inside the PBX failed while it had the request, so a call may exist: their reason is in doubt.
Codes of requests that the dispatcher never sends are listed too, so that none is ever unknown. 30002 is in
no table of the manual, but lies between two of the same kind.
"""

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.yeastar.client import Errno

ERRNOS: dict[int, Errno] = {
    10002: Errno(Reason.BAD_REQUEST, "XML is not supported"),
    10003: Errno(Reason.UNSUPPORTED, "the API does not know this request"),
    10004: Errno(Reason.BAD_REQUEST, "a required parameter is blank"),
    10006: Errno(Reason.EXTENSION_UNKNOWN, "the extension does not exist"),
    10007: Errno(Reason.CALL_OVER, "the call does not exist"),
    10008: Errno(Reason.EXTENSION_NOT_IDLE, "the extension is not idle"),
    10009: Errno(Reason.PBX_CONFIG, "the extension may not be monitored"),
    10010: Errno(Reason.PBX_CONFIG, "the monitor mode does not match"),
    10011: Errno(Reason.INVALID_NUMBER, "the called number does not exist"),
    10012: Errno(Reason.IVR_UNKNOWN, "the IVR does not exist"),
    10013: Errno(Reason.QUEUE_UNKNOWN, "the queue does not exist"),
    10014: Errno(Reason.RING_GROUP_UNKNOWN, "the ring group does not exist"),
    10015: Errno(Reason.NOT_CONNECTED, "the call could not be bridged"),
    10016: Errno(Reason.CALL_OVER, "too late to accept or refuse the call"),
    10017: Errno(Reason.PBX_CONFIG, "the extension could not be configured"),
    10018: Errno(Reason.PBX_CONFIG, "the IVR could not be configured"),
    10019: Errno(Reason.PBX_CONFIG, "the queue could not be configured"),
    10020: Errno(Reason.PBX_CONFIG, "the wake-up call could not be added or changed"),
    10021: Errno(Reason.NOTHING_FOUND, "the extension has no such wake-up call"),
    10022: Errno(Reason.BAD_REQUEST, "the wake-up call exists already"),
    10023: Errno(Reason.PROMPT_UNKNOWN, "the prompt does not exist"),
    10024: Errno(Reason.NOT_PERMITTED, "the extension may not call out"),
    10025: Errno(Reason.TOO_FREQUENT, "applied too frequently"),
    10026: Errno(Reason.PBX_CONFIG, "the GSM module does not exist"),
    10027: Errno(Reason.CONGESTION, "the GSM module is in use, or none is idle"),
    10028: Errno(Reason.INVALID_NUMBER, "the number is blank"),
    10029: Errno(Reason.FAILED, "the SMS file could not be opened"),
    10030: Errno(Reason.BAD_REQUEST, "the SMS is blank"),
    10031: Errno(Reason.INVALID_NUMBER, "the number does not meet the requirements"),
    10032: Errno(Reason.PBX_CONFIG, "a wrong password within the request"),
    10033: Errno(Reason.PBX_CONFIG, "the extension's outbound routes could not be configured"),
    20000: Errno(Reason.BAD_REQUEST, "only JSON is supported"),
    20001: Errno(Reason.BAD_REQUEST, "only POST is supported"),
    20002: Errno(Reason.LOCKED_OUT, "login refused: our address is locked for ten minutes"),
    20003: Errno(Reason.CREDENTIALS_REFUSED, "login refused: wrong user name or password"),
    20004: Errno(Reason.TOKEN_INVALID, "no such token"),
    20005: Errno(Reason.TOKEN_INVALID, "the token is blank"),
    20006: Errno(Reason.TOKEN_INVALID, "the token has timed out"),
    20007: Errno(Reason.BAD_REQUEST, "the request has no data"),
    20008: Errno(Reason.PBX_CONFIG, "the port for reports is wrong"),
    20009: Errno(Reason.BAD_REQUEST, "the request has no name"),
    20010: Errno(Reason.PBX_FAULT, "the request could not be handed on within the PBX"),
    20011: Errno(Reason.FAILED, "the heartbeat could not be configured"),
    20012: Errno(Reason.FAILED, "the recording's random string is not valid"),
    20013: Errno(Reason.FAILED, "the verification code is wrong"),
    20014: Errno(Reason.NOTHING_FOUND, "the recording does not exist"),
    20015: Errno(Reason.BAD_REQUEST, "allowedip is wrong"),
    20016: Errno(Reason.BAD_REQUEST, "the voicemail's status parameter is wrong"),
    20017: Errno(Reason.FAILED, "the voicemail's random string is not valid"),
    20018: Errno(Reason.NOTHING_FOUND, "the voicemail does not exist"),
    20019: Errno(Reason.BAD_REQUEST, "the format of the time is wrong"),
    20020: Errno(Reason.FAILED, "the random string of the call records is not valid"),
    20021: Errno(Reason.NOTHING_FOUND, "no call records"),
    30001: Errno(Reason.PBX_FAULT, "the PBX has no memory for the answer"),
    30002: Errno(Reason.PBX_FAULT, "a fault within the PBX"),
    30003: Errno(Reason.PBX_FAULT, "the PBX's API process does not run"),
}
