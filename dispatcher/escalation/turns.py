"""Whoever comes again in their line, having been passed over, has the attempts that are left to them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from dispatcher.domain.vocabulary import PageState
from dispatcher.escalation.unplaced import way
from dispatcher.store.calls import spent_for


def used_before(tx: Connection, page: Any, rows: Sequence[Any]) -> int:
    """How many of its attempts a waiting page has used in its line's turns before.

    ``rows`` are the pages of its step. With all attempts anew at each turn, people who are often at their
    limit would keep the next step waiting for far longer than if nobody were passed over.
    """
    earlier = [
        other
        for other in rows
        if other.state == PageState.ENDED and other.line == page.line and way(other) == way(page)
    ]
    return spent_for(tx, earlier) if earlier else 0
