"""Policies with recipients that no configured PBX could call as the policy asks."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from dispatcher.config import Settings
from dispatcher.errors import Refused
from dispatcher.escalation.placing import Placing
from dispatcher.escalation.recipients import Asked, callable_ones, callees
from dispatcher.intake.alarm_request import usual_proof_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unfit:
    """A policy that can't be carried out as it stands, and why."""

    policy: str
    why: str
    calls_somebody: bool
    """Whether its other recipients are called all the same."""

    @property
    def effect(self) -> str:
        """What becomes of an alarm that names the policy."""
        if self.calls_somebody:
            return "an alarm that names it calls the other recipients only"
        return "an alarm that names it is refused"


def unfit_policies(settings: Settings) -> Iterator[Unfit]:
    """What is wrong for an alarm that takes everything from its policy."""
    placing, region = Placing.of(settings), settings.alarms.region
    for policy in settings.policy:
        asked = Asked(policy.message, usual_proof_of(policy))
        try:
            callees(policy.to, asked, placing, region, ("to",))
        except Refused as refusal:
            try:
                callable_ones(policy.to, asked, placing, region, ("to",))
            except Refused:
                yield Unfit(policy.name, str(refusal), calls_somebody=False)
            else:
                yield Unfit(policy.name, str(refusal), calls_somebody=True)


def warn_of_unfit_policies(settings: Settings) -> None:
    """Say in the log, before any alarm comes, which policies can't be carried out."""
    for unfit in unfit_policies(settings):
        _log.warning("policy %s can't be carried out: %s; %s", unfit.policy, unfit.why, unfit.effect)
