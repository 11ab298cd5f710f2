"""Which calls have lost a report, by the PBX's own log."""

from collections import Counter
from collections.abc import Iterable

from dispatcher.simulator import LogEntry

NEVER_SENT = {"lost", "dropped", "given_up"}
STILL_TELLING = 3.0
"""Seconds after its end in which a call may still have reports that a restart of the PBX forgets."""


def calls_with_losses(log: Iterable[LogEntry]) -> frozenset[str]:
    """The callids of which a report was lost, dropped, given up, or forgotten in a restart."""
    lost: set[str] = set()
    waiting: Counter[tuple[str, str]] = Counter()
    ended: dict[str, float | None] = {}
    for entry in log:
        data = dict(entry.data)
        if entry.kind == "call_start":
            ended[data["callid"]] = None
        elif entry.kind == "call_end":
            ended[data["callid"]] = entry.at
        elif entry.kind == "report":
            key = data["callid"], data["action"]
            if data["event"] == "made":
                waiting[key] += 1
            elif data["event"] == "acknowledged":
                waiting[key] = max(0, waiting[key] - 1)
            elif data["event"] in NEVER_SENT:
                waiting[key] = max(0, waiting[key] - 1)
                lost.add(data["callid"])
        elif entry.kind == "restart":
            lost |= {callid for (callid, _), reports in waiting.items() if reports}
            lost |= {c for c, at in ended.items() if at is None or entry.at - at < STILL_TELLING}
            waiting.clear()
    lost |= {callid for (callid, _), reports in waiting.items() if reports}
    return frozenset(lost)
