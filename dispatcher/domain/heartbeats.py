"""When a silence becomes an alarm, also where we could not hear for a while."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

EARLIEST = timedelta(hours=1)
"""A sign of life comes no more than this before it usually does, or half of that time if it is less."""

SETTLING = timedelta(seconds=5)
"""So long after we begin to hear again, everybody who tries is heard."""


@dataclass(frozen=True, slots=True)
class Watch:
    """When to expect the next sign of life. An alarm is due at ``due_at``."""

    heard_at: datetime
    every: timedelta
    due_at: datetime
    latest_at: datetime
    """No outage of ours puts ``due_at`` off beyond this, so that a true silence is an alarm in the end."""
    gap: timedelta | None = None
    """How long the last sign had come after the one before it; None while that is not known.

    Signs may come more often than promised, so that one is missed which was not yet needed.
    """


def expected(heard_at: datetime, every: timedelta, grace: timedelta, gap: timedelta | None = None) -> Watch:
    """The watch after a sign of life that came ``gap`` after the one before."""
    due_at = heard_at + every + grace
    return Watch(heard_at, every, due_at, due_at + every, gap)


def is_put_off(watch: Watch, grace: timedelta) -> bool:
    """Whether an outage of ours has put the alarm off, so that a sign may have been missed."""
    return watch.due_at != watch.heard_at + watch.every + grace


def after_deafness(watch: Watch, grace: timedelta, since: datetime, until: datetime) -> Watch:
    """The watch after a time in which nothing could be heard.

    A sign of life that fell into it is missed, and the next one comes a whole interval later. So the
    alarm waits for that one, if the time reached into the span in which a sign was to be expected: by
    what the sender has promised, or is used to. Time that we could not hear is no silence, so
    ``latest_at`` moves by it.
    """
    if until <= watch.heard_at:
        return watch
    until += SETTLING
    latest_at = watch.latest_at + (until - max(since, watch.heard_at))
    usual = min(watch.every, watch.gap or timedelta(0))
    if until < watch.heard_at + usual - min(usual / 2, EARLIEST):
        return replace(watch, latest_at=latest_at)
    put_off = until + watch.every + grace
    return replace(watch, due_at=max(watch.due_at, min(put_off, latest_at)), latest_at=latest_at)


def after_step_back(watch: Watch, grace: timedelta, now: datetime, back: timedelta) -> Watch:
    """The watch after our clock was set back to ``now``, by ``back`` as far as is known.

    What was heard in a time that is yet to come is told in the new time; nothing is waited for any longer
    than if its last sign had come just now. What was heard before stays, since the clock may only have
    been put right after it had been wrong.
    """
    if watch.heard_at > now:
        watch = replace(
            watch,
            heard_at=min(watch.heard_at - back, now),
            due_at=watch.due_at - back,
            latest_at=watch.latest_at - back,
        )
    longest = expected(now, watch.every, grace)
    due_at, latest_at = min(watch.due_at, longest.due_at), min(watch.latest_at, longest.latest_at)
    return replace(watch, due_at=due_at, latest_at=latest_at)
