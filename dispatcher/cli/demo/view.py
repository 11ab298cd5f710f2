"""How the demo looks while it runs: a live view in a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterable
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dispatcher.cli import show
from dispatcher.cli.campaign_watch import progress_of
from dispatcher.cli.demo.board import Board, Line

_ROWS_BESIDE = 15
"""Lines of the view that are neither events nor rows of the two tables."""

_COLOURS = {
    "delivered": "green",
    "acknowledged": "bold green",
    "heard": "green",
    "key": "green",
    "failed": "red",
    "exhausted": "bold red",
    "expired": "yellow",
    "queued": "yellow",
    "cancelled": "dim",
    "open": "bold red",
}


def phase(call: dict[str, Any]) -> str:
    """What is going on in a call that is up."""
    if not call["attempts"]:
        return "claimed"
    attempt = call["attempts"][-1]
    if attempt["digits"]:
        return f"pressed {attempt['digits']}"
    for fact, word in (
        ("prompt_ended_at", "heard it"),
        ("answered_at", "listening"),
        ("ringing_at", "ringing"),
    ):
        if attempt[fact]:
            return word
    return {"dialing": "dialling", "in_doubt": "in doubt", "up": "calling"}.get(attempt["phase"], "claimed")


class LiveView:
    """Draws the board; as high as the terminal allows."""

    def __init__(self, board: Board, title: str, channels: int) -> None:
        self._board = board
        self._title = title
        self._channels = channels
        self._begun = time.monotonic()

    def draw(self, console: Console) -> RenderableType:
        """The view as it is now."""
        free = console.size.height - _ROWS_BESIDE
        rows = max(4, min(self._channels, free * 2 // 3))
        events = max(3, min(12, free - rows))
        head = Text(f"{self._title}  {time.monotonic() - self._begun:5.1f} s", style="bold")
        calls = Panel(self._calls(rows), title="calls that are up", title_align="left", height=rows + 3)
        alarms = Panel(self._alarms(rows), title="alarms", title_align="left", height=rows + 3)
        beside = Table.grid(expand=True)
        beside.add_column(ratio=1)
        beside.add_column(ratio=1)
        beside.add_row(alarms, calls)
        latest = self._board.lines()[-events:]
        happened = Panel(_happened(latest), title="what happens", title_align="left", height=events + 2)
        return Group(head, self._bars(), beside, happened)

    def _bars(self) -> RenderableType:
        bars = Table.grid(padding=(0, 1), expand=True)
        bars.add_column(no_wrap=True)
        bars.add_column(ratio=1)
        bars.add_column(no_wrap=True, ratio=2)
        trunk, campaign = self._board.trunk, self._board.campaign
        if trunk is not None:
            used, limit = trunk["channels_in_use"]["ours"], trunk["channels"]
            text = f"{used} of {limit} channels in use"
            bars.add_row(f"{trunk['pbx']}/{trunk['name']}", _bar(used, limit), text)
        if campaign is not None:
            ended, total = progress_of(campaign)
            text = f"{ended} of {total}: {show.counts(campaign['counts'])}"
            bars.add_row("campaign", _bar(ended, total), text)
        return bars

    def _alarms(self, rows: int) -> RenderableType:
        alarms = list(self._board.alarms.values())[-rows:]
        cells = ((alarm["status"], alarm["summary"], _reached(alarm["call_counts"])) for alarm in alarms)
        return _grid(("status", "what", "reached"), cells, wide=1)

    def _calls(self, rows: int) -> RenderableType:
        calls = self._board.live_calls()[:rows]
        cells = (
            (show.party(call), len(call["attempts"]), phase(call), "alarm" if "alarm_id" in call else "")
            for call in calls
        )
        return _grid(("to", "try", "phase", ""), cells, wide=0)


def _reached(counts: dict[str, int]) -> str:
    return f"{counts.get('delivered', 0)} of {sum(counts.values())}"


def _bar(done: int, total: int) -> ProgressBar:
    return ProgressBar(total=max(total, 1), completed=done, complete_style="cyan", finished_style="green")


def _grid(columns: Iterable[str], rows: Iterable[Iterable[Any]], wide: int) -> Table:
    grid = Table(box=None, expand=True, pad_edge=False, header_style="dim")
    for place, column in enumerate(columns):
        # Names and summaries are cut where the terminal is narrow, statuses and phases are not.
        grid.add_column(column, no_wrap=True, overflow="ellipsis", ratio=1 if place == wide else None)
    for row in rows:
        grid.add_row(*(show.word(cell) for cell in row))
    return grid


def _happened(lines: list[Line]) -> RenderableType:
    text = Text(no_wrap=True, overflow="ellipsis")
    for line in lines:
        colour = _COLOURS.get(line.what.partition(":")[0].partition(",")[0], "default")
        text.append(f"{line.at.astimezone():%H:%M:%S} ", style="dim")
        text.append(f"{line.who}  ")
        text.append(f"{line.what}\n", style=colour)
    return text


class PlainView:
    """Prints a line for every change of an alarm, and now and then how the campaign stands."""

    EVERY = 2.0

    def __init__(self, board: Board, console: Console) -> None:
        self._board = board
        self._console = console
        self._seen = 0
        self._next = 0.0
        self._said = ""

    def tell(self) -> None:
        """Print what is new."""
        for line in self._board.lines(self._seen):
            self._seen = line.number
            if line.of_alarm:
                self._print(f"{line.at.astimezone():%H:%M:%S} {line.who}: {line.what}")
        trunk, campaign = self._board.trunk, self._board.campaign
        if trunk is None or campaign is None or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self.EVERY
        ended, total = progress_of(campaign)
        used = f"{trunk['channels_in_use']['ours']} of {trunk['channels']} channels in use"
        standing = f"campaign {ended} of {total}: {show.counts(campaign['counts'])}; {used}"
        if standing != self._said:
            self._print(standing)
        self._said = standing

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)
