"""The driver for Yeastar API v2.0.0. Which endpoint does what is in the K2 API v2.0.0 manual."""

import logging
from collections.abc import Sequence
from datetime import datetime

from dispatcher.domain.reports import PartyKind, Report
from dispatcher.domain.vocabulary import TargetKind
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.http import PbxHttp
from dispatcher.pbx.observing import observed
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
    ReportStream,
    Session,
    TransferOrder,
    TrunkState,
)
from dispatcher.pbx.yeastar.account import destination, digest
from dispatcher.pbx.yeastar.answers import accepted, device, trunk_state
from dispatcher.pbx.yeastar.calls import Live, leg_of, legs_of, live_in, the_call
from dispatcher.pbx.yeastar.client import YeastarClient, text
from dispatcher.pbx.yeastar.dialling import PLACEABLE
from dispatcher.pbx.yeastar.records import RECORD_OPERATIONS, CallRecords
from dispatcher.pbx.yeastar.tokens import bare, refresh_token, session_of
from dispatcher.pbx.yeastar_k2 import reports
from dispatcher.pbx.yeastar_k2.dialling import request_of
from dispatcher.pbx.yeastar_k2.errnos import ERRNOS
from dispatcher.pbx.yeastar_k2.stream import open_stream

_log = logging.getLogger(__name__)

(
    LOGIN, HEARTBEAT, REFRESH, LOGOUT, DIAL, LIVE_CALLS, LIVE_CALL, HANGUP, TRANSFER, TRUNKS, IVRS,
    DEVICE, LISTEN,
) = _OPERATIONS = (
    "login", "heartbeat", "refresh", "logout", "dial", "live_calls", "live_call", "hangup", "transfer",
    "trunks", "ivrs", "device", "listen",
)  # fmt: skip
OPERATIONS = (*_OPERATIONS, *RECORD_OPERATIONS)

VERSION = "2.0.0"
OUTBOUND, INBOUND = PartyKind.OUTBOUND, PartyKind.INBOUND


