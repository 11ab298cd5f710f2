"""``dispatcher do-not-call``: numbers that campaigns, and if so marked alarms, leave out."""

from pathlib import Path
from typing import Annotated, Any

import typer

from dispatcher.cli import contact_files, show, wording
from dispatcher.cli.config import ConfigOption
from dispatcher.cli.connection import JsonOption, KeyOption, UrlOption, commands, connected
from dispatcher.config import Scope

app = commands("Keep the numbers that are not to be called over the HTTP API.")

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="In any way of writing, like +31612345678.")]


@app.command()
def add(
    number: Number,
    why: Annotated[str, typer.Option(help="The reason, for people to read.", show_default=False)] = "",
    alarms_too: Annotated[bool, typer.Option("--alarms-too", help="Not even for alarms.")] = False,
    expires_in: Annotated[
        float | None, typer.Option(help="Seconds after which it may be called again.", show_default=False)
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter a number, or replace its entry. Campaigns' calls to it are withdrawn."""
    asked = wording.given(
        {"number": number, "why": why, "alarms_too": alarms_too, "expires_at": wording.expiry(expires_in)}
    )
    with connected(url, key, config, Scope.OPERATE) as api:
        entry = api.post("/v1/do-not-call", asked)
    show.told(entry, as_json, f"{entry['number']} is not called any more, {_by(entry)}")


@app.command()
def remove(number: Number, url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None) -> None:
    """Take a number off the list."""
    with connected(url, key, config, Scope.OPERATE) as api:
        api.delete(f"/v1/do-not-call/{number}")
    typer.echo(f"{number} may be called again")


@app.command("list")
def list_numbers(
    alarms_too: Annotated[
        bool, typer.Option("--alarms-too", help="Only those that alarms leave out too.")
    ] = False,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the numbers, without those whose time is over."""
    with connected(url, key, config, Scope.READ) as api:
        entries = list(api.items("/v1/do-not-call", alarms_too=True if alarms_too else None))
    rows = (
        (one["number"], _by(one), one["why"], one["source"], one["added_by"], show.when(one["expires_at"]))
        for one in entries
    )
    show.listed(entries, as_json, ("number", "not called", "why", "source", "by", "until"), rows)


@app.command("import")
def import_numbers(
    file: Annotated[Path, typer.Argument(help="A CSV or NDJSON file; - is standard input.")],
    file_format: Annotated[
        str | None, typer.Option("--format", help="csv or ndjson; else by the file's name.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="The country of national numbers, like NL.", show_default=False)
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter the numbers of a file. Good rows are taken, bad ones are listed with their line and reason."""
    kind = contact_files.kind_of(file, file_format)
    path = "/v1/do-not-call/import" + (f"?region={region}" if region else "")
    with connected(url, key, config, Scope.OPERATE) as api:
        entered = api.upload(path, contact_files.pieces(file), kind)
    if as_json:
        show.print_json(entered)
        return
    typer.echo(f"{entered['accepted']} accepted, {entered['invalid']} invalid")
    contact_files.print_errors(entered)


def _by(entry: dict[str, Any]) -> str:
    return "by campaigns and alarms" if entry["alarms_too"] else "by campaigns"
