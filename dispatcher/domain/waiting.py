"""What a call waits for, in plain words. Pure: everything it looks at is an argument."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatcher.domain.doubt import Step
from dispatcher.domain.pacing import REPORTS_GRACE, TrunkLoad, waits_for_reports
from dispatcher.domain.vocabulary import (
    OPEN_CALL_STATES,
    CallState,
    CampaignStatus,
    DeliveredWhen,
    Outcome,
    Phase,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The campaign that a call belongs to, as far as it can make the call wait.

    ``opens_at`` is when its calling window opens for this call, None while that is open.
    """

    status: CampaignStatus
    opens_at: datetime | None = None
    max_concurrent: int | None = None
    active: int = 0
    paused_why: str = ""
    """Why it was paused by itself; empty when somebody has paused it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A trunk that may carry the call. One without a name stands for the PBX's own extensions."""

    pbx: str
    name: str
    load: TrunkLoad
    blocked_why: str = ""

    @property
    def title(self) -> str:
        """How the trunk is named to people."""
        return f"{self.pbx}/{self.name}" if self.name else f"the extensions of {self.pbx}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about an attempt of which nobody knows whether its call is up.

    ``why`` says what the PBX has answered so far; ``step`` is what comes next, at ``next_at``.
    """

    why: str
    step: Step
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Dialled:
    """The attempt that is under way, and what its call needs to count as delivered."""

    phase: Phase
    pbx: str
    delivered_when: DeliveredWhen
    ack_digits: str = ""
    dialed_at: datetime | None = None
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    doubt: str = ""
    asked: Asked | None = None


def waiting_for(
    state: CallState,
    *,
    now: datetime,
    due_at: datetime,
    last_outcome: Outcome | None = None,
    campaign: Wanted | None = None,
    trunks: Sequence[Standing] = (),
    attempt: Dialled | None = None,
    is_phone_busy: bool = False,
    limited_until: datetime | None = None,
) -> str | None:
    """What the call waits for, or None when it has ended.

    ``last_outcome`` is that of its last attempt, ``campaign`` None for an alarm's call, ``trunks``
    those that may carry it, ``attempt`` the one that is under way, and ``is_phone_busy`` says that the
    phone to be called is in another call of ours; ``limited_until`` is when the callee takes one more call
    for alarms, None while that is now.
    """
    if state not in OPEN_CALL_STATES:
        return None
    if state is CallState.ACTIVE:
        return _of_attempt(attempt)
    return (
        _of_campaign(campaign)
        or _of_limit(now, due_at, limited_until)
        or _of_time(now, due_at, last_outcome, campaign)
        or _of_room(campaign)
        or _of_phone(is_phone_busy)
        or _of_trunks(trunks, now, is_alarm=campaign is None)
    )


def _of_attempt(attempt: Dialled | None) -> str | None:
    match attempt:
        case None | Dialled(phase=Phase.ENDED):
            return "the decision on its last attempt"
        case Dialled(phase=Phase.CLAIMED):
            return f"a dial worker to send the dial request to {attempt.pbx}"
        case Dialled(phase=Phase.DIALING):
            return f"the answer to the dial request sent to {attempt.pbx}{_since(attempt.dialed_at)}"
        case Dialled(phase=Phase.IN_DOUBT):
            request = f"the answer to the dial request sent to {attempt.pbx}{_since(attempt.dialed_at)}"
            doubt = attempt.doubt or "its fate is not known yet"
            return f"{request}; the attempt is in doubt: {doubt}{_asked(attempt.asked)}"
    return f"{_of_call(attempt)}{_asked(attempt.asked)}"


def _of_call(attempt: Dialled) -> str:
    if attempt.answered_at is None:
        rings = f"; it has been ringing since {_time(attempt.ringing_at)}" if attempt.ringing_at else ""
        return f"the callee to answer{rings}"
    if attempt.delivered_when is DeliveredWhen.ACKNOWLEDGED:
        return f"the key {' or '.join(attempt.ack_digits)}, since the answer at {_time(attempt.answered_at)}"
    return f"the end of the prompt, since the answer at {_time(attempt.answered_at)}"


_STEPS = {
    Step.LOOK: "the PBX is asked for its live calls",
    Step.FETCH: "the PBX is asked for its call records",
    Step.CLOSE: "the attempt is closed",
    Step.NEVER_PLACED: "the attempt is closed",
}


def _asked(asked: Asked | None) -> str:
    if asked is None:
        return ""
    so_far = f"; {asked.why}" if asked.why else ""
    return f"{so_far}; {_STEPS[asked.step]} at {_time(asked.next_at)}"


def _of_campaign(campaign: Wanted | None) -> str | None:
    match campaign:
        case None | Wanted(status=CampaignStatus.RUNNING):
            return None
        case Wanted(status=CampaignStatus.DRAFT):
            return "the campaign to be started; it is a draft"
        case Wanted(status=CampaignStatus.PAUSED):
            why = f": {campaign.paused_why}" if campaign.paused_why else ""
            return f"the campaign to be resumed; the campaign is paused{why}"
    return f"nothing more: the campaign is {campaign.status}"


def _of_time(
    now: datetime, due_at: datetime, last_outcome: Outcome | None, campaign: Wanted | None
) -> str | None:
    opens_at = campaign.opens_at if campaign else None
    if opens_at is not None and opens_at > max(now, due_at):
        return f"the calling window, which opens at {_time(opens_at, now)}"
    if due_at <= now:
        return None
    if last_outcome is None:
        return f"its time, {_time(due_at, now)}"
    return f"the retry after {last_outcome.replace('_', ' ')} at {_time(due_at, now)}"


def _of_limit(now: datetime, due_at: datetime, limited_until: datetime | None) -> str | None:
    if limited_until is None or limited_until < due_at:
        return None
    return f"the limit of its callee's calls for alarms, which allows the next at {_time(limited_until, now)}"


def _of_room(campaign: Wanted | None) -> str | None:
    if campaign is None or campaign.max_concurrent is None or campaign.active < campaign.max_concurrent:
        return None
    return (
        f"another call of the campaign to end: all {campaign.max_concurrent} that it may have at once are up"
    )


def _of_phone(is_busy: bool) -> str | None:
    return "the end of another call to the same phone, which rings for one at a time" if is_busy else None


def _of_trunks(trunks: Sequence[Standing], now: datetime, *, is_alarm: bool) -> str:
    if not trunks:
        return "a trunk that may carry it; none is configured"
    obstacles = [_obstacle(trunk, now, is_alarm=is_alarm) for trunk in trunks]
    open_to_it = [trunk for trunk, obstacle in zip(trunks, obstacles, strict=True) if obstacle is None]
    if open_to_it:
        return f"its turn: a channel is free on {open_to_it[0].title}"
    return "; or ".join(obstacle for obstacle in obstacles if obstacle is not None)


def _obstacle(trunk: Standing, now: datetime, *, is_alarm: bool) -> str | None:
    """Why ``trunk`` does not carry the call now, or None."""
    load, title = trunk.load, trunk.title
    if load.paused:
        return f"{title} to be resumed; it is paused"
    if load.down:
        return f"the trunk {title}, which is down: {load.down}"
    if load.blocked_until is not None and load.blocked_until > now:
        why = f" after {trunk.blocked_why}" if trunk.blocked_why else ""
        return f"the trunk {title}, which is blocked until {_time(load.blocked_until, now)}{why}"
    if load.unread_since is not None and waits_for_reports(load, now, is_alarm=is_alarm):
        at_most = f"; until {_time(load.unread_since + REPORTS_GRACE)} at most" if is_alarm else ""
        return f"the reports of {trunk.pbx} to be read, which nobody does now{at_most}"
    if load.trying:
        return f"the outcome of the call that tries {title} after {trunk.blocked_why}"
    if load.free == 0:
        others = f" ({load.others} by others)" if load.others else ""
        return f"a free channel: all {load.channels} channels of {title} are in use{others}"
    if not is_alarm and load.free <= load.kept:
        return f"a free channel: the {load.free} free channels of {title} are reserved for alarms"
    if load.calls_per_second and load.next_slot_at is not None and load.next_slot_at > now:
        return f"the next call that {title} may start at {load.calls_per_second:g} calls per second"
    return None


def _time(at: datetime, now: datetime | None = None) -> str:
    """A time of day in UTC, with its date when that is far from ``now``."""
    if now is not None and abs(at - now) >= timedelta(hours=12):
        return f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{at:%H:%M:%S} UTC"


def _since(at: datetime | None) -> str:
    return f" at {_time(at)}" if at is not None else ""
