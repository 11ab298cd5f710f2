"""Which events of the OpenAPI a call gives: those of a call's members, in the P-Series' words."""

from dispatcher.simulator.faults import FaultDice
from dispatcher.simulator.outbox import Outbox
from dispatcher.simulator.settings import SimulatorSettings
from dispatcher.simulator.yeastar.status_reporter import StatusReporter
from dispatcher.simulator.yeastar_p.text import SPELLING, EventText
from dispatcher.simulator.yeastar_p.words import REASONS


class Reporter(StatusReporter):
    """Tells the applications what happens to calls."""

    def __init__(self, settings: SimulatorSettings, outbox: Outbox, dice: FaultDice) -> None:
        super().__init__(settings, outbox, dice, EventText(settings.serial), SPELLING, REASONS)
