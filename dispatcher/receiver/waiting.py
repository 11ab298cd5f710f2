"""Which reports are entered when: those of one call that come in quick succession, together."""

from collections.abc import Iterator, Sequence

from dispatcher.domain.reports import ReportEvent
from dispatcher.reports.incoming import Arrival, Incoming
from dispatcher.store.group import FEW

HOLD_SECONDS = 0.012
"""So long at most a report waits for others of its call; a PBX posts those of one moment within that time."""

_A_FEW_CALLS = 10
"""Of more reports that are entered at once nobody holds others: they gather by themselves."""

_ON_THE_WAY = frozenset({ReportEvent.RINGING, ReportEvent.ANSWERED})
"""After these a call goes on as before: nobody waits to hear of them."""


class Waiting:
    """Durable batches that are to be entered, in the order of their arrival.

    A report on which the next step of a call or of an alarm may hang is due at once. One that tells only
    how far a call has come, or that follows at once on others of its call, is due a moment later, since
    to enter a call's reports together costs little more than to enter one. Where many come at once they
    gather by themselves, and none is held. Times are those of a monotonic clock, in seconds.
    """

    def __init__(self) -> None:
        self._batches: list[Arrival] = []
        self._due_at: float | None = None
        self._entered: dict[str, float] = {}
        """When a few reports of each of these calls were entered last, while that holds others."""

    def __len__(self) -> int:
        return len(self._batches)

    def put(self, arrival: Arrival, now: float) -> None:
        """Add a batch."""
        self._batches.append(arrival)
        due_at = now if len(arrival.items) > FEW else min(self._due(item, now) for item in arrival.items)
        self._due_at = due_at if self._due_at is None else min(self._due_at, due_at)

    def seconds_left(self, now: float) -> float | None:
        """How long until something is due; 0 or less when it is, None when nothing waits."""
        return None if self._due_at is None else self._due_at - now

    def take(self, most: int, now: float) -> list[Arrival]:
        """All that waits, due or not, up to ``most`` reports, but one batch at least."""
        taken = list(_first(self._batches, most))
        del self._batches[: len(taken)]
        self._due_at = now if self._batches else None
        self._entered = {call: at for call, at in self._entered.items() if now - at < HOLD_SECONDS}
        items = [item for arrival in taken for item in arrival.items]
        if len(items) <= _A_FEW_CALLS:
            self._entered |= {item.callid: now for item in items}
        return taken

    def _due(self, item: Incoming, now: float) -> float:
        if item.reports and item.reports[0].event in _ON_THE_WAY:
            return now + HOLD_SECONDS
        entered_at = self._entered.get(item.callid)
        return now if entered_at is None else max(now, entered_at + HOLD_SECONDS)


def _first(batches: Sequence[Arrival], most: int) -> Iterator[Arrival]:
    size = 0
    for batch in batches:
        size += len(batch.items)
        if size > most and size > len(batch.items):
            return
        yield batch
