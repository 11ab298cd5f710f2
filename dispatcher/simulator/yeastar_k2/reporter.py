"""Which events of API v2.0.0 a call gives: CallStatus at each change, then those of the manual's chapters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dispatcher.simulator.callees import Failure
from dispatcher.simulator.exchange.call import Call
from dispatcher.simulator.exchange.detail import CallDetail
from dispatcher.simulator.faults import Fault, FaultDice
from dispatcher.simulator.outbox import Outbox
from dispatcher.simulator.settings import SimulatorSettings
from dispatcher.simulator.yeastar_k2.members import Channels, Member, Members
from dispatcher.simulator.yeastar_k2.text import EventText
from dispatcher.simulator.yeastar_k2.words import EXTENSION_BUSY, REASONS, RECORD_STATUS
from dispatcher.simulator.yeastar_s.reporter import Parties
from dispatcher.simulator.yeastar_s.reporter import Reporter as OldReporter

VERSION = "2.0.0"


@dataclass(slots=True)
class Notes:
    """What both formats keep of a call."""

    members: Members
    parties: Parties


class OldFormat(OldReporter):
    """The `action` reports that an application gets which did not ask for version 2.0.0."""

    def parties(self, call: Call) -> Parties:
        """The party objects beside the members."""
        notes: Notes = call.notes
        return notes.parties


class Reporter:
    """Tells the application what happens to calls, in the format that it asked for."""

    def __init__(
        self, settings: SimulatorSettings, version: Callable[[], str], outbox: Outbox, dice: FaultDice
    ) -> None:
        self._settings = settings
        self._version = version
        self._outbox = outbox
        self._dice = dice
        self._old = OldFormat(settings, version, outbox)
        serial = settings.serial if settings.serial_in_reports else ""
        self.channels = Channels()
        self.text = EventText(serial, RECORD_STATUS[settings.cdr_words])
        self.monitored = frozenset(each.number for each in settings.extensions if each.monitored)

    @property
    def idle(self) -> bool:
        """Nothing is still to be delivered."""
        return self._outbox.idle

    @property
    def in_old_format(self) -> bool:
        """Whether reports are `action` ones."""
        return self._version() != VERSION

    def boot_up(self, version: str) -> str:
        """The BootUp report in this version of the format."""
        return self.text.boot_up() if version == VERSION else self._old.text.boot_up()

    def placed(self, call: Call) -> Notes:
        """The call's legs, in both formats; here the id of the leg that was called is its channel's."""
        members = self.channels.members(call, self.monitored)
        call.record.outboundid = members.callee.channelid
        return Notes(members, self._old.placed(call))

    def begun(self, call: Call) -> None:
        """An extension that calls out rings first: its phone is the caller's."""
        plan, members = call.plan, _members(call)
        caller = members.legs[0]
        if plan.direction == "Inbound" or caller.kind != "ext" or plan.prompt:
            return
        caller.status = "ALERT"
        if not self.in_old_format:
            self._status(call)
            self._extension(call, "Ringing")

    def ringing(self, call: Call) -> None:
        """The callee's leg rings; the caller's hears it."""
        members = _members(call)
        if members.callee.status != "ALERT":
            members.callee.status = "RING"
        for other in members.others:
            other.status = "ALERT"
        if self.in_old_format:
            self._old.ringing(call)
        else:
            self._status(call)
            if call.plan.prompt or call.plan.direction == "Inbound":
                self._extension(call, "Ringing")

    def answered(self, call: Call) -> None:
        """Who was called has answered, so who called is answered."""
        members = _members(call)
        members.callee.status = "ANSWERED" if members.callee.status == "ALERT" else "ANSWER"
        for other in members.others:
            other.status = "ANSWERED"
        if self.in_old_format:
            self._old.answered(call)
        else:
            self._status(call)
            self._extension(call, "Busy")

    def prompt_ended(self, call: Call) -> None:
        """PlayPromptEnd, once for each pass."""
        if self.in_old_format:
            self._old.prompt_ended(call)
            return
        plan, callid = call.plan, call.record.callid
        members = self._named([_members(call).callee.as_dict(status=False)])
        if plan.ivr is not None:
            body = self.text.prompt_end_ivr(callid, members, plan.ivr.number)
        else:
            body = self.text.prompt_end(callid, members, plan.prompt)
        self._emit(call, "PlayPromptEnd", body)

    def key(self, call: Call, key: str, position: int) -> None:
        """DTMF of one key."""
        if self.in_old_format:
            self._old.key(call, key, position)
        else:
            members = self._named([_members(call).callee.as_dict()])
            self._emit(call, "DTMF", self.text.dtmf_key(call.record.callid, members, key, position))

    def keys(self, call: Call, keys: str) -> None:
        """DTMF of the whole string."""
        if self.in_old_format:
            self._old.keys(call, keys)
        else:
            members = self._named([_members(call).callee.as_dict()])
            self._emit(call, "DTMF", self.text.dtmf_string(call.record.callid, members, keys))

    def onward_ringing(self, call: Call) -> None:
        """One more leg: the agent's, or that to the onward number."""
        plan, members = call.plan, _members(call)
        if plan.agent:
            leg = self.channels.extension(plan.agent, self.monitored)
        else:
            leg = self.channels.outside("outbound", plan.shown_number, plan.onward, call)
        leg.status, leg.path = "RING", plan.path
        members.legs.append(leg)
        if not self.in_old_format:
            self._status(call)
        elif plan.agent:
            self._old.onward_ringing(call)

    def onward_answered(self, call: Call) -> None:
        """That leg has answered."""
        _members(call).legs[-1].status = "ANSWER"
        if not self.in_old_format:
            self._status(call)
        elif call.plan.agent:
            self._old.onward_answered(call)

    def failed(self, call: Call, failure: Failure) -> str:
        """CallFailed; a call that was hung up while it rang only loses its members."""
        reason = REASONS[failure]
        if failure is Failure.BUSY and call.plan.trunk is None:
            reason = EXTENSION_BUSY
        if self.in_old_format:
            return self._old.failed(call, failure)
        if failure is Failure.HUNG_UP:
            self._end(call, _members(call).legs)
            return reason
        named = [
            member.as_dict(status=False, path=False)
            for member in _members(call).legs
            if member.kind == "ext" or self._settings.outside_in_call_failed
        ]
        self._emit(
            call,
            "CallFailed",
            self.text.call_failed(call.record.callid, reason, self._named(named)),
        )
        self._extension(call, "Idle")
        return reason

    def ended(self, call: Call, *, by_callee: bool) -> None:
        """CallStatus as each leg goes, that of who hung up first."""
        if self.in_old_format:
            self._old.ended(call, by_callee=by_callee)
            return
        members = _members(call)
        self._end(call, [members.callee, *members.others] if by_callee else members.legs)

    def _end(self, call: Call, legs: list[Member]) -> None:
        members = _members(call)
        late = self._dice.strikes(Fault.STATUS_AFTER_CDR)
        for leg in legs:
            leg.status = "BYE"
            if not leg.shown:
                continue
            if late and leg is legs[-1]:
                members.held_back = self.text.call_status(call.record.callid, members.snapshot())
            else:
                self._status(call)
        self._extension(call, "Idle")

    def recorded(self, call: Call, detail: CallDetail) -> None:
        """NewCdr."""
        if self.in_old_format:
            self._old.recorded(call, detail)
        else:
            self._emit(call, "NewCdr", self.text.new_cdr(detail))

    def finished(self, call: Call) -> None:
        """What is held back goes out now."""
        if _members(call).held_back:
            self._emit(call, "CallStatus", _members(call).held_back)
        self._outbox.finish(call.lane)

    def clear(self) -> None:
        """Forget everything that is still to be delivered."""
        self._outbox.clear()

    def _status(self, call: Call) -> None:
        snapshot = _members(call).snapshot()
        if snapshot:
            self._emit(call, "CallStatus", self.text.call_status(call.record.callid, self._named(snapshot)))

    def _named(self, members: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [] if self._dice.strikes(Fault.EMPTY_MEMBERS) else members

    def _extension(self, call: Call, status: str) -> None:
        if self._settings.extension_reports and call.plan.extension in self.monitored:
            self._emit(call, "ExtensionStatus", self.text.extension_status(call.plan.extension, status))

    def _emit(self, call: Call, event: str, text: str) -> None:
        self._outbox.emit(call.lane, call.record.callid, event, text)


def _members(call: Call) -> Members:
    notes: Notes = call.notes
    return notes.members
