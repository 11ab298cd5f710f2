"""A small site at work: `dispatcher up` on SQLite, a simulated PBX, and a real Prometheus watching."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from dispatcher.clock import utc_now
from dispatcher.simulator import Fault, Faults, SimulatedPbx, SimulatorSettings, TrunkSettings
from dispatcher.store.engine import Store
from tests.outgoing.receiver import Receiver, Reply
from tests.services import PrometheusServer
from tests.services.process import HOST, free_port
from tests.store import rows

TRUNK = "SPS-6-36"
CHANNELS = 6
SCRAPE_SECONDS = 1
ROOT = Path(__file__).parents[2]

CONFIG = """
[store]
url = "sqlite:///{folder}/site.db"
[api]
listen = "{host}:{api}"
[reports]
listen = "{host}:{reports}"
[pacing]
doubt_wait = 4.0
record_wait = 1.0
records_every = 3.0
settle = 0.5
[audit]
every = 1.0
[[pbx]]
name = "hq"
family = "yeastar-s"
url = "{pbx}"
username = "api"
password = "password"
serial = "369362089179"
[[pbx.trunk]]
name = "{trunk}"
channels = {channels}
reserved_for_alarms = 1
extension = "1000"
prefix = "9"
[[policy]]
name = "duty"
to = [{{ number = "+31612340001" }}]
message = {{ ivr = "6500" }}
"""

ALERTMANAGER = {
    "version": "4",
    "status": "firing",
    "receiver": "phone",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "BoilerPressure", "severity": "critical"},
            "annotations": {"summary": "Boiler 3 over-pressure"},
            "startsAt": "2026-11-21T07:12:26.739Z",
            "fingerprint": "5ad6f5b5d9e4f7a1",
        },
        {"status": "neither"},
    ],
}
# The last four digits choose what a callee does; see the simulated PBX's README.
CALLEES = ("0001", "0001", "0006", "0003", "1486", "0004", "0404", "2503", "0008", "0020", "0032", "0603")
RETRY = {"max_attempts": 2, "congestion": 1} | dict.fromkeys(
    ("busy", "no_answer", "not_heard", "rejected", "voicemail", "unknown"), 3
)


class Site:
    """Everything running; `begun` and `ended` are the times, in seconds, between which it was watched."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pbx = SimulatedPbx(
            SimulatorSettings(port=0, time_scale=0.08, trunks=(TrunkSettings(TRUNK, CHANNELS, prefix="9"),))
        )
        self._ports = {"api": free_port(), "reports": free_port()}
        self._process: subprocess.Popen[bytes] | None = None
        self._prometheus = PrometheusServer(self._scraping())
        self._desk = Receiver()
        self.begun = self.ended = 0.0

    @property
    def api(self) -> str:
        """The API's base URL."""
        return f"http://{HOST}:{self._ports['api']}"

    @property
    def reports(self) -> str:
        """The receiver's base URL."""
        return f"http://{HOST}:{self._ports['reports']}"

    def _scraping(self) -> str:
        """The configuration that the product ships, looking here, and every second."""
        config = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())
        config["global"] = dict.fromkeys(("scrape_interval", "evaluation_interval"), f"{SCRAPE_SECONDS}s")
        config["rule_files"] = [str(ROOT / "deploy/alerts.yml")]
        config["scrape_configs"][0]["static_configs"] = [{"targets": [f"{HOST}:{self._ports['api']}"]}]
        return yaml.safe_dump(config)

    def __enter__(self) -> Self:
        try:
            self.pbx.start()
            self._desk.start()
            config = self._folder / "site.toml"
            config.write_text(
                CONFIG.format(
                    folder=self._folder,
                    host=HOST,
                    pbx=self.pbx.url,
                    trunk=TRUNK,
                    channels=CHANNELS,
                    **self._ports,
                )
            )
            with (self._folder / "up.log").open("wb") as log:
                command = [str(Path(sys.executable).with_name("dispatcher")), "--config", str(config), "up"]
                self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
            self._until(self._answers, "the product to start")
            self._prometheus.start()
            self._until(lambda: bool(self.series("up == 1")), "Prometheus to see the product")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End everything."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
        self._prometheus.close()
        self.pbx.stop()
        self._desk.stop()

    def work(self) -> None:
        """A working day in half a minute: alarms, a campaign, and something of everything that goes wrong."""
        self.begun = time.time()
        # What happens before the first look is no increase to Prometheus.
        time.sleep(2 * SCRAPE_SECONDS)
        self._somebody_phones_unheard()
        self._other_systems()
        self._alarms()
        campaign = self._campaign()
        self.pbx.place_other(TRUNK, seconds=6.0)
        self._break_something()
        self._until(lambda: len(self.pbx.judge.calls()) > CHANNELS, "the first calls")
        self.pbx.arm(Fault.DIAL_LOST_BEFORE)
        self._until(lambda: self._campaign_is_over(campaign), "the end of the campaign")
        self._until(self._alarms_are_over, "the end of the alarms")
        self._until(
            lambda: bool(self.series("sum(dispatcher_channel_drift_total) > 0")),
            "the call that nobody reported to be found",
        )
        # The last of it has to be scraped, twice for a rate.
        time.sleep(4 * SCRAPE_SECONDS)
        self.ended = time.time()

    def _break_something(self) -> None:
        """What the auditor finds: a channel that an ended call keeps, and one held since yesterday."""
        store = Store(f"sqlite:///{self._folder}/site.db")
        old = {"pbx": "old", "claimed_at": utc_now() - timedelta(days=1)}
        with store.write() as tx:
            rows.add(tx, "campaigns", status="finished")
            for key, columns in (("kept", {"phase": "ended", "outcome": "busy"}), ("overdue", {})):
                state = {"state": "failed", "outcome": "busy"} if columns else {}
                rows.add(tx, "calls", id=key, number=f"+3161999{key}", attempts_made=1, **state)
                rows.add(tx, "attempts", id=key, call_id=key, callid=key, **old, **columns)
        store.close()

    def _somebody_phones_unheard(self) -> None:
        """A call of others whose first reports are lost: only the PBX's live calls show it."""
        self.pbx.set_faults(Faults({Fault.LOST_REPORT: 1.0}))
        self.pbx.place_other(TRUNK, seconds=25.0)
        time.sleep(1.0)
        self.pbx.set_faults(Faults())

    def _other_systems(self) -> None:
        """One that takes what it is told, one that wants no more, one that is away; and one that is heard."""
        away = f"http://{HOST}:{free_port()}/"
        self._desk.reply = lambda got: Reply(410 if got.path == "/gone" else 204)
        for name, url in (
            ("desk", self._desk.url),
            ("gone", self._desk.url.replace("hook", "gone")),
            ("away", away),
        ):
            self._post("/v1/webhooks", {"name": name, "url": url, "kinds": ["alarm.*"]})
        self._post("/v1/heartbeats", {"name": "backup", "every": 3600, "alarm": {"policy": "duty"}})
        self._post("/v1/heartbeats/backup", {})

    def _alarms(self) -> None:
        self._post("/v1/intake/alertmanager", ALERTMANAGER)
        unknown = f"{self.api}/v1/intake/alertmanager?policy=nobody"
        assert httpx.post(unknown, json=ALERTMANAGER, timeout=20).status_code == 422
        for severity, digits in (("critical", "0001"), ("warning", "1486"), ("info", "0404")):
            alarm = {
                "summary": f"An alarm for {digits}",
                "severity": severity,
                "to": [{"number": f"+3161999{digits}"}],
                "message": {"ivr": "6500"},
                "delivered_when": "acknowledged",
                "ack_digits": "1",
                "retry": RETRY,
            }
            self._post("/v1/alarms", alarm)
        forged = json.dumps({"action": "BootUp", "sn": "1"})
        assert httpx.post(f"{self.reports}/reports/hq", content=forged).status_code == 403

    def _campaign(self) -> str:
        campaign = {"name": "Water", "message": {"ivr": "6500"}, "delivered_when": "heard", "retry": RETRY}
        made = str(self._post("/v1/campaigns", campaign)["id"])
        numbers = [f"+316{10 + each}55{digits}" for each in range(3) for digits in CALLEES]
        contacts = "\n".join(["number", *dict.fromkeys(number for number in numbers)])
        answer = httpx.post(
            f"{self.api}/v1/campaigns/{made}/contacts", content=contacts, headers={"Content-Type": "text/csv"}
        )
        assert answer.json()["accepted"] == len(set(numbers)), answer.text
        self._post(f"/v1/campaigns/{made}/start", {})
        return made

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        answer = httpx.post(f"{self.api}{path}", json=body, timeout=20)
        assert answer.is_success, answer.text
        return answer.json()

    def _get(self, path: str) -> Any:
        return httpx.get(f"{self.api}{path}", timeout=20).raise_for_status().json()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "up.log").read_text()
        try:
            return httpx.get(f"{self.api}/readyz").is_success
        except httpx.TransportError:
            return False

    def _campaign_is_over(self, campaign: str) -> bool:
        return bool(self._get(f"/v1/campaigns/{campaign}")["status"] == "finished")

    def _alarms_are_over(self) -> bool:
        return not self._get("/v1/alarms?status=open")["items"]

    def _until(self, holds: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        give_up = time.monotonic() + seconds
        while not holds():
            log = (self._folder / "up.log").read_text()[-3000:]
            assert time.monotonic() < give_up, f"waited for {what} in vain\n{log}"
            time.sleep(0.1)

    def metrics(self) -> str:
        """What the product shows to Prometheus."""
        return httpx.get(f"{self.api}/metrics").raise_for_status().text

    def series(self, expression: str) -> list[list[float]]:
        """An instant query's values, one list a series."""
        found = self._query("query", query=expression, **({"time": str(self.ended)} if self.ended else {}))
        return [[float(one["value"][1])] for one in found]

    def ranges(self, expression: str) -> list[list[float]]:
        """A range query's values over the whole day, one list a series."""
        found = self._query(
            "query_range",
            query=expression,
            start=str(self.begun),
            end=str(self.ended),
            step=str(SCRAPE_SECONDS),
        )
        return [[float(value) for _, value in one["values"]] for one in found]

    def label_values(self, metric: str, label: str) -> list[str]:
        """A label's values, as Grafana asks for a variable's."""
        answer = httpx.get(
            f"{self._prometheus.url}/api/v1/label/{label}/values", params={"match[]": metric}
        ).raise_for_status()
        return list(answer.json()["data"])

    def rules(self) -> dict[str, str]:
        """Prometheus' word on the health of each alert rule."""
        answer = httpx.get(f"{self._prometheus.url}/api/v1/rules").raise_for_status()
        groups = answer.json()["data"]["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    def _query(self, kind: str, **parameters: str) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self._prometheus.url}/api/v1/{kind}", params=parameters)
        assert answer.is_success, f"{parameters['query']}: {answer.text}"
        return list(answer.json()["data"]["result"])
