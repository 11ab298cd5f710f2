"""Bodies of any size: contacts as they stream in, kept in bounded memory until they are complete."""

import hashlib
from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from dispatcher.api.auth import Client
from dispatcher.api.bodies import content_kind
from dispatcher.api.idempotency import Once
from dispatcher.api.problems import RETRY_AFTER_SECONDS, Problem
from dispatcher.core import Core
from dispatcher.intake.campaigns.csv_rows import CsvReader
from dispatcher.intake.campaigns.importing import Interrupted, check_open, import_contacts, note_import
from dispatcher.intake.campaigns.json_rows import JsonReader
from dispatcher.intake.campaigns.rows import Reader
from dispatcher.intake.campaigns.upload import NotText, Upload
from dispatcher.intake.do_not_call import import_numbers
from dispatcher.work import Work

CSV = "text/csv"
JSON_LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
PIECE = 262_144
"""Bytes that are gathered before they are checked and written, in a thread."""

DOCUMENTED: dict[str, Any] = {
    "required": True,
    "content": {
        CSV: {
            "schema": {"type": "string"},
            "example": "number;name;external_id;city\n+31612345678;Anna;42;Delft\n",
        },
        JSON_LINES[0]: {
            "schema": {"type": "string"},
            "example": '{"number": "+31612345678", "name": "Anna", "external_id": "42", "city": "Delft"}\n',
        },
    },
}


async def receive(
    request: Request, core: Core, client: Client, key: str | None, campaign_id: str
) -> Response:
    """Take in a body of contacts, and answer what became of its rows."""
    kind = _kind(request, "contacts")
    await run_in_threadpool(check_open, core, campaign_id)

    def take_in(once: Once, reader: Reader) -> Response:
        return _import(core, once, campaign_id, reader)

    return await _taken_in(request, core, client, key, kind, take_in)


async def receive_numbers(
    request: Request, core: Core, client: Client, key: str | None, region: str | None
) -> Response:
    """Take in a body of numbers that may not be called, and answer what became of its rows."""

    def take_in(once: Once, reader: Reader) -> Response:
        tally = import_numbers(core, reader, client.name, region)
        return once.answer(lambda _work: (200, tally.document()))

    return await _taken_in(request, core, client, key, _kind(request, "numbers"), take_in)


async def _taken_in(
    request: Request,
    core: Core,
    client: Client,
    key: str | None,
    kind: str,
    take_in: Callable[[Once, Reader], Response],
) -> Response:
    """Read the whole body, then have its rows taken in, unless the key has been answered before."""
    upload = Upload()
    try:
        await _take(request, upload)
        said = f"{request.method} {request.url.path}?{request.url.query}\n{kind}\n"
        once = Once(core, client.name, key, hashlib.sha256(said.encode() + upload.digest).hexdigest())
        return await run_in_threadpool(_read, once, kind, upload, take_in)
    finally:
        upload.close()


def _read(once: Once, kind: str, upload: Upload, take_in: Callable[[Once, Reader], Response]) -> Response:
    earlier = once.earlier()
    if earlier is not None:
        return earlier
    return take_in(once, CsvReader(upload.text("")) if kind == CSV else JsonReader(upload.text("\n")))


def _kind(request: Request, what: str) -> str:
    kind = content_kind(request.headers)
    if kind != CSV and kind not in JSON_LINES:
        raise Problem(
            415, f"send {what} with the header Content-Type: {CSV} or {JSON_LINES[0]}, not {kind!r}"
        )
    return kind


async def _take(request: Request, upload: Upload) -> None:
    """Read the body to its end; what can't be kept leaves nothing behind."""
    gathered = bytearray()
    try:
        async for chunk in request.stream():
            gathered += chunk
            if len(gathered) >= PIECE:
                await run_in_threadpool(upload.take, bytes(gathered))
                gathered.clear()
        await run_in_threadpool(upload.take, bytes(gathered), last=True)
    except NotText as error:
        raise Problem(400, f"{error}; nothing was stored", headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise Problem(400, "the connection ended within the body; nothing was stored") from None


def _import(core: Core, once: Once, campaign_id: str, reader: Reader) -> Response:
    try:
        imported = import_contacts(core, campaign_id, reader)
    except Interrupted as error:
        raise Problem(
            503,
            f"the database went away after {error.imported.accepted} rows had been added; send the same body "
            "again: rows that are in count as duplicates and are called once",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            **error.imported.counts(),
        ) from None

    def do(work: Work) -> tuple[int, dict[str, Any]]:
        note_import(work, campaign_id, imported)
        return 200, imported.document()

    return once.answer(do)
