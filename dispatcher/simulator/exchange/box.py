"""What every simulated PBX shows of its exchange to a test or an operator, and lets them do to it."""

from dispatcher.simulator.callees import CalleeBook
from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.faults import FaultDice
from dispatcher.simulator.judge import Judge


class ExchangeBox:
    """The part of `SimulatedFamily` that is the exchange's own."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    @property
    def judge(self) -> Judge:
        """What really happens."""
        return self.exchange.judge

    @property
    def dice(self) -> FaultDice:
        """The faults."""
        return self.exchange.dice

    @property
    def callees(self) -> CalleeBook:
        """The people at the other end."""
        return self.exchange.callees

    @property
    def idle(self) -> bool:
        """No call is up, and no report is still to be delivered."""
        return self.exchange.idle

    def reset(self) -> None:
        """As new, but still logged in: no calls and records; callees and faults as in the settings."""
        self.exchange.reset()

    def set_trunk(self, name: str, *, down: bool) -> None:
        """A trunk fails or comes back; KeyError when there is none of this name."""
        self.exchange.set_trunk(name, down=down)

    def place_other(self, trunk: str, direction: str, number: str, extension: str, seconds: float) -> str:
        """A person phones for real seconds; the callid. Errors are those of `Exchange.place_other`."""
        return self.exchange.place_other(trunk, direction, number, extension, seconds)

    def hang_up(self, callid: str) -> None:
        """End any live call by its callid; KeyError when there is none."""
        self.exchange.live[callid].hang_up("hung up by a person")
