"""What processes know of each other, and of what they have answered."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from dispatcher.store.tables.columns import instant, json_column


class Lease(SQLModel, table=True):
    """The right of one process to do something, until it lapses unrenewed."""

    __tablename__ = "leases"

    name: str = Field(primary_key=True)
    owner: str
    until: datetime = instant(nullable=False)


class ProcessSign(SQLModel, table=True):
    """A process that dials, and which attempts it is dialling just now."""

    __tablename__ = "processes"

    name: str = Field(primary_key=True)
    seen_at: datetime = instant(nullable=False)
    dialing: list[str] | None = json_column()


class IdempotencyKey(SQLModel, table=True):
    """The answer that a POST with an Idempotency-Key got, to be given again."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_created", "created_at"),)

    client: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request: str
    """A digest of method, path and body: the same key with another request is an error."""
    status: int = 0
    headers: dict[str, str] | None = json_column()
    response: str = ""
    created_at: datetime = instant(nullable=False)
