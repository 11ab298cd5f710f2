"""Notifications that carry many alerts: each is taken in by itself, in a savepoint of its own."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from dispatcher.config import Settings
from dispatcher.errors import Fault, Refused
from dispatcher.escalation import policies
from dispatcher.intake import episodes
from dispatcher.intake.alarms import Effect
from dispatcher.intake.notices import Notice
from dispatcher.metrics import catalogue
from dispatcher.store import events
from dispatcher.store.engine import is_conflict, is_outage
from dispatcher.store.events import Change
from dispatcher.work import Work

_log = logging.getLogger(__name__)

_LIMITS = {"alertmanager": "max_alerts", "grafana": "Max alerts"}
"""What a sender calls the limit that makes it leave alerts out."""

Reading = Callable[[], Notice]
"""Reads one alert of a notification; raises ``ValidationError`` when it can't be read."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one alert: an effect on an alarm, or an error."""

    index: int
    effect: Effect | None = None
    alarm_id: str | None = None
    dedup_key: str | None = None
    error: str | None = None
    unexpected: bool = False
    """Whether the error is ours and not the alert's."""


def policy_for(tx: Connection, settings: Settings, named: str | None) -> str:
    """The notification policy of a webhook: the named one, the default one, or the only one.

    Raises :class:`Refused`.
    """
    names = policies.names(tx, settings)
    known = ", ".join(names) or "none is configured"
    if named is not None:
        if named not in names:
            raise _no_policy(f"there is no policy named {named!r}; there are: {known}")
        return named
    chosen = [policy.name for policy in settings.policy if policy.default] or names
    if len(chosen) != 1:
        raise _no_policy(f"add ?policy=NAME, or mark one policy as the default ({known})")
    return chosen[0]


def _no_policy(why: str) -> Refused:
    _log.warning("a notification was refused, so nobody is called for its alerts: %s", why)
    return Refused(Fault(("policy",), why, "query"))


def take_all(work: Work, source: str, policy: str, readings: Sequence[Reading]) -> list[Result]:
    """Take in every alert; one that can't be taken leaves the others as they are.

    An outage of the database ends all of it, so that the sender sends everything again.
    """
    read = [_read(work, source, policy, index, reading) for index, reading in enumerate(readings)]
    episodes.lock(work, (one.dedup_key for one in read if isinstance(one, Notice)))
    return [
        _take(work, source, policy, index, one) if isinstance(one, Notice) else one
        for index, one in enumerate(read)
    ]


def _read(work: Work, source: str, policy: str, index: int, reading: Reading) -> Notice | Result:
    try:
        return reading()
    except ValidationError as error:
        return _refused(work, source, policy, Result(index, error=_in_words(error)))
    except Exception as error:
        return _failed(source, index, error)


def _take(work: Work, source: str, policy: str, index: int, notice: Notice) -> Result:
    try:
        with work.tx.begin_nested():
            taken = episodes.take(work, notice, policy, source)
    except (Refused, ValidationError) as error:
        why = _in_words(error) if isinstance(error, ValidationError) else str(error)
        return _refused(work, source, policy, Result(index, dedup_key=notice.dedup_key, error=why))
    except Exception as error:
        if isinstance(error, SQLAlchemyError) and (is_outage(error) or is_conflict(error)):
            raise
        return _failed(source, index, error)
    if taken is None:
        return Result(index, Effect.UNCHANGED, dedup_key=notice.dedup_key)
    return Result(index, taken.effect, taken.alarm_id, notice.dedup_key)


def _failed(source: str, index: int, error: Exception) -> Result:
    # The text of a database error may hold the values of its statement.
    _log.error("alert %d from %s failed: %s", index, source, type(error).__name__)
    return Result(index, error="failed for a reason of our own; the log has it", unexpected=True)


def _refused(work: Work, source: str, policy: str, result: Result) -> Result:
    """Count and log what nobody will be called for: the sender may not look into the answer."""
    work.count.add(catalogue.ALERTS_REFUSED, source)
    name = result.dedup_key or "that can't be read"
    _log.warning(
        "alert %d (%s) from %s, policy %s, refused: %s", result.index, name, source, policy, result.error
    )
    return result


def _in_words(error: ValidationError) -> str:
    """What is wrong with an alert, without the values that are."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'alert'}: {item['msg']}" for item in error.errors()
    )


def note_truncated(work: Work, results: Sequence[Result], truncated: int, source: str) -> None:
    """Count alerts that the sender left out, and show them: in the log, and with the first alarm."""
    if not truncated:
        return
    why = f"{source} left {truncated} further alerts out of its notification; raise its {_LIMITS[source]}"
    _log.warning("%s", why)
    work.count.add(catalogue.ALERTS_TRUNCATED, source, by=truncated)
    first = next((result.alarm_id for result in results if result.alarm_id is not None), None)
    if first is not None:
        events.record(work.tx, work.now, [Change("alarm", first, "truncated", cause=why, alarm_id=first)])
