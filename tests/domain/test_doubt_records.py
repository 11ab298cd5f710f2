"""Whose call a record is: linked only when it can be no other's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.facts import Target
from dispatcher.domain.records import SKEW, Familiar, Lost, link, vouched_trunks
from dispatcher.domain.reports import Cdr, CdrStatus, PartyKind, Report, ReportEvent
from dispatcher.domain.vocabulary import MessageKind, TargetKind

START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
NUMBER, TRUNK = "31612345678", "SPS-6-36"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def lost(
    key: str = "a", number: str = NUMBER, sent: float = 0.0, kind: TargetKind = TargetKind.NUMBER
) -> Lost:
    target = Target(kind, number, MessageKind.IVR)
    return Lost(key, target, TRUNK, at(sent), at(sent + 40), frozenset({"6500", "1000"}))


def record(callid: str = "1.7", **changed: Any) -> Report:
    cdr = Cdr(
        CdrStatus.ANSWERED,
        NUMBER,
        "6500",
        9,
        TRUNK,
        direction=PartyKind.OUTBOUND,
        call_seconds=13,
        began=at(1),
    )
    return Report(ReportEvent.CDR, "NewCdr", callid, cdr=cdr._replace(**changed))


def test_the_only_record_of_the_number_in_its_time_is_its_own() -> None:
    linked = link([lost()], [record(), record("1.8", called="31687654321")])

    assert (linked.own, linked.perhaps) == ({"a": "1.7"}, frozenset())


@pytest.mark.parametrize(
    "changed",
    [
        {"called": "31687654321"},
        {"direction": PartyKind.INBOUND},
        {"began": at(-SKEW.total_seconds() - 1)},
        {"began": at(40 + SKEW.total_seconds() + 1)},
    ],
    ids=["another number", "somebody called in", "before the dial", "long after it"],
)
def test_what_can_not_be_its_own_leaves_no_doubt(changed: dict[str, object]) -> None:
    linked = link([lost()], [record(**changed)])

    assert (linked.own, linked.perhaps) == ({}, frozenset())


@pytest.mark.parametrize(
    "changed",
    [{"caller": "1005"}, {"trunk": "another"}, {"began": None}, {"called": "0612345678"}],
    ids=["dialled by hand", "on another trunk", "at no time", "the number in another form"],
)
def test_what_may_be_its_own_is_not_linked_and_not_denied(changed: dict[str, object]) -> None:
    linked = link([lost()], [record(**changed)])

    assert (linked.own, linked.perhaps) == ({}, {"a"})


def test_several_rows_of_one_call_are_one_call() -> None:
    phantom = record(status=CdrStatus.NO_ANSWER, talk_seconds=0, call_seconds=1)

    assert link([lost()], [phantom, record()]).own == {"a": "1.7"}


def test_a_row_for_a_number_that_the_call_went_on_to_does_not_matter() -> None:
    onward = record(called="1010", caller="1999", direction=PartyKind.EXTENSION, trunk="")

    assert link([lost()], [record(), onward]).own == {"a": "1.7"}


def test_two_calls_to_the_number_are_not_told_apart() -> None:
    linked = link([lost()], [record("1.7"), record("1.8")])

    assert (linked.own, linked.perhaps) == ({}, {"a"})


def test_an_extensions_call_may_be_recorded_either_way_round() -> None:
    one = lost(number="1002", kind=TargetKind.EXTENSION)
    inward = {"direction": PartyKind.EXTENSION, "trunk": ""}

    assert link([one], [record(called="1002", caller="6500", **inward)]).own == {"a": "1.7"}
    assert link([one], [record(called="6500", caller="1002", **inward)]).own == {"a": "1.7"}


numbers = st.sampled_from([NUMBER, "31687654321", "0612345678"])
attempts = st.lists(
    st.builds(lost, key=st.uuids().map(str), number=numbers, sent=st.sampled_from([0.0, 30.0, 300.0])),
    max_size=5,
    unique_by=lambda one: one.attempt_id,
)
rows = st.lists(
    st.builds(
        record,
        st.sampled_from(["1.1", "1.2", "1.3", "1.4"]),
        called=numbers,
        caller=st.sampled_from(["6500", "1005", ""]),
        trunk=st.sampled_from([TRUNK, "another", ""]),
        began=st.one_of(st.none(), st.sampled_from([at(1), at(31), at(301), at(2000)])),
    ),
    max_size=6,
)


@given(attempts=attempts, rows=rows)
def test_no_record_is_ever_given_to_two_and_nobody_gets_two(attempts: list[Lost], rows: list[Report]) -> None:
    linked = link(attempts, rows)

    assert len(set(linked.own.values())) == len(linked.own)
    assert not linked.own.keys() & linked.perhaps
    for one in attempts:
        if one.attempt_id in linked.own:
            others = [other for other in attempts if other is not one]
            alone = link([one], rows)
            assert alone.own == {one.attempt_id: linked.own[one.attempt_id]}
            claimed = {callid for other in others for callid in link([other], rows).own.values()}
            assert linked.own[one.attempt_id] not in claimed


@given(attempts=attempts, rows=rows)
def test_the_order_changes_nothing(attempts: list[Lost], rows: list[Report]) -> None:
    assert link(attempts, rows) == link(attempts[::-1], rows[::-1])


@pytest.mark.parametrize(
    ("familiar", "rows", "vouched"),
    [
        ({"1.7": Familiar(at(0), TRUNK, rang=True)}, [record()], {TRUNK}),
        ({"1.7": Familiar(at(0), TRUNK, rang=False)}, [record()], set()),
        ({"1.7": Familiar(at(0), TRUNK, rang=True)}, [record(began=at(3600))], set()),
        ({"1.7": Familiar(at(0), TRUNK, rang=True)}, [record(began=None)], set()),
        ({"1.9": Familiar(at(0), TRUNK, rang=True)}, [record()], set()),
        (
            {"1.7": Familiar(at(0), TRUNK, rang=False), "1.8": Familiar(at(0), TRUNK, rang=True)},
            [record()],
            {TRUNK},
        ),
    ],
    ids=["known", "never rang", "an hour off", "no time", "not recorded", "another one rang"],
)
def test_which_trunks_are_vouched_for(
    familiar: dict[str, Familiar], rows: list[Report], vouched: set[str]
) -> None:
    assert vouched_trunks(familiar, rows) == vouched
