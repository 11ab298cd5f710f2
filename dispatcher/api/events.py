"""Server-sent events: every change of an alarm, campaign, call, trunk, contact…, as it happens."""

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from pydantic_core import to_json
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from dispatcher.api.auth import Read
from dispatcher.api.context import CoreDep
from dispatcher.api.current import Current
from dispatcher.api.feed import CutOff, Feed, Follower, Frame
from dispatcher.api.views.events import event_view
from dispatcher.core import Core
from dispatcher.store import tail

router = APIRouter(tags=["events"])

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that proxies keep the connection."""

_PAGE = 500
_OPENING = b"retry: 2000\n: following\n\n"
_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


class Subject(StrEnum):
    """What an event is about."""

    ALARM = "alarm"
    CAMPAIGN = "campaign"
    CALL = "call"
    TRUNK = "trunk"
    CONTACT = "contact"
    GROUP = "group"
    SCHEDULE = "schedule"
    DO_NOT_CALL = "do_not_call"
    POLICY = "policy"
    SILENCE = "silence"
    INHIBITION = "inhibition"
    WEBHOOK = "webhook"


USUAL = (Subject.ALARM, Subject.CAMPAIGN, Subject.CALL, Subject.TRUNK)
"""What is told to those who do not say what they want."""


def make_feed(core: Core) -> Feed:
    """The process's reader of events; its thread starts with the first follower."""
    return Feed(core, _Renderer(Current(core)))


class _Renderer:
    def __init__(self, current: Current) -> None:
        self._current = current

    def __call__(self, tx: Connection, rows: Sequence[Any]) -> list[Frame]:
        """Frames of event rows, each with its subject as it is now, where that is cheap."""
        views = self._current.of(tx, rows)
        return [_frame(row, views.get((row.subject, row.subject_id))) for row in rows]


def _frame(row: Any, current: Any) -> Frame:
    document = event_view(row).model_dump()
    if current is not None:
        document["current"] = current
    lines = f"id: {row.id}\nevent: {row.subject}\ndata: ".encode()
    return Frame(row.id, row.subject, lines + to_json(document) + b"\n\n")


@router.get(
    "/v1/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "A stream that does not end."}},
)
async def follow_events(
    request: Request,
    core: CoreDep,
    _client: Read,
    subject: Annotated[
        list[Subject] | None,
        Query(description="Only these; may be repeated. Usually alarms, campaigns, calls and trunks."),
    ] = None,
    last_event_id: Annotated[
        int | None,
        Header(ge=0, le=2**62, alias="Last-Event-ID", description="Begin behind this event, not now."),
    ] = None,
) -> StreamingResponse:
    """Every change as a server-sent event.

    `event:` is the subject (`alarm`, `campaign`, `call`, `trunk`; if asked for also what `/v1/trail` tells
    of, as `contact` or `policy`), `id:` the event's id, and `data:`
    the event as JSON; its member `current` is the subject as it is now, left out where looking it up
    would be slow. With `Last-Event-ID` the stream begins behind that event. A client that is too slow
    is cut off, and misses nothing when it comes back so. A comment is sent every 15 seconds.
    """
    feed: Feed = request.app.state.feed
    wanted = frozenset(subject or USUAL)
    frames = _frames(core, feed, wanted, last_event_id)
    return StreamingResponse(frames, media_type="text/event-stream", headers=_HEADERS)


async def _frames(
    core: Core, feed: Feed, wanted: frozenset[Subject], after: int | None
) -> AsyncIterator[bytes]:
    try:
        async with feed.follow() as follower:
            # Whoever reads this may rely on hearing of everything that happens from now on.
            yield _OPENING
            if after is not None:
                async for frames in _earlier(core, after, follower):
                    yield _joined(frames, wanted)
            while True:
                frames = await follower.take(HEARTBEAT)
                yield _joined(frames, wanted) or b": still here\n\n"
    except CutOff:
        return


async def _earlier(core: Core, after: int, follower: Follower) -> AsyncIterator[list[Frame]]:
    """What happened behind ``after`` before the follower joined."""
    while True:
        rows = await run_in_threadpool(_page, core, after, follower.position)
        if not rows:
            return
        yield [_frame(row, None) for row in rows]
        after = rows[-1].id


def _page(core: Core, after: int, until: int) -> Sequence[Any]:
    with core.store.read() as tx:
        return tail.between(tx, after, until, _PAGE)


def _joined(frames: list[Frame], wanted: frozenset[Subject]) -> bytes:
    return b"".join(frame.data for frame in frames if frame.subject in wanted)
