"""How a request fails says whether the PBX can have placed the call, in this family as in every other.

The whole table is tested with the family ``yeastar-s``; here is one case of each kind.
"""

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from tests.pbx.raw_pbx import Behaviour, RawPbx, answer, reset, send_and_close, stall
from tests.pbx.yeastar_k2.conftest import ORDER, SESSION, MakeDriver

CALLID = b'{"status":"Success","callid":"1.2"}'


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        pytest.param(stall, Reason.TIMED_OUT, id="no answer"),
        pytest.param(send_and_close(b""), Reason.CONNECTION_LOST, id="a cut after the request"),
        pytest.param(reset, Reason.CONNECTION_LOST, id="a reset after the request"),
        pytest.param(answer(CALLID, "502 Bad Gateway"), Reason.HTTP_ERROR, id="502"),
        pytest.param(answer(b"not JSON"), Reason.RESPONSE_UNREADABLE, id="not JSON"),
    ],
)
def test_sent_and_not_answered_is_in_doubt(
    driver_for: MakeDriver, observed: list[tuple[str, str]], behaviour: Behaviour, reason: Reason
) -> None:
    with RawPbx(behaviour) as pbx:
        with pytest.raises(PbxInDoubt) as doubt:
            driver_for(pbx.url, timeout_seconds=0.4).dial(SESSION, ORDER)

    assert doubt.value.reason is reason
    assert len(pbx.requests) == 1
    assert observed == [("dial", "in_doubt")]


def test_turned_away_before_the_api_is_refused(
    driver_for: MakeDriver, observed: list[tuple[str, str]]
) -> None:
    with RawPbx(answer(b"", "404 Not Found")) as pbx:
        with pytest.raises(PbxRefused) as refusal:
            driver_for(pbx.url).dial(SESSION, ORDER)

    assert refusal.value.reason is Reason.PBX_AWAY
    assert observed == [("dial", "refused")]


def test_one_connection_for_each_answer_of_an_embedded_server(driver_for: MakeDriver) -> None:
    """The server of the manual's samples closes every connection after its answer."""
    head = b"HTTP/1.1 200 OK\r\nServer: Boa/0.94.14rc21\r\nAccept-Ranges: bytes\r\nConnection: close\r\n\r\n"
    with RawPbx(send_and_close(head + CALLID)) as pbx:
        driver = driver_for(pbx.url)
        assert [driver.dial(SESSION, ORDER).callid for _ in range(3)] == ["1.2"] * 3

    assert (len(pbx.requests), pbx.connections) == (3, 3)


def test_a_closed_driver_sends_nothing(driver_for: MakeDriver) -> None:
    with RawPbx(answer(CALLID)) as pbx:
        driver = driver_for(pbx.url)
        driver.close()
        with pytest.raises(PbxRefused):
            driver.dial(SESSION, ORDER)

    assert pbx.requests == []
