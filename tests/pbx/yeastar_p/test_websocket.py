"""The WebSocket as it goes on for hours: heartbeats, tokens that change, silence, cuts, and its end."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import ReportEvent
from dispatcher.pbx.errors import PbxError, PbxRefused
from dispatcher.pbx.protocol import ReportStream
from dispatcher.pbx.yeastar_p import YeastarP, sessions, websocket
from dispatcher.simulator import Behaviour, SimulatedPbx, SimulatorSettings
from tests.pbx.drivers import PASSWORD, Observed
from tests.pbx.raw_pbx import RawPbx, in_turn
from tests.pbx.yeastar.newer import ORDER
from tests.pbx.yeastar_p.conftest import PAIR, MakeDriver, asked, told

StartPbx = Callable[..., SimulatedPbx]


@pytest.fixture
def start() -> Iterator[StartPbx]:
    """Starts simulated boxes, and stops them after the test."""
    running: list[SimulatedPbx] = []

    def make(**changed: object) -> SimulatedPbx:
        settings = SimulatorSettings(
            **({"family": "yeastar-p", "port": 0, "time_scale": 0.001, "password": PASSWORD} | changed)  # type: ignore[arg-type]
        )
        running.append(SimulatedPbx(settings).start())
        return running[-1]

    yield make
    for pbx in running:
        pbx.stop()


def opened(driver: YeastarP) -> ReportStream:
    stream = driver.open_reports("")
    first = stream.read()
    assert (first.bodies, first.position, first.missed) == ((), "", True)
    return stream


def read_call(driver: YeastarP, stream: ReportStream, seconds: float = 10.0) -> list[ReportEvent]:
    """The events of the next call, up to its record."""
    found: list[ReportEvent] = []
    deadline = time.monotonic() + seconds
    while ReportEvent.CDR not in found:
        assert time.monotonic() < deadline, found
        found += [report.event for body in stream.read().bodies for report in driver.parse(body)]
    return found


def read_on(stream: ReportStream) -> None:
    """Read until it breaks off."""
    for _ in range(20):
        stream.read()


def test_a_call_over_a_websocket(driver_for: MakeDriver, start: StartPbx, observed: Observed) -> None:
    pbx = start()
    driver = driver_for(pbx.url, report_transport="websocket")
    session = driver.login()
    stream = opened(driver)
    driver.dial(session, ORDER)

    assert set(read_call(driver, stream)) >= {
        ReportEvent.RINGING,
        ReportEvent.ANSWERED,
        ReportEvent.PROMPT_ENDED,
        ReportEvent.DTMF,
    }
    stream.close()
    assert observed == [("login", "ok"), ("listen", "ok"), ("dial", "ok")]


def test_a_stream_gives_its_token_back(driver_for: MakeDriver, start: StartPbx) -> None:
    """Eight are all that there are: a stream that is opened again and again must not use them up."""
    pbx = start()
    driver = driver_for(pbx.url, report_transport="websocket")
    for _ in range(12):
        stream = opened(driver)
        stream.close()
        stream.close()

    for _ in range(8):
        driver.login()
    with pytest.raises(PbxRefused) as refused:
        driver.open_reports("")
    assert refused.value.reason is Reason.TOO_FREQUENT


def test_a_token_that_changes_loses_no_event(
    driver_for: MakeDriver, start: StartPbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token is old after a second here, so the stream is subscribed anew while calls are up."""
    monkeypatch.setattr(sessions, "_REFRESH_AFTER", 1 / 1800)
    monkeypatch.setattr(websocket, "BOTH_SECONDS", 0.3)
    pbx = start(token_lifetime=1800.0)
    driver = driver_for(pbx.url, report_transport="websocket")
    session = driver.login()
    stream = opened(driver)
    callids, told = [], set()
    until = time.monotonic() + 6.0
    while time.monotonic() < until:
        callids.append(driver.dial(session, ORDER).callid)
        reports = [report for body in stream.read().bodies for report in driver.parse(body)]
        told |= {report.callid for report in reports if report.event is ReportEvent.CDR}
    pbx.wait_idle()
    while len(told) < len(callids):
        bodies = stream.read().bodies
        assert bodies, "records were lost"
        reports = [report for body in bodies for report in driver.parse(body)]
        told |= {report.callid for report in reports if report.event is ReportEvent.CDR}
    stream.close()

    assert told == set(callids)
    assert pbx.judge.reports()["dropped"] == 0


