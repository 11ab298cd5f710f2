"""What alarms have planned to numbers that may not be called any more."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from dispatcher.domain.vocabulary import OPEN_CALL_STATES, AlarmStatus, PageState
from dispatcher.store.pages import pages
from dispatcher.store.tables import Alarm, Call, among, table

_alarms, _calls = table(Alarm), table(Call)


def lock_calls_to(tx: Connection, numbers: Sequence[str]) -> list[str]:
    """The alarms' calls to these numbers that have not ended, locked."""
    query = select(_calls.c.id).where(
        _calls.c.callee.in_(numbers), _calls.c.number.is_not(None), among(_calls.c.state, *OPEN_CALL_STATES)
    )
    return list(tx.execute(query.order_by(_calls.c.id).with_for_update()).scalars())


def end_waiting_for(tx: Connection, now: datetime, numbers: Sequence[str], why: str) -> None:
    """End the pages of open alarms to these numbers that wait for those before them."""
    is_open = select(_alarms.c.id).where(among(_alarms.c.status, AlarmStatus.OPEN))
    waits = (
        pages.c.alarm_id.in_(is_open),
        pages.c.number.in_(numbers),
        among(pages.c.state, PageState.WAITING),
    )
    tx.execute(update(pages).where(*waits).values(state=PageState.ENDED, why=why, ended_at=now))
