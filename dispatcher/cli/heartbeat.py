"""``dispatcher heartbeat``: who must be heard of, and how they are."""

from typing import Annotated, Any

import typer

from dispatcher.cli import show, wording
from dispatcher.cli.config import ConfigOption
from dispatcher.cli.connection import JsonOption, KeyOption, UrlOption, commands, connected
from dispatcher.config import Scope

app = commands("Raise an alarm when something is not heard of, over the HTTP API.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The heartbeat's name.")]
_SPAN = "90s, 30m, 24h or 7d"


@app.command()
def create(
    name: Name,
    every: Annotated[str, typer.Option(help=f"From one sign of life to the next: {_SPAN}.")],
    grace: Annotated[str, typer.Option(help=f"So much later is still in time: {_SPAN}.")] = "1m",
    policy: Annotated[
        str | None, typer.Option(help="The notification policy that says whom to call.", show_default=False)
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(help="+31612345678, extension:1002, user:NAME, contact:NAME, group:NAME; repeatable."),
    ] = None,
    severity: Annotated[str, typer.Option(help="critical, warning or info.")] = "critical",
    summary: Annotated[
        str | None, typer.Option(help="What the alarm says, in one line.", show_default=False)
    ] = None,
    ivr: wording.Ivr = None,
    prompt: wording.Prompt = None,
    count: wording.Count = None,
    queue: wording.Queue = None,
    ring_group: wording.RingGroup = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a silence raise an alarm. It is waited for from its first sign of life on."""
    alarm = wording.given(
        {
            "severity": severity,
            "summary": summary,
            "policy": policy,
            "to": [wording.recipient(text) for text in to] if to else None,
            "message": wording.message(ivr, prompt, queue, ring_group, count),
        }
    )
    asked = {
        "name": name,
        "every": wording.seconds(every, "--every"),
        "grace": wording.seconds(grace, "--grace"),
        "alarm": alarm,
    }
    with connected(url, key, config, Scope.OPERATE) as api:
        made = api.post_once("/v1/heartbeats", asked)
    _print(made, as_json)


@app.command("list")
def list_heartbeats(
    url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List heartbeats by name."""
    with connected(url, key, config, Scope.READ) as api:
        found = list(api.items("/v1/heartbeats"))
    rows = (
        (
            beat["name"],
            beat["status"],
            show.when(beat["heard_at"]),
            show.when(beat["due_at"]),
            f"{beat['every']:g} s",
            f"{beat['grace']:g} s",
            beat["alarm_id"],
        )
        for beat in found
    )
    columns = ("name", "status", "heard", "due", "every", "grace", "alarm")
    show.listed(found, as_json, columns, rows)


@app.command("show")
def show_heartbeat(
    name: Name, url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None
) -> None:
    """Show one heartbeat with the alarm that it raises."""
    with connected(url, key, config, Scope.READ) as api:
        show.print_json(api.get(f"/v1/heartbeats/{name}"))


@app.command()
def beat(
    name: Name,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a sign of life."""
    with connected(url, key, config, Scope.INTAKE) as api:
        _print(api.post(f"/v1/heartbeats/{name}"), as_json)


@app.command()
def change(
    name: Name,
    every: Annotated[str | None, typer.Option(help=_SPAN, show_default=False)] = None,
    grace: Annotated[str | None, typer.Option(help=_SPAN, show_default=False)] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change its times."""
    spans = {"every": every, "grace": grace}
    asked = {word: wording.seconds(text, f"--{word}") for word, text in spans.items() if text is not None}
    with connected(url, key, config, Scope.OPERATE) as api:
        _print(api.patch(f"/v1/heartbeats/{name}", asked), as_json)


@app.command()
def pause(
    name: Name,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Wait for nothing until it is resumed."""
    with connected(url, key, config, Scope.OPERATE) as api:
        _print(api.post_once(f"/v1/heartbeats/{name}/pause"), as_json)


@app.command()
def resume(
    name: Name,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Wait again, for a whole interval from now."""
    with connected(url, key, config, Scope.OPERATE) as api:
        _print(api.post_once(f"/v1/heartbeats/{name}/resume"), as_json)


@app.command()
def delete(name: Name, url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None) -> None:
    """Delete a heartbeat; an alarm that is open stays open."""
    with connected(url, key, config, Scope.OPERATE) as api:
        api.delete(f"/v1/heartbeats/{name}")
    typer.echo(f"{name} deleted")


def _print(document: dict[str, Any], as_json: bool) -> None:
    due = f", due {show.when(document['due_at'])}" if document["due_at"] else ""
    show.told(document, as_json, f"{document['name']} {document['status']}{due}")
