"""Which events of API v2.0.0 a call gives, or which reports of v1.1.0, as the application asked for."""

from collections.abc import Callable
from dataclasses import dataclass

from dispatcher.simulator.callees import Failure
from dispatcher.simulator.exchange.call import Call
from dispatcher.simulator.exchange.detail import CallDetail
from dispatcher.simulator.faults import FaultDice
from dispatcher.simulator.outbox import Outbox
from dispatcher.simulator.settings import SimulatorSettings
from dispatcher.simulator.yeastar.members import Members, Spelling
from dispatcher.simulator.yeastar.reasons import REASONS
from dispatcher.simulator.yeastar.status_reporter import StatusReporter
from dispatcher.simulator.yeastar_k2.text import K2Text
from dispatcher.simulator.yeastar_k2.words import RECORD_STATUS
from dispatcher.simulator.yeastar_s.reporter import Parties
from dispatcher.simulator.yeastar_s.reporter import Reporter as OldReporter

VERSION = "2.0.0"


@dataclass(slots=True)
class Notes:
    """What both formats keep of a call."""

    members: Members
    parties: Parties


class OldFormat(OldReporter):
    """The `action` reports that an application gets which did not ask for version 2.0.0."""

    def parties(self, call: Call) -> Parties:
        """The party objects beside the members."""
        notes: Notes = call.notes
        return notes.parties


class Reporter(StatusReporter):
    """Tells the application what happens to calls, in the format that it asked for."""

    def __init__(
        self, settings: SimulatorSettings, version: Callable[[], str], outbox: Outbox, dice: FaultDice
    ) -> None:
        serial = settings.serial if settings.serial_in_reports else ""
        self._k2_text = K2Text(serial, RECORD_STATUS[settings.cdr_words])
        super().__init__(settings, outbox, dice, self._k2_text, Spelling(), REASONS)
        self._version = version
        self._old = OldFormat(settings, version, outbox)

    @property
    def is_mute(self) -> bool:
        """Whether reports are `action` ones."""
        return self._version() != VERSION

    def boot_up(self, version: str) -> str:
        """The BootUp report in this version of the format."""
        return self._k2_text.boot_up() if version == VERSION else self._old.text.boot_up()

    def members(self, call: Call) -> Members:
        """The members, beside the old format's parties."""
        notes: Notes = call.notes
        return notes.members

    def placed(self, call: Call) -> Notes:
        """The call's legs, in both formats."""
        return Notes(super().placed(call), self._old.placed(call))

    def ringing(self, call: Call) -> None:
        """The callee's leg rings."""
        super().ringing(call)
        if self.is_mute:
            self._old.ringing(call)

    def answered(self, call: Call) -> None:
        """Who was called has answered."""
        super().answered(call)
        if self.is_mute:
            self._old.answered(call)

    def prompt_ended(self, call: Call) -> None:
        """A prompt has been played to its end."""
        super().prompt_ended(call)
        if self.is_mute:
            self._old.prompt_ended(call)

    def key(self, call: Call, key: str, position: int) -> None:
        """One key."""
        super().key(call, key, position)
        if self.is_mute:
            self._old.key(call, key, position)

    def keys(self, call: Call, keys: str) -> None:
        """The whole string."""
        super().keys(call, keys)
        if self.is_mute:
            self._old.keys(call, keys)

    def onward_ringing(self, call: Call) -> None:
        """One more leg; the old format tells of agents only."""
        super().onward_ringing(call)
        if self.is_mute and call.plan.agent:
            self._old.onward_ringing(call)

    def onward_answered(self, call: Call) -> None:
        """That leg has answered."""
        super().onward_answered(call)
        if self.is_mute and call.plan.agent:
            self._old.onward_answered(call)

    def failed(self, call: Call, failure: Failure) -> str:
        """The call ends unanswered."""
        reason = super().failed(call, failure)
        return self._old.failed(call, failure) if self.is_mute else reason

    def ended(self, call: Call, *, by_callee: bool) -> None:
        """An answered call ends."""
        super().ended(call, by_callee=by_callee)
        if self.is_mute:
            self._old.ended(call, by_callee=by_callee)

    def recorded(self, call: Call, detail: CallDetail) -> None:
        """A call record has been written."""
        super().recorded(call, detail)
        if self.is_mute:
            self._old.recorded(call, detail)
