"""Whether anybody could be called, and would be heard of: looked at without asking why not.

What keeps calls from being placed has its own gauges and log lines. Here it does not matter: as long as
nobody is called for an alarm, or could be, there is no all-clear.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, or_

from dispatcher.audit import queues
from dispatcher.audit.forgotten import HAS_FREE_PHONE, hears_no_other
from dispatcher.audit.invariant import MOST, Invariant
from dispatcher.core import Core
from dispatcher.heartbeats.hearing import MARK
from dispatcher.store import heartbeats, marks, pages, processes
from dispatcher.store.tables import Call, table
from dispatcher.store.under_way import is_among, lines_of_alarms

_calls = table(Call)

WAITED = timedelta(minutes=2)
"""A due call of an alarm that nothing is done about for so long can't be placed."""

FAILURES = 5
"""With so many in a row, by no callee's doing, a call has reached nobody for about as long as that."""

GONE = timedelta(minutes=2)
"""Long enough for any process to be started again."""


def waiting_in_vain(core: Core, tx: Connection) -> Sequence[str]:
    """Alarms whose calls are long due, while no call for any is under way where they would be placed.

    Besides those whose calls fail again and again, each after a longer wait, as on a trunk that is dead.
    Alarms and not calls, since a call that can't be placed gives way to another.
    """
    now = core.clock()
    in_time = or_(_calls.c.expires_at.is_(None), _calls.c.expires_at > now)
    may_ring = (hears_no_other(now), HAS_FREE_PHONE, in_time)
    late = queues.of_alarms(tx, now - WAITED, *may_ring)
    under_way = lines_of_alarms(tx, now) if late else set()
    stuck = [call.id for call in late if not is_among(under_way, call)]
    stuck += [call.id for call in queues.of_alarms_failing(tx, FAILURES, in_time)]
    told = pages.alarms_of(tx, stuck[:MOST])
    return list(dict.fromkeys(alarm_id for call_id in stuck for alarm_id in told.get(call_id, ())))[:MOST]


def _nobody_dials(core: Core, tx: Connection) -> Sequence[str]:
    """The PBXs, as long as no process that dials has given a sign of life."""
    now = core.clock()
    if any(abs(now - sign.seen_at) < GONE for sign in processes.signs(tx)):
        return []
    return [pbx.name for pbx in core.settings.pbx][:MOST]


def _unheard(core: Core, tx: Connection) -> Sequence[str]:
    """The mark of the API's hearing, where it is old."""
    if not heartbeats.has_any(tx):
        return []
    mark = marks.find(tx, MARK)
    is_fresh = mark is not None and mark.at is not None and abs(core.clock() - mark.at) < GONE
    return [] if is_fresh else [MARK]


REACH = (
    Invariant(
        "alarm_call_waits",
        "a call for an alarm has been due for over two minutes, and nobody is being called for any alarm; or "
        "one has failed five times in a row, and not by its callee's doing",
        "The `waiting_for` of its calls says what they wait for: a trunk or a PBX that is away, a free "
        "channel, a dial worker; their outcomes say how they fail. Until that is mended call the people "
        "yourself",
        waiting_in_vain,
    ),
    Invariant(
        "nobody_dials",
        "no process that dials has given a sign of life for two minutes",
        "Start the dial workers (or `dispatcher up`), and look at their log",
        _nobody_dials,
    ),
    Invariant(
        "heartbeats_not_heard",
        "no API has noted for two minutes that it hears heartbeats, so that no silence is noticed",
        "Start `dispatcher api` (or `dispatcher up`), and look at its log",
        _unheard,
    ),
)