def test_a_heartbeat_keeps_an_idle_stream(
    driver_for: MakeDriver, start: StartPbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The PBX closes a connection on which nothing was said for a minute; here a minute is a second."""
    monkeypatch.setattr("dispatcher.simulator.yeastar_p.sockets.IDLE_SECONDS", 1.0)
    monkeypatch.setattr(websocket, "HEARTBEAT_SECONDS", 0.4)
    monkeypatch.setattr(websocket, "READ_SECONDS", 0.2)
    pbx = start()
    driver = driver_for(pbx.url, report_transport="websocket")
    stream = opened(driver)
    until = time.monotonic() + 3.0
    while time.monotonic() < until:
        assert stream.read().bodies == (), "the answer to a heartbeat is no event"
    driver.dial(driver.login(), ORDER)
    assert read_call(driver, stream)
    stream.close()


def test_without_a_heartbeat_the_pbx_ends_it(
    driver_for: MakeDriver, start: StartPbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatcher.simulator.yeastar_p.sockets.IDLE_SECONDS", 0.3)
    driver = driver_for(start().url, report_transport="websocket")
    stream = opened(driver)
    with pytest.raises(PbxRefused) as refused:
        stream.read()
    stream.close()

    assert refused.value.reason is Reason.PBX_AWAY


def test_a_pbx_that_is_gone_without_a_word(
    driver_for: MakeDriver, start: StartPbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(websocket, "READ_SECONDS", 0.2)
    driver = driver_for(start().url, report_transport="websocket")
    stream = opened(driver)
    with pytest.raises(PbxRefused) as refused:
        read_on(stream)
    stream.close()

    assert "nothing was heard" in refused.value.detail


@pytest.mark.parametrize("how", ["dropped", "restarted", "tokens lapsed at once"])
def test_a_stream_that_breaks_off(driver_for: MakeDriver, start: StartPbx, how: str) -> None:
    pbx = start(token_lifetime=1.0 if how == "tokens lapsed at once" else 1800.0)
    driver = driver_for(pbx.url, report_transport="websocket")
    stream = opened(driver)
    if how == "dropped":
        pbx.page("stream", {"drop": True})
    elif how == "restarted":
        pbx.restart()
    else:
        pbx.expire_tokens()
    with pytest.raises(PbxError):
        read_on(stream)
    stream.close()

    opened(driver).close()


def test_another_thread_may_close_it(driver_for: MakeDriver, start: StartPbx) -> None:
    stream = opened(driver_for(start().url, report_transport="websocket"))
    closing = threading.Timer(0.3, stream.close)
    closing.start()
    with pytest.raises(PbxError):
        stream.read()
    closing.join()


def test_many_events_come_together(driver_for: MakeDriver, start: StartPbx) -> None:
    pbx = start(behaviour=Behaviour.BUSY)
    driver = driver_for(pbx.url, report_transport="websocket")
    session = driver.login()
    stream = opened(driver)
    for place in range(20):
        driver.dial(session, type(ORDER)(ORDER.target, f"906123{place:05d}", ORDER.message, "1000"))
    pbx.wait_idle()
    pulled = stream.read()
    stream.close()

    assert len(pulled.bodies) > 1
    assert not pulled.missed


def test_a_pbx_that_knows_no_websockets(driver_for: MakeDriver) -> None:
    """The answer to the handshake is an HTTP one, and the token goes back."""
    with RawPbx(in_turn(PAIR, told(), told())) as pbx, pytest.raises(PbxRefused) as refused:
        driver_for(pbx.url).open_reports("")

    assert refused.value.reason is Reason.PBX_AWAY
    assert "HTTP 200" in refused.value.detail
    assert [target.partition("?")[0] for _, target, _ in asked(pbx)] == [
        "get_token",
        "subscribe",
        "del_token",
    ]


def test_nobody_is_there(driver_for: MakeDriver) -> None:
    with pytest.raises(PbxRefused) as refused:
        driver_for("http://127.0.0.1:1").open_reports("")

    assert refused.value.reason is Reason.PBX_AWAY
