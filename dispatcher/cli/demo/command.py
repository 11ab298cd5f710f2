"""The demo as a command: put up the stage, tell the story, show it, and judge it."""

import signal
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.live import Live

from dispatcher.cli.client import Api, ApiError
from dispatcher.cli.demo.board import Board
from dispatcher.cli.demo.plays import Play, play_for, play_for_phones
from dispatcher.cli.demo.real import RealAsterisk, RealPbx
from dispatcher.cli.demo.stage import CALL_SECONDS, Pace, Stage, Transport, Wishes
from dispatcher.cli.demo.summary import print_verdict
from dispatcher.cli.demo.verdict import Verdict, channel_seconds, judge_run
from dispatcher.cli.demo.view import LiveView, PlainView
from dispatcher.cli.simulator import TCP_FAMILY, WEBSOCKET_FAMILY, Family
from dispatcher.runtime.running import stops_in_time

_TICK = 0.25
_PATIENCE = 30.0
"""Seconds after the campaign's expiry for which the demo waits for whatever has not ended."""

NOT_AS_SCRIPTED = 1
PHONE_SECONDS = 4.0
"""For so long the average call to a real phone holds its channel."""
_PLAIN_WIDTH = 110


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End after the summary.")] = False,
    family: Family = "yeastar-s",
    tcp: Annotated[
        bool, typer.Option("--tcp", help="yeastar-k2: reports are fetched over TCP, not posted.")
    ] = False,
    websocket: Annotated[
        bool,
        typer.Option("--websocket", help="yeastar-p: reports are fetched over a WebSocket, not posted."),
    ] = False,
    pbx: Annotated[
        Literal["simulated", "asterisk"],
        typer.Option(help='A real Asterisk, which make demo ARGS="--pbx asterisk" starts.'),
    ] = "simulated",
    numbers: Annotated[
        int | None,
        typer.Option(help="People who are called: 200, 24 users, or 60 real phones.", show_default=False),
    ] = None,
    channels: Annotated[int, typer.Option(help="Channels of the trunk.", min=2, max=500)] = 10,
    speed: Annotated[float, typer.Option(help="2 is twice as fast.", min=0.1, max=10)] = 1.0,
    keep: Annotated[
        Path | None, typer.Option(help="Keep the database in this file.", show_default=False)
    ] = None,
    misbehave: Annotated[
        list[str] | None,
        typer.Option(help="CODE=BEHAVIOUR: callees act against the script, to see that it is noticed."),
    ] = None,
) -> None:
    """Raise alarms and run a campaign on a simulated PBX, and show every call as it happens.

    Over a family that can only call its own users, there are alarms alone.

    One process, SQLite, no other services: the same wiring as `dispatcher up`, and everything goes in
    through the HTTP API. With --exit, the status is 0 only when every call came out as scripted.
    """
    real = _asterisk() if pbx == "asterisk" else None
    if real is not None:
        family, speed = "asterisk", 1.0
    play = _play_of(family, numbers, misbehave, is_real=real is not None)
    pace = Pace(speed, play.size / channels, CALL_SECONDS if real is None else PHONE_SECONDS)
    wishes = Wishes(family, channels, pace, keep, play.behaviours, _transport(family, tcp, websocket))
    stage = Stage(wishes, real)
    # Also where SIGINT came to us ignored, as it does to what a script starts in the background.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    console = Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)
    verdict = None
    try:
        beside = "a simulated PBX, and the product beside it" if real is None else "beside a real Asterisk"
        console.print(f"Starting {beside} …")
        stage.start()
        verdict = _perform(stage, play, console)
        print_verdict(console, verdict)
        _tell_warnings(stage, console)
        if not leave:
            _stay(stage, console)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except ApiError as error:
        console.print(f"the demo ended early: {error}", markup=False)
        raise typer.Exit(NOT_AS_SCRIPTED) from None
    finally:
        # Whoever asks a second time does not want to wait.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        with stops_in_time(0 if verdict is not None and verdict.holds else NOT_AS_SCRIPTED):
            stage.stop()
    if not verdict.holds:
        raise typer.Exit(NOT_AS_SCRIPTED)


def _transport(family: str, tcp: bool, websocket: bool) -> Transport:
    """How reports shall come."""
    if tcp and family != TCP_FAMILY:
        raise typer.BadParameter(f"reports of {family} do not come over TCP", param_hint="--tcp")
    if websocket and family != WEBSOCKET_FAMILY:
        raise typer.BadParameter(f"{family} has no WebSocket", param_hint="--websocket")
    return "tcp" if tcp else "websocket" if websocket else "http"


def _asterisk() -> RealAsterisk:
    try:
        return RealAsterisk.of_environment()
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--pbx") from None


def _play_of(family: str, numbers: int | None, misbehave: list[str] | None, *, is_real: bool) -> Play:
    try:
        if is_real:
            return play_for_phones(numbers)
        return play_for(family, numbers, dict(text.partition("=")[::2] for text in misbehave or ()))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _perform(stage: Stage, play: Play, console: Console) -> Verdict:
    product, pace = stage.product, stage.wishes.pace
    kind = "real" if isinstance(stage.pbx, RealPbx) else "simulated"
    console.print(
        f"The {kind} {stage.wishes.family} is at {stage.pbx.url}, the product at {product.api_url}\n"
        f"Open {product.api_url}/ in a browser to watch it there.\n"
    )
    story = play.tell(product.api_url, pace)
    board = Board(product.api_url, story.told)
    with Api(product.api_url) as api:
        before = channel_seconds(api)
        board.start()
        threading.Thread(target=story.run, name="story", daemon=True).start()
        try:
            _watch(board, stage, console, until=time.monotonic() + pace.expiry + _PATIENCE)
        finally:
            board.stop()
        stage.pbx.wait_idle(_PATIENCE)
        return judge_run(api, story.told, play.campaign, stage.pbx.judge, before)


def _watch(board: Board, stage: Stage, console: Console, until: float) -> None:
    """Show the board until everything has ended, or the time is up."""
    if console.is_terminal:
        wishes = stage.wishes
        title = f"dispatcher demo  {wishes.family}, {stage.product.api_url}"
        view = LiveView(board, title, wishes.channels)
        with Live(view.draw(console), console=console, auto_refresh=False) as live:
            while not board.is_over() and time.monotonic() < until:
                board.refresh()
                live.update(view.draw(console), refresh=True)
                time.sleep(_TICK)
            live.update(view.draw(console), refresh=True)
        return
    plain = PlainView(board, console)
    while not board.is_over() and time.monotonic() < until:
        board.refresh()
        plain.tell()
        time.sleep(_TICK)
    plain.tell()


def _tell_warnings(stage: Stage, console: Console) -> None:
    for line in stage.warnings.lines[-10:]:
        console.print(f"log: {line}", markup=False, soft_wrap=True)


def _stay(stage: Stage, console: Console) -> None:
    """Leave the product running for whoever wants to look around."""
    url = stage.product.api_url
    console.print(f"\nThe console is at [bold]{url}/[/], the API's description at {url}/docs")
    console.print(
        f"Raise an alarm yourself:  dispatcher alarm raise 'Test' --to +31690010001 --ivr 6500 --url {url}",
        soft_wrap=True,
    )
    console.print("Ctrl-C ends it all.")
    try:
        while True:
            time.sleep(1.0)
    except KeyboardInterrupt:
        console.print("\nStopping.")
