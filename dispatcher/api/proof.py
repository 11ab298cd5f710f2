"""``/v1/alarms/{id}/proof``: what can be shown of an alarm afterwards."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, Field

from dispatcher.api.auth import Read
from dispatcher.api.context import CoreDep
from dispatcher.proof import proof_of
from dispatcher.proof.paper import HEADERS, page_of

router = APIRouter(prefix="/v1/alarms", tags=["alarms"])


class ProofView(BaseModel):
    """A proof. The digest is over ``content`` alone: JSON, keys sorted, no blanks, UTF-8."""

    format: Literal["dispatcher-proof/1"]
    made_at: datetime
    sha256: str = Field(description="SHA-256 of the canonical content, in hexadecimal digits.")
    content: dict[str, Any] = Field(
        description="`alarm`, `timezone`, `timeline` (`at` in UTC, `local`, `what`, `text`, `evidence`), "
        "`calls` (who, through which PBX and trunk, with the times, keys, call record and recording of each "
        "attempt, and the digests of the reports), `not_called`, and `completeness`, which says what has "
        "been pruned since.",
    )


@router.get("/{alarm_id}/proof", response_model=ProofView, responses={200: {"content": {"text/html": {}}}})
def get_proof(
    alarm_id: str,
    core: CoreDep,
    _client: Read,
    form: Annotated[
        Literal["json", "html"], Query(alias="format", description="`html`: a page to print.")
    ] = "json",
) -> Response:
    """Everything that can be shown of an alarm: who was called when, how, and what they did."""
    with core.store.read() as tx:
        document = proof_of(core, tx, alarm_id)
    if form == "html":
        return HTMLResponse(page_of(document), headers=HEADERS)
    return JSONResponse(document)