class YeastarK2:
    """One PBX of the family ``yeastar-k2``; see :class:`~dispatcher.pbx.protocol.Driver`."""

    family = "yeastar-k2"
    capabilities = Capabilities(
        placeable=PLACEABLE,
        provable=ALL_OF_PHONES,
        prompt_count=True,
        transfers=frozenset({TargetKind.NUMBER}),
    )
    report_words: Sequence[str] = reports.REPORT_WORDS
    operations: Sequence[str] = OPERATIONS

    def __init__(self, account: PbxAccount, observe: Observe) -> None:
        self._account = account
        self._observe = observe
        self._reports_to = destination(account.reports_url)
        http = PbxHttp(account.url, verify_tls=account.verify_tls, timeout=account.timeout_seconds)
        self._client = YeastarClient(http, "/api/v2.0.0/", ERRNOS, observe)
        self._records = CallRecords(self._client, account.timezone, "number")

    def __repr__(self) -> str:
        return f"YeastarK2({self._account.name!r})"

    @property
    def pulls_reports(self) -> bool:
        """Whether the PBX's report method is TCP, by our own configuration."""
        return self._account.report_transport == "tcp"

    def login(self) -> Session:
        """Log in with version 2.0.0, without which events come in the format of API v1.

        One request. The caller must not try refused credentials again: after five failures in a row the PBX
        locks our address for ten minutes.
        """
        credentials = {"username": self._account.username, "password": digest(self._account.password)}
        answer = self._client.ask(LOGIN, "login", credentials | {"version": VERSION} | self._destination())
        session = session_of("login", answer)
        self._compare_transport(text(answer.get("transport")).lower())
        return session

    def keep_alive(self, session: Session) -> Session | None:
        """Refresh the session where it can be, and send a heartbeat, which points the reports at us again.

        The heartbeat says the version anew, since without it events fall back to the format of API v1. It
        is the only refresh of a session without a refresh token, so there it must succeed. A session with
        one is a Cloud PBX's, whose manual has no heartbeat: there it may fail.
        """
        known = refresh_token(session)
        if not known:
            self._beat(session)
            return None
        answer = self._client.ask(REFRESH, "token/refresh", {"refreshtoken": known}, bare(session))
        renewed = session_of("token/refresh", answer)
        try:
            self._beat(renewed)
        except PbxError as error:
            _log.debug("%s takes no heartbeat: %s", self._account.name, error)
        return renewed

    def logout(self, session: Session) -> None:
        """End the session; the PBX posts no reports after it."""
        self._client.ask(LOGOUT, "logout", {}, bare(session))

    def dial(self, session: Session, order: DialOrder) -> Accepted:
        """Place one call and return its callid, which the PBX's reports will name.

        An answer of success without a readable callid is in doubt: the call was placed.
        """
        endpoint, params = request_of(order, self._account.prompt_volume)
        return accepted(endpoint, self._client.ask(DIAL, endpoint, params, bare(session)))

    def live_calls(self, session: Session) -> Sequence[LiveCall]:
        """Every leg on every trunk, with the callid of its call; two legs of one call count as two."""
        return legs_of(
            {kind: self._query(LIVE_CALLS, {"type": kind.value}, session) for kind in (OUTBOUND, INBOUND)}
        )

    def live_call(self, session: Session, callid: str) -> LiveCall | None:
        """The call of this callid, or None when the PBX does not know it (any more)."""
        return the_call(callid, self._query(LIVE_CALL, {"callid": callid}, session))

    def hang_up_leg(self, session: Session, leg: str) -> None:
        """End a leg by its channelid; ``Reason.CALL_OVER`` when it is gone already."""
        self._client.ask(HANGUP, "call/hangup", {"channelid": leg}, bare(session))

    def hang_up_extension(self, session: Session, extension: str, callid: str) -> None:
        """End an extension's part in this call; ``Reason.CALL_OVER`` when it has none.

        Only channels can be hung up, so the extension's is looked up first.
        """
        endpoint = "extension/query_call"
        listed = self._client.listed(HANGUP, endpoint, "calllist", {"number": extension}, bare(session))
        calls = [call for item in listed for call in live_in(item.get("numbercalls"))]
        self.hang_up_leg(session, leg_of(extension, callid, calls, endpoint))

    def transfer(self, session: Session, order: TransferOrder) -> None:
        """Put a leg through blindly ('Transfer a call'); it is not reported as a transfer."""
        params = {"channelid": order.leg, "number": order.digits}
        permission = {"dialpermission": order.from_extension} if order.from_extension else {}
        self._client.ask(TRANSFER, "call/transfer", params | permission, bare(session))

    def trunks(self, session: Session) -> Sequence[TrunkState]:
        """Every trunk with its status."""
        listed = self._client.listed(TRUNKS, "trunk/list", "trunklist", {}, bare(session))
        return [trunk_state(item) for item in listed]

    def ivrs(self, session: Session) -> Sequence[Ivr]:
        """Every IVR."""
        return [
            Ivr(text(item.get("number")), text(item.get("ivrname")), text(item.get("prompt")))
            for item in self._client.listed(IVRS, "ivr/query", "ivr", {"number": "all"}, bare(session))
        ]

    def device(self, session: Session) -> Device:
        """Model, serial number (the ``sn`` of every report) and firmware."""
        endpoint = "deviceinfo/query"
        return device(endpoint, self._client.ask(DEVICE, endpoint, {}, bare(session)))

    def records(self, session: Session, since: datetime, until: datetime) -> Sequence[Report]:
        """The call records of a time, downloaded; see :class:`~dispatcher.pbx.protocol.KeepsRecords`."""
        return self._records.fetch(bare(session), since, until)

    def open_reports(self, position: str) -> ReportStream:
        """Connect to the PBX's event port and log in there; it knows no places to go on from."""
        with observed(self._observe, LISTEN):
            return open_stream(self._account)

    def parse(self, body: bytes) -> Sequence[Report]:
        """Turn one body into reports; ``ValueError`` when it can't be understood."""
        return reports.parse(body)

    def close(self) -> None:
        """Drop the connections."""
        self._client.close()

    def _destination(self) -> dict[str, str]:
        """Where the PBX shall post its reports: nowhere when we fetch them over TCP."""
        if self.pulls_reports:
            return {}
        return {"port": self._reports_to["port"], "url": self._reports_to["url"], "urltag": "1"}

    def _beat(self, session: Session) -> None:
        place = {"ipaddr": self._reports_to["ipaddr"], "version": VERSION} | self._destination()
        self._client.ask(HEARTBEAT, "heartbeat", place, bare(session))

    def _compare_transport(self, told: str) -> None:
        """Say so when the PBX sends its reports in another way than we expect them: none would arrive."""
        if told in ("http", "tcp") and told != self._account.report_transport:
            _log.warning(
                'the report method of %s is %s: write report_transport = "%s", or change it on the PBX',
                self._account.name,
                told.upper(),
                told,
            )

    def _query(self, operation: str, params: dict[str, str], session: Session) -> list[Live]:
        return live_in(self._client.listed(operation, "call/query", "calls", params, bare(session)))
