"""Which events a call gives, in the order in which the recorded calls have them."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dispatcher.simulator.asterisk.manager import ManagerPort
from dispatcher.simulator.asterisk.words import DISPOSITIONS, ENDS, RINGING, STATES, TALKED, block
from dispatcher.simulator.callees import Failure
from dispatcher.simulator.exchange.call import Call
from dispatcher.simulator.exchange.detail import CallDetail
from dispatcher.simulator.outbox import Outbox

ACCOUNT = "dispatcher"


@dataclass(slots=True)
class Notes:
    """A call's channel, and what the dialplan knows of it."""

    channel: str
    state: str = "Down"
    action: str = ""
    """The ActionID of the originate."""
    heard: bool = False
    keys: str = ""
    end: str = ""
    """What is kept of its end."""
    variables: dict[str, str] = field(default_factory=dict)
    """What was set on the channel by the manager."""


class Reporter:
    """Tells the applications that are connected what happens to calls."""

    def __init__(self, outbox: Outbox, port: ManagerPort) -> None:
        self._outbox = outbox
        self._port = port
        self._count = itertools.count(1)
        self.kept: dict[tuple[int, str], str] = {}
        """What the dialplan keeps of calls that have ended, by the day of the week and the call's id."""

    @property
    def idle(self) -> bool:
        """Nothing is still to be told."""
        return self._outbox.idle

    def placed(self, call: Call) -> Notes:
        """A channel on the trunk, or of the extension that is called."""
        plan = call.plan
        endpoint = plan.trunk.name if plan.trunk is not None else plan.extension
        return Notes(f"PJSIP/{endpoint}-{next(self._count):08x}")

    def notes(self, call: Call) -> Notes:
        """What `placed` made."""
        notes: Notes = call.notes
        return notes

    def channel(self, call: Call) -> Sequence[tuple[str, str]]:
        """The fields of a call's channel."""
        notes, own = self.notes(call), call.record.ours
        linked = call.record.callid if own or call.plan.direction == "Inbound" else f"{call.record.callid}0"
        return [
            ("Channel", notes.channel),
            ("ChannelState", STATES[notes.state]),
            ("ChannelStateDesc", notes.state),
            ("CallerIDNum", "" if own else call.plan.origin),
            ("ConnectedLineNum", "" if own else call.plan.shown_number),
            ("AccountCode", ACCOUNT if own else ""),
            ("Uniqueid", call.record.callid),
            ("Linkedid", linked),
        ]

    def begun(self, call: Call) -> None:
        """The channel is made, and the trunk is called."""
        self._port.tell(self._event("Newchannel", call))
        if call.record.ours:
            self._port.tell(self._dial("DialBegin", call))

    def ringing(self, call: Call) -> None:
        """Told twice: of the channel, and of the dial."""
        self.notes(call).state = "Ringing"
        if call.record.ours:
            self._port.tell(self._event("Newstate", call))
            self._emit(call, "DialState", self._dial("DialState", call, ("DialStatus", "RINGING")))
        else:
            self._emit(call, "Newstate", self._event("Newstate", call))

    def answered(self, call: Call) -> None:
        """The channel is up, and the originate has come to its end."""
        self.notes(call).state = "Up"
        self._emit(call, "Newstate", self._event("Newstate", call))
        if call.record.ours:
            self._originated(call, "Success", "4")

    def prompt_ended(self, call: Call) -> None:
        """The dialplan's own event."""
        self.notes(call).heard = True
        told = (("UserEvent", "DispatcherPrompt"), ("Status", "SUCCESS"))
        self._emit(call, "DispatcherPrompt", self._event("UserEvent", call, *told))

    def key(self, call: Call, key: str, position: int) -> None:
        """A key begins and ends; keys that are pressed at once follow each other by a millisecond."""
        self.notes(call).keys += key
        told = (("Digit", key), ("Direction", "Received"))
        self._port.tell(self._event("DTMFBegin", call, *told))
        self._emit(call, "DTMFEnd", self._event("DTMFEnd", call, *told, after=position * 0.001))

    def keys(self, call: Call, keys: str) -> None:
        """Each key has been told."""

    def onward_ringing(self, call: Call) -> None:
        """The agent's channel has nothing to do with us."""

    def onward_answered(self, call: Call) -> None:
        """Nor has its answer."""

    def failed(self, call: Call, failure: Failure) -> str:
        """What the handler of hang-ups finds: a phone that has rung has said so by SIP."""
        cause, tech = ENDS[failure]
        notes = self.notes(call)
        by_far_end = bool(tech)
        if not tech and notes.state == "Ringing":
            tech = RINGING
        self._keep(call, cause, notes.channel if by_far_end else "", tech)
        return tech or f"cause {cause}"

    def ended(self, call: Call, *, by_callee: bool) -> None:
        """The same of a call that was answered; who hangs up without a Reason header leaves the cause 0."""
        source = self.notes(call).channel if by_callee else "dialplan/builtin"
        self._keep(call, 0 if by_callee else 16, source, TALKED)

    def recorded(self, call: Call, detail: CallDetail) -> None:
        """What is told of a call's end comes at once: the handler's event, the record, the hang-up."""
        notes = self.notes(call)
        if not call.record.ours:
            self._emit(call, "Hangup", self._hangup(call))
            return
        record = self._record(call, detail)
        if not notes.end:
            self._emit(call, "Cdr", record)
            return
        told = (("UserEvent", "DispatcherEnded"), ("End", notes.end))
        events = (self._event("UserEvent", call, *told), record, self._hangup(call))
        self._emit(call, "Hangup", "\r\n\r\n".join(events))
        if not call.answered:
            self._originated(call, "Failure", "3" if call.record.failure == Failure.NO_ANSWER else "0")
        notes.end = ""

    def finished(self, call: Call) -> None:
        """An event that is held back goes out now."""
        self._outbox.finish(call.lane)

    def clear(self) -> None:
        """Forget what is still to be told."""
        self._outbox.clear()

    def no_channel(self, action: str, callid: str, channel: str) -> str:
        """The one event of an originate that found no endpoint."""
        fields = [("Event", "OriginateResponse"), _now(), ("ActionID", action), ("Response", "Failure")]
        return block([*fields, ("Channel", channel), ("Reason", "0"), ("Uniqueid", callid)])

    def _keep(self, call: Call, cause: int, source: str, tech: str) -> None:
        if not call.record.ours:
            return
        notes = self.notes(call)
        talked = round(call.seconds - call.seconds_to_answer) if call.answered else 0
        fields = (notes.state, cause, "1" if notes.heard else "", notes.keys, talked, source, tech)
        notes.end = "|".join(map(str, fields))
        self.kept[datetime.now(UTC).isoweekday(), call.record.callid] = notes.end

    def _emit(self, call: Call, word: str, text: str) -> None:
        self._outbox.emit(call.lane, call.record.callid, word, text)

    def _event(self, name: str, call: Call, *more: tuple[str, str], after: float = 0.0) -> str:
        return block([("Event", name), _now(after), *self.channel(call), *more])

    def _dial(self, name: str, call: Call, *more: tuple[str, str]) -> str:
        fields = [(f"Dest{key}", value) for key, value in self.channel(call)]
        return block([("Event", name), _now(), *fields, ("DialString", call.record.dialled), *more])

    def _hangup(self, call: Call) -> str:
        end = self.notes(call).end
        cause = end.split("|")[1] if end else "16"
        return self._event("Hangup", call, ("Cause", cause))

    def _record(self, call: Call, detail: CallDetail) -> str:
        fields = [
            ("Event", "Cdr"),
            _now(),
            ("AccountCode", ACCOUNT),
            ("Destination", "s"),
            ("Channel", self.notes(call).channel),
            ("StartTime", detail.timestart),
            ("BillableSeconds", str(detail.talk_seconds)),
            ("Disposition", DISPOSITIONS.get(detail.status, detail.status)),
            ("UniqueID", call.record.callid),
        ]
        return block(fields)

    def _originated(self, call: Call, response: str, reason: str) -> None:
        notes = self.notes(call)
        fields = [("Event", "OriginateResponse"), _now(), ("ActionID", notes.action), ("Response", response)]
        rest = [("Channel", notes.channel), ("Reason", reason), ("Uniqueid", call.record.callid)]
        self._port.tell(block([*fields, *rest]))


def _now(after: float = 0.0) -> tuple[str, str]:
    return "Timestamp", f"{time.time() + after:.6f}"
