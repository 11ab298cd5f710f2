"""``/v1/schedules``: who is on call when, overrides, and the gaps before they hurt."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from sqlalchemy import Connection

from dispatcher.api.answers import json_response, listed, paged, removed
from dispatcher.api.auth import Operate, Read
from dispatcher.api.contacts import IN_USE, TAKEN
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import OnceDep
from dispatcher.api.paging import Listed, PageDep
from dispatcher.api.problems import Problem, fault_document
from dispatcher.api.views.schedules import (
    OnCallView,
    OverrideView,
    ScheduleSummary,
    ScheduleView,
    ShiftView,
    on_call_view,
    override_view,
    schedule_summary,
    schedule_view,
    shift_view,
)
from dispatcher.directory import schedules
from dispatcher.directory.outlook import standing, warnings
from dispatcher.directory.requests import Name, NewSchedule, OverrideSpec, ScheduleSpec
from dispatcher.directory.rosters import Roster, of_rows, rosters
from dispatcher.domain.schedules import gaps, on_call, shifts
from dispatcher.errors import Unknown, existing
from dispatcher.requests import Moment
from dispatcher.store import people
from dispatcher.store import schedules as store
from dispatcher.work import Work

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])

USUAL_SPAN = timedelta(days=14)
LONGEST_SPAN = timedelta(days=100)
_EARLIEST, _LATEST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

ScheduleName = Annotated[Name, Path(description="The schedule's name.", examples=["night"])]
At = Annotated[Moment | None, Query(description="The instant; now, if it is left out.")]
From = Annotated[Moment | None, Query(alias="from", description="Now, if it is left out.")]
To = Annotated[
    Moment | None,
    Query(
        description=f"{USUAL_SPAN.days} days after `from`, if it is left out; {LONGEST_SPAN.days} at most."
    ),
]


@router.post("", status_code=201, response_model=ScheduleView, responses=TAKEN)
def create_schedule(asked: NewSchedule, once: OnceDep, client: Operate) -> Response:
    """Make a schedule. Its members must be contacts; `warnings` of the answer tells of gaps."""

    def do(work: Work) -> tuple[int, ScheduleView]:
        schedules.create(work, asked, client.name)
        return 201, viewed(work.tx, asked.name, work.now)

    return once.answer(do)


@router.get("", response_model=Listed[ScheduleSummary])
def list_schedules(core: CoreDep, _client: Read, page: PageDep) -> Response:
    """Schedules, by name, each with who is on call now."""
    with core.store.read() as tx:
        kept, cursor = page.cut(store.page(tx, page.limit + 1, page.after), lambda row: row.name)
        items = _summaries(tx, kept, core.clock())
    return listed(items, cursor)


@router.get("/{name}", response_model=ScheduleView)
def get_schedule(name: ScheduleName, core: CoreDep, _client: Read) -> Response:
    """One schedule, with who is on call now, its overrides, and what should be seen to."""
    with core.store.read() as tx:
        return json_response(viewed(tx, name, core.clock()))


@router.put("/{name}", response_model=ScheduleView, responses={201: {"model": ScheduleView}})
def put_schedule(name: ScheduleName, asked: ScheduleSpec, once: OnceDep, client: Operate) -> Response:
    """Replace a schedule's layers and holidays, or make it (201). Overrides and calendar stay."""

    def do(work: Work) -> tuple[int, ScheduleView]:
        is_new = schedules.put(work, name, asked, client.name)
        return 201 if is_new else 200, viewed(work.tx, name, work.now)

    return once.answer(do)


@router.delete("/{name}", status_code=204, responses=IN_USE)
def delete_schedule(name: ScheduleName, core: CoreDep, client: Operate) -> Response:
    """Delete a schedule with its overrides. Not while a policy names it (409)."""
    return removed(core, lambda work: schedules.remove(work, name, client.name))


@router.get("/{name}/on-call", response_model=OnCallView)
def get_on_call(name: ScheduleName, core: CoreDep, _client: Read, at: At = None) -> Response:
    """Who is on call now, or at another instant, until when, and who comes next."""
    moment = _sensible(core.clock() if at is None else at, "at")
    with core.store.read() as tx:
        stands = standing(_roster(tx, name, moment), moment)
        named = [*stands.who, *(stands.following.who if stands.following else ())]
        return json_response(on_call_view(stands, moment, people.contacts(tx, named)))


