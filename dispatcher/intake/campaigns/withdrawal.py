"""Taking back the calls of cancelled campaigns, a batch at a time: alarms never wait long for the store."""

from sqlalchemy import select

from dispatcher.core import Core
from dispatcher.domain.vocabulary import CallState
from dispatcher.ledger.withdrawing import withdraw
from dispatcher.store import campaigns
from dispatcher.store.tables import Call, among, table
from dispatcher.work import Work, carry_out

BATCH = 2_000
"""Queued calls that one transaction withdraws."""

_calls = table(Call)
_CAUSE = "the campaign was cancelled"


def withdraw_some(work: Work, campaign_id: str) -> None:
    """Withdraw the campaign's calls that nobody has answered yet, of its queued ones a batch."""
    of_campaign = _calls.c.campaign_id == campaign_id
    queued = select(_calls.c.id).where(of_campaign, among(_calls.c.state, CallState.QUEUED)).limit(BATCH)
    active = [of_campaign, among(_calls.c.state, CallState.ACTIVE)]
    for conditions in ([_calls.c.id.in_(queued)], active):
        work.aftermath.add(withdraw(work.tx, work.now, conditions, work.count, _CAUSE))


def withdraw_rest(core: Core, campaign_id: str) -> None:
    """Withdraw all that is left of a cancelled campaign."""

    def some(work: Work) -> None:
        withdraw_some(work, campaign_id)

    while _has_queued(core, campaign_id):
        carry_out(core, some)


def withdraw_leftovers(core: Core) -> None:
    """Withdraw calls of campaigns that are cancelled already: for upkeep.

    They are left by a process that died while it withdrew a million of them, by a pacer that claimed
    while the campaign was being cancelled, and by answered calls that would have to be tried again.
    """
    with core.store.read() as tx:
        ids = campaigns.cancelled_with_open_calls(tx)
    for campaign_id in ids:
        carry_out(core, lambda work, key=campaign_id: withdraw_some(work, key))  # type: ignore[misc]
        withdraw_rest(core, campaign_id)


def _has_queued(core: Core, campaign_id: str) -> bool:
    with core.store.read() as tx:
        return campaigns.has_calls(tx, campaign_id, CallState.QUEUED)
