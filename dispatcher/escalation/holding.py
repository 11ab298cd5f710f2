"""What keeps an open alarm from calling anybody just now: its route, silences, a greater alarm, its group."""

import hashlib
import json
import logging
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from dispatcher.domain.matchers import all_fit
from dispatcher.domain.vocabulary import TEST
from dispatcher.domain.windows import Window, is_open, next_closing, next_opening
from dispatcher.policies import AlarmPlan, GroupSpec
from dispatcher.store import quiet
from dispatcher.store.campaigns import windows_from
from dispatcher.store.quiet import labels_of, matchers_from

_log = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(minutes=10)
"""An alarm that waits for another's end is looked at so often all the same, should that end be missed."""


BEING_TOLD = timedelta(seconds=5)
"""A group whose time has just come is being told; whose time is longer ago has nobody left to tell of."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nobody is called now. ``until`` is when to look again; None: only when something is changed."""

    why: str
    until: datetime | None = None
    by: str | None = None
    """What holds it, so that its end can be noticed: a silence, another alarm, its group."""
    is_group: bool = False
    """Whether it is its group: then ``until`` is the alarm's for good, however often it is looked at."""


def hold_at_first(tx: Connection, now: datetime, row: Any, plan: AlarmPlan) -> Hold | None:
    """What holds the alarm ``row`` (columns by name) before anybody is called for it, or None."""
    if plan.record_only:
        return Hold("alarms of this severity are recorded only, by their policy")
    hold = hold_on(tx, now, row, plan)
    # The time of its group has come already for one that looks for somebody.
    return hold if hold is not None or plan.nobody_since is not None else _by_group(tx, now, row, plan)


def hold_on(tx: Connection, now: datetime, row: Any, plan: AlarmPlan) -> Hold | None:
    """What holds the alarm at any time, whatever has been done for it already, or None.

    What was there already when somebody asked to go on holds it no more.
    """
    if row["source"] == TEST:
        return None
    labels = labels_of(row)
    asked_at = plan.asked_at
    return (
        _by_hours(now, plan)
        or _by_silence(tx, now, labels, asked_at)
        or _by_inhibition(tx, now, row, labels, asked_at)
    )


def hours_change(now: datetime, plan: AlarmPlan) -> datetime | None:
    """When the hours in which the alarm may call end, or begin where they have not; None without any."""
    if plan.hours is None:
        return None
    windows, zone = _hours(plan), ZoneInfo(plan.timezone)
    return (
        next_closing(windows, zone, now) if is_open(windows, zone, now) else next_opening(windows, zone, now)
    )


def _by_hours(now: datetime, plan: AlarmPlan) -> Hold | None:
    if plan.hours is None:
        return None
    opening = opens_at(now, plan)
    if opening <= now or (plan.asked_at is not None and opens_at(plan.asked_at, plan) >= opening):
        return None
    why = f"alarms of this severity wait for their hours, until {opening:%Y-%m-%d %H:%M} UTC"
    return Hold(why, opening)


def opens_at(now: datetime, plan: AlarmPlan) -> datetime:
    """When the hours begin in which the alarm may call; ``now`` within them, and without any."""
    return now if plan.hours is None else next_opening(_hours(plan), ZoneInfo(plan.timezone), now)


def _hours(plan: AlarmPlan) -> list[Window]:
    return windows_from(window.document() for window in plan.hours or ())


def _by_silence(
    tx: Connection, now: datetime, labels: dict[str, str], asked_at: datetime | None
) -> Hold | None:
    """The silence that ends last of those that fit, so that the alarm is looked at once."""
    found = None
    for silence in quiet.silences_at(tx, now):
        try:
            fits = all_fit(matchers_from(silence.matchers), labels)
            until = _until(silence, now)
        except (ValueError, KeyError, re.error):
            _log.exception("silence %s can't be read, and keeps nobody quiet", silence.id)
            continue
        if not fits:
            continue
        if (until is not None and until <= now) or _is_passed(silence, asked_at, now):
            continue
        if found is None or until is None or (found.until is not None and until > found.until):
            found = Hold(_words(silence, until), until, silence.id)
    return found


def _is_passed(silence: Any, asked_at: datetime | None, now: datetime) -> bool:
    """Whether somebody asked to go on past it: not past what it holds in a later week."""
    if asked_at is None or silence.starts_at > asked_at:
        return False
    until = _until(silence, asked_at)
    return until is None or until > now


