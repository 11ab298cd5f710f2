"""The driver for Asterisk's manager interface.

Which action does what is in the Asterisk documentation, 'AMI Actions'. An id that was chosen by us names each
call, so of a call whose dial nobody answered for Asterisk knows everything until it is started anew.
"""

import logging
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Report
from dispatcher.pbx.asterisk import events, examination, recorded
from dispatcher.pbx.asterisk.channels import Channels, endpoint_in
from dispatcher.pbx.asterisk.connection import Connection
from dispatcher.pbx.asterisk.dialling import (
    PLACEABLE,
    TRANSFERS,
    Place,
    channel_to,
    place_of,
    request_of,
)
from dispatcher.pbx.asterisk.endings import Ending
from dispatcher.pbx.asterisk.live import live_call_of
from dispatcher.pbx.asterisk.manager import Manager, is_missing, refuse
from dispatcher.pbx.asterisk.stream import DIAL_KEY, open_stream
from dispatcher.pbx.asterisk.tables import Tables
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import (
    ALL_OF_PHONES,
    Accepted,
    Capabilities,
    Device,
    DialOrder,
    Endings,
    Examined,
    Ivr,
    LiveCall,
    Observe,
    PbxAccount,
    ReportStream,
    Session,
    TransferOrder,
    TrunkState,
)

(
    LOGIN, CHECK, DIAL, LIVE_CALLS, LIVE_CALL, HANGUP, TRANSFER, ENDINGS, TRUNKS, IVRS, DEVICE, LISTEN, LOOK,
) = OPERATIONS = (
    "login", "check", "dial", "live_calls", "live_call", "hangup", "transfer", "endings", "trunks", "ivrs",
    "device", "listen", "look",
)  # fmt: skip

_log = logging.getLogger(__name__)

KNOWN_SECONDS = 60.0
"""So long a place in the dialplan that was there is taken to be still there."""

KEPT_UNDER = "dispatcher"
"""Where the dialplan keeps the ends of calls in Asterisk's database, by the day of the week (1 is Monday)."""

_NO_IVRS = ("h", "i", "s", "t")


