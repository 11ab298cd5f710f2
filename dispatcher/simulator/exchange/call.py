"""One call on a simulated exchange, from the accepted request to its call record.

A call is a chain of steps; a step that takes no time follows at once, the others by a timer of the event
loop. What happens is the same in every family; what is said about it is the family's `CallReporter`.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from dispatcher.simulator.callees import SCRIPTS, Behaviour, Failure, Script, Status
from dispatcher.simulator.connection import Lane
from dispatcher.simulator.exchange.detail import CallDetail
from dispatcher.simulator.exchange.plan import CallPlan
from dispatcher.simulator.judge import Judge
from dispatcher.simulator.records import CallRecord
from dispatcher.simulator.settings import Timing

ANALOG = "FXO"


class Switchboard(Protocol):
    """What a call needs of the exchange that it is on."""

    loop: asyncio.AbstractEventLoop
    timing: Timing
    time_scale: float
    judge: Judge

    @property
    def reporter(self) -> "CallReporter":
        """Who tells the application."""

    def released(self, call: "Call") -> None:
        """The call's channel is free."""

    def details(self, call: "Call") -> Sequence[CallDetail]:
        """Write the records of a call that is over."""

    def finished(self, call: "Call") -> None:
        """The call has nothing more to report."""


class CallReporter(Protocol):
    """Tells the application what happens to calls, in the words of one family.

    Each method is called at the moment itself, on the event loop. What the family keeps of a call is its own:
    `placed` returns it, and `call.notes` holds it.
    """

    @property
    def idle(self) -> bool:
        """Nothing is still to be delivered."""

    def placed(self, call: "Call") -> Any:
        """The call has been accepted, and will begin in a moment; the family's notes of it."""

    def begun(self, call: "Call") -> None:
        """The exchange starts to call."""

    def ringing(self, call: "Call") -> None:
        """The callee's phone rings."""

    def answered(self, call: "Call") -> None:
        """The exchange sees the call as answered."""

    def prompt_ended(self, call: "Call") -> None:
        """A prompt has been played to its end."""

    def key(self, call: "Call", key: str, position: int) -> None:
        """The callee pressed a key that the IVR knows; `position` counts from 0."""

    def keys(self, call: "Call", keys: str) -> None:
        """The callee pressed several keys, each of which has been told."""

    def onward_ringing(self, call: "Call") -> None:
        """The agent's phone, or the onward number's, rings."""

    def onward_answered(self, call: "Call") -> None:
        """The agent, or the onward number, has answered."""

    def failed(self, call: "Call", failure: Failure) -> str:
        """The call ends unanswered; the family's words for why."""

    def ended(self, call: "Call", *, by_callee: bool) -> None:
        """An answered call ends."""

    def recorded(self, call: "Call", detail: CallDetail) -> None:
        """A call record has been written."""

    def finished(self, call: "Call") -> None:
        """Nothing more comes of this call."""

    def clear(self) -> None:
        """Forget everything that is still to be delivered."""


