"""Who is on call: gaps before they hurt, and names that stand for nobody."""

from collections.abc import Iterator
from datetime import datetime

from dispatcher.cli.doctor.findings import Finding, fail, ok, warn
from dispatcher.config import Settings
from dispatcher.directory.outlook import AHEAD, all_warnings
from dispatcher.directory.resolving import known
from dispatcher.store.engine import Store


def check_schedules(settings: Settings, store: Store, now: datetime) -> Iterator[Finding]:
    """Every schedule's next days, and the contacts, groups and schedules that configured policies name."""
    with store.read() as tx:
        found = list(all_warnings(tx, now))
        faults = {
            policy.name: [fault.detail for step in policy.all_steps for fault in known(tx, step.to)]
            for policy in settings.policy
        }
    for name, details in faults.items():
        if details:
            mend = "Make them (`dispatcher contact`, `group`, `schedule`), or change the policy"
            yield fail(f"people of policy {name}", "; ".join(dict.fromkeys(details)), mend)
    for name, warnings in found:
        if warnings:
            mend = "Add a layer that fills, a member or an override, or mend the calendar"
            yield warn(f"schedule {name}", "; ".join(warnings), mend)
        else:
            yield ok(f"schedule {name}", f"somebody is on call all the time for {AHEAD.days} days")
