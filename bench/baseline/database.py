"""The engine, and a session for every request."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import event
from sqlmodel import Session, create_engine, select

from bench.baseline.models import Call, Report, Tables
from bench.baseline.settings import settings

IS_SQLITE = settings.database.startswith("sqlite")

engine = (
    create_engine(settings.database, connect_args={"timeout": 30, "check_same_thread": False})
    if IS_SQLITE
    else create_engine(settings.database, pool_size=20, max_overflow=40)
)

if IS_SQLITE:

    @event.listens_for(engine, "connect")
    def use_wal(connection: Any, _record: Any) -> None:
        """Let readers and the writer work side by side."""
        connection.execute("PRAGMA journal_mode=WAL")


def create_tables() -> None:
    """Make the tables that are not there yet."""
    Tables.metadata.create_all(engine)


def get_session() -> Iterator[Session]:
    """FastAPI's dependency."""
    with Session(engine) as session:
        yield session


def settle(session: Session, call: Call) -> bool:
    """Enter every report of a call, and commit; False when the last one is still to come.

    The first reports may have come before the callid was known, and not have found their call.
    """
    query = select(Report).where(Report.callid == call.callid).order_by("id")
    ended = [call.apply(report.body) for report in session.exec(query).all()]
    session.commit()
    return any(ended)
