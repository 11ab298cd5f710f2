"""What people do with alarms: take them in hand, end them, call them off."""

from sqlalchemy import select

from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.errors import NotPossible, Unknown
from dispatcher.escalation.advancing import go_on_at_once
from dispatcher.escalation.resolving import resolve as resolve_alarm
from dispatcher.intake import alarms
from dispatcher.ledger import alarms as ledger
from dispatcher.store.tables import Alarm, table
from dispatcher.work import Work

_alarms = table(Alarm)


def acknowledge(work: Work, alarm_id: str, by: str) -> None:
    """Take an alarm in hand: its calls that nobody has answered are withdrawn.

    Does nothing when it is acknowledged already. Raises :class:`Unknown` and :class:`NotPossible`.
    """
    before = _status(work, alarm_id)
    if before is AlarmStatus.ACKNOWLEDGED:
        return
    work.aftermath.add(
        ledger.acknowledge(work.tx, work.now, alarm_id, work.count, by=by, cause=f"by hand, by {by}")
    )
    _check(work, alarm_id, before, AlarmStatus.ACKNOWLEDGED)


def escalate(work: Work, alarm_id: str, by: str) -> None:
    """Go on to the alarm's next step at once. Raises :class:`Unknown` and :class:`NotPossible`."""
    before = _status(work, alarm_id)
    if not go_on_at_once(work, alarm_id, by):
        if before is AlarmStatus.OPEN:
            raise NotPossible("the step that is under way is the last of the last round", before)
        raise NotPossible(f"an alarm that is {before} does not go on to another step", before)


def resolve(work: Work, alarm_id: str, by: str) -> None:
    """The alarm's cause is gone. Does nothing when it is resolved already; raises as ``acknowledge``."""
    before = _status(work, alarm_id)
    if before is not AlarmStatus.RESOLVED:
        resolve_alarm(work, alarm_id, f"resolved by hand, by {by}")
        _check(work, alarm_id, before, AlarmStatus.RESOLVED)


def cancel(work: Work, alarm_id: str, by: str) -> None:
    """The alarm was a mistake. Does nothing when it is cancelled already; raises as ``acknowledge``."""
    before = _status(work, alarm_id)
    if before is AlarmStatus.CANCELLED:
        return
    cause = f"cancelled by hand, by {by}"
    if ledger.close(work.tx, work.now, alarm_id, AlarmStatus.CANCELLED, cause):
        alarms.withdraw(work, alarm_id, f"the alarm was {cause}")
    _check(work, alarm_id, before, AlarmStatus.CANCELLED)


def _status(work: Work, alarm_id: str) -> AlarmStatus:
    """An alarm's status, which stays as it is until the transaction ends."""
    query = select(_alarms.c.status).where(_alarms.c.id == alarm_id).with_for_update()
    status = work.tx.execute(query).scalar()
    if status is None:
        raise Unknown("alarm", alarm_id)
    return AlarmStatus(status)


def _check(work: Work, alarm_id: str, before: AlarmStatus, wanted: AlarmStatus) -> None:
    if _status(work, alarm_id) is not wanted:
        raise NotPossible(f"an alarm that is {before} can't become {wanted}", before)
