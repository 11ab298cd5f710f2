"""The queues that want a trunk's channels, with as many of their due calls as there are channels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)

from dispatcher.domain.pacing import ALARMS, fullness
from dispatcher.domain.vocabulary import CallState, CampaignStatus
from dispatcher.domain.windows import Window, next_opening
from dispatcher.domain.zones import opening
from dispatcher.lines import Line
from dispatcher.pacer.hunt import Hunt
from dispatcher.pacer.limits import may_ring
from dispatcher.store.campaigns import windows_from
from dispatcher.store.phones import CALLEE_IS_FREE, LONGEST_TELLING, USER_IS_FREE
from dispatcher.store.prepared import Prepared
from dispatcher.store.tables import Alarm, Call, Campaign, DoNotCall, among, table

_alarms = table(Alarm)
_calls = table(Call)
_campaigns = table(Campaign)
_do_not_call = table(DoNotCall)
RECIPIENT = "recipient"
"""A campaign's ``timezone`` that means each callee's own."""


LOOK_AGAIN = timedelta(days=1)
"""When a call whose calling window never opens is looked at again."""


LARGEST_COUNT = 2**31 - 1
"""More often than any prompt is played."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Due calls of one lane, locked; ``opens_at`` is when a closed calling window opens."""

    lane: str
    rows: Sequence[Any] = field(default=())
    priority: int = 0
    weight: int = 1
    room: int | None = None
    opens_at: datetime | None = None


def _due_calls(*of_lane: ColumnElement[bool], is_internal: bool = False) -> Select[Any]:
    ours = (_calls.c.number.is_(None), USER_IS_FREE) if is_internal else (_calls.c.number.is_not(None),)
    return (
        select(
            _calls.c.id,
            _calls.c.number,
            _calls.c.extension,
            _calls.c.pbx_user,
            _calls.c.pbx,
            _calls.c.attempts_made,
            _calls.c.free_failures,
            _calls.c.due_at,
            _calls.c.timezone,
            _calls.c.alarm_id,
            _calls.c.campaign_id,
            _calls.c.callee,
            _calls.c.bundle,
            _calls.c.most_per_minute,
            _calls.c.most_per_hour,
        )
        .where(
            *of_lane,
            among(_calls.c.state, CallState.QUEUED),
            _calls.c.due_at <= bindparam("now"),
            *ours,
            or_(_calls.c.pbx.is_(None), _calls.c.pbx == bindparam("of_pbx")),
            or_(_calls.c.expires_at.is_(None), _calls.c.expires_at > bindparam("now")),
        )
        .order_by(_calls.c.due_at)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True, of=_calls)
    )


def _is_listed(*conditions: ColumnElement[bool]) -> Any:
    """The number's entry in the do-not-call list, as a value: to join it, PostgreSQL would read it whole."""
    in_force = or_(_do_not_call.c.expires_at.is_(None), _do_not_call.c.expires_at > bindparam("now"))
    entry = select(_do_not_call.c.number).where(
        _do_not_call.c.number == _calls.c.number, in_force, *conditions
    )
    return entry.limit(literal_column("1")).scalar_subquery()


# Built once, since the pacer runs them each time a channel becomes free. Upkeep withdraws what is listed.
_OF_ALARMS = (
    _calls.c.alarm_id.is_not(None),
    CALLEE_IS_FREE,
    _is_listed(_do_not_call.c.alarms_too).is_(None),
)
_OF_CAMPAIGN = _calls.c.campaign_id == bindparam("of_campaign")
_MAY_BE_CALLED = _is_listed().is_(None)
_AGAIN = (_OF_CAMPAIGN, _calls.c.attempts_made > literal_column("0"), _MAY_BE_CALLED)
_FRESH = (_OF_CAMPAIGN, _calls.c.attempts_made == literal_column("0"), _MAY_BE_CALLED)


