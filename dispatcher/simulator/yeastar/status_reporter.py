"""Which events a call gives where its members are told of: CallStatus at each change, then the others."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from dispatcher.simulator.callees import Failure
from dispatcher.simulator.exchange.call import Call
from dispatcher.simulator.exchange.detail import CallDetail
from dispatcher.simulator.faults import Fault, FaultDice
from dispatcher.simulator.outbox import Outbox
from dispatcher.simulator.settings import SimulatorSettings
from dispatcher.simulator.yeastar.members import Channels, Member, Members, Spelling
from dispatcher.simulator.yeastar.reasons import EXTENSION_BUSY

MemberList = Sequence[Mapping[str, Any]]


class EventText(Protocol):
    """Writes the events of one PBX."""

    def call_status(self, callid: str, members: MemberList) -> str:
        """A snapshot of the members."""

    def call_failed(self, callid: str, reason: str, members: MemberList) -> str:
        """The call was not answered."""

    def dtmf_key(self, callid: str, members: MemberList, key: str, position: int) -> str:
        """One key."""

    def dtmf_string(self, callid: str, members: MemberList, keys: str) -> str:
        """A whole string, after its single keys."""

    def prompt_end_ivr(self, callid: str, members: MemberList, ivr: str) -> str:
        """The end of an IVR's prompt."""

    def prompt_end(self, callid: str, members: MemberList, prompt: str) -> str:
        """The end of a prompt that was played by request."""

    def extension_status(self, extension: str, status: str) -> str:
        """What an extension does."""

    def new_cdr(self, detail: CallDetail) -> str:
        """A call record."""


