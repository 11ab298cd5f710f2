"""The baseline on a real Asterisk."""

import sys
import time
from collections.abc import Mapping, Sequence

from sqlalchemy import create_engine
from sqlmodel import Session, select

from bench.asterisk import READY
from bench.baseline.models import Call
from bench.plain import Plain
from bench.processes import Program
from bench.systems import Place
from bench.waiting import LOOK_EVERY, TooSlow
from tests.asterisk.server import AsteriskServer


class AsteriskPlain(Plain):
    """The baseline, with one more process that reads Asterisk's events."""

    def __init__(self, place: Place, asterisk: AsteriskServer, *, channels: int) -> None:
        account = {"BASELINE_USERNAME": asterisk.username, "BASELINE_PASSWORD": asterisk.secret}
        super().__init__(place, channels=channels, env=account)
        self.settings += "; a reader of events"
        self._database = place.database
        command = [sys.executable, "-m", "bench.asterisk.baseline_ami"]
        self._reader = Program("reader", command, place.folder, self.env)

    @property
    def programs(self) -> Sequence[Program]:
        """Those of the baseline, and the reader."""
        return [*super().programs, self._reader]

    def start(self) -> None:
        """Start all three."""
        super().start()
        self._reader.start(lambda: READY in self._reader.log.read_text())

    def stop(self) -> None:
        """Stop all three."""
        self._reader.stop()
        super().stop()

    def place(self, numbers: Sequence[str], timeout: float) -> None:
        """Place every call, and wait for the last one's outcome."""
        self.load(numbers)
        self.go()
        give_up = time.monotonic() + timeout
        while self.progress().ended < len(numbers):
            if time.monotonic() > give_up:
                raise TooSlow(f"{self.progress()} after {timeout:.0f} s")
            time.sleep(LOOK_EVERY)

    def words(self) -> Mapping[str, str]:
        """Status and key of each number's call."""
        engine = create_engine(self._database)
        with Session(engine) as session:
            found = {call.number: f"{call.status} {call.digits}" for call in session.exec(select(Call))}
        engine.dispose()
        return found
