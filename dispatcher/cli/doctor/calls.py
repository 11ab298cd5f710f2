"""What the calls so far tell: reports that are missing, channels that are stuck, doubts, and the audit."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from dispatcher.audit import INVARIANTS
from dispatcher.cli.doctor.findings import Finding, ok, warn
from dispatcher.cli.doctor.last_calls import last_accepted, last_on
from dispatcher.cli.doctor.menus import menus_of
from dispatcher.clock import utc_now
from dispatcher.config import PbxSettings, Settings, TrunkSettings
from dispatcher.domain.reports import CdrStatus
from dispatcher.domain.vocabulary import CampaignStatus
from dispatcher.store import audits, doubts
from dispatcher.store.engine import Store
from dispatcher.store.overdue import overdue
from dispatcher.store.tables import Campaign, RawReport, among, table

_campaigns, _reports = table(Campaign), table(RawReport)

ENOUGH_CALLS = 3
"""So many answered calls without a ring are no accident."""

_PATIENCE = timedelta(minutes=10)
"""A report that is not there so long before a call's end was not only slow."""

_LOOKED_AT = 50


def check_calls(settings: Settings, store: Store) -> Iterator[Finding]:
    """Everything about calls that has nothing to do with one PBX alone."""
    with store.read() as tx:
        rows, clean_at = audits.last(tx), audits.clean_at(tx)
        paused = _paused(tx)
    yield from _audit(settings, rows, clean_at)
    for row in paused:
        yield warn(
            f"campaign {row.name}",
            f"paused by itself: {row.paused_why}",
            f"Mend that, then resume it: dispatcher campaign resume {row.id}",
        )


def _audit(settings: Settings, rows: Any, clean_at: datetime | None) -> Iterator[Finding]:
    if not rows:
        yield ok("audit", "nothing has been looked at yet; that begins with the pacer")
        return
    age = utc_now() - max(row.looked_at for row in rows)
    if age > timedelta(seconds=10 * settings.audit.every):
        detail = f"the auditor looked last {age.total_seconds():.0f} s ago"
        yield warn("audit", detail, "Start `dispatcher pacer` (or `dispatcher up`), and look at its log")
        return
    found = [row for row in rows if row.found]
    for row in found:
        known = next((one for one in INVARIANTS if one.name == row.invariant), None)
        words = known.words if known is not None else row.invariant
        examples = f"{row.found} times: {words}: {', '.join(row.examples or ())}"
        yield warn(f"audit {row.invariant}", examples, known.advice if known is not None else "")
    if not found:
        since = f" (the last time at {clean_at:%H:%M:%S} UTC)" if clean_at is not None else ""
        yield ok("audit", f"everything is as it must be{since}")


def _paused(tx: Connection) -> list[Any]:
    query = select(_campaigns.c.id, _campaigns.c.name, _campaigns.c.paused_why)
    of_itself = among(_campaigns.c.status, CampaignStatus.PAUSED), _campaigns.c.paused_why != ""
    return list(tx.execute(query.where(*of_itself)).all())


def check_calls_of(settings: Settings, pbx: PbxSettings, store: Store) -> Iterator[Finding]:
    """A PBX's channels that are stuck, its attempts in doubt, and trunks whose calls never ring."""
    now = utc_now()
    with store.read() as tx:
        stuck = Counter(
            row.trunk
            for row in overdue(tx, now - timedelta(seconds=settings.pacing.longest_call))
            if row.pbx == pbx.name
        )
        doubt = doubts.in_doubt(tx).get(pbx.name)
        rings = {trunk.name: _rings(tx, pbx.name, trunk) for trunk in pbx.trunk}
    yield _channels(pbx, stuck, settings.pacing.longest_call)
    if doubt is not None:
        yield warn(
            f"doubt at {pbx.name}",
            f"attempts in doubt: {doubt.number}, the oldest since {doubt.since:%H:%M:%S} UTC",
            "The PBX is asked for them and did not say yet; look at its load, or at its calls, by hand",
        )
    monitor = menus_of(pbx.family).monitor
    for name, silent in rings.items():
        if monitor and silent:
            detail = "none of its last answered calls was reported to ring: its status monitor is off"
            yield warn(f"reports of {pbx.name}/{name}", detail, f"On the PBX under {monitor}")


def _channels(pbx: PbxSettings, stuck: Counter[str], longest: float) -> Finding:
    check = f"channels of {pbx.name}"
    if not stuck:
        return ok(check, f"none is held for longer than {longest:.0f} s without a sign of life")
    lines = ", ".join(f"{number} on {name or 'extensions'}" for name, number in sorted(stuck.items()))
    mend = (
        "See on the PBX whether these calls are up. One that is not is ended with POST /v1/calls/ID/cancel; "
        "if calls do last so long, raise pacing.longest_call"
    )
    return warn(check, f"held for longer than {longest:.0f} s without a sign of life: {lines}", mend)


def _rings(tx: Connection, pbx: str, trunk: TrunkSettings) -> bool:
    """Whether calls were answered on a trunk lately, and none of them was reported to ring."""
    rows = last_on(tx, pbx, trunk.name, _LOOKED_AT)
    taken = [
        row for row in rows if row.answered_at or row.prompt_ended_at or row.cdr_status == CdrStatus.ANSWERED
    ]
    return len(taken) >= ENOUGH_CALLS and not any(row.ringing_at for row in taken)


def last_report(tx: Connection, pbx: str) -> datetime | None:
    """When the last report of a PBX came."""
    return tx.execute(select(func.max(_reports.c.received_at)).where(_reports.c.pbx == pbx)).scalar()


def missing_reports(tx: Connection, pbx: str) -> str:
    """That a call has ended and no report had come for long, in words; else an empty string."""
    last, ended = last_report(tx, pbx), _last_ended(tx, pbx)
    if ended is None or (last is not None and last >= ended - _PATIENCE):
        return ""
    since = "no report has ever come" if last is None else f"the last report came {ago(last)} ago"
    return f"a call ended {ago(ended)} ago, and {since}"


def ago(at: datetime) -> str:
    """How long ago something was, without the word."""
    seconds = int((utc_now() - at).total_seconds())
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _last_ended(tx: Connection, pbx: str) -> datetime | None:
    """When the last call ended that the PBX had accepted."""
    return max((row.freed_at for row in last_accepted(tx, pbx)), default=None)
