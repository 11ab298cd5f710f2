"""The baseline's processes: `uvicorn` and `dramatiq`, on SQLite or PostgreSQL, always with Redis."""

import sys
from collections.abc import Mapping, Sequence

import httpx

from bench import pbx
from bench.pbx import answers
from bench.processes import Program
from bench.systems import Place, Progress
from tests.services.process import HOST, free_port

PROCESSES, THREADS = 2, 16
OUTCOMES = {"acknowledged", "heard", "not_heard", "failed"}


class Plain:
    """The baseline. It keeps one table of calls, so what was loaded before counts as ended."""

    name = "baseline"

    def __init__(
        self,
        place: Place,
        *,
        channels: int,
        processes: int = PROCESSES,
        threads: int = THREADS,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """``env`` takes the place of the settings for the simulated PBX."""
        self.settings = f"uvicorn; dramatiq -p {processes} -t {threads}; {channels} channels"
        port = free_port()
        self.env = {
            "BASELINE_DATABASE": place.database,
            "BASELINE_REDIS": place.redis,
            "BASELINE_PBX": place.pbx_url,
            "BASELINE_USERNAME": pbx.USERNAME,
            "BASELINE_PASSWORD": pbx.PASSWORD,
            "BASELINE_IVR": pbx.IVR,
            "BASELINE_EXTENSION": pbx.EXTENSION,
            "BASELINE_PREFIX": pbx.PREFIX,
            "BASELINE_CHANNELS": str(channels),
            "BASELINE_REPORTS": f"{HOST}:{port}",
            **(env or {}),
        }
        serve = ["-m", "uvicorn", "bench.baseline.app:app", "--port", str(port), "--no-access-log"]
        serve += ["--timeout-keep-alive", "75"]
        work = ["-m", "dramatiq", "bench.baseline.tasks", "-p", str(processes), "-t", str(threads)]
        self._web = Program("web", [sys.executable, *serve], place.folder, self.env)
        self._workers = Program("workers", [sys.executable, *work], place.folder, self.env)
        self._http = httpx.Client(base_url=f"http://{HOST}:{port}", timeout=60)
        self._before: dict[str, int] = {}

    @property
    def programs(self) -> Sequence[Program]:
        """The web application, and Dramatiq with its worker processes."""
        return [self._web, self._workers]

    def start(self) -> None:
        """Start both."""
        self._web.start(lambda: answers(self._http, "/progress"))
        self._workers.start(lambda: self._workers.log.read_text().count("ready for action") >= self._booting)

    @property
    def _booting(self) -> int:
        """Dramatiq says once for each worker process, and not for itself, that it is ready."""
        return int(self.settings.partition("-p ")[2].split()[0])

    def stop(self) -> None:
        """Stop both."""
        self._workers.stop()
        self._web.stop()
        self._http.close()

    def load(self, numbers: Sequence[str]) -> None:
        """Add calls that wait for `go`."""
        self._before = self._statuses()
        self._post("/calls", {"numbers": list(numbers), "start": False})

    def go(self) -> None:
        """Send a message for each."""
        self._post("/start", {})

    def progress(self) -> Progress:
        """The calls by status, without those that had ended before."""
        statuses = self._statuses()
        ended = sum(statuses.get(name, 0) - self._before.get(name, 0) for name in OUTCOMES)
        delivered = statuses.get("acknowledged", 0) - self._before.get("acknowledged", 0)
        waiting = sum(count for name, count in statuses.items() if name not in OUTCOMES)
        return Progress(waiting, delivered, ended)

    def alarm(self, number: str) -> None:
        """One call, at once."""
        self._post("/calls", {"numbers": [number]})

    def own_turnarounds(self) -> Mapping[float, float]:
        """It counts none."""
        return {}

    def _statuses(self) -> dict[str, int]:
        found: dict[str, int] = self._http.get("/progress").raise_for_status().json()
        return found

    def _post(self, path: str, body: Mapping[str, object]) -> None:
        self._http.post(path, json=body).raise_for_status()
