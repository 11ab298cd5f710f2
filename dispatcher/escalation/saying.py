"""What an alarm's calls say, and what they must show."""

from typing import Any

from dispatcher.domain.vocabulary import DeliveredWhen
from dispatcher.escalation.paging import Told, usual_limits
from dispatcher.escalation.recipients import Asked
from dispatcher.policies import AlarmPlan
from dispatcher.requests import MessageSpec
from dispatcher.work import Work


def told_of(work: Work, row: Any, plan: AlarmPlan, message: MessageSpec | None) -> Told:
    """The calls of a step of the alarm ``row``; ``message`` is the step's own."""
    limits = usual_limits(work.core.settings.alarms)
    heard, proof = (message, None) if message or plan.message is None else (plan.message, plan.delivered_when)
    gathers = plan.group is not None
    return Told(row, plan.bundle, heard, proof, limits=limits, keys=plan.keys, gathers=gathers)


def asked_of(row: Any, plan: AlarmPlan, message: MessageSpec | None) -> Asked:
    """What the people of a step hear, and what calls to them must show."""
    proof = plan.delivered_when if message is None else None
    heard = message or plan.message or message_of(row)
    return Asked(heard, proof or DeliveredWhen(row["delivered_when"]))


def message_of(row: Any) -> MessageSpec:
    """The alarm's own message, as recipients are held against it."""
    return MessageSpec.model_validate(
        {row["message_kind"]: row["message_value"], "count": row["message_count"]}
    )
