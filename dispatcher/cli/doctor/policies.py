"""Policies that no configured PBX could carry out as they stand."""

from collections.abc import Iterator

from dispatcher.cli.doctor.findings import Finding, fail
from dispatcher.config import Settings
from dispatcher.intake.policies import unfit_policies


def check_policies(settings: Settings) -> Iterator[Finding]:
    """What keeps an alarm from calling everybody whom its policy names."""
    for unfit in unfit_policies(settings):
        yield fail(f"policy {unfit.policy}", unfit.why, f"Change the policy: {unfit.effect}")
