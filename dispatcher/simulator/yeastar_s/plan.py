"""What a call is made of, before it is placed."""

from dataclasses import dataclass

from dispatcher.simulator.settings import IvrSettings, TrunkSettings


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What a call is made of. `callee` and `caller` are party objects; an IVR is no party.

    `prompt_end` is the reduced party of PlayPromptEnd reports. `talk` is in real seconds, unlike Timing.
    """

    callee: str
    caller: str
    origin: str
    shown_number: str
    direction: str
    monitored: bool
    trunk: TrunkSettings | None = None
    extension: str = ""
    ivr: IvrSettings | None = None
    prompt: str = ""
    agent: str = ""
    prompt_end: str = ""
    talk: float | None = None
