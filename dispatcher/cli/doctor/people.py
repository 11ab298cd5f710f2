"""Whether anybody would be called: policies that reach nobody now, and people whom no call reaches."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from dispatcher.cli.doctor.findings import Finding, counted, fail, ok, warn
from dispatcher.config import Settings
from dispatcher.directory.resolving import known, people
from dispatcher.policies import PolicySpec, StepSpec
from dispatcher.store import do_not_call
from dispatcher.store.engine import Store
from dispatcher.store.tables import Contact, Policy, table

_contacts, _policies = table(Contact), table(Policy)
_SHOWN = 5


def check_people(settings: Settings, store: Store, now: datetime) -> Iterator[Finding]:
    """Every policy, those made at run time too, as an alarm would find it now; and every contact."""
    with store.read() as tx:
        made = tx.execute(select(_policies.c.name, _policies.c.document).order_by(_policies.c.name)).all()
        policies: dict[str, PolicySpec] = {row.name: PolicySpec.model_validate(row.document) for row in made}
        policies |= {policy.name: policy for policy in settings.policy}
        for name, policy in sorted(policies.items()):
            yield from _policy(tx, settings, name, policy, now)
        yield from _check_contacts(tx, settings, now)


def _policy(
    tx: Connection, settings: Settings, name: str, policy: PolicySpec, now: datetime
) -> Iterator[Finding]:
    missing = [fault.detail for step in policy.all_steps for fault in known(tx, step.to)]
    if missing:
        mend = "Make them (`dispatcher contact`, `group`, `schedule`), or change the policy"
        yield fail(f"people of policy {name}", "; ".join(dict.fromkeys(missing)), mend)
    reached = [_reached(tx, settings, step, now) for step in policy.all_steps]
    empty = [place for place, (number, _) in enumerate(reached, 1) if not number]
    if not empty:
        return
    why = "; ".join(dict.fromkeys(reason for number, whys in reached if not number for reason in whys))
    if len(empty) == len(reached):
        mend = "Name somebody else too, fill the group, or give the schedule an override: an alarm is lost"
        yield fail(f"reach of policy {name}", f"nobody would be called now: {why}", mend)
        return
    steps = f"step {empty[0]}" if len(empty) == 1 else f"steps {', '.join(map(str, empty))}"
    mend = "Name somebody else in that step too, or fill the group or the schedule that it names"
    yield warn(f"reach of policy {name}", f"{steps} would call nobody now: {why}", mend)


def _reached(tx: Connection, settings: Settings, step: StepSpec, now: datetime) -> tuple[int, Sequence[str]]:
    found = people(tx, step.to, now, settings.alarms.region)
    return len(found.people), [one.why for one in found.left_out]


def _check_contacts(tx: Connection, settings: Settings, now: datetime) -> Iterator[Finding]:
    rows = tx.execute(select(_contacts.c.name, _contacts.c.ways).order_by(_contacts.c.name)).all()
    if not rows:
        return
    numbers = [way["number"] for row in rows for way in row.ways if way.get("number")]
    forbidden = do_not_call.blocked(tx, numbers, now, alarms=True)
    configured = {pbx.name for pbx in settings.pbx}
    without = [row.name for row in rows if not any(way.get("number") for way in row.ways)]
    barred = [
        row.name for row in rows if row.ways and all(way.get("number") in forbidden for way in row.ways)
    ]
    stray = [row.name for row in rows if any(_is_stray(way, configured) for way in row.ways)]
    if without:
        yield warn(
            "contacts without a number",
            f"{_named(without)} can be called inside the PBX only, not when the building is empty",
            "Add a number to their ways: dispatcher contact set NAME --way WAY …, or PUT /v1/contacts/NAME",
        )
    if barred:
        yield fail(
            "contacts who may not be called",
            f"every number of {_named(barred)} is on the do-not-call list, for alarms too",
            "Take the number off the list (dispatcher do-not-call remove NUMBER), or add another way",
        )
    if stray:
        yield fail(
            "contacts at an unknown PBX",
            f"a way of {_named(stray)} names a PBX that is not configured",
            "Correct the way's `pbx`, or configure that PBX",
        )
    if not (without or barred or stray):
        yield ok(
            "contacts", f"{counted(len(rows), 'contact', 'contacts')}, each with a number that may be called"
        )


def _is_stray(way: Mapping[str, Any], configured: set[str]) -> bool:
    return way.get("pbx") is not None and way["pbx"] not in configured


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
