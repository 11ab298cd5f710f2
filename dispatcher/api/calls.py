"""``/v1/calls``: one call with everything that is known of it, its end by hand, and its transfer."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import Connection, select

from dispatcher.api.answers import json_response
from dispatcher.api.auth import Operate, Read
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import OnceDep
from dispatcher.api.reading import call_views, timeline_of_call
from dispatcher.api.views import CallDetail, raw_report_view
from dispatcher.core import Core
from dispatcher.errors import existing
from dispatcher.intake import steering, transfers
from dispatcher.intake.transfers import TransferRequest
from dispatcher.store.tables import Call, RawReport, table
from dispatcher.work import Work

router = APIRouter(prefix="/v1/calls", tags=["calls"])

_calls = table(Call)
_reports = table(RawReport)
_NOT_POSSIBLE: dict[int | str, dict[str, Any]] = {409: {"description": "It has ended in another way."}}
_NOT_UP: dict[int | str, dict[str, Any]] = {409: {"description": "Nobody is on the line."}}


@router.get("/{call_id}", response_model=CallDetail)
def get_call(call_id: str, core: CoreDep, _client: Read) -> Response:
    """One call: state, outcome, attempts with their facts, raw reports, and what it waits for."""
    with core.store.read() as tx:
        view = _shown(core, tx, call_id)
    return json_response(view)


@router.post("/{call_id}/cancel", response_model=CallDetail, responses=_NOT_POSSIBLE)
def cancel(call_id: str, once: OnceDep, client: Operate) -> Response:
    """Stop the call, hanging up if it is up, even while it is being heard."""

    def do(work: Work) -> tuple[int, CallDetail]:
        steering.cancel_call(work, call_id, client.name)
        return 200, _shown(work.core, work.tx, call_id)

    return once.answer(do)


@router.post("/{call_id}/transfer", status_code=202, response_model=CallDetail, responses=_NOT_UP)
def transfer(call_id: str, request: TransferRequest, once: OnceDep, client: Operate) -> Response:
    """Put a call that somebody has answered through to an extension or another number.

    The PBX is asked at once; the timeline tells what came of it: `transfer_done` or `transfer_failed`. The
    call's outcome is what was heard and pressed of its message. An outside number takes a second channel.
    """

    def do(work: Work) -> tuple[int, CallDetail]:
        transfers.put_through(work, call_id, request, client.name)
        return 202, _shown(work.core, work.tx, call_id)

    return once.answer(do)


def _shown(core: Core, tx: Connection, call_id: str) -> CallDetail:
    row = existing(tx.execute(select(_calls).where(_calls.c.id == call_id)).one_or_none(), "call", call_id)
    view = call_views(core, tx, [row])[0]
    of_attempts = _reports.c.attempt_id.in_([attempt.id for attempt in view.attempts])
    reports = tx.execute(select(_reports).where(of_attempts).order_by(_reports.c.id)).all()
    return CallDetail(
        **dict(view),
        reports=[raw_report_view(report) for report in reports],
        timeline=timeline_of_call(tx, call_id),
    )