_KIND = func.coalesce(_calls.c.message_kind, _alarms.c.message_kind)
_COUNT = func.coalesce(_calls.c.message_count, _alarms.c.message_count)
_PROOF = func.coalesce(_calls.c.delivered_when, _alarms.c.delivered_when)
_OF_SOME_ALARMS = (
    _due_calls(*_OF_ALARMS)
    .add_columns(_KIND.label("message_kind"), _COUNT.label("message_count"), _PROOF.label("delivered_when"))
    .join(_alarms, _alarms.c.id == _calls.c.alarm_id)
    .where(
        _KIND.in_(bindparam("kinds", expanding=True)),
        _PROOF.in_(bindparam("provable", expanding=True)),
        bindparam("most_often", type_=Integer) >= _COUNT,
    )
)
"""For a trunk whose PBX can't place all that others can."""

_ALARMS_OUT = Prepared(_due_calls(*_OF_ALARMS))
_ALARMS_WITHIN = Prepared(_due_calls(*_OF_ALARMS, is_internal=True))
_DUE_AGAIN, _DUE_FRESH = Prepared(_due_calls(*_AGAIN)), Prepared(_due_calls(*_FRESH))
_IS_DUE = (
    _calls.c.campaign_id == _campaigns.c.id,
    among(_calls.c.state, CallState.QUEUED),
    _calls.c.due_at <= bindparam("now"),
)
RUNNING = select(_campaigns).where(
    among(_campaigns.c.status, CampaignStatus.RUNNING),
    # Hundreds of campaigns may run whose calls are all up, or later. One look for each index of calls.
    or_(
        exists().where(*_IS_DUE, _calls.c.attempts_made > literal_column("0")),
        exists().where(*_IS_DUE, _calls.c.attempts_made == literal_column("0")),
    ),
    or_(_campaigns.c.expires_at.is_(None), _campaigns.c.expires_at > bindparam("now")),
)
"""The running campaigns that have calls due at ``now``."""
_RUNNING = Prepared(RUNNING.order_by(_campaigns.c.priority.desc(), _campaigns.c.id))


_PUT_OFF = (
    update(_calls)
    .where(_calls.c.id == bindparam("of_call"), among(_calls.c.state, CallState.QUEUED))
    .values(due_at=bindparam("new_due_at"))
)


def _due_of_alarms(tx: Connection, now: datetime, line: Line, limit: int) -> list[Any]:
    values = {"now": now, "of_pbx": line.pbx, "most": limit, "called_since": now - LONGEST_TELLING}
    return (_ALARMS_WITHIN if line.is_internal else _ALARMS_OUT).all(tx, **values)


def _due_of_campaign(tx: Connection, now: datetime, line: Line, limit: int, campaign: str) -> list[Any]:
    """A campaign's due calls: those that wait for their next attempt before those never dialled.

    Somebody who was busy is called again when that was promised, not when all others have been.
    """
    of = {"now": now, "of_pbx": line.pbx, "of_campaign": campaign}
    again = _DUE_AGAIN.all(tx, **of, most=limit)
    if len(again) == limit:
        return again
    return again + _DUE_FRESH.all(tx, **of, most=limit - len(again))


def alarm_candidates(tx: Connection, now: datetime, line: Line, limit: int, hunt: Hunt) -> Candidates:
    """The alarms' calls that are due and that this line takes, of ``limit`` and what others could take."""
    most = limit + hunt.spare(hunt.ranks, is_alarm=True)
    due = _due_of_some_alarms(tx, now, line, most) if hunt.differ else _due_of_alarms(tx, now, line, most)
    ringing = may_ring(tx, now, due)
    # When somebody has several, there may be others' calls behind them: look again at once.
    again = now if len(ringing) < len(due) else None
    return Candidates(ALARMS, hunt.keep(ringing, hunt.ranks, is_alarm=True), opens_at=again)


def _due_of_some_alarms(tx: Connection, now: datetime, line: Line, limit: int) -> list[Any]:
    asked = {
        "kinds": line.kinds,
        "provable": line.proofs,
        "most_often": LARGEST_COUNT if line.repeats else 1,
        "called_since": now - LONGEST_TELLING,
    }
    return list(tx.execute(_OF_SOME_ALARMS, {"now": now, "of_pbx": line.pbx, "most": limit, **asked}))


