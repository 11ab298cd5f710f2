"""The web application: calls in, reports in, progress out."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI
from pydantic import BaseModel
from sqlmodel import Session, col, func, select, update

from bench.baseline.database import create_tables, get_session, settle
from bench.baseline.models import Call, Report, Status
from bench.baseline.tasks import end_key, place_call, store


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Make the tables at the start."""
    create_tables()
    yield


app = FastAPI(lifespan=lifespan)
Db = Annotated[Session, Depends(get_session)]


class NewCalls(BaseModel):
    """Numbers to call; `start` places them at once."""

    numbers: list[str]
    start: bool = True


@app.post("/calls", status_code=202)
def add_calls(new: NewCalls, session: Db) -> dict[str, int]:
    """Add calls."""
    status = Status.QUEUED if new.start else Status.NEW
    calls = [Call(number=number, status=status) for number in new.numbers]
    session.add_all(calls)
    session.flush()
    ids = [call.id for call in calls]
    session.commit()
    if new.start:
        send(ids)
    return {"added": len(ids)}


@app.post("/start", status_code=202)
def start(session: Db) -> dict[str, int]:
    """Place every call that has not been placed yet."""
    ids = session.exec(select(Call.id).where(Call.status == Status.NEW).order_by(col(Call.id))).all()
    session.exec(update(Call).where(col(Call.status) == Status.NEW).values(status=Status.QUEUED))
    session.commit()
    send(ids)
    return {"started": len(ids)}


def send(ids: Iterable[int | None]) -> None:
    """Send one message for each call."""
    for call_id in ids:
        if call_id is not None:
            place_call.send(call_id)


@app.post("/reports")
def receive(report: Annotated[dict[str, Any], Body()], session: Db) -> dict[str, str]:
    """Keep a report, and enter it into its call."""
    callid, action = str(report.get("callid", "")), str(report.get("action", ""))
    session.add(Report(callid=callid, action=action, body=report))
    call = session.exec(select(Call).where(Call.callid == callid)).first()
    if call is None:
        session.commit()
    elif action == "NewCdr":
        settle(session, call)
    else:
        call.apply(report)
        session.commit()
    if action == "NewCdr":
        store.rpush(end_key(callid), 1)
        store.expire(end_key(callid), 60)
    return {"status": "ok"}


@app.get("/progress")
def progress(session: Db) -> dict[str, int]:
    """How many calls there are of each status."""
    rows = session.exec(select(Call.status, func.count()).group_by(Call.status)).all()
    return dict(rows)
