"""`dispatcher up` on SQLite with a simulated PBX: what the documented snippets are aimed at."""

import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from dispatcher.simulator import SimulatedPbx, SimulatorSettings, TrunkSettings
from tests.services.process import HOST, free_port

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs/integrations"
TRUNK = "SPS-6-36"
TOKEN = "the monitoring system's token"
READER = "somebody else's token"
POLICY = "night-shift"
ON_CALL = "31612340004"
"""Rings, and is never answered: what stops these calls is not the callee."""

_FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_CONFIG = """
[store]
url = "sqlite:///{folder}/site.db"
[api]
listen = "{host}:{api}"
[[api.key]]
name = "monitoring"
token = "{token}"
scopes = ["intake"]
[[api.key]]
name = "reader"
token = "{reader}"
scopes = ["read"]
[reports]
listen = "{host}:{reports}"
[intake.grafana]
secret = "between Grafana and us"
[[pbx]]
name = "hq"
family = "yeastar-s"
url = "{pbx}"
username = "api"
password = "password"
serial = "369362089179"
[[pbx.trunk]]
name = "{trunk}"
channels = 4
extension = "1000"
prefix = "9"
[alarms]
most_per_minute = 0
most_per_hour = 0
[[policy]]
name = "{policy}"
to = [{{ number = "+{on_call}" }}]
message = {{ ivr = "6500" }}
delivered_when = "acknowledged"
retry = {{ max_attempts = 50, no_answer = 1 }}
[[policy]]
name = "day-shift"
to = [{{ number = "+31612349999" }}]
message = {{ ivr = "6500" }}
"""


def snippets(document: str, language: str) -> list[str]:
    """The code blocks of one language of a document under ``docs/integrations``, as a reader copies them."""
    text = (DOCS / document).read_text()
    return [textwrap.dedent(block) for _, kind, block in _FENCE.findall(text) if kind == language]


class Site:
    """Everything running, from ``with`` on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {"api": free_port(), "reports": free_port()}
        self._process: subprocess.Popen[bytes] | None = None
        trunk = TrunkSettings(TRUNK, 4, prefix="9")
        self.pbx = SimulatedPbx(SimulatorSettings(port=0, time_scale=0.2, trunks=(trunk,)))

    @property
    def api(self) -> str:
        """The API's base URL."""
        return f"http://{HOST}:{self._ports['api']}"

    @property
    def log(self) -> str:
        """What the dispatcher has printed."""
        return (self._folder / "up.log").read_text()

    def __enter__(self) -> Self:
        self.pbx.start()
        config = self._folder / "site.toml"
        config.write_text(
            _CONFIG.format(
                folder=self._folder,
                host=HOST,
                pbx=self.pbx.url,
                trunk=TRUNK,
                token=TOKEN,
                reader=READER,
                policy=POLICY,
                on_call=ON_CALL,
                **self._ports,
            )
        )
        self.launch()
        return self

    def launch(self) -> None:
        """Start the dispatcher, for the first time or again."""
        command = [str(Path(sys.executable).with_name("dispatcher"))]
        with (self._folder / "up.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--config", str(self._folder / "site.toml"), "up"], stdout=log, stderr=log
            )
        self.until(self._answers, "the dispatcher to answer")

    def end(self) -> None:
        """Stop the dispatcher as its administrator would."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self.pbx.stop()

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Post to an intake with the monitoring system's key; bytes go out as they are."""
        sent = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"} | headers
        if isinstance(body, bytes):
            return httpx.post(f"{self.api}{path}", content=body, headers=sent, timeout=20)
        return httpx.post(f"{self.api}{path}", json=body, headers=sent, timeout=20)

    def get(self, path: str, **params: Any) -> Any:
        """What the API shows."""
        headers = {"Authorization": f"Bearer {READER}"}
        answer = httpx.get(f"{self.api}{path}", params=params, headers=headers, timeout=20)
        return answer.raise_for_status().json()

    def alarms(self, **params: Any) -> list[Any]:
        """The alarms, newest first, each with its calls and timeline."""
        return [self.get(f"/v1/alarms/{item['id']}") for item in self.get("/v1/alarms", **params)["items"]]

    def alarm(self, key: str) -> Any:
        """The newest alarm with this key, or None."""
        return next(iter(self.alarms(dedup_key=key)), None)

    def status(self, key: str) -> str | None:
        """The status of the newest alarm with this key."""
        items = self.get("/v1/alarms", dedup_key=key)["items"]
        return items[0]["status"] if items else None

    def dials(self, number: str = ON_CALL) -> int:
        """How often this number was dialled."""
        return sum(dial.number == f"9{number}" for dial in self.pbx.judge.dials())

    def until(self, holds: Callable[[], Any], what: str, seconds: float = 60.0) -> None:
        """Wait for something; fail, with the dispatcher's log, when it does not come."""
        give_up = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < give_up, f"waited for {what} in vain\n{self.log[-3000:]}"
            time.sleep(0.05)

    def silence_after(self, key: str, seconds: float = 2.5) -> None:
        """No phone rings any more for this alarm: fails when one does within so many seconds."""
        self.until(lambda: self.pbx.judge.live() == 0, "the last call to end")
        before = self.dials()
        time.sleep(seconds)
        assert self.dials() == before, self.alarm(key)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            return httpx.get(f"{self.api}/readyz").is_success
        except httpx.TransportError:
            return False
