"""What the auditor has found, and channels that are held for too long, as gauges."""

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import Connection

from dispatcher.api.known import trunks_of
from dispatcher.audit import INVARIANTS
from dispatcher.config import Settings
from dispatcher.metrics.render import Gauge
from dispatcher.store import audits
from dispatcher.store.overdue import overdue
from dispatcher.store.trunks import INTERNAL


def audit_gauges(tx: Connection, settings: Settings, now: datetime) -> list[Gauge]:
    """The gauges; every label set is there from the start, at zero."""
    found, clean_at = audits.counts(tx), audits.clean_at(tx)
    return [
        _channels_overdue(tx, settings, now),
        Gauge(
            "dispatcher_audit_findings",
            ("invariant",),
            "What the auditor's last look found that breaks an invariant; a hundred at most.",
            {(one.name,): float(found.get(one.name, 0)) for one in INVARIANTS},
        ),
        Gauge(
            "dispatcher_audit_clean_timestamp_seconds",
            (),
            "When the auditor last found every invariant to hold.",
            {(): clean_at.timestamp() if clean_at is not None else 0.0},
        ),
    ]


def _channels_overdue(tx: Connection, settings: Settings, now: datetime) -> Gauge:
    lines = [*trunks_of(settings), *((pbx.name, INTERNAL) for pbx in settings.pbx)]
    before = now - timedelta(seconds=settings.pacing.longest_call)
    held = Counter((row.pbx, row.trunk) for row in overdue(tx, before))
    return Gauge(
        "dispatcher_channels_overdue",
        ("pbx", "trunk"),
        "Channels held for longer than the longest call, with no sign of life.",
        {line: float(held[line]) for line in {*lines, *held}},
    )
