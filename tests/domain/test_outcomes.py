"""Whatever becomes of a call's reports, its outcome is the right one or a documented weaker one."""

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain import outcomes
from dispatcher.domain.facts import NOTHING, Facts, join
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.outcomes import is_delivered, may_have_been_reached, outcome_of
from dispatcher.domain.reports import Report
from dispatcher.domain.vocabulary import Outcome
from tests.domain.reported import START
from tests.domain.scenarios import SCENARIOS, Scenario

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=repr)

WEAKER = {
    Outcome.DELIVERED: {Outcome.NOT_HEARD, Outcome.VOICEMAIL, Outcome.UNKNOWN},
    Outcome.NOT_HEARD: {Outcome.UNKNOWN},
    Outcome.BUSY: {Outcome.NO_ANSWER, Outcome.UNKNOWN},
    Outcome.NO_ANSWER: {Outcome.BUSY, Outcome.UNKNOWN},
    Outcome.REJECTED: {Outcome.NO_ANSWER, Outcome.BUSY, Outcome.UNKNOWN},
    Outcome.INVALID_NUMBER: {Outcome.NO_ANSWER, Outcome.BUSY, Outcome.UNKNOWN},
    Outcome.NOT_PERMITTED: {Outcome.NO_ANSWER, Outcome.BUSY, Outcome.UNKNOWN},
    Outcome.CONGESTION: {Outcome.NO_ANSWER, Outcome.BUSY, Outcome.UNKNOWN},
    Outcome.UNREACHABLE: {Outcome.NO_ANSWER, Outcome.BUSY, Outcome.UNKNOWN},
    Outcome.VOICEMAIL: {Outcome.NOT_HEARD, Outcome.UNKNOWN},
    Outcome.UNKNOWN: {Outcome.UNKNOWN},
}
"""What an outcome may turn into when reports are lost: the table of the module under test."""

TAKEN = {Outcome.DELIVERED, Outcome.NOT_HEARD, Outcome.VOICEMAIL}
"""Outcomes that say that somebody, or a box, took the call."""

NOT_TAKEN = {
    Outcome.BUSY,
    Outcome.NO_ANSWER,
    Outcome.REJECTED,
    Outcome.INVALID_NUMBER,
    Outcome.UNREACHABLE,
    Outcome.CONGESTION,
    Outcome.NOT_PERMITTED,
}
"""Outcomes that say that nobody did."""


def closed(facts: Facts) -> Facts:
    """The facts once the upkeep has asked the PBX, which does not know the call any more."""
    return join(facts, Facts(closed_at=START + timedelta(hours=1)))


def subsets(scenario: Scenario) -> list[Facts]:
    """The facts of every subset of a scenario's reports; bit by bit, a report is in or lost."""
    alone = [
        facts_of(item, scenario.target, START + timedelta(seconds=place))
        for place, item in enumerate(scenario.reports)
    ]
    known = [NOTHING]
    for mask in range(1, 1 << len(alone)):
        highest = mask.bit_length() - 1
        known.append(join(known[mask ^ (1 << highest)], alone[highest]))
    return known


def one_report_more(known: list[Facts]) -> Iterator[tuple[Facts, Facts]]:
    """Every subset with every subset that has one report more."""
    for mask, facts in enumerate(known):
        bit = 1
        while bit < len(known):
            if not mask & bit:
                yield facts, known[mask | bit]
            bit <<= 1


@st.composite
def arrivals(draw: st.DrawFn, scenario: Scenario) -> list[Report]:
    """All of a scenario's reports in any order, any of them any number of times."""
    again = draw(st.lists(st.sampled_from(scenario.reports), max_size=5))
    return draw(st.permutations([*scenario.reports, *again]))


# In order, and in any order.


@each_scenario
def test_with_every_report_in_order_the_outcome_is_the_truth(scenario: Scenario) -> None:
    facts = scenario.facts(scenario.reports)
    for terms in scenario.all_terms():
        assert outcome_of(closed(facts), terms) is scenario.expected(terms), terms


@each_scenario
def test_the_reports_alone_end_the_call(scenario: Scenario) -> None:
    facts = scenario.facts(scenario.reports)
    assert facts.ended_at is not None
    for terms in scenario.all_terms():
        assert outcome_of(facts, terms) is scenario.expected(terms)


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if len(s.reports) <= 6], ids=repr)
def test_every_order_of_a_short_scenario_gives_the_same_outcome(scenario: Scenario) -> None:
    for order in permutations(scenario.reports):
        facts = scenario.facts(order)
        for terms in scenario.all_terms():
            assert outcome_of(facts, terms) is scenario.expected(terms), (terms, order)


