"""The stage of the demo: a simulated PBX over HTTP, and the product in its normal wiring beside it."""

import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Literal

from dispatcher.cli.demo.real import RING_SECONDS, RealAsterisk, RealPbx
from dispatcher.cli.processes import Embedded
from dispatcher.config import load
from dispatcher.config.pbx_checks import SIGNING_FAMILY
from dispatcher.domain.vocabulary import TargetKind
from dispatcher.pbx.registry import CAPABILITIES
from dispatcher.simulator import Behaviour, SimulatedPbx, SimulatorSettings, TrunkSettings

PBX, TRUNK, PREFIX, EXTENSION = "hq", "SPS-6-36", "9", "1000"
POLICY, IVR = "night-shift", "6500"
DUTY, DEPUTY, COLLEAGUE, ABSENT = "+31690010001", "+31690020004", "+31690031486", "+31690040004"
ENGINEER, MAILBOX = "1002", "+31690050020"

Transport = Literal["http", "tcp", "websocket"]

ASTERISK = "asterisk"

TIME_SCALE = 0.08
"""At speed 1 a prompt of eight seconds takes 0.64: a demo is watched, not sat through."""

CALL_SECONDS = 1.2
"""For so long the average call of the cast holds its channel, at speed 1."""


def calls_users_only(family: str) -> bool:
    """Whether a family can prove nothing of an outside number: then users are called, and no trunk taken."""
    return not CAPABILITIES[family].proofs(TargetKind.NUMBER)


@dataclass(frozen=True, slots=True)
class Pace:
    """The demo's durations in seconds. Delays do not shrink as far as calls do: reports must keep up."""

    speed: float
    calls_per_channel: float
    call_seconds: float = CALL_SECONDS

    @property
    def time_scale(self) -> float:
        """Of the simulated PBX."""
        return TIME_SCALE / self.speed

    @property
    def delay(self) -> float:
        """Before the next attempt after what a callee did."""
        return max(3.0 / self.speed, 1.0)

    @property
    def congestion(self) -> float:
        """Before the second attempt after the trunk refused; it doubles from then on."""
        return max(2.5 / self.speed, 1.5)

    @property
    def expiry(self) -> float:
        """Of the campaign: where the trunk always refuses, the fifth attempt would come too late.

        The second comes when everybody has been called once, the fourth six delays later, and the
        fifth fourteen.
        """
        everybody_once = self.calls_per_channel * (self.call_seconds / self.speed + 0.05)
        return 1.2 * everybody_once + 11.0 * self.congestion

    @property
    def withdrawn(self) -> float:
        """A retry that must not come before somebody else has acknowledged the alarm."""
        return 30.0

    def later(self, seconds: float) -> float:
        """A moment of the story."""
        return seconds / self.speed


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for on the command line."""

    family: str
    channels: int
    pace: Pace
    keep: Path | None
    behaviours: Mapping[str, Behaviour]
    transport: Transport = "http"


class Stage:
    """Puts up the simulated PBX and the product, and takes both down again."""

    def __init__(self, wishes: Wishes, real: RealAsterisk | None = None) -> None:
        """``real``: an Asterisk that is up, in place of a simulated PBX."""
        self.wishes = wishes
        self.warnings = _Warnings()
        self._folder = tempfile.TemporaryDirectory(prefix="dispatcher-demo-")
        self.pbx: SimulatedPbx | RealPbx
        if real is None:
            self.pbx = SimulatedPbx(_simulator(wishes))
        else:
            self.pbx = RealPbx(real, TRUNK, wishes.channels)
        self._product: Embedded | None = None

    @property
    def product(self) -> Embedded:
        """The product, exactly as ``dispatcher up`` runs it."""
        if self._product is None:
            raise RuntimeError("the stage is not up")
        return self._product

    @property
    def store(self) -> Path:
        """The database's file."""
        return (self.wishes.keep or Path(self._folder.name) / "demo.db").resolve()

    def start(self) -> None:
        """Start the PBX, write a configuration file for it, and start the product from that file."""
        self._catch_warnings()
        self.pbx.start()
        file = Path(self._folder.name) / "demo.toml"
        file.write_text(configuration(self.store, self.pbx, self.wishes), encoding="utf-8")
        self._product = Embedded(load(file, {}))
        self._product.start()

    def stop(self) -> None:
        """Stop both, and remove what was not asked to be kept."""
        if self._product is not None:
            self._product.stop()
        self.pbx.stop()
        logging.getLogger().removeHandler(self.warnings)
        self._folder.cleanup()

    def _catch_warnings(self) -> None:
        """Keep log lines from the live view; warnings are shown behind it."""
        root = logging.getLogger()
        root.handlers[:] = [self.warnings]
        root.setLevel(logging.WARNING)


