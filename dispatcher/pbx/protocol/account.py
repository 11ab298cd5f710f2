"""How to reach one PBX, and a login there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo


@dataclass(frozen=True, slots=True)
class Contexts:
    """The contexts of an Asterisk's dialplan into which calls are led, under their usual names."""

    ivr: str = "dispatcher-ivr"
    prompt: str = "dispatcher-play"
    queue: str = "dispatcher-queue"
    ended: str = "dispatcher-ended"
    """Where the end of every call is told and kept."""
    transfer: str = "dispatcher-transfer"
    """Where a call is put through to somebody else."""


@dataclass(frozen=True, slots=True)
class PbxAccount:
    """How to reach and log in to one PBX. ``repr`` hides the password."""

    name: str
    family: str
    url: str
    username: str
    password: str = field(repr=False)
    verify_tls: bool
    timezone: tzinfo
    reports_url: str
    """Where the PBX is told to post its reports, e.g. ``http://10.0.0.5:8260/reports/hq``."""
    report_transport: str = "http"
    """``http``: the PBX posts its reports; ``tcp``: we connect to its event port, ``websocket``: to its
    WebSocket, and read them."""
    webhook_secret: str = field(default="", repr=False)
    """What a PBX that signs the reports it posts signs them with."""
    report_port: int = 8333
    """The PBX's event port where reports are read over TCP."""
    prompt_volume: int | None = None
    """How loud prompts are played, 0 to 20, where the family can be told; None leaves it to the PBX."""
    timeout_seconds: float = 10.0
    """For every request; a dial request that takes longer is in doubt."""
    host: str = ""
    """Where a PBX is that is not reached over HTTP, with ``port``, over TLS if ``tls``."""
    port: int = 0
    tls: bool = False
    dials: Mapping[str, str] = field(default_factory=dict)
    """How each trunk is dialled, by its name, where the PBX is told: ``PJSIP/{number}@provider``."""
    extension_dial: str = "PJSIP/{extension}"
    contexts: Contexts = Contexts()
    ring_seconds: float = 45.0
    """How long a phone may ring, where the PBX is told."""
    cdr_url: str = field(default="", repr=False)
    """The database (an SQLAlchemy URL) with the PBX's tables of call records, where we may read them."""
    caller_id: str = ""
    """Whom the callee is shown, where the PBX is told; empty leaves it to the PBX."""


@dataclass(frozen=True, slots=True)
class Session:
    """A login at a PBX, shared by every process through the store."""

    token: str = field(repr=False)
