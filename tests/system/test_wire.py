"""The line to the PBX: in each of its states it does what it says."""

from collections.abc import Iterator

import httpx
import pytest

from dispatcher.simulator import SimulatedPbx
from tests.system.site import simulated_pbx
from tests.system.wire import State, Wire


@pytest.fixture
def pbx() -> Iterator[SimulatedPbx]:
    with simulated_pbx(1) as running:
        yield running


@pytest.fixture
def wire(pbx: SimulatedPbx) -> Iterator[Wire]:
    with Wire(pbx.port) as line:
        yield line


@pytest.fixture
def client(wire: Wire) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=wire.url, timeout=0.5, trust_env=False) as http:
        yield http


def state_of(client: httpx.Client) -> int:
    return client.get("/simulator/state").status_code


def test_a_good_line_carries_requests_and_answers(client: httpx.Client) -> None:
    assert [state_of(client) for _ in range(3)] == [200, 200, 200]


def test_a_silent_line_carries_requests_alone(wire: Wire, client: httpx.Client, pbx: SimulatedPbx) -> None:
    wire.turn(State.SILENT)
    with pytest.raises(httpx.ReadTimeout):
        client.post("/simulator/trunks", json={"SPS-6-36": "down"})
    pbx.judge.wait_for(lambda judge: any(entry.kind == "trunk" for entry in judge.log()))
    wire.turn(State.GOOD)
    assert state_of(client) == 200


def test_a_cut_line_resets_and_refuses_until_it_is_mended(wire: Wire, client: httpx.Client) -> None:
    assert state_of(client) == 200
    wire.turn(State.CUT)
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            state_of(client)
    wire.turn(State.GOOD)
    assert state_of(client) == 200


def test_a_broken_proxy_answers_for_the_pbx(wire: Wire, client: httpx.Client, pbx: SimulatedPbx) -> None:
    wire.turn(State.BROKEN_PROXY)
    assert client.post("/simulator/trunks", json={"SPS-6-36": "down"}).status_code == 502
    assert not any(entry.kind == "trunk" for entry in pbx.judge.log())
    wire.turn(State.GOOD)
    assert state_of(client) == 200


def test_a_slow_line_loses_nothing(wire: Wire, client: httpx.Client) -> None:
    wire.turn(State.SLOW)
    assert client.get("/simulator/state").elapsed.total_seconds() > 0.2
