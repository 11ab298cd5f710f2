"""The closed sets of words that the store, the API, the logs and the metrics share."""

from enum import StrEnum

TEST = "test"
"""The source of alarms that only try whether people can be reached: nothing keeps them quiet."""


class Severity(StrEnum):
    """How urgent an alarm is, as its sender says."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class AlarmStatus(StrEnum):
    """Where an alarm stands. Only ``open`` alarms place calls."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"


class CampaignStatus(StrEnum):
    """Where a campaign stands. Only ``running`` campaigns place calls."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class CallKind(StrEnum):
    """Why a call exists: an alarm goes before every campaign."""

    ALARM = "alarm"
    CAMPAIGN = "campaign"


class CallState(StrEnum):
    """Where one call (one person, one reason) stands. The last four are final."""

    QUEUED = "queued"
    ACTIVE = "active"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OPEN_CALL_STATES = (CallState.QUEUED, CallState.ACTIVE)


class Phase(StrEnum):
    """Where one attempt (one dial) stands.

    ``claimed``: holds a channel, nothing sent yet. ``dialing``: the dial request may be on its way.
    ``in_doubt``: the request's fate is unknown. ``up``: the PBX answered with a callid. ``ended``.
    """

    CLAIMED = "claimed"
    DIALING = "dialing"
    IN_DOUBT = "in_doubt"
    UP = "up"
    ENDED = "ended"


LIVE_PHASES = (Phase.CLAIMED, Phase.DIALING, Phase.IN_DOUBT, Phase.UP)


class Outcome(StrEnum):
    """What became of one attempt."""

    DELIVERED = "delivered"
    NOT_HEARD = "not_heard"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    INVALID_NUMBER = "invalid_number"
    UNREACHABLE = "unreachable"
    CONGESTION = "congestion"
    NOT_PERMITTED = "not_permitted"
    VOICEMAIL = "voicemail"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class DeliveredWhen(StrEnum):
    """What a request asks for before its call counts as delivered, weakest first."""

    ANSWERED = "answered"
    HEARD = "heard"
    ACKNOWLEDGED = "acknowledged"


class MessageKind(StrEnum):
    """What the PBX does with the person once they answer."""

    IVR = "ivr"
    PROMPT = "prompt"
    QUEUE = "queue"
    RING_GROUP = "ring_group"


class KeyAction(StrEnum):
    """What a key does that is pressed in an alarm's call."""

    ACKNOWLEDGE = "acknowledge"
    ESCALATE = "escalate"
    RESOLVE = "resolve"
    REPEAT = "repeat"
    SILENCE = "silence"
    OPT_OUT = "opt_out"


ANSWERS = frozenset({KeyAction.ESCALATE, KeyAction.RESOLVE, KeyAction.SILENCE})
"""What only somebody does who has understood the message, and says what is to become of the alarm."""

HAVE_EFFECT = ANSWERS | {KeyAction.OPT_OUT}
"""What a key does for the alarm that it is pressed for, beside acknowledging it."""


class TargetKind(StrEnum):
    """What is dialled: an outside number, an extension of the PBX, or a PBX user (Axeos)."""

    NUMBER = "number"
    EXTENSION = "extension"
    USER = "user"


class Disposition(StrEnum):
    """What became of one report from a PBX.

    ``pending`` is the only one that is not final: the report is durable and waits, either to be
    looked at again or for its callid to become known.
    """

    PENDING = "pending"
    APPLIED = "applied"
    DUPLICATE = "duplicate"
    ORPHAN = "orphan"
    FOREIGN = "foreign"
    MALFORMED = "malformed"


class PageState(StrEnum):
    """Where one page stands. ``waiting``: for its turn in its line; ``calling``: a call tells it."""

    WAITING = "waiting"
    CALLING = "calling"
    ENDED = "ended"


class Purpose(StrEnum):
    """What a page tells: that the alarm is on, or that it is over."""

    ALARM = "alarm"
    RESOLVED = "resolved"


class SilenceKind(StrEnum):
    """Whether somebody has asked for quiet, or work is going on that was planned."""

    SILENCE = "silence"
    MAINTENANCE = "maintenance"


class DeliveryState(StrEnum):
    """Where a message to another system stands. ``dead``: given up, until somebody replays it."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


class HeartbeatStatus(StrEnum):
    """Whether a heartbeat is heard. ``new``: not heard of yet, and no alarm for that."""

    NEW = "new"
    UP = "up"
    DOWN = "down"
    PAUSED = "paused"


class Kept(StrEnum):
    """What people keep that decides who is called and who is told; every change is in the audit trail."""

    CONTACT = "contact"
    DO_NOT_CALL = "do_not_call"
    GROUP = "group"
    INHIBITION = "inhibition"
    POLICY = "policy"
    SCHEDULE = "schedule"
    SILENCE = "silence"
    WEBHOOK = "webhook"
