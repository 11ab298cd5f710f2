"""Whose call a report is about: an attempt of ours, one in doubt, or somebody else's."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from dispatcher.domain.numbers import same_number
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind, Report
from dispatcher.domain.vocabulary import Phase
from dispatcher.store.attempts import Case, attempts, calls, lock_by_callid
from dispatcher.store.requests import Requests
from dispatcher.store.tables import HELD, among

SAME_CALLID = timedelta(days=1)
"""A callid holds the PBX's clock and may come again after a reboot, so old attempts do not match."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An attempt whose callid we do not know: its dial is under way, or in doubt."""

    attempt_id: str
    in_doubt: bool
    digits: str
    message: str
    ruled_out: bool = False
    """The PBX has shown that it never placed a call for it; a report of one would overrule that."""

    def can_be(
        self,
        report: Report,
        own_extensions: frozenset[str],
        same: Callable[[str, str], bool] = same_number,
    ) -> bool:
        """Whether ``report`` can be about this attempt: it names its number, and no one else's phone.

        How alike the numbers must be says ``same``: a report that waits for its call's id only has to be
        :func:`~dispatcher.domain.numbers.similar_number`, since the outbound route may have rewritten it.

        A call that somebody makes by hand to the same number shows their extension as a party; ours
        shows at most the extension whose outbound right it uses (inferred).
        """
        if not report.number or comes_in(report) or not same(self.digits, report.number):
            return False
        own = own_extensions | {self.message, self.digits}
        if report.cdr is not None:
            return not report.cdr.caller or report.cdr.caller in own
        return all(
            party.number in own or not party.number
            for party in report.parties
            if party.kind is PartyKind.EXTENSION
        )


def comes_in(report: Report) -> bool:
    """Whether somebody calls in, as people do who missed a call of ours; no call of ours does."""
    if report.cdr is not None and report.cdr.direction is PartyKind.INBOUND:
        return True
    return any(party.kind is PartyKind.INBOUND for party in report.parties)


def known_cases(
    tx: Connection, requests: Requests, pbx: str, callids: Iterable[str], received: datetime
) -> dict[str, Case]:
    """The attempts with these callids, locked; of several with one callid the latest."""
    wanted = {callid for callid in callids if callid}
    if not wanted:
        return {}
    found: dict[str, Case] = {}
    for item in lock_by_callid(tx, requests, pbx, wanted, received - SAME_CALLID):
        if item.callid is not None and _is_later(item, found.get(item.callid)):
            found[item.callid] = item
    return found


def _is_later(item: Case, known: Case | None) -> bool:
    return known is None or item.claimed_at > known.claimed_at


def attempts_without_callid(tx: Connection, pbx: str, now: datetime) -> list[Waiting]:
    """The attempts of a PBX whose dial is under way or in doubt, and those that doubt has closed lately."""
    closed_in_doubt = and_(
        among(attempts.c.phase, Phase.ENDED),
        attempts.c.doubted_at.is_not(None),
        attempts.c.claimed_at > now - timedelta(hours=1),
    )
    query = select(
        attempts.c.id, attempts.c.phase, attempts.c.digits_dialled, attempts.c.call_id, attempts.c.cause
    ).where(
        attempts.c.pbx == pbx,
        attempts.c.callid.is_(None),
        or_(and_(HELD, among(attempts.c.phase, Phase.DIALING, Phase.IN_DOUBT)), closed_in_doubt),
    )
    rows = tx.execute(query).all()
    messages = _messages(tx, [row.call_id for row in rows])
    return [
        Waiting(
            row.id,
            row.phase != Phase.DIALING,
            row.digits_dialled,
            messages.get(row.call_id, ""),
            row.cause == Reason.NEVER_PLACED,
        )
        for row in rows
    ]


def most_likely(matching: Sequence[Waiting]) -> Sequence[Waiting]:
    """Of several attempts at a number, those whose call the PBX has not shown to be none."""
    return [one for one in matching if not one.ruled_out] or matching


def _messages(tx: Connection, call_ids: Sequence[str]) -> dict[str, Any]:
    if not call_ids:
        return {}
    from_owner = Requests()
    rows = tx.execute(
        select(calls.c.id, calls.c.alarm_id, calls.c.campaign_id, calls.c.message_value).where(
            calls.c.id.in_(call_ids)
        )
    ).all()
    known = from_owner.of(tx, {(row.alarm_id, row.campaign_id) for row in rows})
    return {row.id: row.message_value or known[row.alarm_id or row.campaign_id].message_value for row in rows}