@given(st.data())
def test_any_order_with_any_repetition_gives_the_same_outcome(data: st.DataObject) -> None:
    scenario = data.draw(st.sampled_from(SCENARIOS))
    pause = data.draw(st.timedeltas(timedelta(0), timedelta(minutes=5)))
    facts = scenario.facts(data.draw(arrivals(scenario)), every=pause)
    for terms in scenario.all_terms():
        assert outcome_of(facts, terms) is scenario.expected(terms), terms


@given(st.data())
def test_an_attempt_that_was_closed_too_early_gets_the_same_outcome_in_the_end(data: st.DataObject) -> None:
    scenario = data.draw(st.sampled_from(SCENARIOS))
    reports = data.draw(arrivals(scenario))
    before = data.draw(st.integers(0, len(reports)))
    facts = join(closed(scenario.facts(reports[:before])), scenario.facts(reports[before:]))
    for terms in scenario.all_terms():
        assert outcome_of(facts, terms) is scenario.expected(terms), terms


# With losses.


@each_scenario
def test_lost_reports_lead_to_the_same_outcome_or_a_documented_weaker_one(scenario: Scenario) -> None:
    for facts in subsets(scenario):
        for terms in scenario.all_terms():
            expected = scenario.expected(terms)
            allowed = WEAKER[expected] | {expected}
            assert outcome_of(facts, terms) in allowed | {None}, (terms, facts)
            assert outcome_of(closed(facts), terms) in allowed, (terms, facts)


@each_scenario
def test_lost_reports_never_lead_to_a_wrong_outcome(scenario: Scenario) -> None:
    for facts in subsets(scenario):
        for terms in scenario.all_terms():
            outcome = outcome_of(closed(facts), terms)
            if outcome is Outcome.DELIVERED:
                assert scenario.truth.fulfils(terms.delivered_when), facts
            if scenario.truth.answered:
                assert outcome not in NOT_TAKEN, facts
            elif terms.answer_supervision:
                assert outcome not in TAKEN, facts


@each_scenario
def test_a_person_who_answered_is_never_believed_unreached(scenario: Scenario) -> None:
    """A campaign dials again after an unknown outcome only when nobody can have answered."""
    for facts in subsets(scenario):
        unknown = any(outcome_of(closed(facts), terms) is Outcome.UNKNOWN for terms in scenario.all_terms())
        if unknown and scenario.truth.answered:
            assert may_have_been_reached(facts), facts


def test_every_weakening_in_the_table_happens() -> None:
    seen: dict[Outcome, set[Outcome]] = {outcome: set() for outcome in WEAKER}
    for scenario in SCENARIOS:
        for facts in map(closed, subsets(scenario)):
            for terms in scenario.all_terms():
                seen[scenario.expected(terms)].add(outcome_of(facts, terms) or Outcome.UNKNOWN)
    for outcome, weaker in WEAKER.items():
        assert seen[outcome] - {outcome} == weaker - {outcome}, outcome


def test_the_table_is_the_one_that_the_module_documents() -> None:
    table = (outcomes.__doc__ or "").split("=\n")[2]
    cells = re.split(r"^(?=``)", table, flags=re.MULTILINE)[1:]
    documented = {}
    for cell in cells:
        outcome, *weaker = [Outcome(word) for word in re.findall(r"``(\w+)``", cell)]
        documented[outcome] = set(weaker)
    assert documented == WEAKER


# One report after the other.


@each_scenario
def test_delivered_stays_delivered_whatever_comes_later(scenario: Scenario) -> None:
    for facts, more in one_report_more(subsets(scenario)):
        for terms in scenario.all_terms():
            if is_delivered(facts, terms):
                assert outcome_of(more, terms) is Outcome.DELIVERED, (facts, more)


@each_scenario
def test_a_call_that_has_ended_never_comes_back(scenario: Scenario) -> None:
    for facts, more in one_report_more(subsets(scenario)):
        if facts.ended_at is not None:
            assert more.ended_at is not None
            assert more.ended_at <= facts.ended_at


@given(st.data())
def test_the_facts_do_not_depend_on_the_order_in_which_reports_are_entered(data: st.DataObject) -> None:
    """The times are those of the arrival, so they are kept with the reports here."""
    scenario = data.draw(st.sampled_from(SCENARIOS))
    stamped = [
        facts_of(item, scenario.target, START + timedelta(seconds=place))
        for place, item in enumerate(data.draw(arrivals(scenario)))
    ]
    entered = NOTHING
    for facts in data.draw(st.permutations(stamped)):
        entered = join(entered, facts)
    in_order = NOTHING
    for facts in stamped:
        in_order = join(in_order, facts)
    assert entered == in_order


def test_there_is_a_scenario_for_every_outcome_of_the_table() -> None:
    ends = {scenario.expected(terms) for scenario in SCENARIOS for terms in scenario.all_terms()}
    assert ends == set(WEAKER) == set(Outcome) - {Outcome.CANCELLED}