def _until(silence: Any, now: datetime) -> datetime | None:
    """When it lets go: at its end, or at the close of the weekly window that is open; now when none is."""
    ends_at: datetime | None = silence.ends_at
    if not silence.windows:
        return ends_at
    windows, zone = windows_from(silence.windows), ZoneInfo(silence.timezone or "UTC")
    if not is_open(windows, zone, now):
        return now
    closes_at = next_closing(windows, zone, now)
    return min(closes_at, ends_at) if ends_at else closes_at


def _words(silence: Any, until: datetime | None) -> str:
    what = "silenced" if silence.kind == "silence" else "under maintenance"
    by = f" by {silence.created_by}" if silence.created_by else ""
    end = f" until {until:%Y-%m-%d %H:%M:%S} UTC" if until else ""
    why = f": {silence.why}" if silence.why else ""
    return f"{what}{by}{end}{why}"


def _by_inhibition(
    tx: Connection, now: datetime, row: Any, labels: dict[str, str], asked_at: datetime | None
) -> Hold | None:
    """A greater alarm in hand that makes calls for this one needless. No alarm inhibits itself."""
    others: list[tuple[str, dict[str, str]]] | None = None
    for rule in quiet.inhibitions(tx):
        if not all_fit(matchers_from(rule.target), labels):
            continue
        others = quiet.alarms_in_hand(tx, raised_after=asked_at) if others is None else others
        source = matchers_from(rule.source)
        for alarm_id, theirs in others:
            same = all(theirs.get(name, "") == labels.get(name, "") for name in rule.equal)
            # Of two alarms that fit both sides neither keeps the other quiet, as in Alertmanager.
            is_mutual = all_fit(source, labels) and all_fit(matchers_from(rule.target), theirs)
            if alarm_id != row["id"] and same and not is_mutual and all_fit(source, theirs):
                why = f"inhibited by alarm {alarm_id} ({theirs['summary']}), by the rule {rule.name}"
                return Hold(why, now + LOOK_AGAIN, alarm_id)
    return None


def _by_group(tx: Connection, now: datetime, row: Any, plan: AlarmPlan) -> Hold | None:
    """The time at which the alarm's group is told; nothing for those whose time that was."""
    spec = plan.group
    if spec is None:
        return None
    labels = labels_of(row)
    values = {name: labels.get(name, "") for name in spec.by}
    key = group_key(row["policy"] or "", values)
    group = quiet.locked_group(tx, key, row["policy"] or "", values)
    given = _given_time(tx, row, plan, key)
    if given is not None and given <= now:
        quiet.set_group(tx, key, told_at=now, next_at=None)
        return None
    planned = _next_telling(spec, group, now)
    quiet.set_group(tx, key, told_at=group.told_at, next_at=planned)
    next_at = planned if given is None else min(given, planned)
    return Hold(
        f"gathered with others of its group until {next_at:%H:%M:%S} UTC", next_at, key, is_group=True
    )


def _given_time(tx: Connection, row: Any, plan: AlarmPlan, key: str) -> datetime | None:
    """The time that the alarm was given when it began to wait for its group, or None when it does not wait.

    Whatever comes at that moment must not put it off again, or a storm would never be told; nor must another
    group, which a repeat with other labels brings it to. And whatever has it looked at before, such as a
    greater alarm elsewhere, must not bring it forward: so ``next_at`` does not tell it.
    """
    by = row.get("held_by")
    waits = by is not None and (by == key or quiet.is_group(tx, by))
    return plan.gathered_until if waits else None


def _next_telling(spec: GroupSpec, group: Any, now: datetime) -> datetime:
    """When the group is told next: with those who wait already, or after the wait and the interval."""
    planned: datetime | None = group.next_at
    if planned is not None and planned > now - BEING_TOLD:
        return planned
    at = now + timedelta(seconds=spec.wait)
    told_at: datetime | None = group.told_at
    return at if told_at is None else max(at, told_at + timedelta(seconds=spec.interval))


def group_key(policy: str, values: dict[str, str]) -> str:
    """The name of the group of a policy's alarms with these values of its grouping labels."""
    return hashlib.sha256(json.dumps([policy, values], sort_keys=True).encode()).hexdigest()[:32]
