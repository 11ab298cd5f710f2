"""Which events of the OpenAPI a call gives: those of a call's members, in the P-Series' words."""

from dispatcher.simulator.callees import Failure
from dispatcher.simulator.exchange.call import Call
from dispatcher.simulator.faults import FaultDice
from dispatcher.simulator.outbox import Outbox
from dispatcher.simulator.settings import SimulatorSettings
from dispatcher.simulator.yeastar.status_reporter import StatusReporter
from dispatcher.simulator.yeastar_p.text import SPELLING, EventText
from dispatcher.simulator.yeastar_p.words import EXTENSION_BUSY, REASONS


class Reporter(StatusReporter):
    """Tells the applications what happens to calls."""

    def __init__(self, settings: SimulatorSettings, outbox: Outbox, dice: FaultDice) -> None:
        super().__init__(settings, outbox, dice, EventText(settings.serial), SPELLING)

    def reason(self, call: Call, failure: Failure) -> str:
        """The words of the guide's "Call Failed"."""
        if failure is Failure.BUSY and call.plan.trunk is None:
            return EXTENSION_BUSY
        return REASONS[failure]
