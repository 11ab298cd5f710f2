"""The demo's last words: a table of figures, and every deviation from the script."""

import statistics

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table

from dispatcher.cli import show
from dispatcher.cli.demo.verdict import Verdict

_MOST_SHOWN = 25


def summary(verdict: Verdict) -> RenderableType:
    """Figures, and whether everything came out as scripted."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column()
    for name, text in _figures(verdict):
        rows.add_row(name, show.word(text))
    return Group(Panel(rows, title="Summary", title_align="left", expand=False))


def _figures(verdict: Verdict) -> list[tuple[str, str]]:
    delivered = verdict.states["delivered"]
    rings = list(verdict.alarm_to_ring.values())
    figures = [
        ("calls", f"{verdict.calls}: {show.counts(dict(verdict.states.most_common()))}"),
        ("delivered", f"{delivered}, {delivered / max(verdict.calls, 1):.0%} of all"),
        ("answered · heard · key 1", f"{verdict.answered} · {verdict.heard} · {verdict.acknowledged}"),
        ("failures by cause", show.counts(dict(verdict.failures.most_common())) or "none"),
        (
            "attempts",
            f"{verdict.attempts}, {verdict.attempts / max(delivered, 1):.2f} per delivery "
            f"({verdict.requests} dial requests on the PBX)",
        ),
    ]
    figures += _channels(verdict) if verdict.channels else []
    return [
        *figures,
        ("alarm to ring", _rings(rings)),
        *(("", f"{seconds:.2f} s  {title}") for title, seconds in verdict.alarm_to_ring.items()),
    ]


def _channels(verdict: Verdict) -> list[tuple[str, str]]:
    return [
        (
            "channel utilisation",
            f"{verdict.used_by_pbx:.2f} by the PBX, {verdict.used_by_product:.2f} by the product's metric, "
            f"over {verdict.makespan:.1f} s with the tail of retries",
        ),
        ("", f"{verdict.used_while_waiting:.2f} while there were numbers not yet dialled"),
        ("channels at most", f"{verdict.peak} of {verdict.channels}; full {verdict.over_limit} times"),
    ]


def _rings(seconds: list[float]) -> str:
    if not seconds:
        return "no ringing was reported"
    return f"{statistics.median(seconds):.2f} s median, {max(seconds):.2f} s at most"


def print_verdict(console: Console, verdict: Verdict) -> None:
    """The summary, and what came out otherwise than scripted."""
    console.print(summary(verdict))
    if verdict.holds:
        console.print(f"[bold green]All {verdict.calls} calls came out as scripted.[/]")
        return
    console.print(
        f"[bold red]{verdict.as_scripted} of {verdict.calls} calls came out as scripted.[/] Otherwise:"
    )
    for deviation in verdict.deviations[:_MOST_SHOWN]:
        console.print(f"  {deviation}", markup=False, soft_wrap=True)
    if len(verdict.deviations) > _MOST_SHOWN:
        console.print(f"  … and {len(verdict.deviations) - _MOST_SHOWN} more")
