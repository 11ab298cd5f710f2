"""Whether an alarm or a campaign still wants its calls placed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from dispatcher.domain.vocabulary import AlarmStatus, CampaignStatus
from dispatcher.store.attempts import Case
from dispatcher.store.tables import Alarm, Campaign, table

_alarms = table(Alarm)
_campaigns = table(Campaign)


@dataclass(frozen=True, slots=True)
class Standing:
    """The status of each alarm and campaign, by id."""

    by_id: dict[str, str]

    def wants_calls(self, case: Case) -> bool:
        """Whether the case's alarm is open, or its campaign neither cancelled nor finished."""
        if case.alarm_id is not None:
            return self.by_id.get(case.alarm_id) == AlarmStatus.OPEN
        return self.by_id.get(case.campaign_id or "") not in (
            CampaignStatus.CANCELLED,
            CampaignStatus.FINISHED,
        )

    def why_not(self, case: Case) -> str:
        """Why no further call is wanted, for the event row."""
        owner = "alarm" if case.alarm_id is not None else "campaign"
        return f"the {owner} is {self.by_id.get(case.alarm_id or case.campaign_id or '', 'gone')}"


def standing_of(tx: Connection, cases: Sequence[Case]) -> Standing:
    """The standing of everything that these cases belong to."""
    by_id: dict[str, str] = {}
    for owners, ids in (
        (_alarms, {case.alarm_id for case in cases if case.alarm_id}),
        (_campaigns, {case.campaign_id for case in cases if case.campaign_id}),
    ):
        if ids:
            query = select(owners.c.id, owners.c.status).where(owners.c.id.in_(ids))
            by_id.update({row.id: row.status for row in tx.execute(query)})
    return Standing(by_id)
