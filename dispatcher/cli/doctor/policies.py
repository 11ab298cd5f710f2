"""Policies that no configured PBX could carry out: every alarm that names one would be refused."""

from collections.abc import Iterator

from dispatcher.cli.doctor.findings import Finding, fail
from dispatcher.config import Settings
from dispatcher.intake.errors import Refused
from dispatcher.intake.placing import Placing
from dispatcher.intake.recipients import Asked, callees


def check_policies(settings: Settings) -> Iterator[Finding]:
    """What an alarm would be refused for that takes everything from its policy."""
    placing = Placing.of(settings)
    for policy in settings.policy:
        asked = Asked(policy.message, policy.delivered_when)
        try:
            callees(policy.to, asked, placing, settings.alarms.region, ("to",))
        except Refused as refusal:
            why = "; ".join(str(fault) for fault in refusal.faults)
            mend = "Change the policy: an alarm that names it is refused for this"
            yield fail(f"policy {policy.name}", why, mend)
