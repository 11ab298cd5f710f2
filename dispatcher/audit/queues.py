"""The calls that are next in their queues."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, literal_column, select

from dispatcher.domain.vocabulary import CallState, CampaignStatus
from dispatcher.store.tables import Call, Campaign, among, table

_calls, _campaigns = table(Call), table(Campaign)
HEAD = 20
"""So many calls at the head of each queue are looked at."""

_QUEUED = among(_calls.c.state, CallState.QUEUED)
# Word for word the conditions of the partial indexes.
_ALARMS = (_calls.c.alarm_id.is_not(None),)
_PARTS = (
    (_calls.c.campaign_id.is_not(None), _calls.c.attempts_made > literal_column("0")),
    (_calls.c.campaign_id.is_not(None), _calls.c.attempts_made == literal_column("0")),
)


def _head(before: datetime, *conditions: ColumnElement[bool]) -> Select[Any]:
    due = select(_calls).where(_QUEUED, _calls.c.due_at <= before, *conditions)
    return due.order_by(_calls.c.due_at).limit(HEAD)


def running_campaigns(tx: Connection, now: datetime) -> Sequence[Any]:
    """The campaigns that may call somebody now, as far as status and expiry say."""
    running = select(_campaigns).where(among(_campaigns.c.status, CampaignStatus.RUNNING))
    return [row for row in tx.execute(running).all() if row.expires_at is None or row.expires_at > now]


def of_alarms(tx: Connection, before: datetime, *conditions: ColumnElement[bool]) -> list[Any]:
    """The alarms' calls that are due longest, since ``before`` or earlier."""
    return list(tx.execute(_head(before, *_ALARMS, *conditions)).all())


def of_alarms_failing(tx: Connection, failures: int, *conditions: ColumnElement[bool]) -> list[Any]:
    """The alarms' calls that have failed so often in a row, and by no callee's doing; these back off."""
    failing = select(_calls).where(_QUEUED, *_ALARMS, _calls.c.free_failures >= failures, *conditions)
    return list(tx.execute(failing.order_by(_calls.c.due_at).limit(HEAD)).all())


def of_campaign(
    tx: Connection, before: datetime, campaign: str, *conditions: ColumnElement[bool]
) -> list[Any]:
    """The campaign's calls that are due longest: those to be tried again, and those never tried."""
    of = _calls.c.campaign_id == campaign
    return [row for part in _PARTS for row in tx.execute(_head(before, of, *part, *conditions)).all()]


def heads(tx: Connection, now: datetime) -> list[Any]:
    """The calls that are next in every queue."""
    found = of_alarms(tx, now)
    for campaign in running_campaigns(tx, now):
        found += of_campaign(tx, now, campaign.id)
    return found
