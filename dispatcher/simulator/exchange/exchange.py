"""The switching part of a simulated PBX: routes, channels, live calls, call records."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from dispatcher.simulator.callees import SCRIPTS, Behaviour, CalleeBook, Failure, Script
from dispatcher.simulator.clock import PbxClock
from dispatcher.simulator.exchange.call import Call, CallReporter
from dispatcher.simulator.exchange.detail import CallDetail
from dispatcher.simulator.exchange.plan import CallPlan
from dispatcher.simulator.faults import Fault, FaultDice
from dispatcher.simulator.judge import Judge
from dispatcher.simulator.records import CallRecord
from dispatcher.simulator.settings import SimulatorSettings, TrunkSettings

TRUNK_DOWN = Script(failure=Failure.TRUNK_REFUSES, cdr_status="FAILED", rings=False, wait="none")
TRUNK_FULL = Script(failure=Failure.CONGESTION, cdr_status="FAILED", rings=False, wait="none")
EXTENSION_BUSY = SCRIPTS[Behaviour.BUSY]


class NoRoute(Exception):
    """No outbound route takes the number; `forbidden` when only the extension's rights are in the way."""

    def __init__(self, *, forbidden: bool) -> None:
        super().__init__("forbidden" if forbidden else "no route")
        self.forbidden = forbidden


