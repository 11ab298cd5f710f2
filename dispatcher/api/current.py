"""What changed subjects look like now, for those who follow events."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, select

from dispatcher.api.reading import call_views
from dispatcher.api.views import alarm_summary, trunk_view
from dispatcher.api.views.campaigns import campaign_summary
from dispatcher.core import Core
from dispatcher.store import campaigns, trunks
from dispatcher.store.campaigns import Standing
from dispatcher.store.pages import call_counts
from dispatcher.store.tables import Alarm, Call, Campaign, table

_alarms, _calls, _campaigns = table(Alarm), table(Call), table(Campaign)

MOST = 200
"""So many subjects of a kind are looked up for one reading; beyond, events come without."""

Views = dict[tuple[str, str], BaseModel]


class Current:
    """Looks up subjects, all of one reading at once. Counts of a big campaign are not taken each time."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._standings: dict[str, tuple[float, Standing]] = {}
        self._lookups: dict[str, Callable[[Connection, Sequence[str]], dict[str, BaseModel]]] = {
            "alarm": self._alarm_views,
            "campaign": self._campaign_views,
            "call": self._call_views,
            "trunk": self._trunk_views,
        }

    def of(self, tx: Connection, events: Sequence[Any]) -> Views:
        """The subjects of these events as they are now, by (subject, id)."""
        found: Views = {}
        for subject, lookup in self._lookups.items():
            ids = list(dict.fromkeys(event.subject_id for event in events if event.subject == subject))
            if 0 < len(ids) <= MOST:
                found |= {(subject, key): view for key, view in lookup(tx, ids).items()}
        return found

    def _alarm_views(self, tx: Connection, ids: Sequence[str]) -> dict[str, BaseModel]:
        counts = call_counts(tx, ids)
        rows = tx.execute(select(_alarms).where(_alarms.c.id.in_(ids)))
        return {row.id: alarm_summary(row, counts.get(row.id, {})) for row in rows}

    def _campaign_views(self, tx: Connection, ids: Sequence[str]) -> dict[str, BaseModel]:
        rows = tx.execute(select(_campaigns).where(_campaigns.c.id.in_(ids))).all()
        return {row.id: campaign_summary(row, self._standing(tx, row.id)) for row in rows}

    def _standing(self, tx: Connection, campaign_id: str) -> Standing:
        """Counted again when the last count is ten times as old as counting took, and a second at least."""
        known = self._standings.get(campaign_id)
        begun = time.monotonic()
        if known is not None and begun < known[0]:
            return known[1]
        standing = campaigns.standings(tx, [campaign_id])[campaign_id]
        ended = time.monotonic()
        self._standings = {key: item for key, item in self._standings.items() if item[0] > ended}
        self._standings[campaign_id] = ended + 10 * (ended - begun), standing
        return standing

    def _call_views(self, tx: Connection, ids: Sequence[str]) -> dict[str, BaseModel]:
        rows = tx.execute(select(_calls).where(_calls.c.id.in_(ids))).all()
        return {view.id: view for view in call_views(self._core, tx, rows)}

    def _trunk_views(self, tx: Connection, _ids: Sequence[str]) -> dict[str, BaseModel]:
        now = self._core.clock()
        return {
            f"{row.pbx}/{row.name}": trunk_view(row, load, now)
            for row, load in trunks.loads(tx, now)
            if row.name != trunks.INTERNAL
        }
