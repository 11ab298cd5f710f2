"""A place for reports to go to, and a client that speaks the API by hand: neither is the dispatcher's own."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from dispatcher.simulator import SimulatedPbx, SimulatorSettings

PASSWORD = "password"


@dataclass
class Sink:
    """Keeps every report that the PBX posts; `statuses` are answered first, then 200."""

    port: int = 0
    raw: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    clients: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    @property
    def reports(self) -> list[dict[str, Any]]:
        """The reports that are JSON."""
        return [json.loads(body) for body in self.raw]

    def actions(self, callid: str | None = None) -> list[str]:
        """The actions in order of arrival, of one call or of all."""
        return [r["action"] for r in self.reports if callid is None or r.get("callid") == callid]

    def events(self, callid: str | None = None) -> list[str]:
        """The same of the reports of API v2.0.0."""
        return [r["event"] for r in self.reports if callid is None or r.get("callid") == callid]

    def event(self, name: str) -> dict[str, Any]:
        """The one report with this event."""
        (report,) = [r for r in self.reports if r["event"] == name]
        return report

    def only(self, action: str) -> dict[str, Any]:
        """The one report with this action."""
        (report,) = [r for r in self.reports if r["action"] == action]
        return report

    def wait(self, condition: Callable[["Sink"], bool], timeout: float = 20.0) -> None:
        """Wait until the condition holds."""
        deadline = time.monotonic() + timeout
        while not condition(self):
            assert time.monotonic() < deadline, f"only these reports came: {self.raw}"
            time.sleep(0.005)


@pytest.fixture
def sink() -> Iterator[Sink]:
    kept = Sink()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = kept.statuses.pop(0) if kept.statuses else 200
            kept.paths.append(self.path)
            kept.headers.append(dict(self.headers))
            kept.clients.append(self.client_address[1])
            kept.arrived.append(time.monotonic())
            kept.raw.append(body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


class Client:
    """Speaks the API v1.1.0."""

    base = "/api/v1.1.0/"

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=20, verify=False)
        self.token = ""

    def close(self) -> None:
        self._http.close()

    def raw(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._http.request(method, path, **options)

    def post(self, endpoint: str, body: Any = None, *, token: str | None = None) -> dict[str, Any]:
        used = self.token if token is None else token
        query = "" if endpoint == "login" else f"?token={used}"
        response = self._http.post(f"{self.base}{endpoint}{query}", json=body)
        assert response.status_code == 200
        answer = response.json()
        assert isinstance(answer, dict)
        return answer

    def login(self, port: int | str, *, password: str = PASSWORD, **changes: str) -> dict[str, Any]:
        digest = hashlib.md5(password.encode()).hexdigest()
        body = {"username": "api", "password": digest, "port": str(port), "version": "1.0.2"}
        answer = self.post("login", body | {"url": "reports/hq", "urltag": "0"} | changes)
        self.token = answer.get("token", self.token)
        return answer

    def dial(self, number: str, **changes: str) -> dict[str, Any]:
        """ivr/dial_outbound with the prefix of the sample trunk."""
        return self.post(
            "ivr/dial_outbound", {"ivrid": "6500", "outto": "9" + number, "fromext": "1000"} | changes
        )


class K2Client(Client):
    """Speaks the API v2.0.0."""

    base = "/api/v2.0.0/"

    def login(self, port: int | str, *, password: str = PASSWORD, **changes: str) -> dict[str, Any]:
        return super().login(port, password=password, **{"version": "2.0.0", **changes})

    def dial(self, number: str, **changes: str) -> dict[str, Any]:
        """call/dial of an IVR with an outside number, with the prefix of the sample trunk."""
        return self.post(
            "call/dial", {"caller": "6500", "callee": "9" + number, "dialpermission": "1000"} | changes
        )


@dataclass
class Rig:
    """A PBX, a client that is logged in, and the sink that its reports go to."""

    pbx: SimulatedPbx
    client: Client
    sink: Sink

    def call(self, number: str, **changes: str) -> str:
        """Dial, and wait until all is over and reported; the callid."""
        answer = self.client.dial(number, **changes)
        assert answer["status"] == "Success", answer
        self.pbx.wait_idle()
        return str(answer["callid"])

    def control(self, page: str, body: Any = None) -> httpx.Response:
        """POST to the simulator's own pages."""
        return self.client.raw("POST", f"/simulator/{page}", json=body or {})


@pytest.fixture
def start(sink: Sink) -> Iterator[Callable[..., Rig]]:
    """Starts simulated PBXs with settings on top of a fast default, and stops them after the test."""
    rigs: list[Rig] = []

    def _start(*, login: bool = True, **changes: Any) -> Rig:
        settings = SimulatorSettings(**({"port": 0, "time_scale": 0.001} | changes))
        pbx = SimulatedPbx(settings).start()
        client = K2Client(pbx.url) if settings.family == "yeastar-k2" else Client(pbx.url)
        rig = Rig(pbx, client, sink)
        rigs.append(rig)
        if login:
            assert rig.client.login(sink.port)["status"] == "Success"
        return rig

    yield _start
    for rig in rigs:
        rig.client.close()
        rig.pbx.stop()


@pytest.fixture
def rig(start: Callable[..., Rig]) -> Rig:
    return start()


@pytest.fixture
def start_k2(start: Callable[..., Rig]) -> Callable[..., Rig]:
    """The same for the K2."""

    def _start(**changes: Any) -> Rig:
        return start(**({"family": "yeastar-k2"} | changes))

    return _start


@pytest.fixture
def k2(start_k2: Callable[..., Rig]) -> Rig:
    return start_k2()