@router.get("/{name}/shifts", response_model=Listed[ShiftView])
def get_shifts(
    name: ScheduleName, core: CoreDep, _client: Read, since: From = None, to: To = None
) -> Response:
    """Who is on call from one instant to another, shift by shift. Gaps are left out."""
    begin, end = _span(core.clock(), since, to)
    with core.store.read() as tx:
        found = shifts(_roster(tx, name, begin).schedule, begin, end)
    return listed([shift_view(one) for one in found])


@router.get("/{name}/gaps", response_model=Listed[ShiftView])
def get_gaps(name: ScheduleName, core: CoreDep, _client: Read, since: From = None, to: To = None) -> Response:
    """When nobody is on call, from one instant to another."""
    begin, end = _span(core.clock(), since, to)
    with core.store.read() as tx:
        found = gaps(_roster(tx, name, begin).schedule, begin, end)
    return listed([shift_view(one) for one in found])


@router.post("/{name}/overrides", status_code=201, response_model=OverrideView)
def add_override(name: ScheduleName, asked: OverrideSpec, once: OnceDep, client: Operate) -> Response:
    """Let somebody take over for a time, from one person or from all. Of two the later made counts.

    With `contact` null nobody takes over: the person of `instead_of` is off, or everybody. A time in which
    nobody is left on call shows among the gaps.
    """

    def do(work: Work) -> tuple[int, OverrideView]:
        override_id = schedules.add_override(work, name, asked, client.name)
        made = store.overrides(work.tx, [name], work.now)[name]
        return 201, override_view(next(row for row in made if row.id == override_id))

    return once.answer(do)


@router.get("/{name}/overrides", response_model=Listed[OverrideView])
def list_overrides(name: ScheduleName, core: CoreDep, _client: Read, page: PageDep) -> Response:
    """Overrides, also those that are over, the newest first."""
    with core.store.read() as tx:
        _row(tx, name)
        rows = store.overrides_page(tx, name, page.limit + 1, page.after)
    return paged(page, rows, lambda row: row.id, override_view)


@router.delete("/{name}/overrides/{override_id}", status_code=204)
def delete_override(name: ScheduleName, override_id: str, core: CoreDep, client: Operate) -> Response:
    """Take an override back."""
    by = client.name
    return removed(core, lambda work: schedules.remove_override(work, name, override_id, by))


def viewed(tx: Connection, name: str, now: datetime) -> ScheduleView:
    """A schedule as it is shown. Raises :class:`Unknown`."""
    [summary] = _summaries(tx, [_row(tx, name)], now)
    return schedule_view(summary, store.overrides(tx, [name], now)[name])


def _summaries(tx: Connection, rows: Sequence[Any], now: datetime) -> list[ScheduleSummary]:
    found = of_rows(tx, rows, now)
    return [
        schedule_summary(row, on_call(found[row.name].schedule, now), warnings(row, found[row.name], now))
        for row in rows
    ]


def _row(tx: Connection, name: str) -> Any:
    return existing(store.find(tx, name), "schedule", name)


def _roster(tx: Connection, name: str, since: datetime) -> Roster:
    found = rosters(tx, [name], since)
    if name not in found:
        raise Unknown("schedule", name)
    return found[name]


def _wrong(field: str, detail: str) -> Problem:
    return Problem(422, f"{field}: {detail}", errors=[fault_document((field,), detail, "query")])


def _sensible(at: datetime, field: str) -> datetime:
    if not _EARLIEST <= at <= _LATEST:
        raise _wrong(field, f"must be between {_EARLIEST.year} and {_LATEST.year}")
    return at


def _span(now: datetime, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    begin = _sensible(now if start is None else start, "from")
    until = _sensible(begin + USUAL_SPAN if end is None else end, "to")
    if until <= begin:
        raise _wrong("to", "must be after from")
    if until - begin > LONGEST_SPAN:
        raise _wrong("to", f"must be within {LONGEST_SPAN.days} days after from")
    return begin, until
