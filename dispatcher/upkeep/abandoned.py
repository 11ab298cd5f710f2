"""Dials that a dead process left: in doubt at once, and not only when a slow PBX would have answered."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from dispatcher.core import Core
from dispatcher.dialer.role import SILENT, doubt
from dispatcher.domain.vocabulary import Phase
from dispatcher.store import processes
from dispatcher.store.attempts import attempts
from dispatcher.store.tables import HELD, among

WHY = "the process that dialled it died"
_REMEMBERED = timedelta(hours=1)
_BATCH = 500


class Abandoned:
    """Finds attempts that are being dialled by no process that lives.

    A living process says every second and a half what it is dialling
    (:class:`~dispatcher.dialer.role.Dialing`). An attempt that is older than the last sign of every living
    process, and in none of them, was begun by one that is dead. It is compared within each process's own
    clock only, so clocks may differ.

    Nobody can give signs while the database is away, so after that, when the clock was set, and at its own
    start, the sweep first watches for as long as a living process may be silent.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._watching_since: datetime | None = None
        self._looked_at: datetime | None = None

    def sweep(self) -> None:
        """Put what was abandoned in doubt."""
        now = self._core.clock()
        with self._core.store.read() as tx:
            signs = processes.signs(tx)
            found = self._abandoned(tx, now, signs)
        if self._looked_at is None or abs(now - self._looked_at) > SILENT:
            self._watching_since = now
        self._looked_at = now
        if self._watching_since is None or now - self._watching_since < SILENT:
            return
        doubt(self._core, found, WHY)
        if any(sign.seen_at < now - _REMEMBERED for sign in signs):
            with self._core.store.write() as tx:
                processes.forget_before(tx, now - _REMEMBERED)

    def _abandoned(self, tx: Connection, now: datetime, signs: Sequence[Any]) -> list[str]:
        dead = [sign for sign in signs if sign.seen_at < now - SILENT]
        living = [sign for sign in signs if sign.seen_at >= now - SILENT]
        if not dead:
            return []
        # Nothing can have been begun much later than its process's last sign.
        latest = max(sign.seen_at for sign in dead) + SILENT
        dialing = tx.execute(
            select(attempts.c.id, attempts.c.dialed_at)
            .where(among(attempts.c.phase, Phase.DIALING), HELD)
            .where(attempts.c.dialed_at < latest)
            .order_by(attempts.c.dialed_at)
            .limit(_BATCH)
        ).all()
        return [
            row.id
            for row in dialing
            if all(sign.seen_at > row.dialed_at and row.id not in sign.dialing for sign in living)
        ]
