"""``/v1/schedules/{name}/calendar``: the iCalendar text of a schedule, or the feed that it comes from."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from dispatcher.api.answers import json_response, removed
from dispatcher.api.auth import Operate, Read
from dispatcher.api.bodies import content_kind
from dispatcher.api.context import CoreDep
from dispatcher.api.problems import Problem, fault_document
from dispatcher.api.schedules import ScheduleName, viewed
from dispatcher.api.views.schedules import ScheduleView
from dispatcher.core import Core
from dispatcher.directory import feeds
from dispatcher.directory.calendars import MOST_BYTES
from dispatcher.directory.requests import CalendarFeed
from dispatcher.errors import Unknown
from dispatcher.store import schedules as store
from dispatcher.work import carry_out

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])

TEXT = "text/calendar"
_EXAMPLE = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example.org//rota//EN
BEGIN:VEVENT
UID:1@example.org
DTSTART;TZID=Europe/Amsterdam:20261123T080000
DTEND;TZID=Europe/Amsterdam:20261130T080000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:anna
END:VEVENT
END:VCALENDAR
"""
_BODY = {
    "required": True,
    "content": {
        TEXT: {"schema": {"type": "string"}, "example": _EXAMPLE},
        "application/json": {"schema": CalendarFeed.model_json_schema()},
    },
}


@router.put("/{name}/calendar", response_model=ScheduleView, openapi_extra={"requestBody": _BODY})
async def put_calendar(name: ScheduleName, request: Request, core: CoreDep, client: Operate) -> Response:
    """Give a schedule a calendar: as `text/calendar`, or as JSON the address of a feed.

    A feed is fetched at once and then every quarter of an hour; when that fails, the answer's
    `warnings` say so and the text before it stays. Whom an event's attendees or summary name is on call
    while it lasts: a contact by its name, full name or `details.email`.
    """
    kind = content_kind(request.headers)
    body = await _body(request)
    if kind == TEXT:
        return await run_in_threadpool(_put_text, core, name, body, client.name)
    if kind != "application/json":
        raise Problem(415, f"send a calendar as {TEXT}, or a feed's address as application/json")
    return await run_in_threadpool(_put_feed, core, name, body, client.name)


@router.get(
    "/{name}/calendar",
    response_class=Response,
    responses={200: {"content": {TEXT: {}}, "description": "The text as it came in last."}},
)
def get_calendar(name: ScheduleName, core: CoreDep, _client: Read) -> Response:
    """The schedule's calendar, as it was handed in or last fetched."""
    with core.store.read() as tx:
        row = store.find(tx, name)
    if row is None or row.calendar is None:
        raise Unknown("schedule with a calendar", name)
    return Response(row.calendar, media_type=TEXT)


@router.delete("/{name}/calendar", status_code=204)
def delete_calendar(name: ScheduleName, core: CoreDep, client: Operate) -> Response:
    """Take the schedule's calendar away, and its feed."""
    return removed(core, lambda work: feeds.remove(work, name, client.name))


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BYTES:
                raise Problem(
                    413, f"a calendar has {MOST_BYTES} bytes at most", headers={"Connection": "close"}
                )
    except ClientDisconnect:
        raise Problem(400, "the connection ended within the body") from None
    return bytes(body)


def _put_text(core: Core, name: str, body: bytes, by: str) -> Response:
    try:
        text = body.decode("utf-8-sig").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    except UnicodeDecodeError as error:
        raise Problem(400, f"the body is not UTF-8: byte {error.start} can't be read") from None
    carry_out(core, lambda work: feeds.put_text(work, name, text, by))
    return _answer(core, name)


def _put_feed(core: Core, name: str, body: bytes, by: str) -> Response:
    try:
        asked = CalendarFeed.model_validate_json(body)
    except ValidationError as error:
        faults = [
            fault_document(tuple(item["loc"]), item["msg"].removeprefix("Value error, "))
            for item in error.errors(include_input=False, include_url=False)
        ]
        told = "; ".join(f"{fault['field']}: {fault['detail']}" for fault in faults)
        raise Problem(422, told, errors=faults) from None
    carry_out(core, lambda work: feeds.put_feed(work, name, asked.url, by))
    feeds.fetch(core, name, asked.url)
    return _answer(core, name)


def _answer(core: Core, name: str) -> Response:
    with core.store.read() as tx:
        return json_response(viewed(tx, name, core.clock()))
