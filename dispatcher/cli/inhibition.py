"""``dispatcher inhibition``: a greater alarm keeps the lesser quiet."""

from typing import Annotated

import typer

from dispatcher.cli import show
from dispatcher.cli.config import ConfigOption
from dispatcher.cli.connection import JsonOption, KeyOption, UrlOption, commands, connected
from dispatcher.cli.silence import fitting, matching
from dispatcher.config import Scope

app = commands("Let a greater alarm keep the lesser quiet, over the HTTP API.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The inhibition's name.")]


@app.command("set")
def set_inhibition(
    name: Name,
    source: Annotated[
        list[str], typer.Option(help="What the greater alarm fits: alertname=SiteDown; repeatable.")
    ],
    target: Annotated[list[str], typer.Option(help="What the lesser fits: severity=warning; repeatable.")],
    equal: Annotated[
        list[str] | None, typer.Option(help="A label of which both must have the same value; repeatable.")
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an inhibition, or replace the one of this name."""
    asked = {
        "source": [matching(text) for text in source],
        "target": [matching(text) for text in target],
        "equal": equal or [],
    }
    with connected(url, key, config, Scope.OPERATE) as api:
        made = api.put(f"/v1/inhibitions/{name}", asked)
    show.told(made, as_json, f"{name}: {fitting(made['source'])} keeps {fitting(made['target'])} quiet")


@app.command("list")
def list_inhibitions(
    url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List inhibitions, by name."""
    with connected(url, key, config, Scope.READ) as api:
        found = api.get("/v1/inhibitions")["items"]
    rows = (
        (one["name"], fitting(one["source"]), fitting(one["target"]), ", ".join(one["equal"]))
        for one in found
    )
    show.listed(found, as_json, ("name", "the greater", "the lesser", "equal"), rows)


@app.command("delete")
def delete_inhibition(
    name: Name, url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None
) -> None:
    """Delete an inhibition; alarms that only it has held call at once."""
    with connected(url, key, config, Scope.OPERATE) as api:
        api.delete(f"/v1/inhibitions/{name}")
    typer.echo(f"{name} is deleted")
