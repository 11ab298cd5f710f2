"""The product's processes, as its documentation starts them: `dispatcher up`, or one role each."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench import pbx
from bench.pbx import answers
from bench.processes import Program
from bench.systems import Place, Progress, StoreKind
from tests.services.process import HOST, free_port

BIN = Path(sys.executable).parent
READY = "ready"
TURNAROUND = "dispatcher_slot_turnaround_seconds"

CONFIG = """\
[store]
url = "{database}"

[broker]
url = "{broker}"

[api]
listen = "{host}:{api_port}"

[reports]
listen = "{host}:{reports_port}"

[workers]
threads = {threads}

[log]
level = "info"

[[pbx]]
name = "hq"
family = "yeastar-s"
url = "{pbx_url}"
username = "{username}"
password = "{password}"
serial = "{serial}"
timezone = "Europe/Amsterdam"

[[pbx.trunk]]
name = "{trunk}"
channels = {channels}
reserved_for_alarms = {reserved}
extension = "{extension}"
prefix = "{prefix}"
"""


class Product:
    """The dispatcher: one process on SQLite; API, receiver, pacer and dial workers on PostgreSQL."""

    name = "dispatcher"

    def __init__(
        self,
        place: Place,
        *,
        channels: int,
        reserved: int = 0,
        processes: int = 1,
        threads: int = 8,
    ) -> None:
        api_port = free_port()
        self._place = place
        self._http = httpx.Client(base_url=f"http://{HOST}:{api_port}", timeout=60)
        self._campaign = ""
        self._loaded = 0
        config = place.folder / "dispatcher.toml"
        config.write_text(
            CONFIG.format(
                database=place.database,
                broker=place.redis if place.store is StoreKind.POSTGRES else "",
                host=HOST,
                api_port=api_port,
                reports_port=free_port(),
                threads=threads,
                pbx_url=place.pbx_url,
                username=pbx.USERNAME,
                password=pbx.PASSWORD,
                serial=pbx.SERIAL,
                trunk=pbx.TRUNK,
                channels=channels,
                reserved=reserved,
                extension=pbx.EXTENSION,
                prefix=pbx.PREFIX,
            )
        )
        env = {"DISPATCHER_CONFIG": str(config)}
        commands: dict[str, list[str]] = {"up": [str(BIN / "dispatcher"), "up"]}
        self.settings = f"dispatcher up, {threads} dial threads; {channels} channels"
        if place.store is StoreKind.POSTGRES:
            commands = {role: [str(BIN / "dispatcher"), role] for role in ("api", "reports", "pacer")}
            workers = ["workers", "--processes", str(processes), "--threads", str(threads)]
            commands["workers"] = [str(BIN / "dramatiq"), *workers]
            dials = f"dramatiq workers -p {processes} -t {threads}"
            self.settings = f"dispatcher api, reports, pacer; {dials}; {channels} channels"
        self._migrate = Program("migrate", [str(BIN / "dispatcher"), "migrate"], place.folder, env)
        self._programs = [Program(name, command, place.folder, env) for name, command in commands.items()]

    @property
    def programs(self) -> Sequence[Program]:
        """Its roles."""
        return self._programs

    def start(self) -> None:
        """Migrate the empty database, then start every role."""
        self._migrate.run_to_end()
        for program in self._programs:
            program.start(self._readiness(program))

    def _readiness(self, program: Program) -> Callable[[], bool]:
        """Whether a role is up. Dial workers say nothing of their own; the warm-up waits for them."""
        if program.name in ("up", "api"):
            return lambda: answers(self._http, "/readyz")
        if program.name == "workers":
            return lambda: True
        return lambda: READY in program.log.read_text()

    def stop(self) -> None:
        """Stop every role, the dial workers first."""
        for program in reversed(self._programs):
            program.stop()
        self._http.close()

    def load(self, numbers: Sequence[str]) -> None:
        """Create a campaign and upload its contacts as CSV."""
        body = {
            "name": "bench",
            "message": {"ivr": pbx.IVR},
            "delivered_when": "acknowledged",
            "retry": {"max_attempts": 1},
        }
        self._campaign = self._http.post("/v1/campaigns", json=body).raise_for_status().json()["id"]
        rows = "\n".join(["number", *(f"+{number}" for number in numbers)])
        answer = self._http.post(
            f"/v1/campaigns/{self._campaign}/contacts", content=rows, headers={"content-type": "text/csv"}
        )
        self._loaded = int(answer.raise_for_status().json()["accepted"])
        if self._loaded != len(numbers):
            raise RuntimeError(f"{len(numbers)} contacts sent, taken: {answer.text[:300]}")

    def go(self) -> None:
        """Start the campaign."""
        self._http.post(f"/v1/campaigns/{self._campaign}/start").raise_for_status()

    def progress(self) -> Progress:
        """The campaign's counts."""
        found = self._http.get(f"/v1/campaigns/{self._campaign}").raise_for_status().json()
        counts: dict[str, int] = found["counts"]
        waiting = counts["queued"] + counts["active"]
        return Progress(waiting, counts["delivered"], sum(counts.values()) - waiting)

    def alarm(self, number: str) -> None:
        """Raise an alarm of its own, to be acknowledged with a key."""
        body = {
            "summary": f"bench {number}",
            "to": [{"number": f"+{number}"}],
            "message": {"ivr": pbx.IVR},
            "retry": {"max_attempts": 1},
        }
        self._http.post("/v1/alarms", json=body).raise_for_status()

    def own_turnarounds(self) -> Mapping[float, float]:
        """The buckets of `dispatcher_slot_turnaround_seconds`."""
        text = self._http.get("/metrics").raise_for_status().text
        return {
            float(sample.labels["le"]): sample.value
            for family in text_string_to_metric_families(text)
            if family.name == TURNAROUND
            for sample in family.samples
            if sample.name == f"{TURNAROUND}_bucket"
        }
