"""How documents of the API look in a terminal."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

PLAIN_WIDTH = 200
"""The width of what is not shown in a terminal, such as a log or another program's input."""

COLOURS = {
    "open": "bold red",
    "acknowledged": "green",
    "up": "green",
    "down": "bold red",
    "sent": "green",
    "dead": "bold red",
    "resolved": "green",
    "delivered": "green",
    "running": "cyan",
    "active": "cyan",
    "finished": "green",
    "failed": "red",
    "exhausted": "bold red",
    "expired": "yellow",
    "cancelled": "dim",
    "critical": "bold red",
    "warning": "yellow",
    "ok": "green",
    "warn": "yellow",
    "fail": "bold red",
    "skip": "dim",
}


def console() -> Console:
    """Standard output: as wide as the terminal, or wide enough for every table."""
    return Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)


def print_json(document: Any) -> None:
    """One document, as other programs like to read it."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def told(document: Any, as_json: bool, *lines: str) -> None:
    """What the API answered: its own document, or lines for people."""
    if as_json:
        print_json(document)
    else:
        for line in lines:
            typer.echo(line)


def listed(document: Any, as_json: bool, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A list of the API: its own document, or a table for people."""
    if as_json:
        print_json(document)
    else:
        console().print(table(columns, rows))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> Table:
    """A table of texts; words that name a status have its colour."""
    shown = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(word(cell) for cell in row))
    return shown


def word(value: Any) -> str:
    """A cell: nothing for None, a known status in its colour."""
    text = "" if value is None else escape(str(value))
    colour = COLOURS.get(text)
    return f"[{colour}]{text}[/]" if colour else text


def when(at: str | None) -> str:
    """A time of the API as the clock on the wall shows it, with its date unless that is today."""
    if at is None:
        return ""
    local = datetime.fromisoformat(at).astimezone()
    today = datetime.now(local.tzinfo).date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%Y-%m-%d %H:%M:%S}"


def party(call: dict[str, Any]) -> str:
    """Whom a call is to."""
    if "extension" in call:
        where = f"extension {call['extension']}"
    else:
        where = str(call.get("number") or call.get("user") or "")
    return f"{call['name']} ({where})" if call.get("name") else where


def counts(numbers: dict[str, int]) -> str:
    """Counts by name, without those that are zero."""
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in numbers.items() if number)