class Exchange:
    """Places calls, knows which are live, counts channels through the judge, and keeps the call records."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: SimulatorSettings,
        dice: FaultDice,
        judge: Judge,
        reporter: CallReporter,
    ) -> None:
        self.loop = loop
        self.settings = settings
        self.timing = settings.timing
        self.time_scale = settings.time_scale
        self.dice = dice
        self.judge = judge
        self._reporter = reporter
        self.clock = PbxClock(settings.timezone, settings.clock_ahead)
        self.callees = CalleeBook(
            settings.behaviour, settings.callees, by_suffix=settings.behaviour_by_suffix
        )
        self.trunks = {trunk.name: trunk for trunk in settings.trunks}
        self.extensions = {extension.number: extension for extension in settings.extensions}
        self.down: set[str] = set()
        self.live: dict[str, Call] = {}
        self.by_outboundid: dict[str, Call] = {}
        self.by_extension: dict[str, Call] = {}
        self.rows: list[CallDetail] = []
        self._unfinished: set[Call] = set()

    @property
    def reporter(self) -> CallReporter:
        """Who tells the application."""
        return self._reporter

    @property
    def idle(self) -> bool:
        """No call is up, and no report is still to be delivered."""
        return not self._unfinished and self._reporter.idle

    def route(self, dialled: str, extension: str) -> tuple[TrunkSettings, str]:
        """The trunk that an extension's dialled number takes, and the number behind its prefix.

        The longest matching prefix wins. NoRoute: none, or no number behind the prefix, or no right to it.
        """
        matching = [trunk for trunk in self.settings.trunks if dialled.startswith(trunk.prefix)]
        if not matching:
            raise NoRoute(forbidden=False)
        allowed = self.extensions[extension].trunks if extension else None
        usable = [trunk for trunk in matching if allowed is None or trunk.name in allowed]
        if not usable:
            raise NoRoute(forbidden=True)
        trunk = max(usable, key=lambda candidate: len(candidate.prefix))
        number = dialled[len(trunk.prefix) :] if trunk.strip else dialled
        if not number:
            raise NoRoute(forbidden=False)
        return trunk, number

    def new_record(
        self, kind: str, number: str, dialled: str, *, extension: str = "", trunk: str = "", ours: bool = True
    ) -> CallRecord:
        """The judge's record of a call that is about to start."""
        callid, outboundid = self.clock.call_ids()
        return CallRecord(
            callid=callid,
            outboundid=outboundid if kind != "other_inbound" else callid,
            kind=kind,
            ours=ours,
            number=number,
            dialled=dialled,
            extension=extension,
            trunk=trunk,
            behaviour="",
            nth_dial=0,
            started=time.monotonic(),
            started_wall=time.time(),
        )

    def place(self, plan: CallPlan, record: CallRecord, behaviour: str, script: Script) -> Call:
        """Take a channel, if the call needs one and there is one, and let the call begin in a moment."""
        record.behaviour = behaviour
        full, unavailable = False, False
        if plan.trunk is not None:
            unavailable = plan.trunk.name in self.down
            full = not unavailable and not self.judge.room(plan.trunk.name, record.channels)
            if full or unavailable:
                script = TRUNK_FULL if full else TRUNK_DOWN
        if record.ours and plan.extension in self.by_extension:
            script = EXTENSION_BUSY
        seized = plan.trunk is not None and not full and not unavailable
        call = Call(self, plan, record, script, seized=seized)
        call.notes = self._reporter.placed(call)
        self.judge.start(record, seize=seized)
        if full and record.ours:
            self.judge.over_limit(record)
        self.live[record.callid] = call
        self.by_outboundid[record.outboundid] = call
        if plan.extension:
            self.by_extension.setdefault(plan.extension, call)
        self._unfinished.add(call)
        self.loop.call_soon(self._begin, call)
        return call

    def reachable(self, trunk: TrunkSettings, channels: int = 1) -> bool:
        """Whether a call on this trunk would get to the callee."""
        return trunk.name not in self.down and self.judge.room(trunk.name, channels)

    def place_other(self, trunk: str, direction: str, number: str, extension: str, seconds: float) -> str:
        """A person phones, out from or in to an extension, for real seconds; the callid.

        KeyError: no such trunk. ValueError: an unknown direction. RuntimeError: the trunk is full or down.
        """
        settings = self.trunks[trunk]
        if direction not in ("outbound", "inbound"):
            raise ValueError(f"direction must be outbound or inbound, not {direction!r}")
        if not self.reachable(settings):
            raise RuntimeError(f"no free channel on {trunk}")
        out = direction == "outbound"
        record = self.new_record(
            f"other_{direction}", number, number, extension=extension, trunk=trunk, ours=False
        )
        plan = CallPlan(
            origin=extension if out else number,
            shown_number=number if out else extension,
            direction="Outbound" if out else "Inbound",
            monitored=settings.monitored,
            trunk=settings,
            extension=extension,
            talk=seconds,
        )
        self.place(plan, record, "person", SCRIPTS[Behaviour.SILENT])
        return record.callid

    def hang_up_soon(self, call: Call, cause: str) -> None:
        """End a call once the request that asks for it has been answered."""
        self.loop.call_soon(self._hang_up, call, cause)

    def lead_on_soon(self, call: Call, *, agent: str = "", onward: str = "") -> None:
        """Put a call that was answered through, once the request that asks for it has been answered.

        An outside number takes one more channel of the call's own trunk.
        """
        call.record.transferred_to = agent or onward
        if onward:
            self.judge.widen(call.record)
        self.loop.call_soon(call.lead_on, agent, onward)

    def _hang_up(self, call: Call, cause: str) -> None:
        if not call.over:
            call.hang_up(cause)

    def _begin(self, call: Call) -> None:
        if not call.over:
            call.begin()

    def released(self, call: Call) -> None:
        """The call's channel is free."""
        record = call.record
        self.live.pop(record.callid, None)
        self.by_outboundid.pop(record.outboundid, None)
        if self.by_extension.get(call.plan.extension) is call:
            del self.by_extension[call.plan.extension]
        self.judge.end(record, release=call.seized)

    def finished(self, call: Call) -> None:
        """The call has nothing more to report."""
        self._unfinished.discard(call)

    def details(self, call: Call) -> Sequence[CallDetail]:
        """Write the records of a call that is over.

        There is one, and by a fault a second: the one-second NO ANSWER record that firmware may write too.
        """
        detail = self._describe(call)
        rows = [detail]
        if self.dice.strikes(Fault.EXTRA_CDR):
            rows.append(replace(detail, status="NO ANSWER", call_seconds=1, talk_seconds=0, recording=""))
        self.rows.extend(rows)
        return rows

    def _describe(self, call: Call) -> CallDetail:
        """The record of a call that is over; an answered one has talked for at least a second."""
        plan, record, talk = call.plan, call.record, 0
        if call.answered:
            talk = max(1, round(call.seconds - call.seconds_to_answer if plan.talk is None else plan.talk))
        trunk = plan.trunk.name if plan.trunk is not None else ""
        started = self.clock.local_time(record.started_wall)
        recording = ""
        if call.answered and self.settings.recordings:
            stamp = "".join(filter(str.isdigit, started))
            recording = f"{stamp}-{record.callid}-{plan.origin}-{plan.shown_number}-{plan.direction}.wav"
        return CallDetail(
            callid=record.callid,
            timestart=started,
            callfrom=plan.origin,
            callto=plan.shown_number,
            call_seconds=talk + round(call.seconds_to_answer if call.answered else call.seconds),
            talk_seconds=talk,
            source_trunk=trunk if plan.direction == "Inbound" else "",
            destination_trunk=trunk if plan.direction == "Outbound" else "",
            status=record.cdr_status,
            type=plan.direction,
            recording=recording,
            did=plan.shown_number if plan.direction == "Inbound" else "",
            agent_ring_seconds=round(self.timing.ring) if plan.agent and call.answered else None,
        )

    def outbound_calls(self) -> Iterable[Call]:
        """Live calls to the outside that hold a channel, people's included."""
        return [call for call in self.live.values() if call.plan.direction == "Outbound" and call.seized]

    def inbound_calls(self) -> Iterable[Call]:
        """Live calls from the outside."""
        return [call for call in self.live.values() if call.plan.direction == "Inbound"]

    def set_trunk(self, name: str, *, down: bool) -> None:
        """A trunk fails or comes back; calls that are up on it go on."""
        if name not in self.trunks:
            raise KeyError(name)
        self.judge.note("trunk", trunk=name, down=down)
        if down:
            self.down.add(name)
        else:
            self.down.discard(name)

    def drop_all(self) -> None:
        """Every call ends without a word, and reports that wait are forgotten."""
        for call in list(self._unfinished):
            call.drop()
        self._unfinished.clear()
        self._reporter.clear()

    def reset(self) -> None:
        """As new: no calls, no records, trunks up; callees and faults as in the settings."""
        self.drop_all()
        self.rows.clear()
        self.down.clear()
        self.callees.reset(self.settings.behaviour, self.settings.callees)
        self.dice.use(self.settings.faults)
        self.judge.reset()
