"""The tolerant reader against the strict one, and on what no strict one takes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.pbx.yeastar.lenient import Repeated, pairs_of, read_object

SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
# Keys that stay different when blanks and case are gone.
OBJECTS = st.dictionaries(st.sampled_from("abcdef"), VALUES, max_size=5)


def as_read(value: Any) -> Any:
    """What the reader makes of plain data: keys in lower case, all numbers as strings."""
    if isinstance(value, dict):
        return {key.strip().lower(): as_read(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_read(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


@given(OBJECTS)
def test_good_json_comes_out_as_it_is(data: dict[str, Any]) -> None:
    assert read_object(json.dumps(data).encode()) == as_read(data)


@given(OBJECTS)
def test_the_tolerant_reader_agrees_with_the_strict_one(data: dict[str, Any]) -> None:
    """A comma too many sends the body to the tolerant reader, and changes nothing else."""
    defective = json.dumps(data)[:-1] + ",}"

    assert read_object(defective.encode()) == as_read(data)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"a": "1" "b": "2"}', {"a": "1", "b": "2"}),
        ('{"a": 1, "b": 2,}', {"a": "1", "b": "2"}),
        ('{,"a": 1,, "b": 2}', {"a": "1", "b": "2"}),
        ("{a: b c, d: 'e'}", {"a": "b c", "d": "e"}),
        (
            '{ "url": "192.168.5.122:8260/report",urltag: "1" }',
            {"url": "192.168.5.122:8260/report", "urltag": "1"},
        ),
        ('{"a": , "b": 2}', {"a": None, "b": "2"}),
        ('{"a": [{"b": 1], "c": 2}', {"a": [{"b": "1"}], "c": "2"}),
        ('{"a": {"b": [1, 2}, "c": 3}', {"a": {"b": ["1", "2"]}, "c": "3"}),
        ('{"a": 1]}', {"a": "1"}),
        ('{"a": 1}} garbage', {"a": "1"}),
        ('{"a": "x\\q\\"y",}', {"a": 'xq"y'}),
        ("{'a': 'say \"hi\"'}", {"a": 'say "hi"'}),
        ('{"a": null, "b": true, c: false,}', {"a": None, "b": True, "c": False}),
        ('{"a": [], "b": {"c": "d"', {"a": [], "b": {"c": "d"}}),
        ('{" A ": 1.50}', {"a": "1.50"}),
    ],
)
def test_repairs(body: str, expected: dict[str, Any]) -> None:
    assert read_object(body.encode()) == expected


@pytest.mark.parametrize(
    "body",
    [
        "",
        "x",
        "[1]",
        '"a"',
        '{"a": "b',
        '{"a": 12',
        '{"a" "b"}',
        '{"a"}',
        '{"a": 1, "b"',
        "{" * 50,
        '{{"a": 1}}',
    ],
)
def test_not_to_be_repaired(body: str) -> None:
    with pytest.raises(ValueError):
        read_object(body.encode())


@pytest.mark.parametrize("body", ['{"a": [{"b": "c"}]', '{"a": [{"b": "c"}', '{"a": ["b", "c"'])
def test_a_missing_end_is_repaired_only_where_it_may_be(body: str) -> None:
    assert read_object(body.encode())
    with pytest.raises(ValueError):
        read_object(body.encode(), whole=True)


@pytest.mark.parametrize("body", ['{"a": 1, "b": 2, "a": 3}', '{"a": 1, "b": 2, "a": 3,}'])
def test_repeated_keys_are_all_kept_in_order(body: str) -> None:
    data = read_object(body.encode())

    assert isinstance(data, Repeated)
    assert pairs_of(data) == [("a", "1"), ("b", "2"), ("a", "3")]
    assert data["a"] == "3"
