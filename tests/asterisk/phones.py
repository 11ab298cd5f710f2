"""The called phones: one SIPp process that takes every call, and what it wrote about each."""

import shutil
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import ClassVar

from tests.asterisk import callees, ports
from tests.asterisk.callees import Callee
from tests.asterisk.packages import Unpacked
from tests.services.process import HOST, ServerProcess

RTP_PORTS = 1200


@dataclass(slots=True)
class Taken:
    """One call as the phone saw it: what happened, in order."""

    number: str
    story: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    """When each thing of the story happened."""

    @property
    def answered(self) -> bool:
        """Whether the phone was picked up."""
        return callees.ANSWERED in self.story

    @property
    def rang(self) -> bool:
        """Whether the phone rang, or its network played a ringing tone of its own (183)."""
        return callees.RINGING in self.story or callees.PROGRESS in self.story

    @property
    def keys(self) -> str:
        """The keys that were pressed."""
        return "".join(word.partition(" ")[2] for word in self.story if word.startswith(callees.KEY + " "))

    @property
    def listened(self) -> float:
        """For how many seconds the phone was picked up before a key was pressed or the call ended."""
        if not self.answered:
            return 0.0
        picked_up = self.story.index(callees.ANSWERED)
        after = self.times[picked_up + 1 :]
        return after[0] - self.times[picked_up] if after else inf

    @property
    def refusal(self) -> str:
        """The SIP status that it refused the call with."""
        found = [word for word in self.story if word.startswith(callees.REFUSED)]
        return found[0].partition(" ")[2] if found else ""


class Phones(ServerProcess):
    """SIPp on a UDP port of its own; ``port`` is where calls go."""

    name: ClassVar[str] = "sipp"

    def __init__(self, unpacked: Unpacked) -> None:
        super().__init__()
        self._unpacked = unpacked
        self.sip_port, self._control = ports.take(), ports.take()
        self._rtp = ports.take(RTP_PORTS)

    @property
    def story_file(self) -> Path:
        """What every phone did, a line each."""
        return self.folder / "story.log"

    def taken(self) -> dict[str, list[Taken]]:
        """Every call that came in, by number, oldest first; complete once the phones were stopped."""
        calls: dict[str, Taken] = {}
        by_number: dict[str, list[Taken]] = defaultdict(list)
        lines = self.story_file.read_text(errors="replace").splitlines() if self.story_file.exists() else []
        for line in lines:
            at, call, dialled, what = line.rsplit("|", 3)
            number = dialled.rstrip("@")
            if what == callees.INVITED:
                calls[call] = Taken(number)
                by_number[number].append(calls[call])
            calls[call].story.append(what)
            calls[call].times.append(float(at.split()[-1]))
        return dict(by_number)

    def _prepare(self) -> None:
        (self.folder / "callees.xml").write_text(callees.scenario())
        shutil.copytree(self._unpacked.root / "usr/share/sip-tester", self.folder / "pcap")

    def _command(self) -> list[str]:
        return self._unpacked.command(
            "usr/bin/sipp",
            *("-sf", "callees.xml", "-i", HOST, "-mi", HOST, "-ci", HOST, "-p", str(self.sip_port)),
            *("-cp", str(self._control), *self._rtp_range()),
            *("-nostdin", "-aa", "-watchdog_interval", "0"),
            *("-trace_logs", "-log_file", "story.log", "-trace_err", "-error_file", "errors.log"),
        )

    def _rtp_range(self) -> Sequence[str]:
        return ("-min_rtp_port", str(self._rtp), "-max_rtp_port", str(self._rtp + RTP_PORTS - 1))

    def _answers(self) -> bool:
        time.sleep(0.1)
        return not ports.is_free(self.sip_port)


def number_of(callee: str, index: int = 0) -> str:
    """A number that such a callee has, different for each index below ten thousand."""
    chosen: Callee = callees.CALLEES[callee]
    return f"316{index:04d}{chosen.code}"
