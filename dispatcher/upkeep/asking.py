"""Asking the PBX whether a doubtful or silent call exists."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select

from dispatcher.core import Core
from dispatcher.domain.numbers import same_number
from dispatcher.domain.reports import PartyKind
from dispatcher.domain.vocabulary import Phase, TargetKind
from dispatcher.pbx.protocol import LiveCall
from dispatcher.sessions import Pbx, Sessions
from dispatcher.store.attempts import Case, attempts
from dispatcher.store.tables import HELD, among
from dispatcher.upkeep.live import live_calls
from dispatcher.upkeep.sweeps import close_attempts


class Asking:
    """Compares what we believe of one PBX with what it shows."""

    def __init__(self, core: Core, sessions: Sessions, pbxes: Mapping[str, Pbx]) -> None:
        self._core = core
        self._sessions = sessions
        self._pbxes = pbxes

    def resolve(self, pbx: str) -> None:
        """Look at attempts in doubt, and at calls of which nothing has been heard for too long.

        One request answers for all of them, and none is sent while there is nothing to ask.
        """
        if not self._is_in_question(pbx):
            return
        live = live_calls(self._sessions, self._pbxes[pbx])
        if live is None:
            return
        settings, now = self._core.settings.pacing, self._core.clock()
        doubtful = [
            attempts.c.pbx == pbx,
            among(attempts.c.phase, Phase.IN_DOUBT),
            attempts.c.doubted_at < now - timedelta(seconds=settings.doubt_wait),
        ]
        close_attempts(self._core, doubtful, lambda case: not _is_live(case, live))
        silent = [
            attempts.c.pbx == pbx,
            among(attempts.c.phase, Phase.UP),
            self._last_sign() < self._silence(now),
        ]
        close_attempts(self._core, silent, lambda case: not _is_live(case, live))

    def _is_in_question(self, pbx: str) -> bool:
        now = self._core.clock()
        query = select(attempts.c.id).where(
            attempts.c.pbx == pbx,
            HELD,
            or_(
                among(attempts.c.phase, Phase.IN_DOUBT),
                (among(attempts.c.phase, Phase.UP)) & (self._last_sign() < self._silence(now)),
            ),
        )
        with self._core.store.read() as tx:
            return tx.execute(query.limit(1)).first() is not None

    def _last_sign(self) -> Any:
        # An attempt that a report has taken out of doubt was never accepted, so its dial counts.
        return func.coalesce(
            attempts.c.prompt_ended_at,
            attempts.c.answered_at,
            attempts.c.ringing_at,
            attempts.c.accepted_at,
            attempts.c.dialed_at,
        )

    def _silence(self, now: datetime) -> datetime:
        return now - timedelta(seconds=self._core.settings.pacing.silence)


def _is_live(case: Case, live: Sequence[LiveCall]) -> bool:
    """Whether the PBX shows a call that can be this one; an extension's call shows on no trunk."""
    if case.target.kind is not TargetKind.NUMBER:
        return False
    return any(
        call.direction is PartyKind.OUTBOUND
        and (call.leg == case.facts.leg or same_number(case.target.digits, call.number))
        for call in live
    )
