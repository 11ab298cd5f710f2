"""What an exchange writes down about a call that is over."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallDetail:
    """One call record; durations in whole seconds, `timestart` in the PBX's local time."""

    callid: str
    timestart: str
    callfrom: str
    callto: str
    call_seconds: int
    talk_seconds: int
    source_trunk: str
    destination_trunk: str
    status: str
    type: str
    recording: str = ""
    did: str = ""
    agent_ring_seconds: int | None = None
