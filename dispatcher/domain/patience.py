"""How long the next in a line waits for a call before theirs that can't be placed. Pure.

A phone that rings, and a callee who is tried again after a while, are waited for; a trunk that is away, or
a callee who takes no more calls for now, only for so long. Else one broken line would keep all others in
it from ever hearing of the alarm.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

PATIENCE = timedelta(minutes=1)
"""So long a call is waited for that can't be placed: a trunk that is busy for some seconds matters not."""

PATIENCE_LATER = timedelta(minutes=5)
"""The same once everybody in the line has had a turn, so that a long outage makes few calls anew."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A call that waits to be dialled.

    ``called_at`` is since when it is to tell of the alarm. ``failing_since`` is when the first was made of
    its latest attempts if all of these were no callee's doing, ``limited_until`` when its callee takes one
    more call for alarms; both are None where there is nothing of the kind.
    """

    called_at: datetime
    due_at: datetime
    failing_since: datetime | None = None
    limited_until: datetime | None = None


def gives_way_at(call: Queued, now: datetime, patience: timedelta = PATIENCE) -> datetime:
    """From when on the next in line is called in place of this call, as far as is known now."""
    until = call.limited_until
    if until is not None and until >= max(call.due_at, now + patience):
        return now
    since = call.due_at if call.failing_since is None else call.failing_since
    return max(call.called_at, since) + patience
