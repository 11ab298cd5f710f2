"""What the product's own auditor would find in ten minutes, if nothing more happened."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from dramatiq.brokers.stub import StubBroker

from dispatcher.audit import INVARIANTS
from dispatcher.audit.reach import REACH
from dispatcher.config import load
from dispatcher.reports import Inbox
from dispatcher.runtime.wiring import build

LATER = timedelta(minutes=10)
"""Longer than anything that the auditor gives time to."""


def findings(config: Path) -> Iterator[str]:
    """Everything that breaks an invariant of a site whose work is done, in words."""
    parts = build(load(config, {}), StubBroker())
    now = parts.core.clock
    core = replace(parts.core, clock=lambda: now() + LATER)
    drivers = {name: pbx.driver for name, pbx in parts.pbxes.items()}
    try:
        # By then reports that no call has claimed have been given up.
        for pbx in drivers:
            Inbox(core, drivers, {}).revisit(pbx)
        with core.store.read() as tx:
            for one in (one for one in INVARIANTS if one not in REACH):  # Its processes are gone by then.
                subjects = one.look(core, tx)
                if subjects:
                    yield f"the auditor: {one.name}: {one.words}: {', '.join(subjects[:5])}"
    finally:
        parts.close()
