"""How requests are answered: with a document, with a page of a list, or with nothing more to say."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fastapi.responses import Response
from pydantic_core import to_json

from dispatcher.api.paging import Listed, Page
from dispatcher.core import Core
from dispatcher.work import Work, carry_out

Row = TypeVar("Row")


def json_response(document: Any, status: int = 200) -> Response:
    """``document`` as JSON; times as RFC 3339 in UTC."""
    return Response(to_json(document), status, media_type="application/json")


def listed(items: Sequence[Any], cursor: str | None = None) -> Response:
    """One page of a list, with the cursor of the next."""
    return json_response(Listed[Any](items=list(items), next_cursor=cursor))


def paged(page: Page, rows: Sequence[Row], key: Callable[[Row], str], view: Callable[[Row], Any]) -> Response:
    """The page that was asked for, out of up to ``limit + 1`` rows."""
    kept, cursor = page.cut(rows, key)
    return listed([view(row) for row in kept], cursor)


def removed(core: Core, remove: Callable[[Work], object]) -> Response:
    """Remove something in a transaction of its own; 204 once that is committed."""
    carry_out(core, remove)
    return Response(status_code=204)
