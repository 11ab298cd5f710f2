"""The simulated night of the tests, with how long alarms took from their POST to the first dial request."""

import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console

from dispatcher.store import schema
from tests.night.model import expected
from tests.night.product import Product
from tests.night.script import Night, make


def night(console: Console, seed: int) -> int:
    """Play the night of this seed; the exit status is 1 when an alarm that is told called nobody."""
    script = make(seed)
    with tempfile.TemporaryDirectory(prefix="ivr-night-") as folder:
        url = f"sqlite:///{Path(folder) / 'night.db'}"
        schema.upgrade(url)
        product = Product(url, script)
        began = time.process_time()
        try:
            product.run()
            spent = time.process_time() - began
            return _show(console, script, product, spent)
        finally:
            product.close()


def _show(console: Console, script: Night, product: Product, spent: float) -> int:
    rung = product.rung()
    since_post: list[float] = []
    since_told: list[float] = []
    missed = 0
    for key, one in expected(script).items():
        if not one.turns:
            continue
        if key not in rung:
            missed += one.alert.over_at is None
            continue
        first = rung[key][0].at
        if one.alert.severity == "critical":
            since_post.append(_seconds(one.alert.fires_at, first))
        since_told.append(_seconds(one.turns[0].earliest, first))
    console.print(
        f"{len(script.alerts)} alerts, {product.calls()} dial requests, {spent:.0f} s of processor time"
    )
    console.print(f"POST to first dial request, critical, by the night's clock: {_quantiles(since_post)}")
    console.print(f"beyond what groups, hours and maintenance make them wait: {_quantiles(since_told)}")
    console.print(f"told and not called: {missed}")
    return int(missed > 0)


def _seconds(earlier: datetime, later: datetime) -> float:
    return (later - earlier).total_seconds()


def _quantiles(values: Sequence[float]) -> str:
    ordered = sorted(values)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99))
    return f"p50 {p50:.0f} s, p99 {p99:.0f} s, longest {ordered[-1]:.0f} s, of {len(ordered)}"
