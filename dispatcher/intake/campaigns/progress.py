"""How far a campaign has come, how well it goes, and when it is likely to end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from dispatcher.domain.vocabulary import CallState, CampaignStatus, Outcome
from dispatcher.domain.windows import Window, is_open
from dispatcher.intake.campaigns.requests import RECIPIENT
from dispatcher.store import campaigns
from dispatcher.store.campaigns import Standing, windows_from

RECENT = timedelta(minutes=5)
"""The rate is that of the last five minutes."""

_SHORTEST = timedelta(seconds=10)
_FARTHEST = timedelta(days=366)
_STEP = timedelta(minutes=15)
_LOOKED_AHEAD = timedelta(days=31)
_PICKED_UP = (Outcome.DELIVERED, Outcome.NOT_HEARD)


@dataclass(frozen=True, slots=True)
class Progress:
    """A campaign's figures. Shares are of the calls that have ended, None before the first."""

    delivered_share: float | None
    answered_share: float | None
    """Calls whose last attempt a person picked up, delivered or not."""
    attempts_per_minute: float
    attempts_per_delivery: float | None
    estimated_end: datetime | None
    """None while nothing moves."""


def progress_of(tx: Connection, row: Any, standing: Standing, now: datetime) -> Progress:
    """The figures of the campaign ``row``, whose calls stand as ``standing`` says."""
    ended = standing.total - standing.open
    delivered = standing.counts[CallState.DELIVERED]
    dialled = campaigns.attempts_made(tx, row.id)
    per_minute = _per_minute(tx, row, now)
    return Progress(
        delivered_share=_share(delivered, ended),
        answered_share=_share(sum(standing.outcomes[outcome] for outcome in _PICKED_UP), ended),
        attempts_per_minute=round(per_minute, 2),
        attempts_per_delivery=_share(dialled, delivered),
        estimated_end=_estimated_end(row, standing, dialled, per_minute, now),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _per_minute(tx: Connection, row: Any, now: datetime) -> float:
    if row.started_at is None:
        return 0.0
    until: datetime = row.finished_at or now
    since: datetime = max(row.started_at, until - RECENT)
    ended = campaigns.ended_since(tx, row.id, since)
    return ended / (max(until - since, _SHORTEST) / timedelta(minutes=1))


def _estimated_end(
    row: Any, standing: Standing, dialled: int, per_minute: float, now: datetime
) -> datetime | None:
    """By the present rate and the attempts that a call has taken so far, within the calling windows."""
    if row.status == CampaignStatus.FINISHED:
        return row.finished_at  # type: ignore[no-any-return]
    if row.status != CampaignStatus.RUNNING or per_minute == 0:
        return None
    begun = standing.total - standing.counts[CallState.QUEUED]
    per_call = max(1.0, dialled / begun) if begun else 1.0
    minutes = standing.open * per_call / per_minute
    needed = timedelta(minutes=min(minutes, _FARTHEST / timedelta(minutes=1)))
    windows = windows_from(row.windows)
    if not windows or row.timezone == RECIPIENT:
        return now + needed
    return _within(windows, ZoneInfo(row.timezone or "UTC"), now, needed)


def _within(windows: Sequence[Window], zone: ZoneInfo, now: datetime, needed: timedelta) -> datetime | None:
    """When ``needed`` time will have passed, counting only the time within the windows."""
    at = now
    while at < now + _LOOKED_AHEAD:
        if is_open(windows, zone, at):
            if needed <= _STEP:
                return at + needed
            needed -= _STEP
        at += _STEP
    return None