class Call:
    """A live call.

    `answered` is the exchange's view: on an analog line it says nothing about a person. `seconds` is how long
    the call has lasted and `seconds_to_answer` when it was answered, both in simulated time.
    """

    __slots__ = (
        "_board",
        "_key_position",
        "_timer",
        "agent_answered",
        "answered",
        "lane",
        "notes",
        "over",
        "plan",
        "record",
        "script",
        "seconds",
        "seconds_to_answer",
        "seized",
    )

    def __init__(
        self, board: Switchboard, plan: CallPlan, record: CallRecord, script: Script, *, seized: bool
    ) -> None:
        self._board = board
        self.plan = plan
        self.record = record
        self.script = script
        self.seized = seized
        self.answered = False
        self.agent_answered = False
        self.over = False
        self.lane = Lane()
        self.notes: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self.seconds = 0.0
        self.seconds_to_answer = 0.0
        self._key_position = 0

    # The steps.

    def begin(self) -> None:
        """The exchange starts to call."""
        self._board.reporter.begun(self)
        if self.plan.talk is not None:
            self._progress()
        else:
            self._after(self._board.timing.setup, self._progress)

    def _progress(self) -> None:
        timing, script = self._board.timing, self.script
        if self.plan.trunk is not None and self.plan.trunk.type == ANALOG and self.seized:
            self._answer()
        elif script.failure is not None:
            if script.rings:
                self._board.reporter.ringing(self)
            wait = {"none": 0.0, "ring": timing.ring, "no_answer": timing.no_answer}[script.wait]
            self._after(wait, self._fail)
        else:
            self._board.reporter.ringing(self)
            rings = 0.0 if self.plan.talk is not None else timing.ring * script.ring_factor
            self._after(rings, self._answer)

    def _answer(self) -> None:
        plan, board, record = self.plan, self._board, self.record
        self.answered = True
        self.seconds_to_answer = self.seconds
        if self.script.answers:
            record.answered = time.monotonic()
        else:
            # An analog line counts as answered while nobody is there.
            self.script = SCRIPTS[Behaviour.SILENT]
        board.judge.note("answered", callid=record.callid, person=record.answered is not None)
        board.reporter.answered(self)
        if plan.speaks:
            self._listen(plan.passes if self.script.passes is None else min(self.script.passes, plan.passes))
        elif plan.agent or plan.onward:
            board.reporter.onward_ringing(self)
            self._after(board.timing.ring, self._onward_answers)
        elif plan.talk is not None:
            self._real_after(plan.talk, self._callee_hangs_up)
        else:
            self._after(board.timing.talk, self._callee_hangs_up)

    def _listen(self, passes: int) -> None:
        timing = self._board.timing
        if passes > 0:
            self._after(timing.prompt, lambda: self._pass_heard(passes - 1))
        elif self.script.moment == "at_once":
            self._act()
        elif self.script.moment == "during":
            self._after(timing.prompt / 2, self._act)
        else:
            self._after(timing.key_delay, self._act)

    def _pass_heard(self, left: int) -> None:
        if self.record.answered is not None:
            self.record.passes += 1
            if self.record.heard_at is None:
                self.record.heard_at = time.monotonic()
            self.record.heard_in_full = True
        self._board.reporter.prompt_ended(self)
        if left > 0:
            self._after(self._board.timing.response, lambda: self._listen(left))
        else:
            self._listen(0)

    def _act(self) -> None:
        script, timing = self.script, self._board.timing
        if self.plan.ivr is not None:
            for key in script.keys:
                self._press(key, self.plan.ivr.keys)
            if len(script.keys) > 1:
                self._board.reporter.keys(self, script.keys)
        if script.hangs_up:
            if script.keys or script.passes == 0:
                self._callee_hangs_up()
            else:
                self._after(timing.early_hangup, self._callee_hangs_up)
        elif script.keys:
            self._after(timing.key_delay, self._pbx_hangs_up)
        else:
            self._after(timing.response, self._pbx_hangs_up)

    def _press(self, key: str, known: str) -> None:
        self.record.keys += key
        self.record.keys_at.append(time.monotonic())
        if key in known:
            self._board.reporter.key(self, key, self._key_position)
            self._key_position += 1

    def _onward_answers(self) -> None:
        self.agent_answered = True
        self._board.reporter.onward_answered(self)
        self._after(self._board.timing.talk, self._callee_hangs_up)

    def lead_on(self, agent: str, onward: str) -> None:
        """Whoever has answered hears no more, and an extension or an outside number is called for them."""
        if self.over or not self.answered:
            return
        if self._timer is not None:
            self._timer.cancel()
        self.plan = replace(self.plan, ivr=None, prompt="", talk=None, agent=agent, onward=onward)
        self._board.reporter.onward_ringing(self)
        self._after(self._board.timing.ring, self._onward_answers)

    # How it ends.

    def _fail(self) -> None:
        self._failed(self.script.failure or Failure.NO_ANSWER, self.script.cdr_status)

    def _failed(self, failure: Failure, cdr_status: Status) -> None:
        self.record.failure = failure.value
        self._release(self._board.reporter.failed(self, failure), cdr_status)

    def _callee_hangs_up(self) -> None:
        self._bye("callee hung up", by_callee=True)

    def _pbx_hangs_up(self) -> None:
        self._bye("completed", by_callee=False)

    def hang_up(self, cause: str) -> None:
        """End the call from the exchange's side: a request of the API, or a person at the extension."""
        if self._timer is not None:
            self._timer.cancel()
        if self.answered:
            self._bye(cause, by_callee=False)
        else:
            self._failed(Failure.HUNG_UP, "NO ANSWER")

    def _bye(self, cause: str, *, by_callee: bool) -> None:
        self._board.reporter.ended(self, by_callee=by_callee)
        self._release(cause, self.script.cdr_status)

    def _release(self, cause: str, cdr_status: Status) -> None:
        self.over = True
        self.record.cause = cause
        self.record.cdr_status = cdr_status
        self._board.released(self)
        self._after(self._board.timing.cdr, self._write_record, counted=False)

    def _write_record(self) -> None:
        for detail in self._board.details(self):
            self._board.reporter.recorded(self, detail)
        self._board.reporter.finished(self)
        self._board.finished(self)

    def drop(self) -> None:
        """The PBX restarts: the call ends without any report or record."""
        if self._timer is not None:
            self._timer.cancel()
        if not self.over:
            self.over = True
            self.record.cause = "restart"
            self._board.released(self)

    def _after(self, seconds: float, step: Callable[[], None], *, counted: bool = True) -> None:
        """Go on with `step` after simulated seconds."""
        if counted:
            self.seconds += seconds
        self._real_after(seconds * self._board.time_scale, step)

    def _real_after(self, seconds: float, step: Callable[[], None]) -> None:
        if seconds <= 0:
            step()
        else:
            self._timer = self._board.loop.call_later(seconds, step)
