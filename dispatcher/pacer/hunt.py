"""The hunt order at work: which of a lane's due calls a trunk takes, and which it leaves to others."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from dispatcher.domain.hunt import Room, Wish, mine, room_of, spare
from dispatcher.lines import Line
from dispatcher.store import streams, trunks
from dispatcher.store.tables import Attempt, table
from dispatcher.store.trunks import Counted

_attempts = table(Attempt)
_LAST = (
    select(_attempts.c.call_id, _attempts.c.pbx, _attempts.c.trunk)
    .where(_attempts.c.call_id.in_(bindparam("call_ids", expanding=True)))
    .order_by(_attempts.c.ordinal)
)


class Hunt:
    """Decides for one claim of one line. The other trunks are looked at once, and only when it matters."""

    def __init__(
        self,
        tx: Connection,
        now: datetime,
        line: Line,
        lines: Sequence[Line],
        counted: Counted,
        began: datetime,
    ) -> None:
        self._tx = tx
        self._now = now
        self._began = began
        self.here = line.key
        others = [] if line.is_internal else [other for other in lines if not other.is_internal]
        self._lines = {other.key: other for other in [*others, line]}
        self.ranks = {key: other.rank for key, other in self._lines.items()}
        """The rank of every trunk that may carry the calls of this line."""
        self.differ = len({other.abilities for other in self._lines.values()}) > 1
        """Whether some of them can't place what others can."""
        self._counted = counted
        self._rooms: dict[str, Room] | None = None
        self.has_left = False
        """Whether a call was left to another trunk, so that it is time to look there."""

    def order_of(self, campaign: Any) -> Mapping[str, int]:
        """The trunks that may carry a campaign, with their ranks: by its own list, if it has one."""
        asked = campaign.message_kind, campaign.message_count, campaign.delivered_when
        able = {key for key, line in self._lines.items() if line.places(*asked)}
        if not campaign.trunks:
            return {key: rank for key, rank in self.ranks.items() if key in able}
        return {key: place for place, key in enumerate(campaign.trunks) if key in able}

    def spare(self, order: Mapping[str, int], *, is_alarm: bool) -> int:
        """How many calls beyond this line's own channels are to be looked at."""
        if not self._has_better(order):
            return 0
        return spare(self.here, order, self._others(), is_alarm=is_alarm)

    def keep(self, rows: Sequence[Any], order: Mapping[str, int], *, is_alarm: bool) -> list[Any]:
        """Those of a lane's due calls that this line takes now; ``order`` is the lane's."""
        failed = [row.id for row in rows if row.free_failures > 0] if len(order) > 1 else []
        if not rows or not (failed or self._has_better(order) or self._may_be_suspect(is_alarm=is_alarm)):
            return list(rows)
        avoided = self._last_trunks(failed) if failed else {}
        wishes = [Wish(avoided.get(row.id, ""), self._able(row)) for row in rows]
        kept = mine(self.here, wishes, order, self._others(), is_alarm=is_alarm)
        self.has_left = self.has_left or not all(kept)
        return [row for row, is_mine in zip(rows, kept, strict=True) if is_mine]

    def _has_better(self, order: Mapping[str, int]) -> bool:
        own = order[self.here]
        return any(rank < own for rank in order.values())

    def _may_be_suspect(self, *, is_alarm: bool) -> bool:
        load = self._counted.load
        doubtful = load.trying is not None or load.unread_since is not None
        return is_alarm and doubtful and len(self.ranks) > 1

    def _able(self, row: Any) -> frozenset[str] | None:
        """The trunks that can carry this call, None for all of its lane."""
        if row.pbx is None and not self.differ:
            return None
        asked = (row.message_kind, row.message_count, row.delivered_when) if self.differ else None
        return frozenset(
            key
            for key, line in self._lines.items()
            if row.pbx in (None, line.pbx) and (asked is None or line.places(*asked))
        )

    def _others(self) -> dict[str, Room]:
        if self._rooms is None:
            loads = trunks.others(self._tx, self._now, self._counted)
            are_fetched = any(line.reports_are_fetched for line in self._lines.values())
            unread = streams.unread(self._tx, self._now, self._began) if are_fetched else {}
            self._rooms = {
                key: room_of(streams.noted(loads[line.pbx, line.trunk], line.pbx, unread), self._now)
                for key, line in self._lines.items()
                if (line.pbx, line.trunk) in loads
            }
        return self._rooms

    def _last_trunks(self, call_ids: Sequence[str]) -> dict[str, str]:
        """Where each of these calls was tried last."""
        rows = self._tx.execute(_LAST, {"call_ids": call_ids})
        return {row.call_id: f"{row.pbx}/{row.trunk}" for row in rows}
