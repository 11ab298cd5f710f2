"""``dispatcher alarm proof``: what can be shown of an alarm, as a page to print or a document to keep."""

from pathlib import Path
from typing import Annotated, Any

import typer

from dispatcher.cli import show
from dispatcher.cli.config import USAGE, ConfigOption
from dispatcher.cli.connection import KeyOption, UrlOption, connected
from dispatcher.config import Scope


def proof(
    alarm_id: Annotated[str, typer.Argument(metavar="ID", help="The alarm's id.")],
    html: Annotated[
        Path | None, typer.Option(help="Write a page to print to this file.", show_default=False)
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", help="Write the JSON document to this file.", show_default=False),
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """Show who was called when, how, and what they did; or write it to files."""
    path = f"/v1/alarms/{alarm_id}/proof"
    with connected(url, key, config, Scope.READ) as api:
        if html is not None:
            _write(html, api.text(f"{path}?format=html"))
        if json_file is not None:
            _write(json_file, api.text(path) + "\n")
        if html is None and json_file is None:
            _print(api.get(path))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        typer.echo(f"{file} can't be written: {error.strerror}", err=True)
        raise typer.Exit(USAGE) from None
    typer.echo(f"{file} is written")


def _print(document: dict[str, Any]) -> None:
    content = document["content"]
    console = show.console()
    for note in (part["note"] for part in content["completeness"].values() if part["note"]):
        console.print(f"[bold red]Not complete:[/] {show.word(note)}")
    zone = content["timezone"]
    clocks = {"UTC": "at"} if zone == "UTC" else {"UTC": "at", zone: "local"}
    rows = [(*(line[member] for member in clocks.values()), line["text"]) for line in content["timeline"]]
    console.print(show.table((*clocks, "what"), rows))
    console.print(f"\nSHA-256 {document['sha256']}")