class Asterisk:
    """One PBX of the family ``asterisk``; see :class:`~dispatcher.pbx.protocol.Driver`."""

    family = "asterisk"
    capabilities = Capabilities(
        placeable=PLACEABLE, provable=ALL_OF_PHONES, prompt_count=True, own_ids=True, transfers=TRANSFERS
    )
    report_words: Sequence[str] = events.REPORT_WORDS
    operations: Sequence[str] = OPERATIONS
    pulls_reports = True

    def __init__(self, account: PbxAccount, observe: Observe) -> None:
        self._account = account
        self._channels = Channels.of(account.dials, account.extension_dial)
        self._manager = Manager(account, observe)
        self._tables = Tables(account.cdr_url, account.timeout_seconds) if account.cdr_url else None
        self._places: dict[Place, float] = {}

    def __repr__(self) -> str:
        return f"Asterisk({self._account.name!r})"

    def login(self) -> Session:
        """Log in, and learn since when this Asterisk has been up."""
        with self._manager.observed(LOGIN):
            return Session(self._manager.began())

    def keep_alive(self, session: Session) -> None:
        """Nothing lapses here; it is only seen whether Asterisk still answers, and is still the same one."""
        self._manager.ask(CHECK, session, "Ping")

    def logout(self, session: Session) -> None:
        """There is nothing to end: a session is Asterisk's own life."""

    def dial(self, session: Session, order: DialOrder) -> Accepted:
        """Place one call under the id that the order names, which is its callid, and return at once.

        Asterisk answers before it has looked at the trunk; that there is none is told by an event. The place
        in the dialplan is looked for first, so that nobody is called to hear nothing.
        """
        with self._manager.observed(DIAL):
            callid = order.callid or uuid.uuid4().hex
            place = place_of(order, self._account)
            request = request_of(order, callid, place, self._account)
            connection = self._manager.current(session)
            self._look_for(connection, place)
            key = f"{DIAL_KEY}{callid}"
            refuse(self._manager.send(connection, "Originate", request, key=key), "Originate", Reason.FAILED)
        return Accepted(callid)

    def live_calls(self, session: Session) -> Sequence[LiveCall]:
        """Every channel on our trunks, and every call of ours, by the ids of their channels."""
        return self._live(LIVE_CALLS, session)

    def live_call(self, session: Session, callid: str) -> LiveCall | None:
        """The call of this id, or None when Asterisk has no such channel."""
        return next((call for call in self._live(LIVE_CALL, session) if call.callid == callid), None)

    def endings(self, session: Session, callids: Sequence[str], since: datetime) -> Endings:
        """What the dialplan has kept; see :class:`~dispatcher.pbx.protocol.KnowsOwnCalls`.

        Calls that it has not are looked for in the tables of records, where they can be read. Without the
        context that keeps the ends these are all that there is, and prove no call's absence; without
        either nothing can be known: then this is refused.
        """
        with self._manager.observed(ENDINGS):
            connection = self._manager.current(session)
            try:
                self._look_for(connection, Place(self._account.contexts.ended, "s", Reason.PBX_CONFIG))
            except PbxRefused as refusal:
                if self._tables is None or refusal.reason is not Reason.PBX_CONFIG:
                    raise
                rows = self._tables.rows(callids)
                return Endings(recorded.reports_of(callids, *rows), is_whole=False)
            days = days_between(since, datetime.now(UTC))
            kept = [report for callid in callids for report in self._ending(connection, callid, days)]
        known = {report.callid for report in kept}
        return Endings([*kept, *self._recorded([one for one in callids if one not in known])])

    def _recorded(self, callids: Sequence[str]) -> Sequence[Report]:
        """What the tables say of calls that Asterisk's own database does not know, if it can be had."""
        if self._tables is None or not callids:
            return ()
        try:
            return recorded.reports_of(callids, *self._tables.rows(callids))
        except PbxRefused as refusal:
            _log.warning("%s: %s", self._account.name, refusal.detail)
            return ()

    def hang_up_leg(self, session: Session, leg: str) -> None:
        """End a call by its channel's id; ``Reason.CALL_OVER`` when it is gone already."""
        fields = [("Channel", leg), ("Cause", "16")]
        self._manager.ask(HANGUP, session, "Hangup", fields, missing=Reason.CALL_OVER)

    def hang_up_extension(self, session: Session, extension: str, callid: str) -> None:
        """End our own call to an extension; ``Reason.CALL_OVER`` when it is not up."""
        for call in self._live(HANGUP, session):
            if call.callid == callid and call.number == extension and not call.trunk:
                self.hang_up_leg(session, call.leg)
                return
        raise PbxRefused(Reason.CALL_OVER, "Hangup: no call of ours to this extension is up")

    def transfer(self, session: Session, order: TransferOrder) -> None:
        """Lead the channel into the context that calls the other; ``Reason.CALL_OVER`` when it is gone.

        Redirect takes no variables, so whom to call is set on the channel before.
        """
        with self._manager.observed(TRANSFER):
            other = channel_to(order.target, order.digits, order.trunk, self._account)
            connection = self._manager.current(session)
            place = Place(self._account.contexts.transfer, "s", Reason.PBX_CONFIG)
            self._look_for(connection, place)
            leg = ("Channel", order.leg)
            for action, fields in (
                ("Setvar", [leg, ("Variable", "DISPATCHER_TRANSFER"), ("Value", other)]),
                ("Redirect", [leg, ("Context", place.context), ("Exten", place.exten), ("Priority", "1")]),
            ):
                refuse(self._manager.send(connection, action, fields), action, Reason.CALL_OVER)

    def trunks(self, session: Session) -> Sequence[TrunkState]:
        """Every configured trunk with the state of its endpoint (function DEVICE_STATE)."""
        return [self._trunk(session, name, dial) for name, dial in self._account.dials.items()]

    def ivrs(self, session: Session) -> Sequence[Ivr]:
        """The extensions of the context of IVRs; none where there is no such context."""
        context = self._account.contexts.ivr
        try:
            lines = self._manager.ask(IVRS, session, "ShowDialPlan", [("Context", context)], lists=True)
        except PbxRefused as refusal:
            if refusal.reason is not Reason.NOTHING_FOUND:
                raise
            return []
        extens = (line.get("Extension", "") for line in lines if line.get("Context") == context)
        return [Ivr(exten) for exten in dict.fromkeys(extens) if exten and exten not in _NO_IVRS]

    def device(self, session: Session) -> Device:
        """The version. Its events name no serial number, so there is none to compare."""
        (answer,) = self._manager.ask(DEVICE, session, "CoreSettings")
        name = answer.get("SystemName", "")
        return Device(f"Asterisk {name}".strip(), firmware=answer.get("AsteriskVersion", ""))

    def open_reports(self, position: str) -> ReportStream:
        """Connect for events; Asterisk keeps none, so there is no place to go on from."""
        with self._manager.observed(LISTEN):
            return open_stream(self._account, self._channels)

    def parse(self, body: bytes) -> Sequence[Report]:
        """Turn one body into reports; ``ValueError`` when it can't be understood."""
        return events.parse(body, self._channels)

    def clock(self, session: Session) -> datetime:
        """The clock of Asterisk's machine, which every Ping tells."""
        (answer,) = self._manager.ask(LOOK, session, "Ping")
        try:
            return datetime.fromtimestamp(float(answer["Timestamp"]), UTC)
        except (KeyError, ValueError, OverflowError):
            raise PbxInDoubt(Reason.RESPONSE_UNREADABLE, "Ping: no time") from None

    def examine(self, session: Session, queues: Sequence[str]) -> Sequence[Examined]:
        """The account's rights, the dialplan's contexts, the call records, and these queues."""
        commands = self._manager.ask(LOOK, session, "ListCommands")[0]
        found = [examination.rights(commands)]
        if "ShowDialPlan" in commands:
            contexts = self._account.contexts
            wanted = (contexts.ended, contexts.prompt, contexts.queue, contexts.transfer)
            missing = [context for context in wanted if not self._has(session, context)]
            found += examination.contexts(contexts, missing)
        output = None
        if "Command" in commands:
            command = [("Command", "cdr show status")]
            output = self._manager.ask(LOOK, session, "Command", command)[0].get("Output", "")
        found.append(examination.records(output))
        # Without app_queue, which has this action, there are none at all.
        may_ask = "QueueSummary" in commands
        for name in queues:
            found.append(examination.queue(name, is_known=may_ask and self._is_queue(session, name)))
        if self._tables is not None:
            found += examination.tables(self._tables)
        return found

    def _has(self, session: Session, context: str) -> bool:
        try:
            self._manager.ask(LOOK, session, "ShowDialPlan", [("Context", context)], lists=True)
        except PbxRefused as refusal:
            if refusal.reason is Reason.NOTHING_FOUND:
                return False
            raise
        return True

    def _is_queue(self, session: Session, name: str) -> bool:
        return bool(self._manager.ask(LOOK, session, "QueueSummary", [("Queue", name)], lists=True))

    def close(self) -> None:
        """Drop the connection."""
        self._manager.close()
        if self._tables is not None:
            self._tables.close()

    def _look_for(self, connection: Connection, place: Place) -> None:
        """Refuse where the dialplan has no such place."""
        now = time.monotonic()
        if self._places.get(place, -KNOWN_SECONDS) + KNOWN_SECONDS > now:
            return
        if place.unknown is Reason.QUEUE_UNKNOWN:
            rows = self._manager.send(connection, "QueueSummary", [("Queue", place.exten)], lists=True)
            if not any(row.get("Event") == "QueueSummary" for row in rows):
                raise PbxRefused(Reason.QUEUE_UNKNOWN, f"there is no queue {place.exten}")
        fields = [("Context", place.context), ("Extension", place.exten)]
        refuse(
            self._manager.send(connection, "ShowDialPlan", fields, lists=True), "ShowDialPlan", place.unknown
        )
        self._places[place] = now

    def _live(self, operation: str, session: Session) -> list[LiveCall]:
        rows = self._manager.ask(operation, session, "CoreShowChannels", lists=True)
        found = (live_call_of(row, self._channels) for row in rows)
        return [call for call in found if call is not None]

    def _ending(self, connection: Connection, callid: str, days: Sequence[int]) -> list[Report]:
        for day in days:
            fields = [("Family", f"{KEPT_UNDER}/{day}"), ("Key", callid)]
            rows = self._manager.send(connection, "DBGet", fields, lists=True)
            if is_missing(rows):
                continue
            refuse(rows, "DBGet", Reason.FAILED)
            value = next((row["Val"] for row in rows if "Val" in row), "")
            try:
                return Ending.of(value).reports(events.ENDED, callid, ())
            except ValueError as error:
                raise PbxInDoubt(Reason.RESPONSE_UNREADABLE, f"DBGet: {error}") from None
        return []

    def _trunk(self, session: Session, name: str, dial: str) -> TrunkState:
        endpoint = endpoint_in(dial)
        if not endpoint:
            return TrunkState(name, "its dial string names no endpoint", dial.partition("/")[0], None)
        (answer,) = self._manager.ask(TRUNKS, session, "Getvar", [("Variable", f"DEVICE_STATE({endpoint})")])
        state = answer.get("Value", "")
        known = {"UNAVAILABLE": False, "INVALID": False, "UNKNOWN": None, "": None}
        status = f"{endpoint} {state or 'of an unknown state'}"
        return TrunkState(name, status, endpoint.partition("/")[0], known.get(state, True))


def days_between(since: datetime, now: datetime) -> Sequence[int]:
    """The days of the week on which a call's end may have been kept, the likeliest first.

    It is kept under the PBX's day, whose clock may differ from ours by an hour at most.
    """
    day: date = (now + timedelta(hours=1)).date()
    first = (since - timedelta(hours=1)).date()
    days: list[int] = []
    while day >= first and len(days) < 7:
        days.append(day.isoweekday())
        day -= timedelta(days=1)
    return days
