"""Who is called in the demo on a real Asterisk: SIPp's phones, which do the same each time they are called.

The last four digits of a number choose what its phone does, as on the simulated PBXs.
"""

from dispatcher.cli.demo import stage
from dispatcher.cli.demo.cast import MAX_ATTEMPTS, Expected, Kind
from dispatcher.cli.demo.story import KEY_1, WITHDRAWN, AlarmScript, Story

LEAST, USUAL, MOST = 20, 60, 1000

BUSY, ENGINEER, QUIET = "+31690030486", "+31690060001", "+31690050006"


def _delivered() -> Expected:
    return Expected("delivered", "delivered", 1, 1)


def _failed(outcome: str, after: int = MAX_ATTEMPTS) -> Expected:
    return Expected("failed", outcome, after, after)


KINDS = (
    Kind("0001", "hears it all, presses 1", 60, _delivered()),
    Kind("0012", "hears it all, hangs up", 30, _delivered()),
    Kind("0008", "presses 1 during the prompt", 18, _delivered()),
    Kind("0002", "presses 1, by SIP INFO", 14, _delivered()),
    Kind("0006", "hears it, silent", 12, _delivered()),
    Kind("0009", "presses 1 and hangs up", 10, _delivered()),
    Kind("0183", "has early media, presses 1", 8, _delivered()),
    Kind("0007", "presses another key", 6, _delivered()),
    Kind("0404", "wrong number", 8, _failed("invalid_number", 1)),
    Kind("0486", "always busy", 6, _failed("busy")),
    Kind("0603", "always declines", 5, _failed("rejected")),
    Kind("0480", "is never there", 5, _failed("no_answer")),
    Kind("0003", "always hangs up early", 5, _failed("not_heard")),
    Kind("0004", "never answers", 3, _failed("no_answer")),
    Kind("0503", "trunk always refuses", 3, Expected("expired", "congestion", 2, 6)),
)

NIGHT_SHIFT = AlarmScript("Alertmanager", "acknowledged", {stage.DUTY: KEY_1, stage.DEPUTY: WITHDRAWN})
PUMP = AlarmScript("generic", "acknowledged", {BUSY: WITHDRAWN, ENGINEER: KEY_1, stage.ABSENT: WITHDRAWN})
DOOR = AlarmScript("generic", "exhausted", {QUIET: Expected("failed", "not_heard", 2, 2)})


class PhoneStory(Story):
    """The same story, told to phones that do the same each time they are called."""

    def raise_pump(self) -> None:
        """An alarm for three people at once; who presses 1 has it."""
        later = self.pace.withdrawn
        alarm = self.alarm(
            "Pump 7 has stopped",
            to=[
                {"number": BUSY, "name": "Pump team"},
                {"number": ENGINEER, "name": "Control room"},
                {"number": stage.ABSENT, "name": "Plant manager"},
            ],
            retry={"max_attempts": 3, "busy": later, "no_answer": later},
        )
        self.told.alarms[alarm] = PUMP

    def raise_door(self) -> None:
        """An alarm that is heard, and that nobody acknowledges."""
        alarm = self.alarm(
            "Door of the switch room open",
            severity="warning",
            to=[{"number": QUIET, "name": "Caretaker"}],
            retry={"max_attempts": 2, "not_heard": self.pace.delay},
        )
        self.told.alarms[alarm] = DOOR
