"""Whether the number in a report can be the one that was dialled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.numbers import digits_of, same_number, similar_number

numbers = st.text("0123456789+ -()", max_size=16)


@pytest.mark.parametrize(
    ("dialled", "reported"),
    [
        ("31612345678", "31612345678"),
        ("931612345678", "31612345678"),  # the route has stripped a prefix
        ("0612345678", "90612345678"),  # the route has added one
        ("+31 6 1234-5678", "31612345678"),
        ("12564555", "12564555 "),  # a stray blank, as in the manual's BYE sample
        ("112", "112"),
    ],
)
def test_these_are_the_same(dialled: str, reported: str) -> None:
    assert same_number(dialled, reported)


@pytest.mark.parametrize(
    ("dialled", "reported"),
    [
        ("31612345678", "31612345679"),
        ("0201234567", "0301234567"),  # one subscriber number in two towns
        ("112", "31612345112"),  # too few digits in common
        ("12345", "912345"),
        ("31612345678", ""),
        ("", ""),
        ("anonymous", "anonymous"),
    ],
)
def test_these_are_not(dialled: str, reported: str) -> None:
    assert not same_number(dialled, reported)


@given(numbers, numbers)
def test_it_does_not_matter_which_one_was_dialled(one: str, other: str) -> None:
    assert same_number(one, other) == same_number(other, one)


@given(numbers)
def test_a_number_is_the_same_as_itself_when_it_has_a_digit(number: str) -> None:
    assert same_number(number, number) == any(letter.isdigit() for letter in number)


@given(numbers)
def test_only_digits_are_left(number: str) -> None:
    assert digits_of(number) == "".join(letter for letter in number if letter.isdigit())


@pytest.mark.parametrize(
    ("dialled", "reported", "similar"),
    [
        ("31612345678", "0612345678", True),
        ("0031612345678", "+31 6 12345678", True),
        ("0201234567", "0301234567", True),  # one subscriber number in two towns: nothing tells them apart
        ("31612345678", "0612345679", False),
        ("5678", "345678", False),
        ("112", "912112", False),
        ("31612345678", "", False),
    ],
)
def test_what_a_route_may_have_made_of_a_number_is_similar(
    dialled: str, reported: str, similar: bool
) -> None:
    assert similar_number(dialled, reported) is similar
    assert similar_number(reported, dialled) is similar
