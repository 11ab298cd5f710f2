"""The driver for Yeastar API v1.1.0. Which endpoint does what is in the S-Series API v1.1.0 manual."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind, Report
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.answers import unreadable
from dispatcher.pbx.errors import PbxError, PbxRefused
from dispatcher.pbx.http import PbxHttp
from dispatcher.pbx.protocol import (
    ALL_OF_PHONES,
    Accepted,
    Capabilities,
    Device,
    DialOrder,
    Ivr,
    LiveCall,
    Observe,
    PbxAccount,
    Session,
    TransferOrder,
    TrunkState,
)
from dispatcher.pbx.yeastar.account import destination, digest
from dispatcher.pbx.yeastar.answers import accepted, device, trunk_state
from dispatcher.pbx.yeastar.client import YeastarClient, text
from dispatcher.pbx.yeastar.records import RECORD_OPERATIONS, CallRecords
from dispatcher.pbx.yeastar_s import reports
from dispatcher.pbx.yeastar_s.errnos import ERRNOS

LOGIN, HEARTBEAT, LOGOUT, DIAL, LIVE_CALLS, HANGUP, TRANSFER, TRUNKS, IVRS, DEVICE = _OPERATIONS = (
    "login",
    "heartbeat",
    "logout",
    "dial",
    "live_calls",
    "hangup",
    "transfer",
    "trunks",
    "ivrs",
    "device",
)
OPERATIONS = (*_OPERATIONS, *RECORD_OPERATIONS)

_ENDPOINTS: dict[tuple[MessageKind, TargetKind], tuple[str, str, str]] = {
    (MessageKind.IVR, TargetKind.NUMBER): ("ivr/dial_outbound", "ivrid", "outto"),
    (MessageKind.IVR, TargetKind.EXTENSION): ("ivr/dial_extension", "ivrid", "extid"),
    (MessageKind.PROMPT, TargetKind.NUMBER): ("outbound/playprompt", "prompt", "outto"),
    (MessageKind.PROMPT, TargetKind.EXTENSION): ("extension/playprompt", "prompt", "extid"),
    (MessageKind.QUEUE, TargetKind.NUMBER): ("queue/dial_outbound", "queueid", "outto"),
    (MessageKind.RING_GROUP, TargetKind.NUMBER): ("ringgroup/dial_outbound", "ringgroupid", "outto"),
}
"""Endpoint, parameter of the message, parameter of the callee."""


class YeastarS:
    """One PBX of the family ``yeastar-s``; see :class:`~dispatcher.pbx.protocol.Driver`."""

    family = "yeastar-s"
    capabilities = Capabilities(
        placeable=frozenset(_ENDPOINTS),
        provable=ALL_OF_PHONES,
        hangs_up_whatever=True,
        dials_together=True,
        transfers=frozenset({TargetKind.NUMBER}),
    )
    report_words: Sequence[str] = reports.REPORT_WORDS
    operations: Sequence[str] = OPERATIONS

    def __init__(self, account: PbxAccount, observe: Observe) -> None:
        self._account = account
        self._reports_to = destination(account.reports_url)
        http = PbxHttp(account.url, verify_tls=account.verify_tls, timeout=account.timeout_seconds)
        self._client = YeastarClient(http, "/api/v1.1.0/", ERRNOS, observe)
        self._records = CallRecords(self._client, account.timezone, "extid")

    def __repr__(self) -> str:
        return f"YeastarS({self._account.name!r})"

    def login(self) -> Session:
        """Log in with version 1.0.2, without which reports are not even well-formed JSON.

        One request. The caller must not try refused credentials again: after five failures in a row the PBX
        locks our address for ten minutes.
        """
        place = self._reports_to
        answer = self._client.ask(
            LOGIN,
            "login",
            {
                "username": self._account.username,
                "password": digest(self._account.password),
                "port": place["port"],
                "version": "1.0.2",
                "url": place["url"],
                "urltag": "1",
            },
        )
        token = text(answer.get("token"))
        if not token:
            raise unreadable("login", "no token")
        return Session(token)

    def keep_alive(self, session: Session) -> None:
        """Send a heartbeat, with exactly the login's destination, since it points the reports anew.

        The manual's table names ``urltag`` and its English edition ``urlflag``: both are sent.
        """
        place = self._reports_to | {"urltag": "1", "urlflag": "1"}
        self._client.ask(HEARTBEAT, "heartbeat", place, session)

    def logout(self, session: Session) -> None:
        """End the session; the PBX sends no reports after it."""
        self._client.ask(LOGOUT, "logout", {}, session)

    def dial(self, session: Session, order: DialOrder) -> Accepted:
        """Place one call and return its callid, which the PBX's reports will name.

        An answer of success without a readable callid is in doubt: the call was placed.
        """
        endpoint, params = _request(order)
        return accepted(endpoint, self._client.ask(DIAL, endpoint, params, session))

    def dial_together(
        self, session: Session, orders: Sequence[DialOrder], send_by: float
    ) -> Iterator[list[tuple[int, Accepted | PbxError]]]:
        """Place many calls at once; see :class:`~dispatcher.pbx.protocol.DialsTogether`."""
        found = [(place, _request_or_refusal(order)) for place, order in enumerate(orders)]
        if refused := [(place, asked) for place, asked in found if isinstance(asked, PbxError)]:
            yield list(refused)
        asked = [(place, asked) for place, asked in found if not isinstance(asked, PbxError)]
        for done in self._client.ask_together(DIAL, [request for _, request in asked], session, send_by):
            yield [(asked[at][0], _accepted_or_error(asked[at][1][0], answer)) for at, answer in done]

    def live_calls(self, session: Session) -> Sequence[LiveCall]:
        """Every call on every trunk: outbound ones by leg, inbound ones by leg and callid.

        A leg's id is not the callid of its call, except that an inbound call is named by its leg.
        """
        found: list[LiveCall] = []
        for item in self._client.listed(LIVE_CALLS, "outbound/query", "outbound", {}, session):
            found.append(_live(item, PartyKind.OUTBOUND, leg=text(item.get("outboundid")), callid=""))
        for item in self._client.listed(LIVE_CALLS, "inbound/query", "inbound", {}, session):
            leg = text(item.get("inboundid"))
            found.append(_live(item, PartyKind.INBOUND, leg=leg, callid=leg))
        return found

    def hang_up_leg(self, session: Session, leg: str) -> None:
        """End an outbound leg; ``Reason.CALL_OVER`` when it is gone already."""
        self._client.ask(HANGUP, "outbound/hangup", {"outboundid": leg}, session)

    def hang_up_extension(self, session: Session, extension: str, callid: str) -> None:
        """End whatever call the extension is in ('Hang up an extension'): the API can't name one of them."""
        self._client.ask(HANGUP, "extension/hangup", {"extid": extension}, session)

    def transfer(self, session: Session, order: TransferOrder) -> None:
        """Lead an outbound leg on to an extension or an outside number ('Transfer an outbound call').

        It is not reported as a transfer, and the manual's sample answers with the leg's own id as the
        callid: whether later reports keep the call's is not said.
        """
        params = {"outboundid": order.leg, "number": order.digits, "fromext": order.from_extension}
        self._client.ask(TRANSFER, "outbound/transfer_number", params, session)

    def trunks(self, session: Session) -> Sequence[TrunkState]:
        """Every trunk with its status."""
        listed = self._client.listed(TRUNKS, "trunklist/query", "trunklist", {}, session)
        return [trunk_state(item) for item in listed]

    def ivrs(self, session: Session) -> Sequence[Ivr]:
        """Every IVR."""
        return [
            Ivr(text(item.get("ivrnumber")), text(item.get("ivrname")), text(item.get("prompt")))
            for item in self._client.listed(IVRS, "ivr/query", "ivr", {}, session)
        ]

    def device(self, session: Session) -> Device:
        """Model, serial number (the ``sn`` of every report) and firmware."""
        endpoint = "deviceinfo/query"
        return device(endpoint, self._client.ask(DEVICE, endpoint, {}, session))

    def records(self, session: Session, since: datetime, until: datetime) -> Sequence[Report]:
        """The call records of a time, downloaded; see :class:`~dispatcher.pbx.protocol.KeepsRecords`."""
        return self._records.fetch(session, since, until)

    def parse(self, body: bytes) -> Sequence[Report]:
        """Turn one pushed body into reports; ``ValueError`` when it can't be understood."""
        return reports.parse(body)

    def close(self) -> None:
        """Drop the connections."""
        self._client.close()


