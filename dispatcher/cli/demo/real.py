"""The demo on a real Asterisk that somebody else has started: where it is, and what its channels show.

What an own look at its events has seen is kept as the simulated PBX keeps it, so that the demo's verdict
is held against Asterisk's view and not against the product's.
"""

import json
import os
import socket
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC

from dispatcher.pbx.asterisk.channels import channel_of, endpoint_of, uniqueid_of
from dispatcher.pbx.asterisk.connection import open_socket
from dispatcher.pbx.asterisk.wire import Block, Splitter, read
from dispatcher.pbx.protocol import PbxAccount
from dispatcher.simulator.judge import Judge
from dispatcher.simulator.records import CallRecord, DialRecord

VARIABLE = "DISPATCHER_DEMO_ASTERISK"
"""The environment variable that says, as JSON, where the Asterisk is and how to log in."""

RING_SECONDS = 6


@dataclass(frozen=True, slots=True)
class RealAsterisk:
    """Where an Asterisk with the dialplan of ``deploy/asterisk`` is, and the endpoint of its phones."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    endpoint: str

    @classmethod
    def of_environment(cls) -> "RealAsterisk":
        """As whoever started it says. Raises ``ValueError``."""
        text = os.environ.get(VARIABLE, "")
        if not text:
            raise ValueError('no Asterisk is up for it: make demo ARGS="--pbx asterisk" starts one')
        return cls(**json.loads(text))

    def account(self) -> PbxAccount:
        """To log in with."""
        return PbxAccount(
            name="demo",
            family="asterisk",
            url=f"ami://{self.host}:{self.port}",
            username=self.username,
            password=self.password,
            verify_tls=True,
            timezone=UTC,
            reports_url="",
            host=self.host,
            port=self.port,
        )


class RealPbx:
    """Watches every channel of the trunk's endpoint, from :meth:`start` to :meth:`stop`."""

    def __init__(self, asterisk: RealAsterisk, trunk: str, channels: int) -> None:
        self.asterisk = asterisk
        self.judge = Judge({trunk: channels}, keep_log=False)
        self._trunk = trunk
        self._endpoint = f"PJSIP/{asterisk.endpoint}"
        self._up: dict[str, CallRecord] = {}
        self._socket: socket.socket | None = None

    @property
    def url(self) -> str:
        """Where its manager interface is."""
        return f"ami://{self.asterisk.host}:{self.asterisk.port}"

    def start(self) -> None:
        """Begin to watch. Raises :class:`~dispatcher.pbx.errors.PbxRefused`."""
        self._socket, already = open_socket(self.asterisk.account(), "call")
        threading.Thread(target=self._watch, args=(self._socket, already), daemon=True).start()

    def stop(self) -> None:
        """Watch no longer; Asterisk is left as it is."""
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def wait_idle(self, timeout: float) -> None:
        """Wait until no channel is up; ``TimeoutError`` after so many seconds."""
        deadline = time.monotonic() + timeout
        while self._up:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self._up)} channels are still up")
            time.sleep(0.05)

    def _watch(self, connection: socket.socket, already: bytes) -> None:
        splitter, chunk = Splitter(), already
        try:
            while True:
                for block in splitter.feed(chunk):
                    self._see(read(block))
                chunk = connection.recv(65_536)
                if not chunk:
                    return
        except OSError:
            return

    def _see(self, event: Block) -> None:
        if endpoint_of(channel_of(event)) != self._endpoint:
            return
        name, callid = event.get("Event"), uniqueid_of(event)
        if name == "Newchannel":
            self._begun(callid)
        elif name == "Hangup" and callid in self._up:
            self.judge.end(self._up.pop(callid), release=True)

    def _begun(self, callid: str) -> None:
        is_full = not self.judge.room(self._trunk)
        record = CallRecord(
            callid=callid,
            outboundid=callid,
            kind="originate",
            ours=True,
            number=callid,
            dialled="",
            extension="",
            trunk=self._trunk,
            behaviour="",
            nth_dial=1,
            started=time.monotonic(),
            started_wall=time.time(),
        )
        self._up[callid] = record
        self.judge.dial(DialRecord("Originate", callid, record.started, record.started_wall, callid))
        self.judge.start(record, seize=True)
        if is_full:
            self.judge.over_limit(record)
