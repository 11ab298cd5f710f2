"""Which reports of the S-Series a call gives, and in which order: chapters "API reports" and "IVR alarm"."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from dispatcher.simulator.callees import Failure
from dispatcher.simulator.exchange.call import Call
from dispatcher.simulator.exchange.detail import CallDetail
from dispatcher.simulator.outbox import Outbox
from dispatcher.simulator.settings import SimulatorSettings
from dispatcher.simulator.yeastar_s.text import (
    ReportText,
    cdr_fields,
    extension_party,
    inbound_party,
    outbound_party,
    with_callpath,
)
from dispatcher.simulator.yeastar_s.words import REASONS

WELL_FORMED = "1.0.2"


@dataclass(slots=True)
class Parties:
    """The party objects of a call. An IVR is none, so `caller` may be empty; `prompt_end` is reduced."""

    callee: str
    caller: str
    prompt_end: str
    monitored: bool

    @property
    def callee_first(self) -> tuple[str, ...]:
        """As RING, ANSWER and CallFailed list them."""
        return (self.callee, self.caller) if self.caller else (self.callee,)

    @property
    def caller_first(self) -> tuple[str, ...]:
        """As ANSWERED lists them."""
        return (self.caller, self.callee) if self.caller else (self.callee,)


class Reporter:
    """Tells the application what happens to calls."""

    def __init__(self, settings: SimulatorSettings, version: Callable[[], str], outbox: Outbox) -> None:
        """`version` tells the version of the report format that the application has asked for."""
        self._settings = settings
        self._version = version
        self._outbox = outbox
        self._trunks = {trunk.name: json.dumps(trunk.name) for trunk in settings.trunks}
        self.text = ReportText(settings.serial if settings.serial_in_reports else "")

    @property
    def idle(self) -> bool:
        """Nothing is still to be delivered."""
        return self._outbox.idle

    def placed(self, call: Call) -> Parties:
        """The party objects of a call, which all its reports carry."""
        plan, record = call.plan, call.record
        extension = extension_party(plan.extension) if plan.extension else ""
        if plan.trunk is None:
            return Parties(extension, "", extension, plan.monitored)
        trunk = self._trunks[plan.trunk.name]
        if plan.direction == "Inbound":
            caller = inbound_party(plan.origin, plan.shown_number, trunk, record.callid)
            return Parties(extension, caller, extension, plan.monitored)
        callee = outbound_party(plan.origin, plan.shown_number, trunk, record.outboundid)
        key = "trunkname" if plan.prompt else "trunk"
        return Parties(callee, extension, f'"outbound":{{"{key}":{trunk}}}', plan.monitored)

    def parties(self, call: Call) -> Parties:
        """The party objects that `placed` made."""
        parties: Parties = call.notes
        return parties

    def begun(self, call: Call) -> None:
        """Nothing is said about that."""

    def ringing(self, call: Call) -> None:
        """RING, and ALERT for the caller; on monitored trunks and extensions only."""
        parties = self.parties(call)
        if parties.monitored:
            self._state(call, "RING", parties.callee_first)
            self._state(call, "ALERT", (parties.caller or parties.callee,))

    def answered(self, call: Call) -> None:
        """ANSWERED by an outside party, ANSWER by an extension."""
        parties = self.parties(call)
        outbound = call.plan.direction == "Outbound"
        if outbound:
            self._state(call, "ANSWERED", parties.caller_first)
        if not outbound or self._settings.answer_report_too:
            self._state(call, "ANSWER", parties.callee_first)

    def prompt_ended(self, call: Call) -> None:
        """PlayPromptEnd, once for each pass."""
        plan, callid, party = call.plan, call.record.callid, self.parties(call).prompt_end
        if plan.ivr is not None:
            body = self.text.prompt_end_ivr(callid, party, plan.ivr.number, plan.shown_number)
        else:
            body = self.text.prompt_end(callid, party, plan.prompt)
        self._emit(call, "PlayPromptEnd", body)

    def key(self, call: Call, key: str, position: int) -> None:
        """DTMF of one key."""
        self._emit(call, "DTMF", self.text.dtmf_key(call.record.callid, self._presser(call), key, position))

    def keys(self, call: Call, keys: str) -> None:
        """DTMF of the whole string."""
        self._emit(call, "DTMF", self.text.dtmf_string(call.record.callid, self._presser(call), keys))

    def _presser(self, call: Call) -> str:
        return with_callpath(self.parties(call).callee, call.plan.ivr.number if call.plan.ivr else "")

    def onward_ringing(self, call: Call) -> None:
        """RING and ALERT of the agent."""
        parties = self.parties(call)
        self._state(call, "RING", (extension_party(call.plan.agent), parties.callee))
        self._state(call, "ALERT", (parties.callee,))

    def onward_answered(self, call: Call) -> None:
        """ANSWER of the agent, who is the caller's party from now on."""
        parties = self.parties(call)
        parties.caller = extension_party(call.plan.agent)
        self._state(call, "ANSWER", parties.caller_first)

    def failed(self, call: Call, failure: Failure) -> str:
        """CallFailed; its reason."""
        reason = REASONS[failure]
        parties = self.parties(call)
        self._emit(
            call, "CallFailed", self.text.call_failed(call.record.callid, reason, parties.callee_first)
        )
        return reason

    def ended(self, call: Call, *, by_callee: bool) -> None:
        """BYE, the party that hung up first first; then the other way round."""
        notes = self.parties(call)
        parties = notes.callee_first if by_callee else notes.caller_first
        count = self._settings.bye_reports
        if count > 0:
            self._state(call, "BYE", self._blank_after_number(parties, call.plan.shown_number))
        for _ in range(1, count):
            self._state(call, "BYE", parties[::-1])

    def _blank_after_number(self, parties: tuple[str, ...], number: str) -> tuple[str, ...]:
        """The manual's first BYE sample has a blank behind the number of the outside party."""
        if not self._settings.stray_blanks or not parties[0].startswith('"outbound"'):
            return parties
        return (parties[0].replace(f'"to":"{number}"', f'"to":"{number} "', 1), *parties[1:])

    def recorded(self, call: Call, detail: CallDetail) -> None:
        """NewCdr."""
        self._emit(call, "NewCdr", self.text.new_cdr(call.record.callid, cdr_fields(detail)))

    def finished(self, call: Call) -> None:
        """A report that is held back goes out now."""
        self._outbox.finish(call.lane)

    def clear(self) -> None:
        """Forget everything that is still to be delivered."""
        self._outbox.clear()

    def _state(self, call: Call, action: str, parties: tuple[str, ...]) -> None:
        well_formed = self._version() == WELL_FORMED
        self._emit(
            call, action, self.text.call_state(action, call.record.callid, parties, well_formed=well_formed)
        )

    def _emit(self, call: Call, action: str, text: str) -> None:
        self._outbox.emit(call.lane, call.record.callid, action, text)
