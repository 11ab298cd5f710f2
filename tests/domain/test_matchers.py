"""Matchers on labels: Alertmanager's four, and regular expressions that can hold nothing up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.matchers import Matcher, Op, all_fit, whole_match

LABELS = {"alertname": "PumpFailed", "site": "north"}


@pytest.mark.parametrize(
    ("label", "op", "value", "fits"),
    [
        ("site", Op.IS, "north", True),
        ("site", Op.IS, "nort", False),
        ("site", Op.IS_NOT, "north", False),
        ("site", Op.IS_NOT, "south", True),
        ("alertname", Op.MATCHES, "Pump.*", True),
        ("alertname", Op.MATCHES, "Pump", False),
        ("alertname", Op.MATCHES, "Pump|Failed", False),
        ("alertname", Op.MATCHES_NOT, "Pump.*", False),
        ("alertname", Op.MATCHES_NOT, "pump.*", True),
        ("alertname", Op.MATCHES, "(?i)pump.*", True),
        ("floor", Op.IS, "", True),
        ("floor", Op.MATCHES, ".+", False),
        ("floor", Op.MATCHES_NOT, ".+", True),
    ],
)
def test_one_condition_on_one_label(label: str, op: Op, value: str, fits: bool) -> None:
    assert Matcher(label, op, value).fits(LABELS) is fits


def test_every_condition_must_fit_and_none_at_all_fit_nothing() -> None:
    pump, south = Matcher("alertname", Op.MATCHES, "Pump.*"), Matcher("site", Op.IS, "south")
    assert all_fit([pump], LABELS)
    assert not all_fit([pump, south], LABELS)
    assert not all_fit([], LABELS)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", "(a|aa)+$"])
@pytest.mark.timeout(30)
def test_no_expression_runs_for_long(pattern: str) -> None:
    """Python's own engine would take longer than the universe has for these."""
    assert whole_match(pattern)("a" * 100_000 + "!") is None


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("(", "missing )"), ("a**", "repetition"), ("(?=a)b", "perl operator"), (r"(a)\1", "escape")],
)
def test_what_can_t_be_read_says_why(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace(")", r"\)")):
        whole_match(pattern)


@given(st.text(max_size=40))
def test_any_text_is_matched_as_it_is_or_refused(text: str) -> None:
    try:
        match = whole_match(text)
    except ValueError:
        return
    match(text)
