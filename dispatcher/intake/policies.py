"""Policies with recipients that no configured PBX could call as the policy asks."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from dispatcher.config import Settings
from dispatcher.escalation.policies import faults_of, proof_of
from dispatcher.escalation.recipients import Asked, Rules, faults_of_message, uncallable

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
    rules = Rules.of(settings)
    for policy in settings.policy:
        if faults := faults_of(policy, rules):
            asked = [
                (step, Asked(step.message or policy.message, proof_of(policy))) for step in policy.all_steps
            ]
            somebody = any(
                not faults_of_message(of) and len(uncallable(step.to, of, rules)) < len(step.to)
                for step, of in asked
            )
            yield Unfit(policy.name, "; ".join(str(fault) for fault in faults), calls_somebody=somebody)


def warn_of_unfit_policies(settings: Settings) -> None:
    """Say in the log, before any alarm comes, which policies can't be carried out."""
    for unfit in unfit_policies(settings):
        _log.warning("policy %s can't be carried out: %s; %s", unfit.policy, unfit.why, unfit.effect)
