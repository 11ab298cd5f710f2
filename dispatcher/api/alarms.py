"""``/v1/alarms``: raising alarms, looking at them, and taking them in hand."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import Connection, bindparam, select

from dispatcher.api.answers import json_response, listed
from dispatcher.api.auth import Intake, Operate, Read
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import OnceDep
from dispatcher.api.paging import Listed, PageDep
from dispatcher.api.reading import told_of_alarm
from dispatcher.api.views import AlarmSummary, AlarmView, alarm_summary, alarm_view
from dispatcher.core import Core
from dispatcher.domain.vocabulary import AlarmStatus, Severity
from dispatcher.errors import existing
from dispatcher.intake import by_hand, episodes
from dispatcher.intake.alarm_request import AlarmRequest
from dispatcher.requests import Moment
from dispatcher.store.pages import call_counts
from dispatcher.store.prepared import Prepared
from dispatcher.store.tables import Alarm, table
from dispatcher.work import Work

router = APIRouter(prefix="/v1/alarms", tags=["alarms"])

_alarms = table(Alarm)
_ALARM = Prepared(select(_alarms).where(_alarms.c.id == bindparam("of")))
_NOT_POSSIBLE: dict[int | str, dict[str, Any]] = {
    409: {"description": "Its present status does not allow this."}
}


@router.post("", status_code=202, response_model=AlarmView)
def raise_alarm(request: AlarmRequest, core: CoreDep, once: OnceDep, _client: Intake) -> Response:
    """Raise an alarm, join the open one with its `dedup_key`, or with `"status": "resolved"` resolve that.

    The answer is the alarm, after it is durable. A repeat counts under `occurrences`, and refreshes
    severity, summary and details; it calls nobody anew. To resolve hangs up what still rings and
    leaves what is being heard; without an alarm of this key a resolved one is recorded.
    """

    def take(work: Work) -> str:
        return episodes.take_in_turn(work, request, "api").alarm_id

    def show(tx: Connection, alarm_id: str) -> tuple[int, AlarmView]:
        return 202, shown(core, tx, alarm_id)

    return once.answer_then(take, show)


@router.get("", response_model=Listed[AlarmSummary])
def list_alarms(
    core: CoreDep,
    page: PageDep,
    _client: Read,
    status: Annotated[list[AlarmStatus] | None, Query(description="Any of these.")] = None,
    severity: Annotated[list[Severity] | None, Query(description="Any of these.")] = None,
    source: Annotated[list[str] | None, Query(description="Any of these.")] = None,
    dedup_key: Annotated[str | None, Query(max_length=500)] = None,
    since: Annotated[Moment | None, Query(description="Raised at or after this.")] = None,
    until: Annotated[Moment | None, Query(description="Raised before this.")] = None,
) -> Response:
    """Alarms, newest first. Filters are joined by *and*; one that is repeated, by *or*."""
    conditions = [
        *([_alarms.c.status.in_(status)] if status else []),
        *([_alarms.c.severity.in_(severity)] if severity else []),
        *([_alarms.c.source.in_(source)] if source else []),
        *([_alarms.c.dedup_key == dedup_key] if dedup_key is not None else []),
        *([_alarms.c.created_at >= since] if since else []),
        *([_alarms.c.created_at < until] if until else []),
        *([_alarms.c.id < page.after] if page.after is not None else []),
    ]
    query = select(_alarms).where(*conditions).order_by(_alarms.c.id.desc()).limit(page.limit + 1)
    with core.store.read() as tx:
        rows, cursor = page.cut(tx.execute(query).all(), lambda row: str(row.id))
        counts = call_counts(tx, [row.id for row in rows])
    items = [alarm_summary(row, counts.get(row.id, {})) for row in rows]
    return listed(items, cursor)


@router.get("/{alarm_id}", response_model=AlarmView)
def get_alarm(alarm_id: str, core: CoreDep, _client: Read) -> Response:
    """One alarm with its calls, their attempts, and everything that happened, in order."""
    with core.store.read() as tx:
        view = shown(core, tx, alarm_id)
    return json_response(view)


@router.post("/{alarm_id}/acknowledge", response_model=AlarmView, responses=_NOT_POSSIBLE)
def acknowledge(alarm_id: str, once: OnceDep, client: Operate) -> Response:
    """Take the alarm in hand: whoever has not answered yet is not called any more."""

    def do(work: Work) -> tuple[int, AlarmView]:
        by_hand.acknowledge(work, alarm_id, client.name)
        return 200, shown(work.core, work.tx, alarm_id)

    return once.answer(do)


@router.post("/{alarm_id}/resolve", response_model=AlarmView, responses=_NOT_POSSIBLE)
def resolve(alarm_id: str, once: OnceDep, client: Operate) -> Response:
    """The alarm's cause is gone: whoever has not answered yet is not called any more."""

    def do(work: Work) -> tuple[int, AlarmView]:
        by_hand.resolve(work, alarm_id, client.name)
        return 200, shown(work.core, work.tx, alarm_id)

    return once.answer(do)


@router.post("/{alarm_id}/escalate", response_model=AlarmView, responses=_NOT_POSSIBLE)
def escalate(alarm_id: str, once: OnceDep, client: Operate) -> Response:
    """Go on to the next step of its policy now, past whatever holds the alarm. Calls under way go on."""

    def do(work: Work) -> tuple[int, AlarmView]:
        by_hand.escalate(work, alarm_id, client.name)
        return 200, shown(work.core, work.tx, alarm_id)

    return once.answer(do)


@router.post("/{alarm_id}/cancel", response_model=AlarmView, responses=_NOT_POSSIBLE)
def cancel(alarm_id: str, once: OnceDep, client: Operate) -> Response:
    """The alarm was a mistake: whoever has not answered yet is not called any more."""

    def do(work: Work) -> tuple[int, AlarmView]:
        by_hand.cancel(work, alarm_id, client.name)
        return 200, shown(work.core, work.tx, alarm_id)

    return once.answer(do)


def shown(core: Core, tx: Connection, alarm_id: str) -> AlarmView:
    """An alarm with everything, as this transaction sees it. Raises :class:`Unknown`."""
    found = _ALARM.all(tx, of=alarm_id)
    row = existing(found[0] if found else None, "alarm", alarm_id)
    return alarm_view(row, *told_of_alarm(core, tx, alarm_id))
