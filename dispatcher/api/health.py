"""Whether the process lives, whether it can serve, and what is measured. Open to everybody."""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from dispatcher.api.context import CoreDep
from dispatcher.api.gauges import Gauges
from dispatcher.api.known import known_labels
from dispatcher.api.problems import Problem
from dispatcher.metrics.render import by_name, exposition, families
from dispatcher.store import schema, tallies
from dispatcher.store.engine import is_outage

router = APIRouter(tags=["health"])
_RETRY = {"Retry-After": "2"}


@router.get("/healthz", response_class=PlainTextResponse)
async def healthz() -> str:
    """200 while the process is alive. Asks nothing of the database."""
    return "ok"


@router.get("/readyz", response_class=PlainTextResponse, responses={503: {"description": "It can't serve."}})
def readyz(core: CoreDep) -> str:
    """200 while the database answers and has the newest schema."""
    try:
        with core.store.read() as tx:
            known = tx.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except SQLAlchemyError as error:
        if "alembic_version" not in str(getattr(error, "orig", "")) and is_outage(error):
            raise
        known = None
    if known != schema.newest():
        raise Problem(503, "the database's schema is not current: run `dispatcher migrate`", headers=_RETRY)
    return "ready"


@router.get("/metrics", response_class=Response)
def metrics(request: Request, core: CoreDep) -> Response:
    """Prometheus' text format, or OpenMetrics where it is asked for.

    Counts are kept in the database, so any one process shows those of all.
    """
    gauges: Gauges = request.app.state.gauges
    with core.store.read() as tx:
        totals = by_name(tallies.totals(tx))
        now = gauges.read(core, tx)
    body, content_type = exposition(
        families(totals, known_labels(core.settings), now), request.headers.get("accept", "")
    )
    return Response(body, headers={"Content-Type": content_type})
