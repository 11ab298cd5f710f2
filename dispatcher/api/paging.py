"""Lists in pages: ``limit``, an opaque ``cursor``, and ``{"items": […], "next_cursor": …}``."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from dispatcher.api.problems import Problem, fault_document

LARGEST = 500
Item = TypeVar("Item")
Row = TypeVar("Row")


class Listed(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_cursor: str | None = Field(
        description="Send it as `cursor` for the next page; null when this page is the last."
    )


@dataclass(frozen=True, slots=True)
class Page:
    """Which page was asked for; ``after`` is the last key of the page before, None for the first."""

    limit: int
    after: str | None

    def cut(self, rows: Sequence[Row], key: Callable[[Row], str]) -> tuple[Sequence[Row], str | None]:
        """The page's rows out of up to ``limit + 1`` rows, and the cursor of the page after it."""
        if len(rows) <= self.limit:
            return rows, None
        kept = rows[: self.limit]
        return kept, _encoded(key(kept[-1]))


def _encoded(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        key = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except ValueError:
        key = "\x00"
    if "\x00" in key:
        detail = "not a cursor of this list; leave it out to begin at the first page"
        raise Problem(422, f"cursor: {detail}", errors=[fault_document(("cursor",), detail, "query")])
    return key


async def _page(
    limit: Annotated[int, Query(ge=1, le=LARGEST, description="How many items at most.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=400, description="The `next_cursor` of the page before.")
    ] = None,
) -> Page:
    return Page(limit, None if cursor is None else _decoded(cursor))


PageDep = Annotated[Page, Depends(_page)]
