"""Numbers that may not be called: entered, taken off, and what that does to calls that are under way.

A campaign never dials a number that is on the list: it is left out when contacts are added, and calls
that were queued before are withdrawn. Alarms ring all the same, unless the entry says ``alarms_too``: then
it is left out of what they plan, and what they had planned goes on to the next way or person.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, literal_column, or_, select

from dispatcher.core import Core
from dispatcher.directory.numbers import e164
from dispatcher.directory.requests import DoNotCallSpec
from dispatcher.directory.trail import note
from dispatcher.domain.vocabulary import OPEN_CALL_STATES, CallState, CampaignStatus, Kept
from dispatcher.errors import Fault, Refused, Unknown
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.alarms import after_calls
from dispatcher.ledger.withdrawing import withdraw
from dispatcher.metrics.counting import Count
from dispatcher.store import do_not_call as store
from dispatcher.store import events, forbidden
from dispatcher.store.events import Change
from dispatcher.store.tables import Call, Campaign, DoNotCall, among, table
from dispatcher.work import Work, carry_out

_calls = table(Call)
_campaigns = table(Campaign)
_entries = table(DoNotCall)

BY_HAND, BY_KEY, BY_IMPORT = "by hand", "by a key", "by an import"
WITHDRAWN = "the number is on the do-not-call list"
RECENT = timedelta(minutes=2)
"""So long after an entry was made, contacts that were being added meanwhile may still turn up."""

_AT_ONCE = 500


def written(work: Work, number: str) -> str:
    """A number in any way of writing, in E.164. Raises :class:`Refused`."""
    try:
        return e164(number, work.core.settings.alarms.region)
    except ValueError as error:
        raise Refused(Fault(("number",), str(error))) from None


def put(work: Work, number: str, asked: DoNotCallSpec, client: str) -> bool:
    """Enter a number, or change its entry; returns whether it is new. ``number`` is in E.164."""
    if asked.expires_at is not None and asked.expires_at <= work.now:
        raise Refused(Fault(("expires_at",), f"in the past: it is {work.now:%Y-%m-%dT%H:%M:%SZ}"))
    earlier = store.find(work.tx, number)
    row = {
        "number": number,
        "why": asked.why,
        "source": BY_HAND,
        "alarms_too": asked.alarms_too,
        "added_by": client,
        "added_at": work.now,
        "expires_at": asked.expires_at,
    }
    enter(work.tx, work.now, [row], work.count, work.aftermath)
    before = None if earlier is None else dict(earlier._mapping)
    note(work, Kept.DO_NOT_CALL, number, client, before=before, after=row)
    return earlier is None


def remove(work: Work, number: str, by: str = "") -> None:
    """Take a number off the list. Raises :class:`Unknown`."""
    earlier = store.find(work.tx, number)
    if earlier is None or not store.remove(work.tx, number):
        raise Unknown("entry for the number", number)
    note(work, Kept.DO_NOT_CALL, number, by, before=dict(earlier._mapping))


def opt_out(
    tx: Connection, now: datetime, number: str, count: Count, *, by: str, why: str, alarms_too: bool = False
) -> Aftermath:
    """Enter a number because its owner has pressed a key, and withdraw the calls to it that it forbids.

    An entry that forbids more already is left as it is.
    """
    aftermath = Aftermath()
    earlier = store.find(tx, number)
    in_force = earlier is not None and (earlier.expires_at is None or earlier.expires_at > now)
    if earlier is not None and in_force and (earlier.alarms_too or not alarms_too):
        return aftermath
    row = {
        "number": number,
        "why": why,
        "source": BY_KEY,
        "alarms_too": alarms_too,
        "added_by": by,
        "added_at": now,
        "expires_at": None,
    }
    enter(tx, now, [row], count, aftermath)
    data = {"by": by, "after": {"why": why, "source": BY_KEY, "alarms_too": alarms_too}}
    events.record(tx, now, [Change(Kept.DO_NOT_CALL, number, "created", f"by a key, by {by}", data=data)])
    return aftermath


def enter(
    tx: Connection, now: datetime, rows: Sequence[dict[str, Any]], count: Count, aftermath: Aftermath
) -> None:
    """Write entries, and withdraw the calls to their numbers that they forbid and nobody has answered yet."""
    store.put(tx, rows)
    for ids in _batches(_open_calls_to(tx, [row["number"] for row in rows])):
        aftermath.add(withdraw(tx, now, [_calls.c.id.in_(ids)], count, WITHDRAWN))
    for numbers in _batches([row["number"] for row in rows if row["alarms_too"]]):
        forbidden.end_waiting_for(tx, now, numbers, WITHDRAWN)
        if ids := forbidden.lock_calls_to(tx, numbers):
            aftermath.add(withdraw(tx, now, [_calls.c.id.in_(ids)], count, WITHDRAWN))
            aftermath.add(after_calls(tx, now, ids))


def sweep(core: Core) -> None:
    """Withdraw calls to listed numbers that the entering itself could not see: for upkeep.

    Those were answered then and are to be tried again, or came at the same time: with contacts that were
    being added, or of an alarm that was being raised.
    No such call is dialled meanwhile, since the pacer passes over listed numbers.
    """
    with core.store.read() as tx:
        found = _leftovers(tx, core.clock())
    for ids in _batches(found):
        carry_out(core, partial(_withdraw_listed, ids))


def _withdraw_listed(ids: Sequence[str], work: Work) -> None:
    conditions = [_calls.c.id.in_(ids), _is_listed(work.now)]
    work.aftermath.add(withdraw(work.tx, work.now, conditions, work.count, WITHDRAWN))
    work.aftermath.add(after_calls(work.tx, work.now, ids))


def _leftovers(tx: Connection, now: datetime) -> list[str]:
    """Calls that are due once more, or that came at the same time as an entry, and alarms' calls."""
    recent = select(_entries.c.number).where(_entries.c.added_at > now - RECENT, store.in_force(now))
    again = (
        select(_calls.c.id)
        .where(
            _calls.c.campaign_id.in_(_open_campaigns(tx)),
            among(_calls.c.state, CallState.QUEUED),
            _calls.c.attempts_made > literal_column("0"),
            _calls.c.due_at <= now,
            _is_listed(now),
        )
        .order_by(_calls.c.due_at)
    )
    fresh = _open_calls_to(tx, tx.execute(recent).scalars().all())
    of_alarms = select(_calls.c.id).where(
        _calls.c.alarm_id.is_not(None), among(_calls.c.state, CallState.QUEUED), _is_listed(now)
    )
    return [*dict.fromkeys([*tx.execute(again).scalars(), *fresh, *tx.execute(of_alarms).scalars()])]


def _open_calls_to(tx: Connection, numbers: Sequence[str]) -> list[str]:
    """The calls of open campaigns to these numbers that have not ended.

    Their states are looked at here: with them in the statement, a database may read a whole campaign.
    """
    campaigns = _open_campaigns(tx)
    found: list[str] = []
    for some in _batches(numbers):
        query = select(_calls.c.id, _calls.c.state).where(
            _calls.c.campaign_id.in_(campaigns), _calls.c.number.in_(some)
        )
        found += [row.id for row in tx.execute(query) if row.state in OPEN_CALL_STATES]
    return found


def _open_campaigns(tx: Connection) -> Sequence[str]:
    statuses = (CampaignStatus.DRAFT, CampaignStatus.RUNNING, CampaignStatus.PAUSED)
    return tx.execute(select(_campaigns.c.id).where(among(_campaigns.c.status, *statuses))).scalars().all()


def _is_listed(now: datetime) -> ColumnElement[bool]:
    """The condition that an entry forbids a call."""
    forbids = or_(_calls.c.campaign_id.is_not(None), _entries.c.alarms_too)
    of_number = _entries.c.number == _calls.c.number
    return select(_entries.c.number).where(of_number, store.in_force(now), forbids).exists()


def _batches(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]
