"""Files of campaigns: the request, the contacts on their way in, the results on their way out."""

import json
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from dispatcher.cli import show

KINDS = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
_SUFFIXES = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
_PIECE = 262_144


def request_from(file: Path | None) -> dict[str, Any]:
    """The request that a TOML or JSON file holds; dates become text, as JSON has none."""
    if file is None:
        return {}
    try:
        text = file.read_text(encoding="utf-8")
        document = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}", param_hint="--file") from None
    except ValueError as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="--file") from None
    if not isinstance(document, dict):
        raise typer.BadParameter(f"{file}: must hold one object", param_hint="--file")
    whole: dict[str, Any] = json.loads(json.dumps(document, default=lambda value: value.isoformat()))
    return whole


def kind_of(file: Path, named: str | None) -> str:
    """The content type of a file of contacts; a usage error for one that is not there or not known."""
    if str(file) != "-" and not file.is_file():
        raise typer.BadParameter(f"{file}: no such file")
    chosen = named or _SUFFIXES.get(file.suffix.lower(), "")
    if chosen not in KINDS:
        raise typer.BadParameter(f"{file}: say what it is with --format csv or --format ndjson")
    return KINDS[chosen]


def pieces(file: Path) -> Iterator[bytes]:
    """A file's bytes, or those of standard input, without ever holding all of them."""
    if str(file) == "-":
        yield from iter(lambda: sys.stdin.buffer.read(_PIECE), b"")
        return
    with file.open("rb") as stream:
        yield from iter(lambda: stream.read(_PIECE), b"")


def print_import(imported: dict[str, Any]) -> None:
    """What became of a campaign's rows: the counts, and the bad ones."""
    typer.echo(
        f"{imported['accepted']} accepted, {imported['duplicate']} duplicate, "
        f"{imported['do_not_call']} do not call, {imported['invalid']} invalid"
    )
    print_errors(imported)


def print_errors(imported: dict[str, Any]) -> None:
    """The bad rows of an upload."""
    if imported["errors"]:
        rows = [
            (error["line"], error["field"], error["value"], error["reason"]) for error in imported["errors"]
        ]
        show.console().print(show.table(("line", "field", "value", "reason"), rows))
    if imported["errors_truncated"]:
        typer.echo(f"… and {imported['invalid'] - len(imported['errors'])} more")


def json_lines(documents: Iterable[Any]) -> Iterator[bytes]:
    """Each document on a line of its own."""
    for document in documents:
        yield json.dumps(document, ensure_ascii=False).encode() + b"\n"


def write(content: Iterable[bytes], output: Path | None) -> None:
    """Write pieces to a file, or to standard output. A file that was not completed is left as ``.part``."""
    if output is None:
        for piece in content:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    part = output.with_name(f"{output.name}.part")
    with part.open("wb") as stream:
        for piece in content:
            stream.write(piece)
    part.replace(output)
    typer.echo(f"{output}: {output.stat().st_size} bytes")
