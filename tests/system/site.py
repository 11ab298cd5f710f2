"""An installation of the product for one test: its configuration, its processes, and its API."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from sqlalchemy import create_engine, text

from dispatcher.simulator import (
    DeliverySettings,
    Faults,
    IvrSettings,
    SimulatedPbx,
    SimulatorSettings,
    TrunkSettings,
)
from tests.services.process import HOST, free_port
from tests.system.families import YEASTAR_S, Family
from tests.system.processes import BIN, Program, wait_until

TRUNK = "SPS-6-36"
PREFIX = "9"
BACKUP_PREFIX = "8"
"""Of a second trunk, where a test adds one; no number begins with either."""
SERIAL = "369362089179"
WORKERS_READY = "booting up"
"""What Dramatiq says, in its own words, once its worker processes have booted."""
ROLES = ("api", "reports", "pacer", "workers")

CONFIG = """\
[store]
url = "{store}"
[broker]
url = "{broker}"
[api]
listen = "{host}:{api_port}"
[reports]
listen = "{host}:{reports_port}"
[workers]
threads = {threads}
[pacing]
{pacing}
[[policy]]
name = "duty"
to = [{{number = "+31619990001"}}]
message = {{ivr = "6500"}}
[[pbx]]
name = "hq"
{family}
url = "{pbx}"
username = "api"
password = "password"
serial = "{serial}"
timezone = "Europe/Amsterdam"
timeout = {timeout}
[[pbx.trunk]]
name = "{trunk}"
channels = {channels}
reserved_for_alarms = {reserved}
extension = "1000"
prefix = "{prefix}"
"""


def simulated_pbx(
    channels: int,
    *,
    family: Family = YEASTAR_S,
    time_scale: float = 0.01,
    faults: Faults | None = None,
    **changes: Any,
) -> SimulatedPbx:
    """A PBX with one trunk of ``channels``, that repeats reports quickly and for as long as it takes."""
    return SimulatedPbx(
        SimulatorSettings(
            port=0,
            serial=SERIAL,
            trunks=(TrunkSettings(TRUNK, channels, prefix=PREFIX),),
            ivrs=(IvrSettings("6500"),),
            time_scale=time_scale,
            delivery=DeliverySettings(retry_interval=0.25, timeout=20.0, max_attempts=1000),
            faults=faults or Faults(),
            **family.settings,
            **changes,
        )
    )


def number(index: int, code: str = "0001") -> str:
    """A number of its own for each index below a thousand; its last four digits say what the callee does."""
    return f"+3161{index:03d}{code}"


class Site:
    """An installation with one PBX and one trunk, whose processes end with the ``with`` block."""

    def __init__(
        self,
        folder: Path,
        pbx_url: str,
        store_url: str,
        broker_url: str = "",
        *,
        channels: int,
        reserved: int = 0,
        threads: int = 4,
        timeout: float = 2.0,
        pacing: Mapping[str, float] | None = None,
        patience: float = 0.0,
        family: Family = YEASTAR_S,
        report_port: int = 0,
    ) -> None:
        """``patience`` is for how many seconds a request is repeated while the API is away.

        ``report_port`` is the PBX's, where its family has one.
        """
        self.folder = folder
        self._patience = patience
        self.store_url = store_url
        self.api_port, self.reports_port = free_port(), free_port()
        self._threads = threads
        self.config = folder / "dispatcher.toml"
        chosen = {"settle": 0.2, "record_wait": 1.0, "records_every": 3.0, **(pacing or {})}
        self.config.write_text(
            CONFIG.format(
                store=store_url,
                broker=broker_url,
                host=HOST,
                api_port=self.api_port,
                reports_port=self.reports_port,
                threads=threads,
                pacing="\n".join(f"{key} = {value}" for key, value in chosen.items()),
                family=family.keys(report_port),
                pbx=pbx_url,
                serial=SERIAL,
                timeout=timeout,
                trunk=TRUNK,
                channels=channels,
                reserved=reserved,
                prefix=PREFIX,
            )
        )
        self.programs: dict[str, Program] = {}
        self.http = httpx.Client(base_url=f"http://{HOST}:{self.api_port}", timeout=20, trust_env=False)
        self._reports = httpx.Client(
            base_url=f"http://{HOST}:{self.reports_port}", timeout=5, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for program in self.programs.values():
            program.close()
        self.http.close()
        self._reports.close()

    # Processes.

    def program(self, role: str, name: str = "") -> Program:
        """The program of a role (``up``, ``api``, ``reports``, ``pacer``, ``workers``), not started yet."""
        name = name or role
        if role == "workers":
            command = [str(BIN / "dramatiq"), "workers", "-p", "1", "-t", str(self._threads)]
        else:
            command = [str(BIN / "dispatcher"), role]
        made = Program(name, command, self.folder, {"DISPATCHER_CONFIG": str(self.config)})
        self.programs[name] = made
        return made

    def launch(self, *names: str) -> None:
        """Start programs without waiting; ``pacer-2`` is a second one of the role ``pacer``."""
        for name in names:
            (self.programs.get(name) or self.program(name.partition("-")[0], name)).launch()

    def wait_ready(self, *names: str) -> None:
        """Wait until these programs are ready for work."""
        for name in names:
            program = self.programs[name]
            match name.partition("-")[0]:
                case "up" | "api":
                    program.wait(lambda: answers(self.http, "/readyz"))
                case "reports":
                    program.wait(lambda: answers(self._reports, "/healthz"))
                case "pacer":
                    program.wait_to_say("ready")
                case _:
                    program.wait_to_say(WORKERS_READY)

    def start(self, *names: str) -> None:
        """Start programs, and return when all of them are ready."""
        self.launch(*names)
        self.wait_ready(*names)

    def logs(self) -> str:
        """The end of what every program printed, for a failed test."""
        return "\n".join(
            f"--- {name} (status {program.status})\n{program.said[-3000:]}"
            for name, program in self.programs.items()
            if program.log.exists()
        )

    # The API.

    def get(self, path: str, **query: Any) -> Any:
        """A document of the API."""
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: Any = None, *, key: str = "") -> Any:
        """What the API answers to a document that it takes; with a ``key`` it may be sent again safely."""
        headers = {"idempotency-key": key} if key else {}
        return self._ask("POST", path, json=body, headers=headers)

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        """Ask, and ask again while the API or its database is away, for as long as we have patience."""
        give_up = time.monotonic() + self._patience
        while True:
            try:
                answer = self.http.request(method, path, **options)
                if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > give_up:
                    return answer.raise_for_status().json()
            except httpx.TransportError:
                if time.monotonic() > give_up:
                    raise
            time.sleep(0.1)

    def samples(self) -> Iterator[Sample]:
        """Every sample of the API's /metrics."""
        text = self.http.get("/metrics").raise_for_status().text
        for family in text_string_to_metric_families(text):
            yield from family.samples

    def dispositions(self) -> Counter[str]:
        """What became of all reports, by the API's /metrics."""
        counted: Counter[str] = Counter()
        for sample in self.samples():
            if sample.name == "dispatcher_reports_total":
                counted[sample.labels["disposition"]] += int(sample.value)
        return counted

    def rows(self, table: str, condition: str = "true") -> int:
        """How many rows of a table the database has."""
        engine = create_engine(self.store_url)
        try:
            with engine.connect() as connection:
                query = text(f"SELECT count(*) FROM {table} WHERE {condition}")
                return int(connection.execute(query).scalar_one())
        finally:
            engine.dispose()

    def raise_alarm(self, *numbers: str, key: str = "", **changes: Any) -> str:
        """Raise an alarm for some numbers; its id."""
        body = {
            "summary": "Boiler 3 over-pressure",
            "severity": "critical",
            "to": [{"number": number} for number in numbers],
            "message": {"ivr": "6500"},
            "delivered_when": "acknowledged",
            "retry": {"max_attempts": 3, "busy": 0, "no_answer": 0, "not_heard": 0, "unknown": 0},
        }
        return str(self.post("/v1/alarms", body | changes, key=key)["id"])

    def alarm(self, alarm_id: str) -> dict[str, Any]:
        """An alarm with its calls."""
        found: dict[str, Any] = self.get(f"/v1/alarms/{alarm_id}")
        return found

    def alarm_over(self, alarm_id: str, timeout: float = 30.0) -> dict[str, Any]:
        """The alarm, once it is not open and none of its calls is under way."""
        seen: dict[str, Any] = {}

        def is_over() -> bool:
            seen.update(self.alarm(alarm_id))
            under_way = [call for call in seen["calls"] if call["state"] in ("queued", "active")]
            return seen["status"] != "open" and not under_way

        wait_until(is_over, timeout, lambda: f"the alarm's end: {seen}")
        return seen

    def load(self, numbers: Sequence[str], **changes: Any) -> str:
        """Make a campaign with these numbers, not started yet; its id."""
        body = {
            "name": "test",
            "message": {"ivr": "6500"},
            "delivered_when": "acknowledged",
            "retry": {"max_attempts": 3, "busy": 0, "no_answer": 0, "not_heard": 0, "unknown": 0},
        }
        campaign = str(self.post("/v1/campaigns", body | changes)["id"])
        answer = self.http.post(
            f"/v1/campaigns/{campaign}/contacts",
            content="\n".join(["number", *numbers]),
            headers={"content-type": "text/csv"},
        )
        assert answer.raise_for_status().json()["accepted"] == len(numbers), answer.text
        return campaign

    def go(self, campaign: str) -> None:
        """Start a campaign."""
        self.post(f"/v1/campaigns/{campaign}/start")

    def campaign(self, campaign: str) -> dict[str, Any]:
        """A campaign with its counts."""
        found: dict[str, Any] = self.get(f"/v1/campaigns/{campaign}")
        return found

    def over(self, campaign: str) -> int:
        """How many of a campaign's calls have ended."""
        counts: dict[str, int] = self.campaign(campaign)["counts"]
        return sum(counts.values()) - counts["queued"] - counts["active"]

    def wait_for_some(self, campaign: str, calls: int, timeout: float = 60.0) -> None:
        """Wait until so many of a campaign's calls have ended."""
        wait_until(lambda: self.over(campaign) >= calls, timeout, f"the end of {calls} calls")

    def campaign_over(self, campaign: str, timeout: float) -> None:
        """Wait until every call of a campaign has ended."""

        def left() -> int:
            counts: dict[str, int] = self.campaign(campaign)["counts"]
            return counts["queued"] + counts["active"]

        def told() -> str:
            waiting = [
                {key: call[key] for key in ("number", "state", "waiting_for", "attempts")}
                for call in self.calls(campaign)
                if call["state"] in ("queued", "active")
            ]
            return f"the end of {len(waiting)} calls, such as {waiting[:5]}; trunk {self.get('/v1/trunks')}"

        wait_until(lambda: left() == 0, timeout, told, every=0.1)

    def idle(self, timeout: float) -> None:
        """Wait until no attempt holds a channel any more; every process must have lived that long."""

        def held() -> int:
            return sum(trunk["channels_in_use"]["ours"] for trunk in self.get("/v1/trunks")["items"])

        wait_until(lambda: held() == 0, timeout, lambda: f"{held()} channels are still held")
        dead = [name for name, program in self.programs.items() if not program.is_running]
        assert not dead, f"these have ended by themselves: {dead}"

    def settled(self, timeout: float) -> None:
        """Wait until nothing waits to be dialled or found out, and no call of ours passes for another's."""
        wanted = (
            "dispatcher_queue_depth",
            "dispatcher_attempts_in_doubt",
            "dispatcher_oldest_unreconciled_seconds",
        )
        left: dict[str, float] = {}

        def is_settled() -> bool:
            left.clear()
            left.update({s.name: s.value for s in self.samples() if s.name in wanted and s.value})
            for trunk in self.get("/v1/trunks")["items"]:
                left.update({use: held for use, held in trunk["channels_in_use"].items() if held})
            return not left

        wait_until(is_settled, timeout, lambda: f"still there: {left}", every=0.2)

    def calls(self, campaign: str) -> list[dict[str, Any]]:
        """Every call of a campaign, with its attempts."""
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            query = {"limit": 500} | ({"cursor": cursor} if cursor else {})
            page = self.get(f"/v1/campaigns/{campaign}/calls", **query)
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def every_call(self) -> list[dict[str, Any]]:
        """The calls of all campaigns and alarms."""
        found = [c for campaign in self.get("/v1/campaigns")["items"] for c in self.calls(campaign["id"])]
        for alarm in self.get("/v1/alarms")["items"]:
            found += self.alarm(alarm["id"])["calls"]
        return found

    def story_of(self, call_id: str) -> str:
        """One call with its attempts, reports and timeline, a line each."""
        call = self.get(f"/v1/calls/{call_id}")
        lines = [f"--- {call['number']} is {call['state']}, {call['outcome']}, {call['waiting_for']}"]
        lines += [
            str({key: value for key, value in attempt.items() if value}) for attempt in call["attempts"]
        ]
        lines += [f"{r['received_at']} {r['word']} {r['disposition']}" for r in call["reports"]]
        lines += [str({key: value for key, value in event.items() if value}) for event in call["timeline"]]
        return "\n".join(lines)


def answers(client: httpx.Client, path: str) -> bool:
    """Whether a page is there."""
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False
