"""``/v1/trail``: who has changed what decides whom is called and who is told, and how."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from dispatcher.api.answers import paged
from dispatcher.api.auth import Read
from dispatcher.api.context import CoreDep
from dispatcher.api.paging import Listed, PageDep
from dispatcher.api.views.events import EventView, event_view
from dispatcher.domain.vocabulary import Kept
from dispatcher.store import events

router = APIRouter(tags=["events"])


@router.get("/v1/trail", response_model=Listed[EventView])
def list_trail(
    core: CoreDep,
    _client: Read,
    page: PageDep,
    subject: Annotated[Kept | None, Query(description="Only changes of these.")] = None,
    name: Annotated[
        str | None,
        Query(max_length=200, description="Only of this one: a name, a number in E.164, a silence's id."),
    ] = None,
) -> Response:
    """Who has changed the contacts, policies and the like, and how: the newest change first.

    That is contacts, groups, schedules with their overrides, forbidden numbers, policies, silences,
    inhibitions and webhooks, whose secrets are never told, and of whose addresses only the host is.

    `cause` says who and what in words; `data` has `by`, and the members that changed `before` and `after`.
    Changes are kept as long as other events (`retention.events_days`).
    """
    before = int(page.after) if page.after is not None and page.after.isdecimal() else None
    with core.store.read() as tx:
        rows = events.trail_page(tx, page.limit + 1, before, subject, name)
    return paged(page, rows, lambda row: str(row.id), event_view)
