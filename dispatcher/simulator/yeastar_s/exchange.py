"""The switching part of the simulated PBX: routes, channels, live calls."""

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import replace

from dispatcher.simulator.callees import SCRIPTS, Behaviour, CalleeBook, Script
from dispatcher.simulator.clock import PbxClock
from dispatcher.simulator.delivery import ReportSender
from dispatcher.simulator.faults import Fault, FaultDice
from dispatcher.simulator.judge import Judge
from dispatcher.simulator.outbox import Outbox
from dispatcher.simulator.records import CallRecord
from dispatcher.simulator.settings import SimulatorSettings, TrunkSettings
from dispatcher.simulator.yeastar_s.call import Call
from dispatcher.simulator.yeastar_s.cdr import CallDetail, CdrStore
from dispatcher.simulator.yeastar_s.plan import CallPlan
from dispatcher.simulator.yeastar_s.reports import ReportText, break_as_in_the_manual

TRUNK_UNAVAILABLE = Script(failure="503 Service Unavailable", cdr_status="FAILED", rings=False, wait="none")
EXTENSION_BUSY = SCRIPTS[Behaviour.BUSY]


class Exchange:
    """Places calls, knows which are live, and counts channels through the judge."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, settings: SimulatorSettings, dice: FaultDice, judge: Judge
    ) -> None:
        self.loop = loop
        self.settings = settings
        self.timing = settings.timing
        self.time_scale = settings.time_scale
        self.dice = dice
        self.judge = judge
        self.clock = PbxClock(settings.timezone)
        self.text = ReportText(settings.serial if settings.serial_in_reports else "")
        self.cdr = CdrStore(settings.serial, settings.cdr_random_lifetime)
        self.callees = CalleeBook(
            settings.behaviour, settings.callees, by_suffix=settings.behaviour_by_suffix
        )
        self.sender = ReportSender(
            loop, settings.delivery, lambda event, report: judge.report(event, report.callid, report.action)
        )
        self.outbox = Outbox(loop, self.sender, dice, judge, break_as_in_the_manual)
        self.trunks = {trunk.name: trunk for trunk in settings.trunks}
        self.trunk_json = {trunk.name: json.dumps(trunk.name) for trunk in settings.trunks}
        self.extensions = {extension.number: extension for extension in settings.extensions}
        self.down: set[str] = set()
        self.live: dict[str, Call] = {}
        self.by_outboundid: dict[str, Call] = {}
        self.by_extension: dict[str, Call] = {}
        self._unfinished: set[Call] = set()

    @property
    def well_formed(self) -> bool:
        """Whether the application that gets the reports asked for well-formed ones."""
        destination = self.sender.destination
        return destination is None or destination.well_formed

    @property
    def idle(self) -> bool:
        """No call is up, and no report is still to be delivered."""
        return not self._unfinished and not self.sender.pending and not self.outbox.delayed

    def route(self, dialled: str, extension: str) -> tuple[TrunkSettings, str] | str:
        """The trunk that an extension's dialled number takes, and the number behind its prefix; or an errno.

        The longest matching prefix wins. 10031: no route, or no number behind it; 10024: no right to it.
        """
        matching = [trunk for trunk in self.settings.trunks if dialled.startswith(trunk.prefix)]
        if not matching:
            return "10031"
        allowed = self.extensions[extension].trunks if extension else None
        usable = [trunk for trunk in matching if allowed is None or trunk.name in allowed]
        if not usable:
            return "10024"
        trunk = max(usable, key=lambda candidate: len(candidate.prefix))
        number = dialled[len(trunk.prefix) :] if trunk.strip else dialled
        return (trunk, number) if number else "10031"

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
            full = not unavailable and not self.judge.room(plan.trunk.name)
            if full or unavailable:
                script = TRUNK_UNAVAILABLE
        if record.ours and plan.extension in self.by_extension:
            script = EXTENSION_BUSY
        seized = plan.trunk is not None and not full and not unavailable
        call = Call(self, plan, record, script, seized=seized)
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
        self.outbox.finish(call.lane)
        self._unfinished.discard(call)

    def describe(self, call: Call) -> CallDetail:
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

    def extra_record(self, detail: CallDetail) -> CallDetail | None:
        """The one-second NO ANSWER record that firmware may write as well, if the fault strikes."""
        if not self.dice.strikes(Fault.EXTRA_CDR):
            return None
        phantom = replace(detail, status="NO ANSWER", call_seconds=1, talk_seconds=0, recording="")
        self.cdr.add(phantom)
        return phantom

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
        self.sender.clear()
        self.outbox.clear()
