"""What a PBX shows of its live calls: one list for all, or, where a family has none, some calls by name."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from dispatcher.clock import Clock
from dispatcher.domain.numbers import similar_number
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.domain.vocabulary import TargetKind
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import (
    Driver,
    KeepsRecords,
    KnowsOwnCalls,
    LiveCall,
    SeesCall,
    SeesLiveCalls,
    Session,
)
from dispatcher.sessions import Pbx, Sessions
from dispatcher.store.attempts import Case
from dispatcher.upkeep.live import live_calls

_log = logging.getLogger(__name__)

BY_NAME = 20
"""So many calls are asked for one by one at a time, the oldest first."""

_OF_EVERY_CALL = frozenset(
    {
        Reason.PBX_AWAY,
        Reason.TIMED_OUT,
        Reason.CONNECTION_LOST,
        Reason.LOCKED_OUT,
        Reason.CREDENTIALS_REFUSED,
        Reason.TOKEN_INVALID,
        Reason.TOO_FREQUENT,
        Reason.NEVER_PLACED,
    }
)
"""What is true of the PBX or of the session, and so of every other call as well."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How a family can be asked about calls."""

    lists: bool
    names: bool
    records: bool
    own_ids: bool = False
    """Whether calls bear our ids: then the list names all of ours, and the end of each can be asked for."""

    @classmethod
    def of(cls, driver: Driver) -> "Ways":
        """What a driver offers."""
        return cls(
            lists=isinstance(driver, SeesLiveCalls),
            names=isinstance(driver, SeesCall),
            records=isinstance(driver, KeepsRecords | KnowsOwnCalls),
            own_ids=isinstance(driver, KnowsOwnCalls),
        )

    def can_see(self, kind: TargetKind, callid: str | None) -> bool:
        """Whether a call is shown while it is up: in the list of the trunks' calls, or by its callid."""
        return self.in_list(kind) or self.by_name(kind, callid)

    def in_list(self, kind: TargetKind) -> bool:
        """Whether the list of live calls would hold a call to such a target."""
        return self.lists and (self.own_ids or kind is TargetKind.NUMBER)

    def by_name(self, kind: TargetKind, callid: str | None) -> bool:
        """Whether a call has to be asked for by its callid."""
        return self.names and bool(callid) and not self.in_list(kind)

    @property
    def quick_kinds(self) -> frozenset[TargetKind]:
        """The targets whose calls can be shown."""
        return frozenset(kind for kind in TargetKind if self.can_see(kind, "any"))


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look showed: ``calls`` by the list, ``named`` by callid; from before it to after it.

    ``failed`` are callids that the PBX, which does answer, answered with an error.
    """

    sent: datetime
    answered: datetime
    calls: Sequence[LiveCall] | None = None
    named: Mapping[str, LiveCall | None] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()

    def covers(self, ways: Ways, case: Case) -> bool:
        """Whether the look could show this call."""
        if ways.in_list(case.target.kind):
            return self.calls is not None
        return case.callid in self.named

    def has_failed(self, ways: Ways, case: Case) -> bool:
        """Whether the PBX was asked for this very call, and answered with an error."""
        return not ways.in_list(case.target.kind) and case.callid in self.failed

    def matching(self, ways: Ways, case: Case) -> list[LiveCall]:
        """The live calls that can be this one."""
        if not ways.in_list(case.target.kind):
            found = self.named.get(case.callid or "")
            return [found] if found is not None else []
        return [call for call in self.calls or () if _can_be(case, call)]


def _can_be(case: Case, call: LiveCall) -> bool:
    if call.direction is not PartyKind.OUTBOUND:
        return False
    if call.callid and case.callid:
        return call.callid == case.callid
    return call.leg == case.facts.leg or similar_number(case.target.digits, call.number)


def look(
    sessions: Sessions, pbx: Pbx, clock: Clock, questioned: Sequence[Any], *, listed: bool
) -> Sight | None:
    """Look at the live calls, by the list if ``listed``, and by name; None when the PBX does not answer.

    ``questioned`` are rows of calls in question, the oldest first.
    """
    sent = clock()
    calls = live_calls(sessions, pbx) if listed else None
    if listed and calls is None:
        return None
    named, failed = _named(sessions, pbx, questioned)
    if not listed and not named and not failed:
        return None
    return Sight(sent, clock(), calls, named, failed)


def _named(
    sessions: Sessions, pbx: Pbx, questioned: Sequence[Any]
) -> tuple[dict[str, LiveCall | None], frozenset[str]]:
    """The calls that must be asked for one by one, until the PBX is away; and those it gave an error for."""
    driver, ways = pbx.driver, Ways.of(pbx.driver)
    if not isinstance(driver, SeesCall):
        return {}, frozenset()
    asked: SeesCall = driver
    wanted = [row.callid for row in questioned if ways.by_name(TargetKind(row.target_kind), row.callid)]
    found: dict[str, LiveCall | None] = {}
    failed: set[str] = set()
    for callid in wanted[:BY_NAME]:
        try:
            found[callid] = sessions.use(pbx.account.name, partial(_ask_for, asked, callid))
        except PbxError as error:
            _log.warning("call %s of %s can't be seen: %s", callid, pbx.account.name, error)
            if error.reason in _OF_EVERY_CALL:
                break
            failed.add(callid)
    return found, frozenset(failed)


def _ask_for(asked: SeesCall, callid: str, _: Driver, session: Session) -> LiveCall | None:
    return asked.live_call(session, callid)
