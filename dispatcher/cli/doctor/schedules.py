"""Who is on call: gaps before they hurt."""

from collections.abc import Iterator
from datetime import datetime

from dispatcher.cli.doctor.findings import Finding, ok, warn
from dispatcher.directory.outlook import AHEAD, all_warnings
from dispatcher.store.engine import Store


def check_schedules(store: Store, now: datetime) -> Iterator[Finding]:
    """Every schedule's next days."""
    with store.read() as tx:
        found = list(all_warnings(tx, now))
    for name, warnings in found:
        if warnings:
            mend = "Add a layer that fills, a member or an override, or mend the calendar"
            yield warn(f"schedule {name}", "; ".join(warnings), mend)
        else:
            yield ok(f"schedule {name}", f"somebody is on call all the time for {AHEAD.days} days")
