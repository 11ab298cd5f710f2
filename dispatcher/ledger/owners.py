"""Whether an alarm or a campaign still wants its calls placed, or wants them again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from dispatcher.domain.vocabulary import AlarmStatus, CampaignStatus
from dispatcher.ledger import alarms
from dispatcher.store import campaigns, pages
from dispatcher.store.attempts import Case
from dispatcher.store.pages import Telling
from dispatcher.store.tables import Campaign, table

_campaigns = table(Campaign)

REOPENED_WITHIN = timedelta(hours=1)
"""What is learned of a call so long after its alarm or campaign was over changes what is told of it only."""

_WHY = "a late report gave an attempt back: a call of it is placed again"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the owners of calls want: what alarms' calls are still to tell, and the campaigns' status."""

    telling: dict[str, Telling]
    campaigns: dict[str, str]

    def wants_calls(self, case: Case) -> bool:
        """Whether somebody is still to be told of an open alarm by it, or its campaign is under way."""
        if case.alarm_id is not None:
            return self.telling[case.call_id].wanted
        return self._campaign(case) not in (CampaignStatus.CANCELLED, CampaignStatus.FINISHED)

    def why_not(self, case: Case) -> str:
        """Why no further call is wanted, for the event row."""
        if case.alarm_id is not None:
            statuses = self.telling[case.call_id].statuses
            if AlarmStatus.OPEN in statuses:
                return "nobody is to be told by it any more"
            return f"the alarm is {' or '.join(sorted(statuses)) or 'gone'}"
        return f"the campaign is {self._campaign(case)}"

    def _campaign(self, case: Case) -> str:
        return self.campaigns.get(case.campaign_id or "", "gone")


def standing_of(tx: Connection, cases: Sequence[Case]) -> Standing:
    """The standing of everything that these cases belong to."""
    ids = {case.campaign_id for case in cases if case.campaign_id}
    campaigns = {}
    if ids:
        query = select(_campaigns.c.id, _campaigns.c.status).where(_campaigns.c.id.in_(ids))
        campaigns = {row.id: row.status for row in tx.execute(query)}
    return Standing(pages.telling(tx, {case.call_id for case in cases if case.alarm_id}), campaigns)


def reopen(tx: Connection, now: datetime, cases: Sequence[Case]) -> None:
    """Take up again the alarms and campaigns that are over only because these calls of theirs were.

    A campaign may be about to be finished, since none of its calls is open; it stays as it is from here on.
    """
    since = now - REOPENED_WITHIN
    alarms.reopen(tx, now, [case.call_id for case in cases if case.alarm_id], since, _WHY)
    ids = sorted({case.campaign_id for case in cases if case.campaign_id})
    if ids:
        campaigns.lock(tx, ids)
    for campaign_id in ids:
        campaigns.reopen(tx, now, campaign_id, since, _WHY)
