"""A CallFailed about somebody whom the call went on to: it neither ends the callee's call nor says why."""

from itertools import permutations

import pytest

from dispatcher.domain.facts import Facts, Target, join
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.outcomes import outcome_of
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Party, PartyKind, ReportEvent
from dispatcher.domain.vocabulary import Outcome
from tests.domain.reported import (
    AGENT_1,
    ANSWERED,
    BY_IVR,
    BYES,
    CALLEE,
    CALLER,
    COLLEAGUE,
    PROMPT_END,
    RING,
    START,
    TALKED,
    TO_EXTENSION,
    failed,
    key,
    report,
)
from tests.domain.scenarios import HUNG_UP, Scenario, Truth

BUSY = failed(Reason.BUSY, "486 Busy Here", AGENT_1)
ELSEWHERE = failed(Reason.BUSY, "486", Party(PartyKind.OUTBOUND, "31687654321", "SPS-6-36", "1547396927.431"))

LED_ON = (
    Scenario(
        "presses 9 and is led on to an extension that is busy",
        (ANSWERED, key("9", 0), BUSY, *BYES, TALKED),
        Truth(answered=True, keys="9"),
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "presses 1 after another number, to which the IVR leads, was busy",
        (ANSWERED, ELSEWHERE, key("1", 0), *BYES, TALKED),
        Truth(answered=True, keys="1"),
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "does not press a key, is led on to an extension that is busy, and hangs up",
        (RING, ANSWERED, BUSY, *BYES, TALKED),
        HUNG_UP,
        Outcome.NOT_HEARD,
        lines=(True,),
    ),
    Scenario(
        "an extension is led on to another one that is busy",
        (
            report(ReportEvent.ANSWERED, COLLEAGUE),
            key("1", 0, COLLEAGUE),
            BUSY,
            report(ReportEvent.OVER, COLLEAGUE),
        ),
        Truth(answered=True, keys="1"),
        Outcome.NOT_HEARD,
        TO_EXTENSION,
    ),
)
each = pytest.mark.parametrize("scenario", LED_ON, ids=repr)


@each
def test_whatever_the_order_the_outcome_is_the_callees(scenario: Scenario) -> None:
    for order in permutations(scenario.reports):
        for terms in scenario.all_terms():
            assert outcome_of(scenario.facts(order), terms) is scenario.expected(terms), order


@each
def test_it_does_not_end_the_call_of_whoever_has_taken_it(scenario: Scenario) -> None:
    known = scenario.facts(item for item in scenario.reports if item.event is not ReportEvent.CDR)
    before = known._replace(releases=known.releases & {"failed, and the callee was not named"})
    assert before.failed_at is not None
    assert before.ended_at is None


@pytest.mark.parametrize("sign", [ANSWERED, key("9", 0), TALKED], ids=["answer", "key", "record"])
def test_one_sign_that_the_callee_took_the_call_is_enough(sign: object) -> None:
    facts = join(facts_of(BUSY, BY_IVR, START), facts_of(sign, BY_IVR, START))
    for terms in LED_ON[0].all_terms():
        closed = join(facts, Facts(closed_at=START))
        assert outcome_of(closed, terms) in (Outcome.DELIVERED, Outcome.NOT_HEARD, Outcome.UNKNOWN)


@pytest.mark.parametrize("target", [BY_IVR, TO_EXTENSION], ids=["number", "extension"])
@pytest.mark.parametrize("parties", [(CALLER,), ()], ids=["the caller alone", "nobody"])
def test_a_call_that_nobody_took_is_ended_by_it(target: Target, parties: tuple[Party, ...]) -> None:
    facts = facts_of(failed(Reason.BUSY, "User Busy", *parties), target, START)
    assert facts.ended_at == START
    assert outcome_of(facts, LED_ON[0].all_terms()[0]) is Outcome.BUSY


def test_a_failure_that_names_the_callee_ends_the_call_whatever_came_before() -> None:
    parties = [(CALLEE, CALLER), (CALLEE._replace(number="0612345678"),), (CALLEE._replace(number=""),), ()]
    for named in parties:
        facts = facts_of(failed(Reason.NO_ANSWER, "480", *named), BY_IVR, START)
        assert join(facts, facts_of(ANSWERED, BY_IVR, START)).ended_at == START
    assert join(facts, facts_of(PROMPT_END, BY_IVR, START)).ended_at == START
