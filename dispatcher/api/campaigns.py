"""Campaigns: make them, add contacts, steer them, watch them, take their results home."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import Connection
from starlette.background import BackgroundTask

from dispatcher.api import uploads
from dispatcher.api.answers import json_response, listed
from dispatcher.api.auth import Operate, Read
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import KeyHeader, OnceDep
from dispatcher.api.paging import Listed, PageDep
from dispatcher.api.reading import call_views
from dispatcher.api.views.calls import CallView
from dispatcher.api.views.campaigns import (
    CampaignSummary,
    CampaignView,
    ImportView,
    campaign_summary,
    campaign_view,
)
from dispatcher.domain.vocabulary import CallState, CampaignStatus, Outcome
from dispatcher.errors import existing
from dispatcher.intake.campaigns import lifecycle, withdrawal
from dispatcher.intake.campaigns.numbers import BadNumber, e164, parse_number
from dispatcher.intake.campaigns.progress import progress_of
from dispatcher.intake.campaigns.requests import NewCampaign
from dispatcher.intake.campaigns.results import results_csv
from dispatcher.store import campaigns, results
from dispatcher.store.results import CallFilter
from dispatcher.work import Work

router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"])


def _found(tx: Connection, campaign_id: str) -> Any:
    return existing(campaigns.find(tx, campaign_id), "campaign", campaign_id)


def _viewed(work: Work, campaign_id: str) -> CampaignView:
    row = _found(work.tx, campaign_id)
    standing = campaigns.standings(work.tx, [campaign_id])[campaign_id]
    return campaign_view(row, standing, progress_of(work.tx, row, standing, work.now))


@router.post("", status_code=201, response_model=CampaignView)
def create_campaign(asked: NewCampaign, once: OnceDep, _client: Operate) -> Response:
    """Make a campaign. It is a draft until it is started."""

    def do(work: Work) -> tuple[int, CampaignView]:
        return 201, _viewed(work, lifecycle.create(work, asked))

    return once.answer(do)


@router.get("", response_model=Listed[CampaignSummary])
def list_campaigns(
    core: CoreDep, _client: Read, page: PageDep, status: CampaignStatus | None = None
) -> Response:
    """Campaigns, the newest first."""
    with core.store.read() as tx:
        rows = campaigns.page(tx, page.limit + 1, page.after, status)
        kept, cursor = page.cut(rows, lambda row: row.id)
        standings = campaigns.standings(tx, [row.id for row in kept])
    items = [campaign_summary(row, standings[row.id]) for row in kept]
    return listed(items, cursor)


@router.get("/{campaign_id}", response_model=CampaignView)
def get_campaign(campaign_id: str, core: CoreDep, _client: Read) -> Response:
    """A campaign with its counts by state and outcome, its rates and its estimated end."""
    with core.store.read() as tx:
        return json_response(_viewed(Work(core, tx, core.clock()), campaign_id))


@router.post(
    "/{campaign_id}/contacts", response_model=ImportView, openapi_extra={"requestBody": uploads.DOCUMENTED}
)
async def add_contacts(
    campaign_id: str, request: Request, core: CoreDep, client: Operate, key: KeyHeader = None
) -> Response:
    """Add people to call, of any number, as CSV with a header row or as JSON lines.

    Good rows are queued, bad ones are listed with their line and what is wrong with them; a number
    that the campaign has already counts as a duplicate and is not called twice. Nothing is stored
    before the whole body has come and is known to be UTF-8. Rows are then added a few thousand at a
    time; after a 503 the answer says how many are in, and the same body can simply be sent again.
    """
    return await uploads.receive(request, core, client, key, campaign_id)


@router.post("/{campaign_id}/start", response_model=CampaignView)
def start_campaign(campaign_id: str, once: OnceDep, client: Operate) -> Response:
    """Begin calling. A campaign without contacts can't be started (409)."""

    def do(work: Work) -> tuple[int, CampaignView]:
        lifecycle.start(work, campaign_id, client.name)
        return 200, _viewed(work, campaign_id)

    return once.answer(do)


@router.post("/{campaign_id}/pause", response_model=CampaignView)
def pause_campaign(campaign_id: str, once: OnceDep, client: Operate) -> Response:
    """Place no more calls; those that are up go on."""

    def do(work: Work) -> tuple[int, CampaignView]:
        lifecycle.pause(work, campaign_id, client.name)
        return 200, _viewed(work, campaign_id)

    return once.answer(do)


@router.post("/{campaign_id}/resume", response_model=CampaignView)
def resume_campaign(campaign_id: str, once: OnceDep, client: Operate) -> Response:
    """Go on calling after a pause."""

    def do(work: Work) -> tuple[int, CampaignView]:
        lifecycle.resume(work, campaign_id, client.name)
        return 200, _viewed(work, campaign_id)

    return once.answer(do)


@router.post("/{campaign_id}/cancel", response_model=CampaignView)
def cancel_campaign(campaign_id: str, core: CoreDep, once: OnceDep, client: Operate) -> Response:
    """End the campaign for good: queued and ringing calls are withdrawn, answered ones go on to their end.

    From the answer on, none of its calls is placed any more. Of very large campaigns the queued calls
    are withdrawn some thousand at a time after it.
    """

    def do(work: Work) -> tuple[int, CampaignView]:
        lifecycle.cancel(work, campaign_id, client.name)
        return 200, _viewed(work, campaign_id)

    answer = once.answer(do)
    answer.background = BackgroundTask(withdrawal.withdraw_rest, core, campaign_id)
    return answer


@router.get("/{campaign_id}/calls", response_model=Listed[CallView])
def list_calls(
    campaign_id: str,
    core: CoreDep,
    _client: Read,
    page: PageDep,
    state: CallState | None = None,
    outcome: Outcome | None = None,
    number: Annotated[str | None, Query(max_length=40, description="In any way of writing.")] = None,
    external_id: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """The campaign's calls with their attempts, in the order in which they were added."""
    with core.store.read() as tx:
        row = _found(tx, campaign_id)
        wanted = CallFilter(state, outcome, _written(number, row.region), external_id)
        rows = results.calls_page(tx, campaign_id, page.limit + 1, page.after, wanted)
        kept, cursor = page.cut(rows, lambda call: call.id)
        return listed(call_views(core, tx, kept), cursor)


def _written(number: str | None, region: str | None) -> str | None:
    """A number as the store has it. A plus sign that was not escaped has come as a blank."""
    if number is None:
        return None
    try:
        return e164(parse_number(f"+{number[1:]}" if number.startswith(" ") else number, region))
    except BadNumber:
        return number


@router.get(
    "/{campaign_id}/results.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}, "description": "A header row, then a row per call."}},
)
def get_results(campaign_id: str, core: CoreDep, _client: Read) -> StreamingResponse:
    """Every call of the campaign as CSV, with the contact's own columns.

    Texts that a spreadsheet would take for a formula begin with a single quote.
    """
    with core.store.read() as tx:
        row = _found(tx, campaign_id)
    disposition = {"Content-Disposition": f'attachment; filename="campaign-{row.id}.csv"'}
    return StreamingResponse(results_csv(core, row), media_type="text/csv", headers=disposition)
