"""What a call is made of, before it is placed."""

from dataclasses import dataclass
from typing import Literal

from dispatcher.simulator.settings import IvrSettings, TrunkSettings

Direction = Literal["Outbound", "Inbound", "Internal"]


@dataclass(frozen=True, slots=True)
class CallPlan:
    """Who calls whom, over what, and what happens once the callee answers.

    An outbound call goes to the outside party `shown_number`; `extension` is the one that takes part in it,
    if any (an IVR is no party). An inbound one comes from the outside party `origin` to `extension`. An
    internal one goes to `extension`. After the answer comes the first of these that is set: `ivr`, `prompt`
    (played `repeats` times), `agent` (an extension that is called then), `onward` (an outside number that is
    called then), `talk` (real seconds, unlike `Timing`), else the usual talk. `path` is what the call runs
    through: the number of an IVR, a queue or a ring group.
    """

    origin: str
    shown_number: str
    direction: Direction
    monitored: bool
    trunk: TrunkSettings | None = None
    extension: str = ""
    ivr: IvrSettings | None = None
    prompt: str = ""
    repeats: int = 1
    agent: str = ""
    onward: str = ""
    path: str = ""
    talk: float | None = None

    @property
    def passes(self) -> int:
        """How often a prompt is played at most."""
        return self.ivr.repeats if self.ivr is not None else self.repeats

    @property
    def speaks(self) -> bool:
        """Whether the callee hears a prompt."""
        return self.ivr is not None or bool(self.prompt)
