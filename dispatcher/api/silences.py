"""``/v1/silences`` and ``/v1/inhibitions``: what keeps phones quiet although alarms are open."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection, Row

from dispatcher.api.answers import json_response, listed, paged, removed
from dispatcher.api.auth import Operate, Read
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import OnceDep
from dispatcher.api.paging import Listed, PageDep
from dispatcher.domain.vocabulary import SilenceKind
from dispatcher.errors import Fault, Refused, existing
from dispatcher.escalation import silences
from dispatcher.escalation.requests import InhibitionSpec, SilenceSpec
from dispatcher.requests import Word
from dispatcher.store import quiet
from dispatcher.work import Work, carry_out

silences_router = APIRouter(prefix="/v1/silences", tags=["quiet"])
inhibitions_router = APIRouter(prefix="/v1/inhibitions", tags=["quiet"])

InhibitionName = Annotated[Word, Path(description="The inhibition's name.", examples=["site-down"])]


class SilenceView(BaseModel):
    """A silence or a maintenance window."""

    id: str
    kind: SilenceKind
    matchers: list[dict[str, str]] = Field(examples=[[{"label": "site", "op": "=", "value": "north"}]])
    starts_at: datetime
    ends_at: datetime | None
    windows: list[dict[str, Any]] | None
    timezone: str | None
    why: str
    created_by: str
    created_at: datetime


class InhibitionView(BaseModel):
    """An inhibition."""

    name: str
    source: list[dict[str, str]]
    target: list[dict[str, str]]
    equal: list[str]
    created_at: datetime
    updated_at: datetime


@silences_router.post("", status_code=201, response_model=SilenceView)
def create_silence(asked: SilenceSpec, once: OnceDep, client: Operate) -> Response:
    """Keep quiet about alarms that fit. Those that are under way stop: who has not answered is not called."""

    def do(work: Work) -> tuple[int, SilenceView]:
        starts_at = asked.starts_at or work.now
        ends_at = asked.end_from(starts_at)
        if ends_at is not None and ends_at <= max(starts_at, work.now):
            raise Refused(Fault(("ends_at",), "this is not after its start, or is over already"))
        made = silences.create(
            work,
            [matcher.document() for matcher in asked.matchers],
            kind=asked.kind,
            starts_at=starts_at,
            ends_at=ends_at,
            windows=[window.document() for window in asked.windows or ()],
            timezone=asked.timezone,
            by=client.name,
            why=asked.why,
        )
        return 201, _silence(work.tx, made)

    return once.answer(do)


@silences_router.get("", response_model=Listed[SilenceView])
def list_silences(
    core: CoreDep,
    _client: Read,
    page: PageDep,
    ended: Annotated[bool, Query(description="Those that are over, too.")] = False,
) -> Response:
    """Silences and maintenance windows, newest first."""
    with core.store.read() as tx:
        found = silences.page(tx, page.limit + 1, page.after, core.clock(), ended=ended)
    return paged(page, found, lambda row: str(row.id), _silence_view)


@silences_router.get("/{silence_id}", response_model=SilenceView)
def get_silence(silence_id: str, core: CoreDep, _client: Read) -> Response:
    """One silence."""
    with core.store.read() as tx:
        return json_response(_silence(tx, silence_id))


@silences_router.delete("/{silence_id}", response_model=SilenceView)
def end_silence(silence_id: str, core: CoreDep, client: Operate) -> Response:
    """End a silence now; alarms that only it has held call at once. It stays in the list of those ended."""

    def do(work: Work) -> SilenceView:
        silences.end(work, silence_id, client.name)
        return _silence(work.tx, silence_id)

    return json_response(carry_out(core, do))


@inhibitions_router.get("", response_model=Listed[InhibitionView])
def list_inhibitions(core: CoreDep, _client: Read) -> Response:
    """Every inhibition, by name."""
    with core.store.read() as tx:
        return listed([_inhibition_view(row) for row in quiet.inhibitions(tx)])


@inhibitions_router.get("/{name}", response_model=InhibitionView)
def get_inhibition(name: InhibitionName, core: CoreDep, _client: Read) -> Response:
    """One inhibition."""
    with core.store.read() as tx:
        return json_response(_inhibition(tx, name))


@inhibitions_router.put("/{name}", response_model=InhibitionView, responses={201: {"model": InhibitionView}})
def put_inhibition(name: InhibitionName, asked: InhibitionSpec, once: OnceDep, client: Operate) -> Response:
    """Replace an inhibition, or make it (201). Alarms under way that it is about are looked at."""

    def do(work: Work) -> tuple[int, InhibitionView]:
        is_new = silences.put_inhibition(work, name, asked.document(), client.name)
        return 201 if is_new else 200, _inhibition(work.tx, name)

    return once.answer(do)


@inhibitions_router.delete("/{name}", status_code=204)
def delete_inhibition(name: InhibitionName, core: CoreDep, client: Operate) -> Response:
    """Delete an inhibition; alarms that only it has held call at once."""
    return removed(core, lambda work: silences.remove_inhibition(work, name, client.name))


def _silence(tx: Connection, silence_id: str) -> SilenceView:
    return _silence_view(existing(silences.find(tx, silence_id), "silence", silence_id))


def _silence_view(row: Row[Any]) -> SilenceView:
    return SilenceView.model_validate(dict(row._mapping))


def _inhibition(tx: Connection, name: str) -> InhibitionView:
    return _inhibition_view(existing(silences.find_inhibition(tx, name), "inhibition", name))


def _inhibition_view(row: Any) -> InhibitionView:
    return InhibitionView.model_validate(row._asdict())
