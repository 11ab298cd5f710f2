"""What is told to other systems, and how often it is tried."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What has happened: the ``type`` of a message, its subject and its event."""

    ALARM_RAISED = "alarm.raised"
    ALARM_ESCALATED = "alarm.escalated"
    ALARM_NOBODY = "alarm.nobody"
    ALARM_REOPENED = "alarm.reopened"
    ALARM_ACKNOWLEDGED = "alarm.acknowledged"
    ALARM_RESOLVED = "alarm.resolved"
    ALARM_CANCELLED = "alarm.cancelled"
    ALARM_EXPIRED = "alarm.expired"
    ALARM_EXHAUSTED = "alarm.exhausted"
    CALL_DELIVERED = "call.delivered"
    CALL_FAILED = "call.failed"
    CALL_EXPIRED = "call.expired"
    CALL_CANCELLED = "call.cancelled"
    CAMPAIGN_STARTED = "campaign.started"
    CAMPAIGN_PAUSED = "campaign.paused"
    CAMPAIGN_RESUMED = "campaign.resumed"
    CAMPAIGN_FINISHED = "campaign.finished"
    CAMPAIGN_CANCELLED = "campaign.cancelled"
    TRUNK_DOWN = "trunk.down"
    TRUNK_UP = "trunk.up"
    TRUNK_BLOCKED = "trunk.blocked"
    TRUNK_UNBLOCKED = "trunk.unblocked"
    WEBHOOK_TEST = "webhook.test"


OF_CAMPAIGNS = frozenset(kind for kind in Kind if kind.startswith(("call.", "campaign.")))
"""What a campaign's ``callback_url`` is told: the outcome of each of its calls, and its own changes."""

FAMILIES = tuple(dict.fromkeys(f"{kind.partition('.')[0]}.*" for kind in Kind))
"""``alarm.*`` and the like, each for all kinds of one subject."""

_BY_NAME = {str(kind): kind for kind in Kind if kind is not Kind.WEBHOOK_TEST}


def kind_of(subject: str, name: str, data: Mapping[str, Any] | None) -> Kind | None:
    """The message that an event calls for, or None.

    A report that a call failed is an event of the same name as the call's outcome; it carries the
    attempt's digits, and the outcome's does not.
    """
    if subject == "call" and "digits" in (data or {}):
        return None
    return _BY_NAME.get(f"{subject}.{name}")


def wants(wanted: Collection[str] | None, kind: Kind) -> bool:
    """Whether a webhook that asks for these kinds and families is told; without any it is told everything."""
    return not wanted or kind in wanted or f"{kind.partition('.')[0]}.*" in wanted


FIRST_DELAY = 5.0
"""Seconds between the first try and the second. Each further delay is three times as long."""

LONGEST_DELAY = 6 * 3600.0

GIVE_UP_AFTER = timedelta(days=3)
"""A message that nobody has taken for so long is dead."""

JITTER = 0.2
"""Delays are longer by up to this share, so that messages that failed together do not return together."""


def next_try(
    tries: int, now: datetime, give_up_at: datetime, *, chance: float, asked: float | None = None
) -> datetime | None:
    """When a message is tried again after ``tries`` failures, or None when it is given up.

    ``chance`` is a random number from 0 to 1; ``asked`` are the seconds that the receiver itself asked for.
    """
    if now >= give_up_at:
        return None
    delay = min(FIRST_DELAY * 3.0 ** min(tries - 1, 20), LONGEST_DELAY) * (1.0 + JITTER * chance)
    if asked is not None:
        delay = max(delay, min(asked, LONGEST_DELAY))
    return min(now + timedelta(seconds=delay), give_up_at)


LONGEST_PAUSE = 20.0


def pause_after(failures: int) -> timedelta:
    """How long a receiver is left alone after so many failures in a row, whatever else waits for it."""
    return timedelta(seconds=min(2.0 ** min(failures - 1, 20), LONGEST_PAUSE))
