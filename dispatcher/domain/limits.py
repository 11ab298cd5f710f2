"""How many calls for alarms one person takes. Pure: the calls made and the time are arguments."""

from collections.abc import Sequence
from datetime import datetime, timedelta

CRITICAL_AFTER = timedelta(minutes=5)
"""Once the hour's calls are used up, a call that tells of a critical alarm comes so long after the last."""

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


def allowed_at(
    made: Sequence[datetime],
    now: datetime,
    per_minute: int | None,
    per_hour: int | None,
    *,
    is_critical: bool = False,
) -> datetime:
    """When one more call may be made to somebody who was called at the times ``made``, newest first.

    Nobody waits an hour to hear of a critical alarm: the limit of the hour holds it for five minutes at most.
    """
    at = now
    # Calls from the future were made before the clock was set back: nobody knows how long ago that was.
    made = [one for one in made if one <= now + _MINUTE]
    for most, span in ((per_minute, _MINUTE), (per_hour, _HOUR)):
        if most and len(made) >= most:
            at = max(at, made[most - 1] + span)
    if is_critical and made:
        at = min(at, max(now, made[0] + CRITICAL_AFTER))
    return at
