"""Every metric that is counted, with its labels and buckets. Names are part of the public surface."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Counter:
    """A count that only grows."""

    name: str
    labels: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """A distribution; ``buckets`` are upper bounds in seconds, without infinity."""

    name: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...]
    help: str


class Drift(StrEnum):
    """How channels in use can differ from what the PBX shows."""

    OTHERS_UNHEARD = "others_unheard"
    """Somebody else's call that no report told of."""
    OTHERS_ENDED = "others_ended"
    """Somebody else's call that ended without a report."""
    OURS_ELSEWHERE = "ours_elsewhere"
    """A call of ours on another trunk than it was placed on."""


class DeliveryResult(StrEnum):
    """What became of one try to tell another system something."""

    SENT = "sent"
    RETRIED = "retried"
    """It failed, and is tried again."""
    DEAD = "dead"
    """It failed, and is given up."""


_QUICK = (0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SLOW = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0, 600.0, 1800.0)

ALARMS = Counter("dispatcher_alarms_total", ("source", "severity"), "Alarms raised, repeats not counted.")
ALERTS_REFUSED = Counter(
    "dispatcher_alerts_refused_total",
    ("source",),
    "Alerts of a webhook that could not be taken: nobody was called.",
)
ALERTS_TRUNCATED = Counter(
    "dispatcher_alerts_truncated_total",
    ("source",),
    "Alerts that a sender left out of its notifications: nobody was called.",
)
NOTIFICATIONS_REFUSED = Counter(
    "dispatcher_notifications_refused_total",
    ("source", "why"),
    "Notifications of which nothing was read: nobody was called.",
)
ALARMS_UNKNOWN_IVR = Counter(
    "dispatcher_alarms_unknown_ivr_total",
    ("source",),
    "Alarms taken although no PBX has the IVR that their message names.",
)
ALARMS_STUMBLED = Counter(
    "dispatcher_alarms_stumbled_total", (), "Looks at an alarm that failed, so that it was put off."
)
ALARMS_NOBODY = Counter(
    "dispatcher_alarms_nobody_total",
    (),
    "Times that an alarm had nobody to call in what was left of its steps.",
)
CALLS = Counter("dispatcher_calls_total", ("kind", "outcome"), "Calls that reached their final outcome.")
ATTEMPTS = Counter("dispatcher_attempts_total", ("pbx", "trunk", "outcome"), "Attempts by their outcome.")
REPORTS = Counter("dispatcher_reports_total", ("pbx", "event", "disposition"), "Reports received from PBXs.")
REPORTS_REFUSED = Counter(
    "dispatcher_reports_refused_total", ("why",), "Reports from an address or serial that is no PBX of ours."
)
ATTEMPTS_ANSWERED = Counter(
    "dispatcher_attempts_answered_total", ("pbx", "trunk"), "Attempts that were answered, for ASR."
)
TALK_SECONDS = Counter("dispatcher_talk_seconds_total", ("pbx", "trunk"), "Seconds talked, for ACD.")
CHANNEL_SECONDS = Counter(
    "dispatcher_channel_seconds_total", ("pbx", "trunk"), "Seconds that channels were held, for occupancy."
)
CHANNEL_DRIFT = Counter(
    "dispatcher_channel_drift_total",
    ("pbx", "trunk", "kind"),
    "Channels that the PBX showed otherwise than they were held, each of them put right.",
)
AUDIT_MENDED = Counter(
    "dispatcher_audit_mended_total", ("invariant",), "What the auditor has found and put right."
)
WEBHOOK_DELIVERIES = Counter(
    "dispatcher_webhook_deliveries_total", ("result",), "Tries to tell webhooks something, by their result."
)

ALARM_TO_DIAL = Histogram(
    "dispatcher_alarm_to_dial_seconds", (), _QUICK, "From an alarm's commit to its first dial request."
)
ALARM_TO_RING = Histogram(
    "dispatcher_alarm_to_ring_seconds", (), _SLOW, "From an alarm's commit to the first phone ringing."
)
ALARM_TO_DELIVERED = Histogram(
    "dispatcher_alarm_to_delivered_seconds", (), _SLOW, "From an alarm's commit to its first delivery."
)
SLOT_TURNAROUND = Histogram(
    "dispatcher_slot_turnaround_seconds", (), _QUICK, "From a freed channel to the next dial request on it."
)
PBX_REQUEST = Histogram(
    "dispatcher_pbx_request_seconds", ("pbx", "operation", "result"), _QUICK, "Requests to a PBX."
)

COUNTERS = (
    ALARMS,
    ALERTS_REFUSED,
    ALERTS_TRUNCATED,
    NOTIFICATIONS_REFUSED,
    ALARMS_UNKNOWN_IVR,
    ALARMS_STUMBLED,
    ALARMS_NOBODY,
    CALLS,
    ATTEMPTS,
    REPORTS,
    REPORTS_REFUSED,
    ATTEMPTS_ANSWERED,
    TALK_SECONDS,
    CHANNEL_SECONDS,
    CHANNEL_DRIFT,
    AUDIT_MENDED,
    WEBHOOK_DELIVERIES,
)
HISTOGRAMS = (ALARM_TO_DIAL, ALARM_TO_RING, ALARM_TO_DELIVERED, SLOT_TURNAROUND, PBX_REQUEST)
REQUEST_RESULTS = ("ok", "refused", "in_doubt")
SOURCES = ("api", "alertmanager", "grafana", "zabbix", "icinga", "heartbeat", "test")
WEBHOOKS = ("alertmanager", "grafana", "zabbix", "icinga")
"""The monitoring products whose own notifications are taken, each alert of them by itself."""
WHY_NOT_READ = ("signature", "policy")
"""Why nothing of a notification is read: a wrong signature, or no policy to be found for it."""
