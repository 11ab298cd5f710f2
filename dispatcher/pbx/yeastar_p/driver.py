"""The driver for the P-Series' OpenAPI. Which endpoint does what is in the P-Series developer guide.

The guide is all that this rests on, with what public code shows of boxes in the field: where it is silent,
the driver is tolerant, and says so.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind, Report
from dispatcher.domain.vocabulary import TargetKind
from dispatcher.pbx.answers import unreadable
from dispatcher.pbx.errors import PbxError, PbxRefused
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
from dispatcher.pbx.yeastar.calls import Live, leg_of, legs_of, live_in, the_call
from dispatcher.pbx.yeastar.client import text
from dispatcher.pbx.yeastar.dialling import PLACEABLE
from dispatcher.pbx.yeastar_p import lists, records, reports, webhooks
from dispatcher.pbx.yeastar_p.api import OpenApi
from dispatcher.pbx.yeastar_p.dialling import request_of
from dispatcher.pbx.yeastar_p.errcodes import of_dial
from dispatcher.pbx.yeastar_p.sessions import give_back, is_due, opened, renewed
from dispatcher.pbx.yeastar_p.websocket import EventSocket

(
    LOGIN, REFRESH, LOGOUT, DIAL, LIVE_CALLS, LIVE_CALL, HANGUP, TRANSFER, TRUNKS, IVRS, DEVICE,
    RECORDS, LISTEN,
) = OPERATIONS = (
    "login", "refresh", "logout", "dial", "live_calls", "live_call", "hangup", "transfer", "trunks", "ivrs",
    "device", "records", "listen",
)  # fmt: skip

OUTBOUND, INBOUND = PartyKind.OUTBOUND, PartyKind.INBOUND

UNSEEN = (
    "it reports the end of an IVR's prompt (event 30018), as its guide says of prompts that are played",
    "it reports the keys that are pressed in a call which an IVR has made (event 30017)",
)


class YeastarP:
    """One PBX of the family ``yeastar-p``; see :class:`~dispatcher.pbx.protocol.Driver`."""

    family = "yeastar-p"
    capabilities = Capabilities(
        placeable=PLACEABLE,
        provable=ALL_OF_PHONES,
        prompt_count=True,
        unseen=UNSEEN,
        transfers=frozenset({TargetKind.NUMBER}),
    )
    report_words: Sequence[str] = reports.REPORT_WORDS
    operations: Sequence[str] = OPERATIONS

    def __init__(self, account: PbxAccount, observe: Observe) -> None:
        self._account = account
        self._observe = observe
        self._api = OpenApi(account)

    def __repr__(self) -> str:
        return f"YeastarP({self._account.name!r})"

    @property
    def pulls_reports(self) -> bool:
        """Whether its events are read over a WebSocket, by our own configuration; else it posts them."""
        return self._account.report_transport == "websocket"

    def login(self) -> Session:
        """Take a pair of tokens, and have the events posted to us where they are to be.

        The caller must not try refused credentials again: after five failures in a row the PBX blocks
        our address.
        """
        with observed(self._observe, LOGIN):
            session = opened(self._api.log_in())
            try:
                self._aim(session)
            except PbxError:
                give_back(self._api, session)
                raise
            return session

    def keep_alive(self, session: Session) -> Session | None:
        """Refresh the pair when it is time, and see that the events are still posted to us."""
        with observed(self._observe, REFRESH):
            successor = renewed(self._api, session) if is_due(session) else None
            if not self.pulls_reports:
                self._aim(successor or session)
            elif successor is None:
                self._api.get(records.INFORMATION, session)
            return successor

    def logout(self, session: Session) -> None:
        """End the token. Webhooks go on posting: they are the PBX's own settings."""
        with observed(self._observe, LOGOUT):
            self._api.get("del_token", session)

    def dial(self, session: Session, order: DialOrder) -> Accepted:
        """Place one call and return its ``call_id``, which the PBX's events will name.

        An answer of success without a readable ``call_id`` is in doubt: the call was placed.
        """
        endpoint, params = request_of(order, self._account.prompt_volume)
        with observed(self._observe, DIAL):
            callid = text(self._api.post(endpoint, params, session, of_dial).get("call_id"))
            if not callid:
                raise unreadable(endpoint, "no call_id")
            return Accepted(callid)

    def live_calls(self, session: Session) -> Sequence[LiveCall]:
        """Every leg on every trunk, with the callid of its call; two legs of one call count as two."""
        with observed(self._observe, LIVE_CALLS):
            return legs_of({kind: self._query(session, type=kind.value) for kind in (OUTBOUND, INBOUND)})

    def live_call(self, session: Session, callid: str) -> LiveCall | None:
        """The call of this callid, or None when the PBX does not know it (any more)."""
        with observed(self._observe, LIVE_CALL):
            return the_call(callid, self._query(session, call_id=callid))

    def hang_up_leg(self, session: Session, leg: str) -> None:
        """End a leg by its ``channel_id``; ``Reason.CALL_OVER`` when it is not found."""
        with observed(self._observe, HANGUP):
            self._hang_up(session, leg)

    def hang_up_extension(self, session: Session, extension: str, callid: str) -> None:
        """End an extension's part in this call; ``Reason.CALL_OVER`` when it has none."""
        with observed(self._observe, HANGUP):
            calls = self._query(session, extension=extension)
            self._hang_up(session, leg_of(extension, callid, calls, "call/query"))

    def transfer(self, session: Session, order: TransferOrder) -> None:
        """Put a leg through blindly ('Transfer a Call'); ``Reason.CALL_OVER`` when it is not found."""
        params = {"type": "blind", "channel_id": order.leg, "number": order.digits}
        permission = {"dial_permission": order.from_extension} if order.from_extension else {}
        with observed(self._observe, TRANSFER):
            self._to_leg("call/transfer", params | permission, session)

    def trunks(self, session: Session) -> Sequence[TrunkState]:
        """Every trunk with its status."""
        with observed(self._observe, TRUNKS):
            return [lists.trunk_state(item) for item in self._api.pages("trunk/list", session)]

    def ivrs(self, session: Session) -> Sequence[Ivr]:
        """Every IVR."""
        with observed(self._observe, IVRS):
            return [lists.ivr(item) for item in self._api.pages("ivr/list", session)]

    def device(self, session: Session) -> Device:
        """Model, serial number (the ``sn`` of every event) and firmware."""
        with observed(self._observe, DEVICE):
            info = self._api.get(records.INFORMATION, session).get("data")
            if not isinstance(info, dict):
                raise unreadable(records.INFORMATION, "no data")
            return lists.device(info)

    def records(self, session: Session, since: datetime, until: datetime) -> Sequence[Report]:
        """The call records of a time; see :class:`~dispatcher.pbx.protocol.KeepsRecords`."""
        with observed(self._observe, RECORDS):
            return records.search(self._api, session, since, until, self._account.timezone)

    def open_reports(self, position: str) -> ReportStream:
        """Connect to the PBX's WebSocket and subscribe; it knows no places to go on from."""
        with observed(self._observe, LISTEN):
            return EventSocket(self._api, self._account)

    def is_genuine(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether ``X-Signature`` is the body's own, by the secret of our webhook."""
        return webhooks.is_signed(self._account.webhook_secret, body, headers)

    def parse(self, body: bytes) -> Sequence[Report]:
        """Turn one body into reports; ``ValueError`` when it can't be understood."""
        return reports.parse(body)

    def close(self) -> None:
        """Drop the connections."""
        self._api.close()

    def _aim(self, session: Session) -> None:
        if not self.pulls_reports:
            webhooks.aim(self._api, self._account, session)

    def _query(self, session: Session, **asked: str) -> list[Live]:
        return live_in(reports.plain(self._api.listed("call/query", session, **asked)))

    def _hang_up(self, session: Session, leg: str) -> None:
        self._to_leg("call/hangup", {"channel_id": leg}, session)

    def _to_leg(self, endpoint: str, params: dict[str, str], session: Session) -> None:
        try:
            self._api.post(endpoint, params, session)
        except PbxRefused as refusal:
            if refusal.reason is not Reason.NOTHING_FOUND:
                raise
            raise PbxRefused(Reason.CALL_OVER, refusal.detail) from None
