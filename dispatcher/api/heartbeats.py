"""``/v1/heartbeats``: what must be heard of, and hearing it."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import Connection

from dispatcher.api.answers import json_response, paged, removed
from dispatcher.api.auth import Intake, Operate, Read
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import OnceDep
from dispatcher.api.paging import Listed, PageDep
from dispatcher.api.views.heartbeats import Heard, HeartbeatView, heartbeat_view
from dispatcher.core import Core
from dispatcher.errors import Unknown, existing
from dispatcher.heartbeats import keeping
from dispatcher.heartbeats.requests import HeartbeatChange, NewHeartbeat
from dispatcher.store import heartbeats
from dispatcher.work import Work, carry_out

router = APIRouter(prefix="/v1/heartbeats", tags=["heartbeats"])

_TAKEN: dict[int | str, dict[str, Any]] = {409: {"description": "There is one of this name."}}
_NOT_KEPT = {"Cache-Control": "no-store"}


@router.post("", status_code=201, response_model=HeartbeatView, responses=_TAKEN)
def create_heartbeat(asked: NewHeartbeat, once: OnceDep, _client: Operate) -> Response:
    """Have a silence raise an alarm: when nothing is heard for `every` and `grace` seconds.

    The alarm is checked now as `POST /v1/alarms` would check it. The heartbeat is waited for from its
    first sign of life on.
    """

    def do(work: Work) -> tuple[int, HeartbeatView]:
        keeping.create(work, asked)
        return 201, _shown(work.tx, asked.name)

    return once.answer(do)


@router.get("", response_model=Listed[HeartbeatView])
def list_heartbeats(core: CoreDep, page: PageDep, _client: Read) -> Response:
    """Heartbeats by name."""
    with core.store.read() as tx:
        rows = heartbeats.page(tx, page.limit + 1, page.after)
    return paged(page, rows, lambda row: row.name, heartbeat_view)


@router.get("/{name}", response_model=HeartbeatView)
def get_heartbeat(name: str, core: CoreDep, _client: Read) -> Response:
    """One heartbeat."""
    with core.store.read() as tx:
        return json_response(_shown(tx, name))


@router.post("/{name}", response_model=Heard)
def hear(name: str, core: CoreDep, _client: Intake) -> Response:
    """A sign of life. It resolves the alarm of a silence, if there is one; a body is not needed."""
    return _heard(core, name)


@router.post("/{name}/ping", response_model=Heard)
def ping(name: str, core: CoreDep, _client: Intake) -> Response:
    """A sign of life, whatever body comes with it."""
    return _heard(core, name)


@router.get("/{name}/ping", response_model=Heard)
@router.head("/{name}/ping", include_in_schema=False)
def ping_by_get(name: str, core: CoreDep, _client: Intake) -> Response:
    """A sign of life, for senders that can only fetch an address; HEAD will do too."""
    return _heard(core, name)


@router.patch("/{name}", response_model=HeartbeatView)
def change_heartbeat(name: str, asked: HeartbeatChange, once: OnceDep, _client: Operate) -> Response:
    """Change its times or its alarm; an alarm that is open stays as it is."""

    def do(work: Work) -> tuple[int, HeartbeatView]:
        keeping.change(work, name, asked)
        return 200, _shown(work.tx, name)

    return once.answer(do)


@router.post("/{name}/pause", response_model=HeartbeatView)
def pause_heartbeat(name: str, once: OnceDep, _client: Operate) -> Response:
    """Wait for nothing until it is resumed. An alarm that is open stays open."""

    def do(work: Work) -> tuple[int, HeartbeatView]:
        keeping.pause(work, name)
        return 200, _shown(work.tx, name)

    return once.answer(do)


@router.post("/{name}/resume", response_model=HeartbeatView)
def resume_heartbeat(name: str, once: OnceDep, _client: Operate) -> Response:
    """Wait again, for a whole interval and its grace from now."""

    def do(work: Work) -> tuple[int, HeartbeatView]:
        keeping.resume(work, name)
        return 200, _shown(work.tx, name)

    return once.answer(do)


@router.delete("/{name}", status_code=204)
def delete_heartbeat(name: str, core: CoreDep, _client: Operate) -> Response:
    """Delete it. An alarm that is open stays open."""
    return removed(core, lambda work: keeping.remove(work, name))


def _heard(core: Core, name: str) -> Response:
    def do(work: Work) -> Heard:
        keeping.hear(work, name)
        row = heartbeats.find(work.tx, name)
        if row is None:
            raise Unknown("heartbeat", name)
        return Heard(name=name, status=row.status, due_at=row.due_at)

    answer = json_response(carry_out(core, do))
    answer.headers.update(_NOT_KEPT)
    return answer


def _shown(tx: Connection, name: str) -> HeartbeatView:
    return heartbeat_view(existing(heartbeats.find(tx, name), "heartbeat", name))
