"""What a simulated PBX is made of: its trunks, extensions, IVRs, timing, report delivery and faults.

All durations are seconds. Everything is frozen: a running simulator is changed through its own methods.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from dispatcher.simulator.callees import Behaviour
from dispatcher.simulator.faults import Faults

NumberForm = Literal["stripped", "dialled"]
IvrCaller = Literal["ivr", "fromext"]
ReportTransport = Literal["http", "tcp"]
Separator = Literal["none", "lf", "crlf", "random"]
CdrWords = Literal["sample", "english", "chinese"]


@dataclass(frozen=True, slots=True)
class TrunkSettings:
    """One trunk with its outbound route.

    `prefix` is what must be dialled before the number to take this trunk's route; `strip` removes it again.
    `type` is the PBX's own word (SIP, IAX, FXO, GSM, BRI, E1); FXO is an analog line, which counts every call
    as answered at once. `monitored` trunks give RING and ALERT reports.
    """

    name: str
    channels: int
    type: str = "SIP"
    prefix: str = ""
    monitored: bool = True
    strip: bool = True


@dataclass(frozen=True, slots=True)
class ExtensionSettings:
    """An extension; `trunks` names the trunks it may dial out on (None: all of them)."""

    number: str
    trunks: tuple[str, ...] | None = None
    monitored: bool = True


@dataclass(frozen=True, slots=True)
class IvrSettings:
    """An IVR: how often it plays its prompt, and the keys that have a key event (others are not reported)."""

    number: str
    repeats: int = 3
    keys: str = "0123456789*#"


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """A queue or a ring group, and the agent who takes its calls."""

    number: str
    agent: str = "1001"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the stages of a call last, before `time_scale` is applied."""

    setup: float = 0.3
    ring: float = 4.0
    no_answer: float = 30.0
    prompt: float = 8.0
    response: float = 3.0
    key_delay: float = 1.0
    early_hangup: float = 2.0
    talk: float = 20.0
    cdr: float = 0.1

    @classmethod
    def instant(cls) -> "Timing":
        """Every stage takes no time at all: for measuring throughput."""
        return cls(
            setup=0, ring=0, no_answer=0, prompt=0, response=0, key_delay=0, early_hangup=0, talk=0, cdr=0
        )


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How reports travel to the application.

    The manual says only that a report is repeated until it is answered with 200; how often and how many times
    is documented nowhere. `keep_order_on_retry` keeps a call's later reports behind one that is still being
    repeated; without it a repeated report may be overtaken, as it may on a real PBX. With `gives_up` a report
    whose receiver can't be reached is repeated no more often than any other.
    """

    keep_alive: bool = False
    connections: int = 16
    timeout: float = 10.0
    retry_interval: float = 5.0
    max_attempts: int = 20
    keep_order_on_retry: bool = True
    gives_up: bool = False


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How reports are cut on a TCP connection; the K2's manual says nothing of line ends or separators.

    With `chunked`, what is sent is cut at random places; `seed` makes the places repeatable. A client that
    has not logged in after `login_seconds` is dropped.
    """

    separator: Separator = "crlf"
    chunked: bool = False
    seed: int = 0
    login_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """A whole simulated PBX. The defaults fit the sample configuration in the documentation."""

    family: str = "yeastar-s"
    """One of those in `families.py`."""
    host: str = "127.0.0.1"
    port: int = 8088
    username: str = "api"
    password: str = field(default="password", repr=False)
    serial: str = "369362089179"
    timezone: str = "Europe/Amsterdam"
    clock_ahead: float = 0.0
    """By how many seconds the PBX's clock is fast."""
    trunks: tuple[TrunkSettings, ...] = (TrunkSettings("SPS-6-36", 30, prefix="9"),)
    extensions: tuple[ExtensionSettings, ...] = tuple(ExtensionSettings(str(n)) for n in range(1000, 1011))
    ivrs: tuple[IvrSettings, ...] = (IvrSettings("6500"),)
    queues: tuple[QueueSettings, ...] = (QueueSettings("6700"),)
    ring_groups: tuple[QueueSettings, ...] = (QueueSettings("6200"),)
    prompts: tuple[str, ...] | None = None
    """Uploaded prompt files; None accepts every well-formed name."""
    timing: Timing = Timing()
    time_scale: float = 1.0
    behaviour: Behaviour = Behaviour.KEY_1
    callees: Mapping[str, Behaviour] = field(default_factory=dict)
    behaviour_by_suffix: bool = True
    delivery: DeliverySettings = DeliverySettings()
    faults: Faults = field(default_factory=Faults)
    token_lifetime: float = 1800.0
    lockout_failures: int = 5
    lockout_seconds: float = 600.0
    cdr_random_lifetime: float = 30.0
    reported_number: NumberForm = "stripped"
    ivr_caller: IvrCaller = "ivr"
    answer_report_too: bool = False
    bye_reports: int = 2
    stray_blanks: bool = True
    serial_in_reports: bool = True
    recordings: bool = False
    report_transport: ReportTransport = "http"
    """yeastar-k2: `tcp` lets the application fetch reports from `report_port`."""
    report_port: int = 0
    stream: StreamSettings = StreamSettings()
    refresh_tokens: bool = False
    """yeastar-k2: logins return a `refreshtoken`, as those of the Cloud PBX do."""
    cdr_words: CdrWords = "sample"
    """yeastar-k2: whose spelling of a record's status is used: the sample's, or that of a manual's table."""
    extension_reports: bool = True
    """yeastar-k2: ExtensionStatus reports of monitored extensions."""
    outside_in_call_failed: bool = False
    """yeastar-k2: CallFailed names the outside party too; the manual lists extensions only."""
    date_format: str = "YYYY/MM/DD"
    """yeastar-p: the order in which it shows dates, and wants them in requests."""
    half_days: bool = False
    """yeastar-p: whether it shows, and wants, hours up to 12 with AM and PM."""
    largest_page: int = 10_000
    """yeastar-p: so many entries of a list at most are answered at once."""
    users: tuple[str, ...] = ("anna", "ben", "carl", "dora", "emil", "alarm")
    """axeos: the users, each with one phone; `alarm` has one that plays something to outside numbers."""
    api_events: bool = True
    """axeos: calls pass an "API events" action of the dial plan; without one there are no call events."""
    event_buffer: int = 1000
    """axeos: so many events are kept."""
    keep_log: bool = True
