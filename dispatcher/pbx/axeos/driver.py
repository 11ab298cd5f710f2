"""The driver for the Axeos PBX API. Which path does what is in the Axeos manual, 'PBX API'."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Report
from dispatcher.pbx.answers import unreadable
from dispatcher.pbx.axeos import events
from dispatcher.pbx.axeos.api import Answer, AxeosApi, text
from dispatcher.pbx.axeos.dialling import PLACEABLE, PROVABLE, STATUSES, accepted_by, request_of
from dispatcher.pbx.axeos.poll import EVENTS, EventPoll
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import (
    Accepted,
    Capabilities,
    Device,
    DialOrder,
    LiveCall,
    Observe,
    PbxAccount,
    ReportStream,
    Session,
)

T = TypeVar("T")

LOGIN, CHECK, DIAL, LIVE_CALL, HANGUP, DEVICE = _OPERATIONS = (
    "login",
    "check",
    "dial",
    "live_call",
    "hangup",
    "device",
)
OPERATIONS = (*_OPERATIONS, EVENTS)

DIAL_WAITS = 60.0
"""Seconds that the own phone may ring; the manual does not say when the PBX gives up (inferred)."""

_SESSION = Session("every request carries the credential itself")
_OK, _NOT_FOUND = 200, 404


class Axeos:
    """One PBX of the family ``axeos``; see :class:`~dispatcher.pbx.protocol.Driver`.

    It can know that a user has picked up their own phone, and when the call has ended, and nothing else.
    """

    family = "axeos"
    capabilities = Capabilities(placeable=PLACEABLE, provable=PROVABLE, dial_waits=DIAL_WAITS)
    report_words: Sequence[str] = events.REPORT_WORDS
    operations: Sequence[str] = OPERATIONS
    pulls_reports = True

    def __init__(self, account: PbxAccount, observe: Observe) -> None:
        self._name = account.name
        self._api = AxeosApi(account, observe)

    def __repr__(self) -> str:
        return f"Axeos({self._name!r})"

    def login(self) -> Session:
        """Prove the credential. There is no session with this PBX, so the one returned is always the same.

        A credential that is not taken, or has no rights at all, is ``Reason.CREDENTIALS_REFUSED``.
        """
        try:
            self._information(LOGIN)
        except PbxRefused as refusal:
            if refusal.reason in (Reason.TOKEN_INVALID, Reason.NOT_PERMITTED):
                raise PbxRefused(Reason.CREDENTIALS_REFUSED, refusal.detail) from None
            raise
        return _SESSION

    def keep_alive(self, session: Session) -> None:
        """Nothing lapses here; it is only seen whether the PBX still answers and takes the credential."""
        self._information(CHECK)

    def logout(self, session: Session) -> None:
        """There is nothing to end."""

    def dial(self, session: Session, order: DialOrder) -> Accepted:
        """Place one call, waiting until the own phone has been answered, and return its ``unique_id``.

        A phone that was busy or not answered is :class:`PbxRefused` with that as its reason. An answer of
        success without a readable id is in doubt: the call was placed.
        """
        return self._api.ask(
            DIAL,
            "POST",
            "call",
            partial(accepted_by, order),
            body=request_of(order),
            expected=STATUSES,
            waits=DIAL_WAITS,
        )

    def live_call(self, session: Session, callid: str) -> LiveCall | None:
        """The call of this id, or None when the PBX says that it is not found: it is over."""
        return self._call(LIVE_CALL, "GET", callid, partial(_shown, callid))

    def hang_up_leg(self, session: Session, leg: str) -> None:
        """End a call by its id; ``Reason.CALL_OVER`` when it is not found."""
        self._call(HANGUP, "DELETE", leg, _hung_up)

    def hang_up_extension(self, session: Session, extension: str, callid: str) -> None:
        """Only calls can be hung up here, by their id."""
        raise PbxRefused(Reason.UNSUPPORTED, "this family hangs up calls by their id only")

    def device(self, session: Session) -> Device:
        """The host name and version. Its events name no serial number, so there is none to compare."""
        found = self._information(DEVICE)
        return Device(f"Axeos PBX {text(found.get('hostname'))}".strip(), firmware=text(found["version"]))

    def open_reports(self, position: str) -> ReportStream:
        """The events after ``position``, the number of the last one that is durable.

        At once it is seen whether there are any to be had, and whether the position is still good.
        """
        stream = EventPoll(self._api, position)
        stream.begin()
        return stream

    def parse(self, body: bytes) -> Sequence[Report]:
        """Turn one event into reports; ``ValueError`` when it can't be understood."""
        return events.parse(body)

    def close(self) -> None:
        """Drop the connections."""
        self._api.close()

    def _information(self, operation: str) -> Mapping[str, Any]:
        """What the PBX says of itself (new in PBX 4.1.10): the cheapest request that needs the credential."""
        return self._api.ask(operation, "GET", "system_information", _described)

    def _call(self, operation: str, method: str, callid: str, read: Callable[[Answer], T]) -> T:
        path = f"call/{quote(callid, safe='')}"
        return self._api.ask(operation, method, path, read, expected=(_OK, _NOT_FOUND))


def _described(answer: Answer) -> Mapping[str, Any]:
    if not text(answer.fields.get("version")):
        raise unreadable("system_information", "no version")
    return answer.fields


def _shown(callid: str, answer: Answer) -> LiveCall | None:
    if answer.status == _NOT_FOUND:
        return None
    if not answer.fields:
        raise unreadable("call", "no call")
    return events.live_call_of(callid, answer.fields)


def _hung_up(answer: Answer) -> None:
    if answer.status == _NOT_FOUND:
        raise PbxRefused(Reason.CALL_OVER, "call: the PBX knows no such call (any more)")
    said = text(answer.fields.get("status")).lower()
    if said != "success":
        raise PbxRefused(Reason.FAILED, f"call: hanging up: {said or 'no status'}")
