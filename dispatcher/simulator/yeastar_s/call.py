"""One call on the simulated PBX, from the accepted request to its call record.

A call is a chain of steps; a step that takes no time follows at once, the others by a timer of the event
loop. The order of its reports is that of the manual's chapters "API reports" and "IVR alarm".
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from dispatcher.simulator.callees import SCRIPTS, Behaviour, Script
from dispatcher.simulator.connection import Lane
from dispatcher.simulator.records import CallRecord
from dispatcher.simulator.settings import IvrSettings
from dispatcher.simulator.yeastar_s import reports
from dispatcher.simulator.yeastar_s.plan import CallPlan

if TYPE_CHECKING:
    from dispatcher.simulator.yeastar_s.exchange import Exchange

ANALOG = "FXO"


class Call:
    """A live call.

    `answered` is the PBX's view: on an analog line it says nothing about a person. `seconds` is how long the
    call has lasted and `seconds_to_answer` when it was answered, both in simulated time.
    """

    __slots__ = (
        "_exchange",
        "_key_position",
        "_timer",
        "answered",
        "lane",
        "over",
        "plan",
        "record",
        "script",
        "seconds",
        "seconds_to_answer",
        "seized",
    )

    def __init__(
        self, exchange: "Exchange", plan: CallPlan, record: CallRecord, script: Script, *, seized: bool
    ) -> None:
        self._exchange = exchange
        self.plan = plan
        self.record = record
        self.script = script
        self.seized = seized
        self.answered = False
        self.over = False
        self.lane = Lane()
        self._timer: asyncio.TimerHandle | None = None
        self.seconds = 0.0
        self.seconds_to_answer = 0.0
        self._key_position = 0

    # The steps.

    def begin(self) -> None:
        """The PBX starts to call."""
        if self.plan.talk is not None:
            self._progress()
        else:
            self._after(self._exchange.timing.setup, self._progress)

    def _progress(self) -> None:
        timing, script = self._exchange.timing, self.script
        if self.plan.trunk is not None and self.plan.trunk.type == ANALOG and self.seized:
            self._answer()
        elif script.failure:
            if script.rings:
                self._ring()
            wait = {"none": 0.0, "ring": timing.ring, "no_answer": timing.no_answer}[script.wait]
            self._after(wait, self._fail)
        else:
            self._ring()
            rings = 0.0 if self.plan.talk is not None else timing.ring * script.ring_factor
            self._after(rings, self._answer)

    def _ring(self) -> None:
        plan = self.plan
        if plan.monitored:
            self._emit_state("RING", self._callee_first())
            self._emit_state("ALERT", (plan.caller or plan.callee,))

    def _answer(self) -> None:
        plan = self.plan
        self.answered = True
        self.seconds_to_answer = self.seconds
        if self.script.answers:
            self.record.answered = time.monotonic()
        else:
            self.script = SCRIPTS[
                Behaviour.SILENT
            ]  # An analog line counts as answered while nobody is there.
        self._exchange.judge.note(
            "answered", callid=self.record.callid, person=self.record.answered is not None
        )
        if plan.direction == "Outbound":
            self._emit_state("ANSWERED", self._caller_first())
        if plan.direction != "Outbound" or self._exchange.settings.answer_report_too:
            self._emit_state("ANSWER", self._callee_first())
        if plan.ivr is not None or plan.prompt:
            self._listen(self._passes())
        elif plan.agent:
            self._call_agent()
        elif plan.talk is not None:
            self._real_after(plan.talk, self._callee_hangs_up)
        else:
            self._after(self._exchange.timing.talk, self._callee_hangs_up)

    def _passes(self) -> int:
        repeats = self.plan.ivr.repeats if self.plan.ivr is not None else 1
        return repeats if self.script.passes is None else min(self.script.passes, repeats)

    def _listen(self, passes: int) -> None:
        timing = self._exchange.timing
        if passes > 0:
            self._after(timing.prompt, lambda: self._pass_heard(passes - 1))
        elif self.script.moment == "at_once":
            self._act()
        elif self.script.moment == "during":
            self._after(timing.prompt / 2, self._act)
        else:
            self._after(timing.key_delay, self._act)

    def _pass_heard(self, left: int) -> None:
        record, plan = self.record, self.plan
        if record.answered is not None:
            record.passes += 1
            record.heard_in_full = True
        text = self._exchange.text
        if plan.ivr is not None:
            body = text.prompt_end_ivr(record.callid, plan.prompt_end, plan.ivr.number, plan.shown_number)
        else:
            body = text.prompt_end(record.callid, plan.prompt_end, plan.prompt)
        self._emit("PlayPromptEnd", body)
        if left > 0:
            self._after(self._exchange.timing.response, lambda: self._listen(left))
        else:
            self._listen(0)

    def _act(self) -> None:
        script, timing = self.script, self._exchange.timing
        if self.plan.ivr is not None:
            for key in script.keys:
                self._press(key, self.plan.ivr)
            if len(script.keys) > 1:
                party = reports.with_callpath(self.plan.callee, self.plan.ivr.number)
                self._emit("DTMF", self._exchange.text.dtmf_string(self.record.callid, party, script.keys))
        if script.hangs_up:
            if script.keys or script.passes == 0:
                self._callee_hangs_up()
            else:
                self._after(timing.early_hangup, self._callee_hangs_up)
        elif script.keys:
            self._after(timing.key_delay, self._pbx_hangs_up)
        else:
            self._after(timing.response, self._pbx_hangs_up)

    def _press(self, key: str, ivr: IvrSettings) -> None:
        self.record.keys += key
        if key in ivr.keys:
            party = reports.with_callpath(self.plan.callee, ivr.number)
            self._emit(
                "DTMF", self._exchange.text.dtmf_key(self.record.callid, party, key, self._key_position)
            )
            self._key_position += 1

    def _call_agent(self) -> None:
        agent = reports.extension_party(self.plan.agent)
        self._emit_state("RING", (agent, self.plan.callee))
        self._emit_state("ALERT", (self.plan.callee,))
        self._after(self._exchange.timing.ring, self._agent_answers)

    def _agent_answers(self) -> None:
        self._emit_state("ANSWER", (reports.extension_party(self.plan.agent), self.plan.callee))
        self.plan = replace(self.plan, caller=reports.extension_party(self.plan.agent))
        self._after(self._exchange.timing.talk, self._callee_hangs_up)

    # How it ends.

    def _fail(self) -> None:
        self._failed(self.script.failure, self.script.cdr_status)

    def _failed(self, reason: str, cdr_status: str) -> None:
        plan = self.plan
        parties = (plan.callee, plan.caller) if plan.caller else (plan.callee,)
        self._emit("CallFailed", self._exchange.text.call_failed(self.record.callid, reason, parties))
        self._release(reason, cdr_status)

    def _callee_hangs_up(self) -> None:
        self._bye(self._callee_first(), "callee hung up")

    def _pbx_hangs_up(self) -> None:
        self._bye(self._caller_first(), "completed")

    def hang_up(self, cause: str) -> None:
        """End the call from the PBX's side: a request of the API, or a person at the extension."""
        if self._timer is not None:
            self._timer.cancel()
        if self.answered:
            self._bye(self._caller_first(), cause)
        else:
            self._failed("487 Request Terminated", "NO ANSWER")

    def _bye(self, parties: tuple[str, ...], cause: str) -> None:
        second = parties[::-1]
        count = self._exchange.settings.bye_reports
        if count > 0:
            self._emit_state("BYE", self._blank_after_number(parties))
        for _ in range(1, count):
            self._emit_state("BYE", second)
        self._release(cause, self.script.cdr_status)

    def _blank_after_number(self, parties: tuple[str, ...]) -> tuple[str, ...]:
        """The manual's first BYE sample has a blank behind the number of the outside party."""
        number = self.plan.shown_number
        if not self._exchange.settings.stray_blanks or not parties[0].startswith('"outbound"'):
            return parties
        return (parties[0].replace(f'"to":"{number}"', f'"to":"{number} "', 1), *parties[1:])

    def _release(self, cause: str, cdr_status: str) -> None:
        self.over = True
        self.record.cause = cause
        self.record.cdr_status = cdr_status
        self._exchange.released(self)
        self._after(self._exchange.timing.cdr, self._write_record, counted=False)

    def _write_record(self) -> None:
        detail = self._exchange.describe(self)
        self._exchange.cdr.add(detail)
        self._emit("NewCdr", self._exchange.text.new_cdr(self.record.callid, detail.report_fields()))
        phantom = self._exchange.extra_record(detail)
        if phantom is not None:
            self._emit("NewCdr", self._exchange.text.new_cdr(self.record.callid, phantom.report_fields()))
        self._exchange.finished(self)

    def drop(self) -> None:
        """The PBX restarts: the call ends without any report or record."""
        if self._timer is not None:
            self._timer.cancel()
        if not self.over:
            self.over = True
            self.record.cause = "restart"
            self._exchange.released(self)

    # Helpers.

    def _callee_first(self) -> tuple[str, ...]:
        return (self.plan.callee, self.plan.caller) if self.plan.caller else (self.plan.callee,)

    def _caller_first(self) -> tuple[str, ...]:
        return (self.plan.caller, self.plan.callee) if self.plan.caller else (self.plan.callee,)

    def _emit_state(self, action: str, parties: tuple[str, ...]) -> None:
        well_formed = self._exchange.well_formed
        self._emit(
            action,
            self._exchange.text.call_state(action, self.record.callid, parties, well_formed=well_formed),
        )

    def _emit(self, action: str, text: str) -> None:
        self._exchange.outbox.emit(self.lane, self.record.callid, action, text)

    def _after(self, seconds: float, step: Callable[[], None], *, counted: bool = True) -> None:
        """Go on with `step` after simulated seconds."""
        if counted:
            self.seconds += seconds
        self._real_after(seconds * self._exchange.time_scale, step)

    def _real_after(self, seconds: float, step: Callable[[], None]) -> None:
        if seconds <= 0:
            step()
        else:
            self._timer = self._exchange.loop.call_later(seconds, step)
