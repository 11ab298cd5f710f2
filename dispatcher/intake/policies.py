"""Policies with recipients that no configured PBX could call as the policy asks."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from dispatcher.config import Settings
from dispatcher.errors import Place
from dispatcher.escalation.recipients import Asked, Rules, faults_of_message, uncallable
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
    rules = Rules.of(settings)
    for policy in settings.policy:
        proof = usual_proof_of(policy)
        faults, callable_somebody = [], False
        for number, step in enumerate(policy.all_steps):
            place: Place = ("to",) if policy.to else ("steps", number, "to")
            asked = Asked(step.message or policy.message, proof)
            wrong = uncallable(step.to, asked, rules)
            of_message = faults_of_message(asked)
            faults += [*of_message, *(one.fault(place) for one in wrong)]
            callable_somebody = callable_somebody or (not of_message and len(wrong) < len(step.to))
        if faults:
            why = "; ".join(dict.fromkeys(str(fault) for fault in faults))
            yield Unfit(policy.name, why, calls_somebody=callable_somebody)


def warn_of_unfit_policies(settings: Settings) -> None:
    """Say in the log, before any alarm comes, which policies can't be carried out."""
    for unfit in unfit_policies(settings):
        _log.warning("policy %s can't be carried out: %s; %s", unfit.policy, unfit.why, unfit.effect)
