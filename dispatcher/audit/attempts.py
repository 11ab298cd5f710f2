"""Attempts and their channels: that each goes on, and holds a channel for just as long as it lives."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, exists, func, or_, select, update

from dispatcher.audit.invariant import MOST, Invariant, Means, carry_out
from dispatcher.core import Core
from dispatcher.domain.vocabulary import Phase
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.metrics.counting import Count
from dispatcher.pbx.registry import CAPABILITIES
from dispatcher.store import events
from dispatcher.store.attempts import attempts, calls
from dispatcher.store.events import Change
from dispatcher.store.overdue import overdue
from dispatcher.store.tables import HELD, Doubt, among, table

_doubts = table(Doubt)

CLAIMED = timedelta(seconds=120)
"""A claimed attempt gets a second wake-up after three seconds; workers that are busy take some more."""

MARGIN = timedelta(seconds=60)
"""So much longer than the sweep that takes up what a dead process was dialling."""

DOUBT = timedelta(seconds=300)
"""So long after all was asked that can be, a doubt has either been resolved, or the PBX does not answer."""

ENDING = timedelta(seconds=300)
"""So long after a BYE, or after we asked for its end, no call is up any more."""

IS_HELD_BY_NOBODY = and_(
    HELD,
    among(attempts.c.phase, Phase.ENDED),
    # An alarm may go on before the PBX has said what became of its attempt; the question holds the channel.
    ~exists().where(_doubts.c.attempt_id == attempts.c.id),
)
HELD_BY_NOBODY = select(attempts.c.id).where(IS_HELD_BY_NOBODY)


def stuck(core: Core) -> Any:
    """The condition that an attempt should have taken its next step long ago."""
    now, pacing = core.clock(), core.settings.pacing
    answers = [pbx.timeout + CAPABILITIES[pbx.family].dial_waits for pbx in core.settings.pbx]
    longest = max(answers, default=0.0)
    answered_by = timedelta(seconds=2 * longest + 10) + MARGIN
    asked_by = pacing.doubt_wait + pacing.record_wait + 2 * pacing.records_every
    resolved_by = timedelta(seconds=asked_by) + DOUBT
    is_up = among(attempts.c.phase, Phase.UP)
    # A call that can't be shown settles only when its reports have been missing for the whole silence.
    answered_or_shown = now - timedelta(seconds=pacing.silence) - resolved_by
    in_question = exists().where(
        _doubts.c.attempt_id == attempts.c.id,
        func.coalesce(_doubts.c.shown_at, _doubts.c.since) < answered_or_shown,
    )
    return or_(
        and_(among(attempts.c.phase, Phase.CLAIMED), attempts.c.claimed_at < now - CLAIMED),
        and_(among(attempts.c.phase, Phase.DIALING), attempts.c.dialed_at < now - answered_by),
        and_(among(attempts.c.phase, Phase.IN_DOUBT), attempts.c.doubted_at < now - resolved_by),
        and_(is_up, attempts.c.released_at < now - ENDING),
        and_(is_up, attempts.c.hung_up_at < now - ENDING),
        and_(is_up, in_question),
    )


def _past_their_step(core: Core, tx: Connection) -> Sequence[str]:
    return list(tx.execute(select(attempts.c.id).where(HELD, stuck(core)).limit(MOST)).scalars())


def _held_by_nobody(core: Core, tx: Connection) -> Sequence[str]:
    return list(tx.execute(HELD_BY_NOBODY.limit(MOST)).scalars())


def _free(means: Means, ids: Sequence[str]) -> int:
    core = means.core

    def mending(tx: Connection, count: Count) -> tuple[int, Aftermath]:
        now = core.clock()
        freed = tx.execute(
            update(attempts)
            .where(attempts.c.id.in_(ids), IS_HELD_BY_NOBODY)
            .values(channel_held=False, freed_at=now)
            .returning(attempts.c.id, attempts.c.call_id, attempts.c.pbx, attempts.c.trunk)
        ).all()
        owners = select(calls.c.id, calls.c.alarm_id, calls.c.campaign_id)
        of_call = {
            row.id: row for row in tx.execute(owners.where(calls.c.id.in_({row.call_id for row in freed})))
        }
        changes = [
            Change(
                "call",
                row.call_id,
                "channel freed",
                cause="found by the auditor: its attempt had ended and still held a channel",
                alarm_id=of_call[row.call_id].alarm_id,
                campaign_id=of_call[row.call_id].campaign_id,
                attempt_id=row.id,
            )
            for row in freed
        ]
        events.record(tx, now, changes)
        return len(freed), Aftermath(freed={(row.pbx, row.trunk) for row in freed})

    return carry_out(core, mending)


def _overdue(core: Core, tx: Connection) -> Sequence[str]:
    before = core.clock() - timedelta(seconds=core.settings.pacing.longest_call)
    return [row.id for row in overdue(tx, before)[:MOST]]


ATTEMPTS = (
    Invariant(
        "attempt_past_its_step",
        "an attempt has not taken its next step for longer than anything explains",
        "Look at the workers and at the PBX's answers (dispatcher_pbx_request_seconds); the call's "
        "`waiting_for` says which step it is",
        _past_their_step,
    ),
    Invariant(
        "channel_without_owner",
        "an attempt has ended and still holds its channel",
        "Look at the call's timeline in the API, and send it with the log of that time",
        _held_by_nobody,
        _free,
    ),
    Invariant(
        "channel_overdue",
        "a channel is held for longer than the longest call, with no sign of life",
        "See on the PBX whether the call is up; if it is not, cancel it (POST /v1/calls/ID/cancel). If "
        "calls do last so long, raise pacing.longest_call",
        _overdue,
    ),
)
