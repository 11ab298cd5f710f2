"""Silences, maintenance windows and inhibitions: made, ended, and felt at once by alarms that fit."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from dispatcher.core import Core
from dispatcher.directory.trail import note
from dispatcher.domain.matchers import all_fit
from dispatcher.domain.vocabulary import Kept, SilenceKind
from dispatcher.domain.windows import is_open
from dispatcher.errors import NotPossible, Unknown
from dispatcher.ledger import alarms as ledger
from dispatcher.store import quiet
from dispatcher.store.campaigns import windows_from
from dispatcher.store.ids import new_id
from dispatcher.store.quiet import matchers_from
from dispatcher.store.tables import Inhibition, Silence, table
from dispatcher.work import Work, carry_out

_silences, _inhibitions = table(Silence), table(Inhibition)


def create(
    work: Work,
    matchers: Sequence[Mapping[str, str]],
    *,
    kind: SilenceKind = SilenceKind.SILENCE,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    windows: Sequence[Mapping[str, Any]] | None = None,
    timezone: str | None = None,
    by: str,
    why: str = "",
) -> str:
    """Keep quiet about alarms that fit all of ``matchers``; returns the silence's id.

    Alarms that are under way and fit are looked at as soon as it begins: who has not been called yet is not.
    """
    silence_id = new_id()
    columns = {
        "kind": kind,
        "matchers": [dict(matcher) for matcher in matchers],
        "starts_at": starts_at or work.now,
        "ends_at": ends_at,
        "windows": [dict(window) for window in windows] if windows else None,
        "timezone": timezone,
        "why": why,
    }
    row = {"id": silence_id, **columns, "created_by": by, "created_at": work.now}
    work.tx.execute(insert(_silences).values(row))
    note(work, Kept.SILENCE, silence_id, by, after=columns)
    if starts_at is None or starts_at <= work.now:
        _look_at_fitting(work, matchers)
    return silence_id


def end(work: Work, silence_id: str, by: str = "") -> None:
    """End a silence now; the alarms that it holds are looked at.

    Raises :class:`Unknown` and :class:`NotPossible`.
    """
    row = find(work.tx, silence_id, lock=True)
    if row is None:
        raise Unknown("silence", silence_id)
    if row.ends_at is not None and row.ends_at <= work.now:
        raise NotPossible("it has ended already", "ended")
    ends_at = max(work.now, row.starts_at)
    work.tx.execute(update(_silences).where(_silences.c.id == silence_id).values(ends_at=ends_at))
    note(work, Kept.SILENCE, silence_id, by, before={"ends_at": row.ends_at}, after={"ends_at": ends_at})
    ledger.release_held_by(work.tx, work.now, silence_id)
    work.aftermath.escalate = True


def find(tx: Connection, silence_id: str, *, lock: bool = False) -> Row[Any] | None:
    """A silence's row, or None."""
    query = select(_silences).where(_silences.c.id == silence_id)
    return tx.execute(query.with_for_update() if lock else query).one_or_none()


def page(tx: Connection, limit: int, before: str | None, now: datetime, *, ended: bool) -> Sequence[Row[Any]]:
    """At most ``limit`` silences made before ``before``, newest first; those that are over if ``ended``."""
    query = select(_silences).order_by(_silences.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_silences.c.id < before)
    if not ended:
        query = query.where(or_(_silences.c.ends_at.is_(None), _silences.c.ends_at > now))
    return tx.execute(query).all()


def put_inhibition(work: Work, name: str, document: Mapping[str, Any], by: str = "") -> bool:
    """Make or replace an inhibition; returns whether it is new."""
    values = {**document, "updated_at": work.now}
    row = find_inhibition(work.tx, name)
    if row is None:
        work.tx.execute(insert(_inhibitions).values(name=name, created_at=work.now, **values))
    else:
        work.tx.execute(update(_inhibitions).where(_inhibitions.c.name == name).values(values))
    note(work, Kept.INHIBITION, name, by, before=_told(row) if row else None, after=document)
    _look_at_fitting(work, document["target"])
    return row is None