def _request_or_refusal(order: DialOrder) -> tuple[str, dict[str, str]] | PbxError:
    try:
        return _request(order)
    except PbxRefused as refusal:
        return refusal


def _accepted_or_error(endpoint: str, answer: dict[str, Any] | PbxError) -> Accepted | PbxError:
    if isinstance(answer, PbxError):
        return answer
    try:
        return accepted(endpoint, answer)
    except PbxError as error:
        return error


def _request(order: DialOrder) -> tuple[str, dict[str, str]]:
    """The endpoint and its parameters, or ``Reason.UNSUPPORTED``; the API can't repeat a prompt."""
    found = _ENDPOINTS.get((order.message.kind, order.target))
    if found is None or order.message.count != 1:
        count = f" {order.message.count} times" if order.message.count != 1 else ""
        raise PbxRefused(Reason.UNSUPPORTED, f"{order.message.kind} to {order.target}{count}")
    endpoint, message, callee = found
    params = {message: order.message.value, callee: order.digits}
    if order.target is TargetKind.EXTENSION:
        params["autoanswer"] = "no"
    elif order.from_extension:
        params["fromext"] = order.from_extension
    return endpoint, params


def _live(item: dict[str, Any], direction: PartyKind, *, leg: str, callid: str) -> LiveCall:
    caller, called = text(item.get("from")), text(item.get("to"))
    return LiveCall(
        leg=leg,
        number=called if direction is PartyKind.OUTBOUND else caller,
        trunk=text(item.get("trunk")) or text(item.get("trunkname")),
        direction=direction,
        caller=caller,
        callid=callid,
        status=text(item.get("status")),
    )
