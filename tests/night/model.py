"""Who should have been called when, worked out alert by alert, and without a line of the product.

For each alert the model says which people are to be rung for it, each between an earliest and a latest
time. It knows the rules as the documents tell them, and how long each temper takes; it does not know
which call tells of which alert, nor which channel it goes out on.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.night.script import MAINTENANCE, RESTART, Alert, Night, Person, Site, Temper

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
GROUP_WAIT, GROUP_INTERVAL = timedelta(seconds=30), timedelta(seconds=300)
DUTY_WAIT, OPS_WAIT = timedelta(seconds=300), timedelta(seconds=900)
FIRST_DUTY_DAY = date(2026, 10, 19)
HAND_OVER_HOUR = 4

SLACK = timedelta(seconds=150)
"""A call may wait for others of its group, for the callee's other calls, and for a channel."""

AFTER_RESTART = timedelta(minutes=12)
"""What the restart of the PBX touches may be late by so much: calls that it lost are asked for first."""


@dataclass(frozen=True)
class Turn:
    """Somebody who is to be rung for an alert, first at some time between these two."""

    person: Person
    earliest: datetime
    latest: datetime


@dataclass(frozen=True)
class Expected:
    """What an alert leads to. ``turns`` in order; none of them when it calls nobody."""

    alert: Alert
    turns: tuple[Turn, ...]
    acknowledged: bool
    """Whether somebody takes it in hand, if it is not over before that."""


def expected(night: Night) -> dict[str, Expected]:
    """What every alert of the night leads to, by its id."""
    told = _told_at(night)
    return {alert.id: _of(alert, night.sites[alert.site], told.get(alert.id)) for alert in night.alerts}


def on_duty(site: Site, at: datetime) -> Person:
    """Whose turn it is: the turns change at four in the morning, by the clocks of Amsterdam."""
    local = at.astimezone(AMSTERDAM)
    day = local.date() if local.hour >= HAND_OVER_HOUR else local.date() - timedelta(days=1)
    return site.duty[(day - FIRST_DUTY_DAY).days % len(site.duty)]


def _may_begin_at(alert: Alert) -> datetime | None:
    """When the alert would be told if it stood alone; None for what is only recorded."""
    if alert.severity == "info":
        return None
    at = alert.fires_at
    if alert.severity == "warning":
        local = at.astimezone(AMSTERDAM)
        if not 7 <= local.hour < 20:
            day = local.date() + timedelta(days=1 if local.hour >= 20 else 0)
            at = datetime(day.year, day.month, day.day, 7, tzinfo=AMSTERDAM).astimezone(at.tzinfo)
    if alert.site == "north" and MAINTENANCE[0] <= at < MAINTENANCE[1]:
        at = MAINTENANCE[1]
    return at


def _told_at(night: Night) -> dict[str, datetime]:
    """When each alert that is told is told: with its site's group, after the wait or the interval."""
    found: dict[str, datetime] = {}
    for site in night.sites:
        coming = sorted(
            (at, alert.id, alert)
            for alert in night.alerts
            if alert.site == site and (at := _may_begin_at(alert)) is not None
            if alert.over_at is None or alert.over_at > at
        )
        last: datetime | None = None
        while coming:
            first = coming[0][0]
            at = first + GROUP_WAIT if last is None else max(first + GROUP_WAIT, last + GROUP_INTERVAL)
            gathered = [one for one in coming if one[0] <= at]
            coming = coming[len(gathered) :]
            still_on = [alert for _, _, alert in gathered if alert.over_at is None or alert.over_at > at]
            found |= {alert.id: at for alert in still_on}
            if still_on:
                last = at
    return found


def _of(alert: Alert, site: Site, told_at: datetime | None) -> Expected:
    if told_at is None:
        return Expected(alert, (), acknowledged=False)
    late = SLACK
    if RESTART - timedelta(minutes=25) <= told_at <= RESTART + timedelta(minutes=10):
        late = AFTER_RESTART
    duty = Turn(on_duty(site, told_at), told_at, told_at + late)
    if duty.person.temper is Temper.ACKNOWLEDGES:
        return Expected(alert, (duty,), acknowledged=True)
    begins = _after_duty(duty, told_at, late)
    turns = [duty]
    first_of_ops = begins
    for person in site.ops:
        turns.append(Turn(person, begins[0], begins[1]))
        if person.temper is Temper.ACKNOWLEDGES:
            return Expected(alert, tuple(turns), acknowledged=True)
        shortest, longest = _in_vain(person.temper)
        begins = begins[0] + shortest, begins[1] + longest + late
    managers = min(begins[0], first_of_ops[0] + OPS_WAIT), min(begins[1], first_of_ops[1] + OPS_WAIT + late)
    turns += [Turn(person, managers[0], managers[1] + late) for person in site.managers]
    return Expected(alert, tuple(turns), acknowledged=True)


def _after_duty(duty: Turn, told_at: datetime, late: timedelta) -> tuple[datetime, datetime]:
    """When the group is begun with: the duty has escalated, was tried in vain, or has had its time."""
    if duty.person.temper is Temper.ESCALATES:
        return told_at, min(duty.latest + timedelta(seconds=30), told_at + DUTY_WAIT) + late
    shortest, longest = _in_vain(duty.person.temper)
    return told_at + shortest, min(duty.latest + longest, told_at + DUTY_WAIT) + late


def _in_vain(temper: Temper) -> tuple[timedelta, timedelta]:
    """How long both attempts at somebody take who is not reached, at least and, on a free phone, at most."""
    if temper is Temper.SILENT:
        return timedelta(seconds=100), timedelta(seconds=135)
    return timedelta(seconds=25), timedelta(seconds=50)
