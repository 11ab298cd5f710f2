"""``dispatcher alarm test``: follows a call to the ear and back, and says how long each leg took."""

import time
from contextlib import suppress
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table

from dispatcher.cli import show, wording
from dispatcher.cli.client import Api, ApiError
from dispatcher.cli.config import ConfigOption
from dispatcher.cli.connection import REFUSED, JsonOption, KeyOption, UrlOption, connected
from dispatcher.config import Scope

_LOOK_AGAIN = 0.25
LAST_WORDS = 3.0
"""So many seconds after the end what a call's last reports say is still waited for."""


def try_out(
    to: Annotated[
        list[str] | None,
        typer.Option(
            help="+31612345678, extension:1002, or user:, contact:, group: or schedule:NAME; repeatable."
        ),
    ] = None,
    policy: Annotated[str | None, typer.Option(help="The policy to try.", show_default=False)] = None,
    ivr: wording.Ivr = None,
    prompt: wording.Prompt = None,
    count: wording.Count = None,
    queue: wording.Queue = None,
    ring_group: wording.RingGroup = None,
    delivered_when: wording.DeliveredWhen = None,
    ack_digits: wording.AckDigits = None,
    within: Annotated[float, typer.Option(help="Seconds to be reached in.", min=10, max=3600)] = 120,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Call somebody to see whether they are reached. The status is 0 only when they were, as was asked."""
    request = wording.given(
        {
            "policy": policy,
            "to": [wording.recipient(text) for text in to] if to else None,
            "message": wording.message(ivr, prompt, queue, ring_group, count),
            "delivered_when": delivered_when,
            "ack_digits": ack_digits,
            "within": within,
        }
    )
    with connected(url, key, config, Scope.OPERATE) as api:
        began = time.monotonic()
        alarm = api.post_once("/v1/alarms/test", request)
        answered = time.monotonic() - began
        try:
            journey = _follow(api, alarm["id"], answered, began + within, quiet=as_json)
        finally:
            _end(api, alarm["id"])
    if as_json:
        show.print_json(journey | {"request_seconds": round(answered, 4)})
    elif not journey["delivered"]:
        typer.echo(f"Not reached: {journey['outcome'] or 'no call was answered'}")
    if not journey["delivered"]:
        raise typer.Exit(REFUSED)


def _follow(api: Api, alarm_id: str, answered: float, until: float, *, quiet: bool) -> dict[str, Any]:
    """Look at the legs until the alarm is over, then a little longer for what the last reports tell."""
    journey: dict[str, Any] = api.get(f"/v1/alarms/{alarm_id}/legs")
    last: float | None = None
    with Live(_table(journey, answered), console=show.console(), auto_refresh=False, transient=False) as live:
        while True:
            if not quiet:
                live.update(_table(journey, answered), refresh=True)
            now = time.monotonic()
            last = now + LAST_WORDS if journey["over"] and last is None else last
            is_told = journey["over"] and not journey["waiting"]
            if is_told or now > min(until, last or until):
                break
            time.sleep(_LOOK_AGAIN)
            journey = api.get(f"/v1/alarms/{alarm_id}/legs")
        if quiet:
            live.update("")
    return journey


def _end(api: Api, alarm_id: str) -> None:
    """Leave no test alarm behind: one that was not taken in hand stops ringing here."""
    with suppress(ApiError):
        api.post_once(f"/v1/alarms/{alarm_id}/resolve")


def _table(journey: dict[str, Any], answered: float) -> Table:
    where = ", ".join(journey[name] for name in ("who", "line", "callid") if journey[name])
    rows = [("request answered", "", f"{answered:.3f}", "")]
    rows += [
        (leg["name"], show.when(leg["at"]), _seconds(leg["seconds"]), _seconds(leg["since_raised"]))
        for leg in journey["legs"]
    ]
    title = f"{show.word(journey['status'])} {show.word(where)}"
    return show.table(("leg", "at", "seconds", "in all"), rows, title)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