def _told(row: Any) -> dict[str, Any]:
    return {"source": row.source, "target": row.target, "equal": row.equal}


def remove_inhibition(work: Work, name: str, by: str = "") -> None:
    """Delete an inhibition; the alarms that it may hold are looked at. Raises :class:`Unknown`."""
    row = find_inhibition(work.tx, name)
    if row is None:
        raise Unknown("inhibition", name)
    work.tx.execute(delete(_inhibitions).where(_inhibitions.c.name == name))
    note(work, Kept.INHIBITION, name, by, before=_told(row))
    _look_at_fitting(work, row.target)


def feel_greater(work: Work, row: Mapping[str, Any]) -> None:
    """Have those alarms looked at that the alarm ``row``, just raised, keeps quiet as the greater one."""
    labels = quiet.labels_of(row)
    for rule in quiet.inhibitions(work.tx):
        if (alike := _inhibited_by(rule, labels)) is not None:
            _look_at_fitting(work, rule.target, alike)


def feel_changed(work: Work, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Have those alarms looked at that an alarm keeps quiet since a repeat, or does no more since then."""
    was, labels = quiet.labels_of(before), quiet.labels_of(after)
    if was == labels:
        return
    for rule in quiet.inhibitions(work.tx):
        alike = _inhibited_by(rule, labels)
        if alike == (alike_before := _inhibited_by(rule, was)):
            continue
        if alike is not None:
            _look_at_fitting(work, rule.target, alike)
        if alike_before is not None:
            ledger.release_held_by(work.tx, work.now, before["id"])
            work.aftermath.escalate = True


def _inhibited_by(rule: Any, labels: Mapping[str, str]) -> dict[str, str] | None:
    """What the labels must be of those that an alarm with ``labels`` inhibits; None if it inhibits nobody."""
    if not all_fit(matchers_from(rule.source), labels):
        return None
    return {name: labels.get(name, "") for name in rule.equal}


BEGUN = timedelta(seconds=30)
"""A silence that has begun within this time is felt by :func:`feel_begun`, which runs more often."""


def feel_begun(core: Core) -> None:
    """Have those alarms looked at that a silence fits which has just begun, or opened for this week."""
    now = core.clock()
    with core.store.read() as tx:
        begun = [row for row in quiet.silences_at(tx, now) if _has_just_begun(row, now)]
    for row in begun:
        carry_out(core, partial(_feel, row.matchers))


def _feel(matchers: Sequence[Mapping[str, Any]], work: Work) -> None:
    _look_at_fitting(work, matchers)


def _has_just_begun(row: Any, now: datetime) -> bool:
    before = now - BEGUN
    if row.windows:
        windows, zone = windows_from(row.windows), ZoneInfo(row.timezone or "UTC")
        return is_open(windows, zone, now) and (row.starts_at > before or not is_open(windows, zone, before))
    return bool(row.starts_at > before)


def find_inhibition(tx: Connection, name: str) -> Row[Any] | None:
    """An inhibition's row, or None."""
    return tx.execute(select(_inhibitions).where(_inhibitions.c.name == name)).one_or_none()


def _look_at_fitting(
    work: Work, matchers: Sequence[Mapping[str, Any]], alike: Mapping[str, str] | None = None
) -> None:
    """Have those alarms in hand looked at that fit, and of which these labels have these values."""
    fitting, same = matchers_from(matchers), (alike or {}).items()
    ids = [
        alarm_id
        for alarm_id, labels in quiet.alarms_in_hand(work.tx)
        if all(labels.get(name, "") == value for name, value in same) and all_fit(fitting, labels)
    ]
    if quiet.look_at(work.tx, work.now, ids):
        work.aftermath.escalate = True
