"""The event stream: its position, and what its numbers say about events that were missed."""

import json
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from tests.pbx.axeos.conftest import MakeDriver
from tests.pbx.raw_pbx import RawPbx, answer, send_and_close


def event(number: int) -> dict[str, Any]:
    return {"event_type": "phone list changed", "seq": number, "timestamp": "2026-11-21T08:00:00+00:00"}


def listed(*numbers: int) -> bytes:
    return json.dumps([event(number) for number in numbers]).encode()


PROBE = "timeout=0&limit=1"


class Served:
    """A PBX that gives these answers one after the other, and then none."""

    def __init__(self, *bodies: bytes) -> None:
        self.bodies = list(bodies)
        self.pbx = RawPbx(self._serve)

    def _serve(self, connection: socket.socket) -> None:
        answer(self.bodies.pop(0))(connection)

    @property
    def queries(self) -> list[str]:
        """The query of every request."""
        return [request.split(b" ")[1].decode().partition("?")[2] for request in self.pbx.requests]


def test_the_first_look_skips_the_past_and_the_next_goes_on_from_there(driver_for: MakeDriver) -> None:
    served = Served(listed(41), listed(42, 43), b"[]")
    with served.pbx as pbx:
        stream = driver_for(pbx.url).open_reports("")
        first, second, third = stream.read(), stream.read(), stream.read()

    assert served.queries == [
        PROBE,
        "last=41&timeout=2&limit=500",
        "last=43&timeout=2&limit=500",
    ]
    assert (first.position, second.position, third.position) == ("41", "43", "")
    assert [len(pulled.bodies) for pulled in (first, second, third)] == [1, 2, 0]
    assert not any(pulled.missed for pulled in (first, second, third))
    assert json.loads(second.bodies[1]) == event(43)


def test_where_gathering_has_just_begun_all_that_comes_is_new(driver_for: MakeDriver) -> None:
    served = Served(b"[]", b"[]", listed(0, 1, 2))
    with served.pbx as pbx:
        stream = driver_for(pbx.url).open_reports("")
        pulled = [stream.read() for _ in range(3)]

    assert served.queries == [PROBE, "timeout=2&limit=500", "timeout=2&limit=500"]
    assert [item.position for item in pulled] == ["", "", "2"]
    assert len(pulled[2].bodies) == 3


def test_a_stream_goes_on_where_the_last_one_stopped(driver_for: MakeDriver) -> None:
    served = Served(listed(8), listed(8))
    with served.pbx as pbx:
        pulled = driver_for(pbx.url).open_reports("7").read()

    assert served.queries == [PROBE, "last=7&timeout=2&limit=500"]
    assert (pulled.position, pulled.missed, len(pulled.bodies)) == ("8", False, 1)


@pytest.mark.parametrize(
    "newest", [(), (0,), (6,)], ids=["none are gathered", "from the first", "older ones"]
)
def test_a_place_that_is_no_longer_good_is_told_before_anything_else(
    driver_for: MakeDriver, newest: Sequence[int]
) -> None:
    served = Served(listed(*newest), listed(0, 1, 2, 3, 4, 5, 6, 7, 8), listed(9))
    with served.pbx as pbx:
        stream = driver_for(pbx.url).open_reports("7")
        told, gathered, after = stream.read(), stream.read(), stream.read()

    assert served.queries == [PROBE, "timeout=2&limit=500", "last=8&timeout=2&limit=500"]
    assert (told.bodies, told.position, told.missed) == ((), "", True)
    assert (len(gathered.bodies), gathered.position, gathered.missed) == (9, "8", False)
    assert not after.missed


@pytest.mark.parametrize(
    ("what", "numbers", "position"),
    [
        ("the buffer overflowed", (900, 901), "901"),
        ("the PBX restarted while it was read", (0, 1), "1"),
        ("it restarted, and was asked late", (3,), "3"),
        ("the buffer was reset while it was read", (8, 9, 0, 1), "1"),
        ("it overflowed while it was read", (8, 9, 15), "15"),
    ],
)
def test_a_gap_in_the_numbers_is_told(
    driver_for: MakeDriver, what: str, numbers: Sequence[int], position: str
) -> None:
    served = Served(listed(7), listed(*numbers), listed(int(position) + 1))
    with served.pbx as pbx:
        stream = driver_for(pbx.url).open_reports("7")
        pulled, after = stream.read(), stream.read()

    assert pulled.missed, what
    assert len(pulled.bodies) == len(numbers)
    assert pulled.position == position
    assert served.queries[2].startswith(f"last={position}&")
    assert not after.missed


def test_after_an_error_the_same_place_is_asked_for_again(driver_for: MakeDriver) -> None:
    with RawPbx(answer(listed(7))) as pbx:
        stream = driver_for(pbx.url).open_reports("7")
        pbx.behaviour = send_and_close(b"")
        with pytest.raises(PbxInDoubt):
            stream.read()
        pbx.behaviour = answer(listed(8))
        pulled = stream.read()

    assert b"last=7&" in pbx.requests[-1]
    assert (pulled.position, pulled.missed) == ("8", False)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        ("401 Unauthorized", b"", Reason.CREDENTIALS_REFUSED),
        ("403 Forbidden", b"", Reason.NOT_PERMITTED),
        ("200 OK", b'{"error": "no"}', Reason.RESPONSE_UNREADABLE),
        ("200 OK", b'[{"event_type": "call finished"}]', Reason.RESPONSE_UNREADABLE),
        ("502 Bad Gateway", b"", Reason.HTTP_ERROR),
    ],
)
def test_a_broken_stream_says_why(driver_for: MakeDriver, status: str, body: bytes, reason: Reason) -> None:
    with RawPbx(answer(listed(7))) as pbx:
        stream = driver_for(pbx.url).open_reports("7")
        pbx.behaviour = answer(body, status)
        with pytest.raises(PbxError) as error:
            stream.read()

    assert error.value.reason is reason


def test_a_closed_stream_asks_nothing_more(driver_for: MakeDriver) -> None:
    served = Served(listed(7))
    with served.pbx as pbx:
        stream = driver_for(pbx.url).open_reports("7")
        stream.close()
        with pytest.raises(PbxRefused):
            stream.read()

    assert served.queries == [PROBE]


def test_a_stream_that_is_not_to_be_had_is_told_at_once(driver_for: MakeDriver) -> None:
    with RawPbx(answer(b"", "403 Forbidden")) as pbx:
        with pytest.raises(PbxRefused) as refusal:
            driver_for(pbx.url).open_reports("")

    assert refusal.value.reason is Reason.NOT_PERMITTED


def test_a_place_that_is_none_counts_as_the_first_time(driver_for: MakeDriver) -> None:
    served = Served(listed(8))
    with served.pbx as pbx:
        driver_for(pbx.url).open_reports("somewhere").read()

    assert served.queries == [PROBE]
