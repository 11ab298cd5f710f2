"""The same objects come out of a stream, wherever its chunks end and whatever stands between them."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.pbx.yeastar_k2.objects import ObjectDecoder

SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parent / "samples").iterdir())]
EVENT = b'{"event": "CallStatus", "callid": "1.2", "members": [], "sn": "3"}'
CDR = b'{"event": "NewCdr", "callid": "1.2", "callto": "061234567", "sn": "3"}'
OPEN_ENDED = b'{"event": "DTMF", "callid": "1.2", "members": [{"ext": {"number": "1023"}], "info": "1"'

awkward = st.text(alphabet=st.sampled_from('{}[]"\\:,\n\r\u0000 aé漢🙂'), max_size=12)
values = st.recursive(
    awkward | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(awkward, inner, max_size=3),
    max_leaves=12,
)
bodies = st.builds(
    lambda rest, indent, plain: json.dumps(
        {"event": "CallStatus"} | rest, indent=indent, ensure_ascii=plain
    ).encode(),
    st.dictionaries(awkward, values, max_size=4),
    st.sampled_from([None, 1, "\t"]),
    st.booleans(),
)
between = st.binary(max_size=8).map(lambda noise: noise.replace(b"{", b"("))


def decoded(stream: bytes, ends: list[int], largest: int = 65_536) -> list[bytes]:
    """What a decoder makes of a stream whose chunks end at these places."""
    decoder = ObjectDecoder(largest)
    cuts = [0, *sorted(end % (len(stream) + 1) for end in ends), len(stream)]
    return [item for start, end in pairwise(cuts) for item in decoder.feed(stream[start:end])]


@given(st.lists(st.tuples(between, bodies), max_size=5), st.lists(st.integers(0, 10_000), max_size=12))
def test_objects_come_out_byte_for_byte(items: list[tuple[bytes, bytes]], ends: list[int]) -> None:
    stream = b"".join(noise + body for noise, body in items)
    assert decoded(stream, ends) == [body for _, body in items]


@given(
    st.lists(st.sampled_from(SAMPLES), max_size=4), st.sampled_from([b"", b"\n", b"\r\n\r\n", b"\x00", b","])
)
def test_byte_by_byte(items: list[bytes], delimiter: bytes) -> None:
    stream = delimiter.join(items)
    assert decoded(stream, list(range(len(stream)))) == [item.strip() for item in items]


@given(st.binary(max_size=200), st.lists(st.integers(0, 10_000), max_size=6))
def test_garbage_is_cut_the_same_way_whatever_the_chunks(garbage: bytes, ends: list[int]) -> None:
    stream = garbage + EVENT + garbage
    assert decoded(stream, ends) == decoded(stream, [])


def test_a_list_of_events_is_taken_apart() -> None:
    assert decoded(b"[%s, %s]" % (EVENT, CDR), []) == [EVENT, CDR]


@pytest.mark.parametrize("split", range(len(EVENT)))
def test_an_object_that_is_never_closed_does_not_take_the_next_with_it(split: int) -> None:
    stream = OPEN_ENDED + b"\r\n" + EVENT + CDR
    assert decoded(stream, [len(OPEN_ENDED) + 2 + split]) == [OPEN_ENDED, EVENT, CDR]


def test_braces_too_many_are_passed_over() -> None:
    assert decoded(EVENT + b"}}" + CDR + b"}", []) == [EVENT, CDR]


def large(size: int) -> bytes:
    body = b'{"event": "Odd", "text": "%s"}'
    return body % (b"{" * (size - len(body) + 2))


@given(st.integers(101, 400), st.lists(st.integers(0, 10_000), max_size=12))
def test_an_object_that_is_too_large_is_passed_over(size: int, ends: list[int]) -> None:
    stream = EVENT + large(size) + CDR
    assert decoded(stream, ends, largest=100) == [EVENT, CDR]


@given(st.lists(st.integers(0, 10_000), max_size=12))
def test_one_that_is_just_not_too_large_is_taken(ends: list[int]) -> None:
    assert decoded(EVENT + large(100) + CDR, ends, largest=100) == [EVENT, large(100), CDR]


def test_the_decoder_holds_no_more_than_one_object() -> None:
    decoder = ObjectDecoder(1000)
    decoder.feed(b'{"event": "')
    for _ in range(10):
        assert decoder.feed(b"x" * 1000) == []
        assert len(decoder._buffer) <= 1000
    assert decoder.feed(b'"}' + EVENT) == [EVENT]


def test_an_object_without_any_end_is_given_up_in_time() -> None:
    """After an odd quote all braces seem to stand within strings, and none would count any more."""
    decoder = ObjectDecoder(1000)
    decoder.feed(b'{"event": "Odd", "name": "5" pipe"}')
    taken: list[Any] = []
    for _ in range(600):
        taken += decoder.feed(EVENT + b"\n")
    assert taken[-10:] == [EVENT] * 10


def test_what_is_left_of_a_broken_object_can_be_taken() -> None:
    decoder = ObjectDecoder()
    decoder.feed(b"noise " + OPEN_ENDED)
    assert decoder.is_within is True
    assert decoder.cut_off() == [OPEN_ENDED]
    assert bool(decoder.is_within) is False
    assert decoder.feed(EVENT) == [EVENT]
    assert decoder.cut_off() == []
