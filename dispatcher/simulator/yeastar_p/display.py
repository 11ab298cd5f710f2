"""How the box shows times, and how it reads those of requests (guide, "Search specific CDR")."""

from datetime import datetime

from dispatcher.simulator.settings import SimulatorSettings

_CLOCK = "%Y-%m-%d %H:%M:%S"
_PARTS = {"YYYY": "%Y", "MM": "%m", "DD": "%d"}


class Display:
    """The date and time display format of a box."""

    def __init__(self, settings: SimulatorSettings) -> None:
        form = settings.date_format
        for name, part in _PARTS.items():
            form = form.replace(name, part)
        self._format = f"{form} %I:%M:%S %p" if settings.half_days else f"{form} %H:%M:%S"

    def shown(self, clock: str) -> str:
        """A time of the box's clock, `YYYY-MM-DD HH:MM:SS`, as it is shown."""
        return datetime.strptime(clock, _CLOCK).strftime(self._format)  # noqa: DTZ007

    def read(self, shown: str) -> str | None:
        """The time of the clock that a request means; None for one in another format."""
        try:
            return datetime.strptime(shown, self._format).strftime(_CLOCK)  # noqa: DTZ007
        except ValueError:
            return None
