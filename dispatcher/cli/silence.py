"""``dispatcher silence``: keep phones quiet about alarms that fit, for a while."""

from typing import Annotated, Any

import typer

from dispatcher.cli import show, wording
from dispatcher.cli.config import ConfigOption
from dispatcher.cli.connection import JsonOption, KeyOption, UrlOption, commands, connected
from dispatcher.config import Scope

app = commands("Keep phones quiet about alarms that fit, over the HTTP API.")

Matcher = Annotated[
    list[str],
    typer.Argument(
        metavar="MATCHER...", help="site=north, site!=north, alertname=~Pump.*; severity, source, policy too."
    ),
]


@app.command("add")
def add(
    matcher: Matcher,
    duration: Annotated[
        str | None, typer.Option("--for", help="90s, 30m, 8h or 7d.", show_default=False)
    ] = None,
    window: Annotated[
        list[str] | None, typer.Option(help="Only in these hours: sun,02:00-04:00; repeatable.")
    ] = None,
    timezone: Annotated[str, typer.Option(help="Of the hours; an IANA name.")] = "UTC",
    maintenance: Annotated[bool, typer.Option("--maintenance", help="Call it a maintenance window.")] = False,
    why: Annotated[str, typer.Option(help="For people to read.")] = "",
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep quiet about alarms that fit every matcher. They are recorded, and call at its end."""
    asked = wording.given(
        {
            "kind": "maintenance" if maintenance else "silence",
            "matchers": [matching(text) for text in matcher],
            "duration": None if duration is None else wording.seconds(duration, "--for"),
            "windows": [wording.window(text) for text in window] if window else None,
            "timezone": timezone,
            "why": why,
        }
    )
    with connected(url, key, config, Scope.OPERATE) as api:
        silence = api.post_once("/v1/silences", asked)
    end = f"until {show.when(silence['ends_at'])}" if silence["ends_at"] else "without an end"
    show.told(silence, as_json, f"{silence['id']}: {fitting(silence['matchers'])} {end}")


@app.command("list")
def list_silences(
    ended: Annotated[bool, typer.Option("--ended", help="Those that are over, too.")] = False,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List silences and maintenance windows, the newest first."""
    with connected(url, key, config, Scope.READ) as api:
        silences = list(api.items("/v1/silences", ended=ended or None))
    rows = (
        (
            one["id"],
            one["kind"],
            fitting(one["matchers"]),
            show.when(one["starts_at"]),
            show.when(one["ends_at"]),
            f"{len(one['windows'])} a week" if one["windows"] else None,
            one["created_by"],
            one["why"],
        )
        for one in silences
    )
    columns = ("id", "kind", "alarms with", "from", "until", "windows", "by", "why")
    show.listed(silences, as_json, columns, rows)


@app.command("end")
def end(
    silence_id: Annotated[str, typer.Argument(metavar="ID", help="The silence's id.")],
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """End a silence now; alarms that only it has held call at once."""
    with connected(url, key, config, Scope.OPERATE) as api:
        api.delete(f"/v1/silences/{silence_id}")
    typer.echo(f"{silence_id} is ended")


def matching(text: str) -> dict[str, str]:
    """``site=north``, ``site!=north``, ``site=~n.*`` or ``site!~n.*`` as the API writes it."""
    places = [(text.find(op), -len(op), op) for op in ("=~", "!~", "!=", "=") if op in text]
    if not places or min(places)[0] == 0:
        raise typer.BadParameter(f"{text!r}: write LABEL=VALUE, or with !=, =~ or !~", param_hint="MATCHER")
    op = min(places)[2]
    label, _, value = text.partition(op)
    return {"label": label, "op": op, "value": value}


def fitting(matchers: list[dict[str, Any]]) -> str:
    """Matchers in one line."""
    return ", ".join(f"{one['label']}{one['op']}{one['value']}" for one in matchers)