class _Warnings(logging.Handler):
    """Collects the lines of warnings and errors."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.lines.append(f"{record.levelname.lower()} {record.name}: {record.getMessage()}")


def _simulator(wishes: Wishes) -> SimulatorSettings:
    defaults = SimulatorSettings()
    return replace(
        defaults,
        family=wishes.family,
        port=0,
        trunks=(TrunkSettings(TRUNK, wishes.channels, prefix=PREFIX),),
        time_scale=wishes.pace.time_scale,
        callees=wishes.behaviours,
        users=tuple(wishes.behaviours) if calls_users_only(wishes.family) else defaults.users,
        report_transport="tcp" if wishes.transport == "tcp" else "http",
        keep_log=False,
    )


def configuration(store: Path, pbx: SimulatedPbx | RealPbx, wishes: Wishes) -> str:
    """A configuration file for the PBX, such as a person would write."""
    pace = wishes.pace
    account = _account(pbx, wishes) if isinstance(pbx, SimulatedPbx) else _real_account(pbx.asterisk)
    site = "" if calls_users_only(wishes.family) else _dialling_out(wishes, _way_out(pbx, wishes))
    return f"""\
[store]
url = {json.dumps(f"sqlite:///{store}")}

[api]
listen = "127.0.0.1:0"

[reports]
listen = "127.0.0.1:0"

[pacing]
settle = {min(1.0, pace.delay)}

[[pbx]]
name = "{PBX}"
family = "{wishes.family}"
{account}
internal_channels = {wishes.channels}
{site}"""


def _account(pbx: SimulatedPbx, wishes: Wishes) -> str:
    """Where a simulated PBX is, and how its reports come."""
    settings = pbx.settings
    place = f'url = "{pbx.url}"\nserial = "{settings.serial}"'
    if wishes.family == ASTERISK:
        place = f'host = "{settings.host}"\nport = {pbx.report_port}'
    return f"""\
{place}
username = "{settings.username}"
password = "{settings.password}"
timezone = "{settings.timezone}"
{_transport(pbx, wishes)}"""


def _real_account(asterisk: RealAsterisk) -> str:
    return f"""\
host = "{asterisk.host}"
port = {asterisk.port}
username = "{asterisk.username}"
password = "{asterisk.password}"
ring_timeout = {RING_SECONDS}"""


def _way_out(pbx: SimulatedPbx | RealPbx, wishes: Wishes) -> str:
    """How the trunk is dialled."""
    if not isinstance(pbx, SimulatedPbx):
        return f'dial = "PJSIP/{{number}}@{pbx.asterisk.endpoint}"'
    route = (
        f'dial = "PJSIP/{{number}}@{TRUNK}"' if wishes.family == ASTERISK else f'extension = "{EXTENSION}"'
    )
    return f'{route}\nprefix = "{PREFIX}"'


def _dialling_out(wishes: Wishes, way_out: str) -> str:
    """The trunk, and the policy that calls people over it."""
    return f"""
[[pbx.trunk]]
name = "{TRUNK}"
channels = {wishes.channels}
{way_out}

[[policy]]
name = "{POLICY}"
to = [{{ number = "{DUTY}", name = "Duty engineer" }}, {{ number = "{DEPUTY}", name = "Deputy" }}]
message = {{ ivr = "{IVR}" }}
delivered_when = "acknowledged"
retry = {{ max_attempts = 3, no_answer = {wishes.pace.withdrawn} }}
expires_after = 600
"""


def _transport(pbx: SimulatedPbx, wishes: Wishes) -> str:
    """How reports come, and what they are signed with, where the family's are."""
    match wishes.transport:
        case "tcp":
            return f'report_transport = "tcp"\nreport_port = {pbx.report_port}'
        case "websocket":
            return 'report_transport = "websocket"'
    return f'webhook_secret = "{token_hex(16)}"' if wishes.family == SIGNING_FAMILY else ""
