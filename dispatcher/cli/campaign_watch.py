"""Following a campaign: a progress bar in a terminal, a line when something changed elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from dispatcher.cli import show
from dispatcher.cli.client import Api

ENDED_STATES = ("delivered", "failed", "cancelled", "expired")
ENDED = ("finished", "cancelled")


def watch_campaign(api: Api, campaign_id: str, every: float, *, quiet: bool) -> dict[str, Any]:
    """Look at the campaign every so many seconds until it has ended; returns how it stands then."""
    if quiet:
        return _followed(api, campaign_id, every, lambda _campaign: None)
    if not sys.stdout.isatty():
        return _in_lines(api, campaign_id, every)
    with Live(console=show.console(), auto_refresh=False) as live:
        return _followed(
            api, campaign_id, every, lambda campaign: live.update(_drawn(campaign), refresh=True)
        )


def progress_of(campaign: dict[str, Any]) -> tuple[int, int]:
    """How many of its calls have ended, and how many there are."""
    counts: dict[str, int] = campaign["counts"]
    return sum(counts[state] for state in ENDED_STATES), sum(counts.values())


def _drawn(campaign: dict[str, Any]) -> RenderableType:
    ended, total = progress_of(campaign)
    bar = Table.grid(padding=(0, 1), expand=True)
    bar.add_column(no_wrap=True)
    bar.add_column(ratio=1)
    bar.add_column(no_wrap=True)
    title = f"{show.word(campaign['name'])} {show.word(campaign['status'])}"
    bar.add_row(title, ProgressBar(total=max(total, 1), completed=ended), f"{ended} of {total}")
    end = show.when(campaign["estimated_end"]) or "not known yet"
    return Group(bar, show.word(f"{_figures(campaign)}; end about {end}"))


def _in_lines(api: Api, campaign_id: str, every: float) -> dict[str, Any]:
    said = ""

    def tell(campaign: dict[str, Any]) -> None:
        nonlocal said
        ended, total = progress_of(campaign)
        line = f"{campaign['status']} {ended}/{total}: {_figures(campaign)}"
        if line != said:
            typer.echo(f"{time.strftime('%H:%M:%S')} {line}")
        said = line

    return _followed(api, campaign_id, every, tell)


def _followed(
    api: Api, campaign_id: str, every: float, shown: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    while True:
        campaign: dict[str, Any] = api.get(f"/v1/campaigns/{campaign_id}")
        shown(campaign)
        if campaign["status"] in ENDED:
            return campaign
        time.sleep(every)


def _figures(campaign: dict[str, Any]) -> str:
    figures = f"{show.counts(campaign['counts'])}; {campaign['rates']['per_minute']:.0f} attempts a minute"
    return f"{figures}; {campaign['paused_why']}" if campaign["paused_why"] else figures
