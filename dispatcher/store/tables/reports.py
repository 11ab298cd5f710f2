"""What the PBXs report, as it came."""

from datetime import datetime

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from dispatcher.domain.vocabulary import Disposition
from dispatcher.store.tables.columns import NEVER_REUSED, instant, one_of, partial, reference
from dispatcher.store.types import Serial


class RawReport(SQLModel, table=True):
    """What a PBX posted, as it came, and what became of it."""

    __tablename__ = "reports"
    __table_args__ = (
        one_of("reports", "disposition", Disposition),
        partial("ix_reports_pending", "pbx", "callid", where="disposition = 'pending'"),
        partial("ix_reports_attempt", "attempt_id", where="attempt_id IS NOT NULL"),
        Index("ix_reports_received", "received_at"),
        NEVER_REUSED,
    )

    id: int | None = Field(default=None, sa_column=Column(Serial, primary_key=True, autoincrement=True))
    pbx: str
    received_at: datetime = instant(nullable=False)
    word: str
    callid: str = ""
    body: str
    disposition: str
    attempt_id: str | None = reference("attempts.id")


class Arrival(SQLModel, table=True):
    """Reports that have just come in: durable, answered, and about to be entered, a batch in each row.

    ``batch`` is JSON text: ``[[pbx, received_at, body], …]``. A row is gone once its reports are in
    ``reports``; one that stays was left by a process that died, and the sweep enters it. Where the database
    is a file of SQLite, this table is in a file beside it, and is empty in the database itself.
    """

    __tablename__ = "arrivals"

    id: str = Field(primary_key=True)
    at: datetime = instant(nullable=False)
    batch: str


class EnteredArrival(SQLModel, table=True):
    """A batch from the file of arrivals that has been entered: it may still be in that file."""

    __tablename__ = "entered_arrivals"

    id: str = Field(primary_key=True)
    at: datetime = instant(nullable=False)
