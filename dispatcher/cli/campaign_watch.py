"""Following a campaign: a progress bar in a terminal, a line when something changed elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

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
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=show.console()) as progress:
        bar = progress.add_task("", total=None, detail="")

        def draw(campaign: dict[str, Any]) -> None:
            ended, total = progress_of(campaign)
            detail = f"{_figures(campaign)}, end about {show.when(campaign['estimated_end']) or '?'}"
            title = f"{show.word(campaign['name'])} {show.word(campaign['status'])}"
            progress.update(bar, description=title, completed=ended, total=total, detail=detail)

        return _followed(api, campaign_id, every, draw)


def progress_of(campaign: dict[str, Any]) -> tuple[int, int]:
    """How many of its calls have ended, and how many there are."""
    counts: dict[str, int] = campaign["counts"]
    return sum(counts[state] for state in ENDED_STATES), sum(counts.values())


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
    return f"{show.counts(campaign['counts'])}; {campaign['rates']['per_minute']:.0f} attempts a minute"