class StatusReporter:
    """Tells the application what happens to calls, in the words of a family."""

    def __init__(
        self,
        settings: SimulatorSettings,
        outbox: Outbox,
        dice: FaultDice,
        text: EventText,
        spelling: Spelling,
        reasons: Mapping[Failure, str],
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._dice = dice
        self._reasons = reasons
        self.text = text
        self.channels = Channels(spelling)
        self.monitored = frozenset(each.number for each in settings.extensions if each.monitored)

    def reason(self, call: Call, failure: Failure) -> str:
        """Why a call was not answered; an extension is busy in other words than a line."""
        if failure is Failure.BUSY and call.plan.trunk is None:
            return EXTENSION_BUSY
        return self._reasons[failure]

    @property
    def idle(self) -> bool:
        """Nothing is still to be delivered."""
        return self._outbox.idle

    @property
    def is_mute(self) -> bool:
        """Whether the application gets reports of another kind; the members are kept all the same."""
        return False

    def members(self, call: Call) -> Members:
        """The members of a call."""
        members: Members = call.notes
        return members

    def placed(self, call: Call) -> Any:
        """The call's legs; here the id of the leg that was called is its channel's."""
        members = self.channels.members(call, self.monitored)
        call.record.outboundid = members.callee.channelid
        return members

    def begun(self, call: Call) -> None:
        """An extension that calls out rings first: its phone is the caller's."""
        plan, members = call.plan, self.members(call)
        caller = members.legs[0]
        if plan.direction == "Inbound" or caller.kind != "ext" or plan.prompt:
            return
        caller.status = "ALERT"
        self._status(call)
        self._extension(call, "Ringing")

    def ringing(self, call: Call) -> None:
        """The callee's leg rings; the caller's hears it."""
        members = self.members(call)
        if members.callee.status != "ALERT":
            members.callee.status = "RING"
        for other in members.others:
            other.status = "ALERT"
        self._status(call)
        if call.plan.prompt or call.plan.direction == "Inbound":
            self._extension(call, "Ringing")

    def answered(self, call: Call) -> None:
        """Who was called has answered, so who called is answered."""
        members = self.members(call)
        members.callee.status = "ANSWERED" if members.callee.status == "ALERT" else "ANSWER"
        for other in members.others:
            other.status = "ANSWERED"
        self._status(call)
        self._extension(call, "Busy")

    def prompt_ended(self, call: Call) -> None:
        """PlayPromptEnd, once for each pass."""
        plan, callid = call.plan, call.record.callid
        ivr = plan.ivr
        if ivr is not None:
            self._tell(
                call, "PlayPromptEnd", lambda members: self.text.prompt_end_ivr(callid, members, ivr.number)
            )
        else:
            self._tell(
                call, "PlayPromptEnd", lambda members: self.text.prompt_end(callid, members, plan.prompt)
            )

    def key(self, call: Call, key: str, position: int) -> None:
        """DTMF of one key."""
        callid = call.record.callid
        self._tell(call, "DTMF", lambda members: self.text.dtmf_key(callid, members, key, position))

    def keys(self, call: Call, keys: str) -> None:
        """DTMF of the whole string."""
        callid = call.record.callid
        self._tell(call, "DTMF", lambda members: self.text.dtmf_string(callid, members, keys))

    def onward_ringing(self, call: Call) -> None:
        """One more leg: the agent's, or that to the onward number."""
        plan, members = call.plan, self.members(call)
        if plan.agent:
            leg = self.channels.extension(plan.agent, self.monitored)
        else:
            leg = self.channels.outside("outbound", plan.shown_number, plan.onward, call)
        leg.status, leg.path = "RING", plan.path
        members.legs.append(leg)
        self._status(call)

    def onward_answered(self, call: Call) -> None:
        """That leg has answered."""
        self.members(call).legs[-1].status = "ANSWER"
        self._status(call)

    def failed(self, call: Call, failure: Failure) -> str:
        """CallFailed; a call that was hung up while it rang only loses its members."""
        reason = self.reason(call, failure)
        if failure is Failure.HUNG_UP:
            self._end(call, self.members(call).legs)
            return reason
        named = [
            member.as_dict(status=False, path=False)
            for member in self.members(call).legs
            if member.kind == "ext" or self._settings.outside_in_call_failed
        ]
        if not self.is_mute:
            text = self.text.call_failed(call.record.callid, reason, self._named(named))
            self._emit(call, "CallFailed", text)
        self._extension(call, "Idle")
        return reason

    def ended(self, call: Call, *, by_callee: bool) -> None:
        """CallStatus as each leg goes, that of who hung up first."""
        members = self.members(call)
        self._end(call, [members.callee, *members.others] if by_callee else members.legs)

    def recorded(self, call: Call, detail: CallDetail) -> None:
        """NewCdr."""
        if not self.is_mute:
            self._emit(call, "NewCdr", self.text.new_cdr(detail))

    def finished(self, call: Call) -> None:
        """What is held back goes out now."""
        if self.members(call).held_back:
            self._emit(call, "CallStatus", self.members(call).held_back)
        self._outbox.finish(call.lane)

    def clear(self) -> None:
        """Forget everything that is still to be delivered."""
        self._outbox.clear()

    def _end(self, call: Call, legs: list[Member]) -> None:
        members = self.members(call)
        late = not self.is_mute and self._dice.strikes(Fault.STATUS_AFTER_CDR)
        for leg in legs:
            leg.status = "BYE"
            if not leg.shown:
                continue
            if late and leg is legs[-1]:
                members.held_back = self.text.call_status(call.record.callid, members.snapshot())
            else:
                self._status(call)
        self._extension(call, "Idle")

    def _status(self, call: Call) -> None:
        snapshot = self.members(call).snapshot()
        if snapshot and not self.is_mute:
            self._emit(call, "CallStatus", self.text.call_status(call.record.callid, self._named(snapshot)))

    def _tell(self, call: Call, event: str, text: Callable[[MemberList], str]) -> None:
        """Tell of what the callee's leg alone does or hears."""
        if not self.is_mute:
            leg = self.members(call).callee.as_dict(status=event == "DTMF")
            self._emit(call, event, text(self._named([leg])))

    def _named(self, members: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [] if self._dice.strikes(Fault.EMPTY_MEMBERS) else members

    def _extension(self, call: Call, status: str) -> None:
        if self.is_mute or not self._settings.extension_reports:
            return
        if call.plan.extension in self.monitored:
            self._emit(call, "ExtensionStatus", self.text.extension_status(call.plan.extension, status))

    def _emit(self, call: Call, event: str, text: str) -> None:
        self._outbox.emit(call.lane, call.record.callid, event, text)
