"""Making campaigns, and starting, pausing, resuming and cancelling them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dispatcher.domain.vocabulary import CampaignStatus
from dispatcher.errors import Fault, NotPossible, Refused, Unknown
from dispatcher.escalation.menus import missing_ivr
from dispatcher.intake.campaigns import withdrawal
from dispatcher.intake.campaigns.requests import NewCampaign
from dispatcher.intake.campaigns.trunks import trunks_for
from dispatcher.store import campaigns
from dispatcher.store.ids import new_id
from dispatcher.work import Work

_DRAFT, _RUNNING, _PAUSED = CampaignStatus.DRAFT, CampaignStatus.RUNNING, CampaignStatus.PAUSED
_FINISHED, _CANCELLED = CampaignStatus.FINISHED, CampaignStatus.CANCELLED


def create(work: Work, asked: NewCampaign) -> str:
    """Make a draft and return its id. Raises ``Refused`` for what can't be done."""
    trunks = trunks_for(work.core.settings, asked)
    if asked.expires_at is not None and asked.expires_at <= work.now:
        raise Refused(Fault(("expires_at",), "is not in the future"))
    of_trunks = None if trunks is None else {name.partition("/")[0] for name in trunks}
    why = missing_ivr(work.tx, work.now, work.core.settings, asked.message, of_trunks)
    if why is not None:
        raise Refused(Fault(("message", "ivr"), why))
    campaign_id = new_id()
    row = {
        "id": campaign_id,
        "name": asked.name,
        "message_kind": asked.message.kind,
        "message_value": asked.message.value,
        "message_count": asked.message.count,
        "delivered_when": asked.proof(),
        "ack_digits": asked.ack_digits,
        "retry": asked.retry.document(),
        "priority": asked.priority,
        "weight": asked.weight,
        "max_concurrent": asked.max_concurrent,
        "trunks": trunks,
        "windows": [window.document() for window in asked.windows] if asked.windows else None,
        "timezone": asked.zone(),
        "region": asked.region,
        "callback_url": asked.callback_url,
        "expires_at": asked.expires_at,
    }
    campaigns.create(work.tx, work.now, row)
    return campaign_id


@dataclass(frozen=True, slots=True)
class _Step:
    """A change of status that people ask for."""

    word: str
    past: str
    to: CampaignStatus
    allowed: tuple[CampaignStatus, ...]
    harmless: tuple[CampaignStatus, ...]
    """Where the step has been done already, so that asking again changes nothing."""
    check: Callable[[Work, Any], None] = lambda work, row: None


def _is_startable(work: Work, row: Any) -> None:
    _is_in_time(work, row)
    if not campaigns.has_calls(work.tx, row.id):
        raise NotPossible(
            f"the campaign has nobody to call: add contacts first (POST /v1/campaigns/{row.id}/contacts)",
            row.status,
        )


def _is_in_time(work: Work, row: Any) -> None:
    if row.expires_at is not None and row.expires_at <= work.now:
        raise NotPossible("the campaign's time is over (expires_at); make a new one", row.status)


_START = _Step("start", "started", _RUNNING, (_DRAFT,), (_RUNNING,), _is_startable)
_PAUSE = _Step("pause", "paused", _PAUSED, (_RUNNING,), (_PAUSED,))
_RESUME = _Step("resume", "resumed", _RUNNING, (_PAUSED,), (_RUNNING,), _is_in_time)
_CANCEL = _Step("cancel", "cancelled", _CANCELLED, (_DRAFT, _RUNNING, _PAUSED), (_CANCELLED,))
_MEND = {
    _DRAFT: "start it first",
    _RUNNING: "it is running",
    _PAUSED: "resume it",
    _FINISHED: "it has finished; make a new one",
    _CANCELLED: "it was cancelled; make a new one",
}


def start(work: Work, campaign_id: str, by: str) -> None:
    """Let a draft call its people. Raises ``NotPossible``, also while it has nobody to call."""
    _take(work, campaign_id, _START, by)


def pause(work: Work, campaign_id: str, by: str) -> None:
    """Place no more calls; those that are up go on."""
    _take(work, campaign_id, _PAUSE, by)


def resume(work: Work, campaign_id: str, by: str) -> None:
    """Go on after a pause."""
    _take(work, campaign_id, _RESUME, by)


def cancel(work: Work, campaign_id: str, by: str) -> None:
    """End a campaign: its ringing calls, and the first of its queued ones, are withdrawn here.

    Calls that were answered go on to their end. :func:`withdrawal.withdraw_rest` sees to the other
    queued ones.
    """
    if _take(work, campaign_id, _CANCEL, by):
        withdrawal.withdraw_some(work, campaign_id)


def _take(work: Work, campaign_id: str, step: _Step, by: str) -> bool:
    """Take a step; False where it had been taken before."""
    row = campaigns.find(work.tx, campaign_id, lock=True)
    if row is None:
        raise Unknown("campaign", campaign_id)
    status = CampaignStatus(row.status)
    if status in step.harmless:
        return False
    if status not in step.allowed:
        raise NotPossible(f"a {status} campaign can't {step.word}: {_MEND[status]}", status)
    step.check(work, row)
    campaigns.move(work.tx, work.now, campaign_id, step.to, step.past, f"{step.past} by {by}")
    work.aftermath.due = True
    return True
