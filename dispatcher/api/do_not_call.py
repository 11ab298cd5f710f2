"""``/v1/do-not-call``: numbers that campaigns, and if so marked alarms, leave out."""

from typing import Annotated, Any

import phonenumbers
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, Field
from sqlalchemy import Connection

from dispatcher.api import uploads
from dispatcher.api.answers import json_response, paged, removed
from dispatcher.api.auth import Operate, Read
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import KeyHeader, OnceDep
from dispatcher.api.paging import Listed, PageDep
from dispatcher.api.views.campaigns import RowError
from dispatcher.api.views.directory import DoNotCallView, do_not_call_view
from dispatcher.directory import do_not_call
from dispatcher.directory.requests import DoNotCallSpec, NewDoNotCall
from dispatcher.errors import existing
from dispatcher.store import do_not_call as store
from dispatcher.work import Work

router = APIRouter(prefix="/v1/do-not-call", tags=["do not call"])

Number = Annotated[
    str, Path(max_length=40, description="In any way of writing; best in E.164.", examples=["+31612345678"])
]

_ROWS: dict[str, Any] = {
    "required": True,
    "content": {
        uploads.CSV: {
            "schema": {"type": "string"},
            "example": "number;why;alarms_too;expires_at\n+31612345678;asked by letter;no;\n",
        },
        uploads.JSON_LINES[0]: {
            "schema": {"type": "string"},
            "example": '{"number": "+31612345678", "why": "asked by letter", "alarms_too": false}\n',
        },
    },
}


class EnteredView(BaseModel):
    """What became of the rows of an upload."""

    accepted: int = Field(description="Rows whose number is on the list now.")
    invalid: int
    errors: list[RowError] = Field(description="The first thousand invalid rows.")
    errors_truncated: bool


def _region(value: str | None) -> str | None:
    if value is not None and value.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("not a country's ISO 3166 code of two letters, such as NL")
    return None if value is None else value.upper()


Region = Annotated[
    str | None,
    AfterValidator(_region),
    Query(description="The country of numbers without a country code, if not `alarms.region`."),
]


@router.post("", status_code=201, response_model=DoNotCallView)
def add_number(asked: NewDoNotCall, once: OnceDep, client: Operate) -> Response:
    """Enter a number; 200 when it was on the list already and its entry has been replaced.

    Campaigns' calls to it that nobody has answered yet are withdrawn.
    """

    def do(work: Work) -> tuple[int, DoNotCallView]:
        number = do_not_call.written(work, asked.number)
        is_new = do_not_call.put(work, number, asked, client.name)
        return 201 if is_new else 200, _viewed(work.tx, number)

    return once.answer(do)


@router.post("/import", response_model=EnteredView, openapi_extra={"requestBody": _ROWS})
async def import_list(
    request: Request, core: CoreDep, client: Operate, region: Region = None, key: KeyHeader = None
) -> Response:
    """Enter many numbers, as CSV with a header row or as JSON lines: `number`, and if they are there
    `why`, `alarms_too` and `expires_at`. Bad rows are listed; sending the body again changes nothing.
    """
    return await uploads.receive_numbers(request, core, client, key, region)


@router.get("", response_model=Listed[DoNotCallView])
def list_numbers(
    core: CoreDep,
    _client: Read,
    page: PageDep,
    alarms_too: Annotated[bool | None, Query(description="Only those that alarms leave out too.")] = None,
) -> Response:
    """The numbers on the list, without those whose time is over, by number."""
    with core.store.read() as tx:
        rows = store.page(tx, page.limit + 1, page.after, core.clock(), alarms_too=alarms_too)
    return paged(page, rows, lambda row: row.number, do_not_call_view)


@router.get("/{number}", response_model=DoNotCallView)
def get_number(number: Number, core: CoreDep, _client: Read) -> Response:
    """One number's entry."""
    with core.store.read() as tx:
        work = Work(core, tx, core.clock())
        return json_response(_viewed(tx, do_not_call.written(work, number)))


@router.put("/{number}", response_model=DoNotCallView, responses={201: {"model": DoNotCallView}})
def put_number(number: Number, asked: DoNotCallSpec, once: OnceDep, client: Operate) -> Response:
    """Enter a number (201), or replace its entry."""

    def do(work: Work) -> tuple[int, DoNotCallView]:
        found = do_not_call.written(work, number)
        is_new = do_not_call.put(work, found, asked, client.name)
        return 201 if is_new else 200, _viewed(work.tx, found)

    return once.answer(do)


@router.delete("/{number}", status_code=204)
def delete_number(number: Number, core: CoreDep, client: Operate) -> Response:
    """Take a number off the list. Calls that were withdrawn stay withdrawn."""
    by = client.name
    return removed(core, lambda work: do_not_call.remove(work, do_not_call.written(work, number), by))


def _viewed(tx: Connection, number: str) -> DoNotCallView:
    return do_not_call_view(existing(store.find(tx, number), "entry for the number", number))
