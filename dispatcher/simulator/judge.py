"""The judge: what really happened on the PBX, for tests and benchmarks to hold the dispatcher against.

Written by the simulator's own thread only; every accessor may be called from any thread and returns copies.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from dispatcher.simulator.records import CallRecord, DialRecord, LogEntry, TrunkTally
from dispatcher.simulator.settings import SimulatorSettings


class Judge:
    """Keeps the log, the calls, the channels and the reports."""

    def __init__(self, trunks: dict[str, int], *, keep_log: bool = True) -> None:
        self._lock = threading.Lock()
        self._sizes = trunks
        self._keep_log = keep_log
        self._clear()

    @classmethod
    def of(cls, settings: SimulatorSettings) -> "Judge":
        """The judge of a PBX with these settings."""
        return cls({trunk.name: trunk.channels for trunk in settings.trunks}, keep_log=settings.keep_log)

    def _clear(self) -> None:
        self._log: list[LogEntry] = []
        self._dials: list[DialRecord] = []
        self._calls: dict[str, CallRecord] = {}
        self._live_by_number: dict[str, list[str]] = {}
        self._overlaps: list[tuple[str, str, str]] = []
        self._reports: Counter[str] = Counter()
        self._trunks = {name: TrunkTally(name, channels) for name, channels in self._sizes.items()}

    # Written by the simulator.

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._clear()

    def note(self, kind: str, **data: Any) -> None:
        """Append one line to the log."""
        if self._keep_log:
            self._log.append(LogEntry(kind, time.monotonic(), time.time(), tuple(data.items())))

    def dial(self, record: DialRecord) -> None:
        """A dial request was answered, refused or cut."""
        with self._lock:
            self._dials.append(record)
        self.note(
            "dial",
            endpoint=record.endpoint,
            number=record.number,
            callid=record.callid,
            errno=record.errno,
            response=record.response,
        )

    def room(self, trunk: str, channels: int = 1) -> bool:
        """Whether the trunk has so many free channels."""
        tally = self._trunks[trunk]
        return tally.ours + tally.others + channels <= tally.channels

    def start(self, call: CallRecord, *, seize: bool) -> None:
        """A call begins; with `seize` it takes a channel of its trunk."""
        with self._lock:
            self._calls[call.callid] = call
            live = self._live_by_number.setdefault(call.number, [])
            if live and call.ours:
                self._overlaps.extend((call.number, call.callid, other) for other in live)
            live.append(call.callid)
            if seize:
                self._seize(call)
        self.note("call_start", callid=call.callid, trunk=call.trunk, number=call.number, ours=call.ours)

    def _seize(self, call: CallRecord) -> None:
        tally = self._trunks[call.trunk]
        if call.ours:
            tally.ours += call.channels
            tally.placed += 1
            tally.peak_ours = max(tally.peak_ours, tally.ours)
            if tally.first_seized is None:
                tally.first_seized = call.started
        else:
            tally.others += call.channels
            tally.peak_others = max(tally.peak_others, tally.others)
        tally.peak = max(tally.peak, tally.ours + tally.others)

    def widen(self, call: CallRecord) -> None:
        """A call takes one channel more of its trunk."""
        with self._lock:
            tally = self._trunks[call.trunk]
            call.channels += 1
            tally.ours += 1
            tally.peak_ours = max(tally.peak_ours, tally.ours)
            tally.peak = max(tally.peak, tally.ours + tally.others)

    def over_limit(self, call: CallRecord) -> None:
        """A call of the dispatcher found its trunk full: the limit was exceeded."""
        with self._lock:
            call.over_limit = True
            tally = self._trunks[call.trunk]
            tally.over_limit += 1
        self.note("over_limit", callid=call.callid, trunk=call.trunk, ours=tally.ours, others=tally.others)

    def end(self, call: CallRecord, *, release: bool) -> None:
        """The call is over; with `release` its channel is free again."""
        now = time.monotonic()
        with self._lock:
            call.ended = now
            live = self._live_by_number.get(call.number)
            if live is not None and call.callid in live:
                live.remove(call.callid)
                if not live:
                    del self._live_by_number[call.number]
            if release:
                self._release(call, now)
        self.note("call_end", callid=call.callid, trunk=call.trunk, number=call.number, cause=call.cause)

    def _release(self, call: CallRecord, now: float) -> None:
        tally = self._trunks[call.trunk]
        if call.ours:
            tally.ours -= call.channels
            tally.busy_seconds += (now - call.started) * call.channels
            tally.last_released = now
        else:
            tally.others -= call.channels

    def report(self, event: str, callid: str, action: str) -> None:
        """A report was made, sent, acknowledged, repeated, lost, dropped or given up."""
        self._reports[event] += 1
        call = self._calls.get(callid)
        if call is not None:
            if event == "made":
                call.reports[action] = call.reports.get(action, 0) + 1
            elif event == "acknowledged":
                call.acknowledged += 1
        self.note("report", event=event, callid=callid, action=action)

    # Read by anybody.

    def calls(self) -> list[CallRecord]:
        """Every call so far, oldest first."""
        with self._lock:
            return [call.copy() for call in self._calls.values()]

    def call(self, callid: str) -> CallRecord:
        """One call; KeyError when the PBX knows none by this callid."""
        with self._lock:
            call = self._calls[callid]
            return call.copy()

    def calls_to(self, number: str) -> list[CallRecord]:
        """Every call to a number, as stripped of the trunk's prefix."""
        return [call for call in self.calls() if call.number == number]

    def dials(self) -> list[DialRecord]:
        """Every dial request, refused ones included."""
        with self._lock:
            return [replace(dial) for dial in self._dials]

    def dials_per_number(self) -> Counter[str]:
        """How many of our calls were placed to each number."""
        return Counter(call.number for call in self.calls() if call.ours)

    def overlaps(self) -> list[tuple[str, str, str]]:
        """(number, callid, callid of the other call that was up when it was placed)."""
        with self._lock:
            return list(self._overlaps)

    def dialled_after(self, delivered_at: Callable[[CallRecord], float | None]) -> list[tuple[str, str, str]]:
        """(number, callid, callid of an earlier call) for each call of ours that came after a delivery.

        `delivered_at` tells when a call delivered its message, in truth: `lambda call: call.heard_at`, or
        `lambda call: call.pressed_at("1")`; None when it did not.
        """
        delivered: dict[str, tuple[float, str]] = {}
        found = []
        for call in sorted((call for call in self.calls() if call.ours), key=lambda call: call.started):
            earlier = delivered.get(call.number)
            if earlier is not None and call.started > earlier[0]:
                found.append((call.number, call.callid, earlier[1]))
            at = delivered_at(call)
            if at is not None and (earlier is None or at < earlier[0]):
                delivered[call.number] = (at, call.callid)
        return found

    def trunk(self, name: str) -> TrunkTally:
        """The channels of one trunk."""
        with self._lock:
            return replace(self._trunks[name])

    def trunks(self) -> list[TrunkTally]:
        """The channels of every trunk."""
        with self._lock:
            return [replace(tally) for tally in self._trunks.values()]

    def turnarounds(self, trunk: str) -> list[float]:
        """Seconds from each freed channel to the next call of ours, the channel freed first taken first."""
        moments = []
        for call in self.calls():
            if call.ours and call.trunk == trunk and not call.over_limit:
                moments.append((call.started, True))
                if call.ended is not None:
                    moments.append((call.ended, False))
        freed: deque[float] = deque()
        gaps = []
        for moment, starts in sorted(moments):
            if not starts:
                freed.append(moment)
            elif freed:
                gaps.append(moment - freed.popleft())
        return gaps

    def over_limits(self) -> int:
        """How many calls found their trunk full, on all trunks."""
        return sum(tally.over_limit for tally in self.trunks())

    def reports(self) -> Counter[str]:
        """Reports by event: made, sent, acknowledged, failed, lost, dropped, given_up."""
        return Counter(self._reports)

    def log(self) -> list[LogEntry]:
        """The whole log."""
        return list(self._log)

    def live(self) -> int:
        """Calls that are up."""
        with self._lock:
            return sum(len(callids) for callids in self._live_by_number.values())

    def wait_for(self, condition: Callable[["Judge"], bool], timeout: float = 30.0) -> None:
        """Wait until the condition holds; TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not condition(self):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the condition did not hold within {timeout} s")
            time.sleep(0.005)

    def state(self) -> dict[str, Any]:
        """A summary as JSON: trunks, reports, over-limit calls, overlaps."""
        return {
            "live_calls": self.live(),
            "calls": len(self._calls),
            "dials": len(self._dials),
            "reports": dict(self.reports()),
            "over_limit": self.over_limits(),
            "overlaps": self.overlaps(),
            "trunks": [{**asdict(tally), "utilisation": tally.utilisation()} for tally in self.trunks()],
        }