def campaign_candidates(
    tx: Connection,
    now: datetime,
    line: Line,
    limit: int,
    held_by_lane: dict[str, int],
    here_by_lane: Mapping[str, int],
    hunt: Hunt,
) -> list[Candidates]:
    """The running campaigns that may use this trunk now, each with its due calls.

    They are asked in the order in which :func:`plan` serves them, by priority and then by how far they are
    below their share. So those that come after as many campaigns with due calls as there are free channels
    get nothing, and are not asked; nor is a lower priority once those above want every free channel.
    """
    if line.is_internal:
        return []  # Their contacts are outside numbers; to look for others would read all that are due.
    found: list[Candidates] = []
    wanted, served, priority = 0, 0, None
    rows = _RUNNING.all(tx, now=now)
    for row in sorted(rows, key=lambda row: (-row.priority, *_place(row, here_by_lane))):
        if served >= limit or (priority is not None and row.priority < priority and wanted >= limit):
            break
        priority = row.priority
        order = hunt.order_of(row)
        if line.key not in order:
            continue
        queue = _of_campaign(tx, now, line, limit, row, held_by_lane.get(row.id, 0), hunt, order)
        found.append(queue)
        wanted += len(queue.rows)
        served += 1 if queue.rows else 0
    return found


def _place(row: Any, here: Mapping[str, int]) -> tuple[float, str]:
    """Where a campaign stands among those of its priority: how full it would be with one channel more."""
    return fullness(here.get(row.id, 0), 0, row.weight), row.id


def _of_campaign(
    tx: Connection,
    now: datetime,
    line: Line,
    limit: int,
    row: Any,
    held: int,
    hunt: Hunt,
    order: Mapping[str, int],
) -> Candidates:
    windows = windows_from(row.windows)
    each = row.timezone == RECIPIENT
    if windows and not each:
        opens_at = next_opening(windows, ZoneInfo(row.timezone or "UTC"), now)
        if opens_at > now:
            return Candidates(row.id, priority=row.priority, weight=row.weight, opens_at=opens_at)
    room = None if row.max_concurrent is None else _room(tx, row, held)
    if room == 0:
        return Candidates(row.id, priority=row.priority, weight=row.weight, room=0)
    due = _due_of_campaign(tx, now, line, limit + hunt.spare(order, is_alarm=False), row.id)
    allowed = _within_window(tx, now, due, windows) if windows and each else due
    # When some were put off, others may be waiting behind them: look again at once.
    again = now if len(allowed) < len(due) else None
    taken = hunt.keep(allowed, order, is_alarm=False)
    return Candidates(row.id, taken, row.priority, row.weight, room, again)


def _room(tx: Connection, row: Any, held: int) -> int:
    """How many more calls the campaign's own limit allows.

    Its row is locked, so that the pacers of two trunks don't both use the same room; what the other
    one has just committed shows only in a count that follows the lock, as this one's did not.
    """
    tx.execute(select(_campaigns.c.id).where(_campaigns.c.id == row.id).with_for_update())
    from_calls = select(_calls.c.id).where(
        _calls.c.campaign_id == row.id, among(_calls.c.state, CallState.ACTIVE)
    )
    active = len(tx.execute(from_calls.limit(row.max_concurrent)).all())
    return max(0, int(row.max_concurrent) - max(active, held))


def _within_window(tx: Connection, now: datetime, due: Sequence[Any], windows: Sequence[Window]) -> list[Any]:
    """The calls whose callee may be rung now; the others become due when their window opens."""
    allowed = []
    for row in due:
        opens_at = _opens_at(windows, row.timezone, now)
        if opens_at <= now:
            allowed.append(row)
        else:
            tx.execute(_PUT_OFF, {"of_call": row.id, "new_due_at": opens_at})
    return allowed


def _opens_at(windows: Sequence[Window], zones: str | None, now: datetime) -> datetime:
    """When a callee may be rung. Zones that can't be read, or never fit, keep the phone silent."""
    try:
        return opening(windows, zones, now)
    except (ValueError, KeyError):
        return now + LOOK_AGAIN
