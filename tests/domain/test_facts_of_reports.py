"""What each report of a PBX adds to the facts of an attempt, and what it does not."""

from datetime import timedelta

import pytest

from dispatcher.domain.facts import NOTHING, Facts, Target, join
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Cdr, CdrStatus, Party, PartyKind, Report, ReportEvent
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from tests.domain.reported import (
    AGENT_1,
    AGENT_2,
    ALERT,
    ANSWERED,
    BY_IVR,
    BY_PROMPT,
    BY_QUEUE,
    BYE,
    BYE_OTHER_LEG,
    CALLEE,
    CALLER,
    COLLEAGUE,
    LEG,
    NUMBER,
    NUMBERLESS,
    PHANTOM,
    PROMPT_END_NUMBERLESS,
    RING,
    START,
    TALKED,
    TO_EXTENSION,
    TO_USER,
    TRUNK,
    failed,
    key,
    report,
    row,
)

BY_RING_GROUP = BY_QUEUE._replace(message=MessageKind.RING_GROUP)
LINE = {"leg": LEG, "trunk": TRUNK}


def of(item: Report, target: Target = BY_IVR) -> Facts:
    return facts_of(item, target, START)


# Each event.


def test_a_ring_names_the_leg_and_the_trunk() -> None:
    assert of(RING) == Facts(ringing_at=START, **LINE)


def test_an_answer_counts_in_both_spellings_once() -> None:
    answer = report(ReportEvent.ANSWERED, CALLEE, CALLER, word="ANSWER")
    assert of(answer) == of(ANSWERED) == Facts(answered_at=START, **LINE)


def test_the_end_of_a_prompt_needs_no_number() -> None:
    assert of(PROMPT_END_NUMBERLESS, BY_PROMPT) == Facts(prompt_ended_at=START, trunk=TRUNK)


def test_a_key_has_its_position_and_a_string_has_none() -> None:
    assert of(key("1", 0)) == Facts(keys=frozenset({(0, "1")}), **LINE)
    assert of(key("214#", None)) == Facts(keys=frozenset({(None, "214#")}), **LINE)


def test_an_empty_key_report_is_no_key() -> None:
    assert of(key("", None)) == Facts(**LINE)


def test_a_failure_brings_its_reason_in_both_words() -> None:
    busy = failed(Reason.BUSY, "486 Busy Here", CALLEE)
    assert of(busy) == Facts(failed_at=START, cause=Reason.BUSY, cause_text="486 Busy Here", **LINE)


def test_a_failure_without_parties_or_reason_is_still_one() -> None:
    nameless = Report(ReportEvent.FAILED, "CallFailed")
    assert of(nameless) == Facts(failed_at=START, cause=Reason.FAILED)


def test_a_record_brings_the_status_the_talk_and_the_recording() -> None:
    cdr = Cdr(CdrStatus.ANSWERED, NUMBER, "6500", 12, TRUNK, "a.wav", call_seconds=20)
    facts = of(Report(ReportEvent.CDR, "NewCdr", cdr=cdr))
    assert facts == Facts(
        cdr_at=START, cdr_status=CdrStatus.ANSWERED, talk_seconds=12, trunk=TRUNK, recording="a.wav"
    )


@pytest.mark.parametrize("event", [ReportEvent.OTHER, ReportEvent.BOOT])
def test_what_no_outcome_hangs_on_adds_nothing(event: ReportEvent) -> None:
    assert of(report(event)) is NOTHING
    assert of(report(event, CALLER)) is NOTHING


@pytest.mark.parametrize("event", ReportEvent)
def test_every_event_is_understood_without_any_party(event: ReportEvent) -> None:
    join(of(report(event)), NOTHING)


# Two BYE, one for each leg.


def test_two_byes_of_both_legs_end_the_call_at_the_first() -> None:
    first = facts_of(BYE, BY_IVR, START)
    second = facts_of(BYE_OTHER_LEG, BY_IVR, START + timedelta(seconds=1))
    assert first.ended_at is None
    assert join(first, second).ended_at == START


def test_one_bye_told_twice_does_not_end_the_call() -> None:
    blank = CALLEE._replace(number=f"{NUMBER} ")
    repeated = report(ReportEvent.RELEASED, blank, CALLER)
    assert join(of(BYE), of(repeated)).ended_at is None


def test_one_bye_ends_an_answered_call_that_has_no_other_leg() -> None:
    alone = of(report(ReportEvent.RELEASED, CALLEE))
    assert alone.ended_at is None
    answered = facts_of(report(ReportEvent.ANSWERED, CALLEE), BY_IVR, START - timedelta(seconds=9))
    assert join(alone, answered).ended_at == join(answered, alone).ended_at == START


def test_with_a_queue_one_bye_of_the_callee_alone_does_not() -> None:
    alone = of(report(ReportEvent.RELEASED, CALLEE), BY_QUEUE)
    assert join(alone, of(report(ReportEvent.ANSWERED, CALLEE), BY_QUEUE)).ended_at is None


def test_a_nameless_bye_is_one_leg_too() -> None:
    nameless = report(ReportEvent.RELEASED)
    assert join(of(nameless), of(nameless)).ended_at is None
    assert join(of(nameless), of(BYE)).ended_at == START


def test_two_agents_who_leave_do_not_end_the_call() -> None:
    byes = [report(ReportEvent.RELEASED, agent, CALLEE) for agent in (AGENT_1, AGENT_2)]
    left = join(of(byes[0], BY_QUEUE), of(byes[1], BY_QUEUE))
    assert left.ended_at is None
    assert join(left, of(BYE, BY_QUEUE)).ended_at == START


def test_an_extension_that_was_called_and_one_it_went_on_to_are_two_legs() -> None:
    callee = of(report(ReportEvent.RELEASED, COLLEAGUE, AGENT_1), TO_EXTENSION)
    other = of(report(ReportEvent.RELEASED, AGENT_1, COLLEAGUE), TO_EXTENSION)
    assert join(callee, callee).ended_at is None
    assert join(callee, other).ended_at == START


@pytest.mark.parametrize("target", [BY_QUEUE, TO_EXTENSION, TO_USER], ids=["queue", "extension", "user"])
def test_that_the_whole_call_is_over_ends_it_whoever_is_named(target: Target) -> None:
    assert of(report(ReportEvent.OVER, AGENT_1), target).ended_at == START
    assert of(report(ReportEvent.OVER), target).ended_at == START


# Legs that are not the callee's.


@pytest.mark.parametrize("target", [BY_QUEUE, BY_RING_GROUP], ids=["queue", "ring group"])
@pytest.mark.parametrize(
    "about_an_agent",
    [
        report(ReportEvent.RINGING, AGENT_1),
        report(ReportEvent.ANSWERED, AGENT_1),
        report(ReportEvent.RELEASED, AGENT_1),
        failed(Reason.NO_ANSWER, "480", AGENT_1),
        key("1", 0, AGENT_1),
        row(CdrStatus.ANSWERED, 30, called="2001", direction=PartyKind.EXTENSION),
        row(CdrStatus.NO_ANSWER, called="2002"),
    ],
    ids=lambda item: f"{item.event}",
)
def test_what_agents_do_is_not_the_callees_doing(about_an_agent: Report, target: Target) -> None:
    assert of(about_an_agent, target) is NOTHING


def test_a_ring_of_the_callers_own_extension_is_not_the_callees() -> None:
    assert of(ALERT) is NOTHING


def test_somebody_elses_answer_is_not_the_callees() -> None:
    another = Party(PartyKind.OUTBOUND, "31687654321", TRUNK, "1547396927.430")
    assert of(report(ReportEvent.ANSWERED, another)) is NOTHING


def test_an_answer_that_names_only_the_trunk_is_the_callees() -> None:
    assert of(report(ReportEvent.ANSWERED, NUMBERLESS)) == Facts(answered_at=START, trunk=TRUNK)


def test_an_extension_answers_for_itself_only() -> None:
    assert of(report(ReportEvent.ANSWERED, COLLEAGUE), TO_EXTENSION) == Facts(answered_at=START)
    assert of(report(ReportEvent.ANSWERED, AGENT_1), TO_EXTENSION) is NOTHING
    user = Target(TargetKind.USER, "1002", MessageKind.IVR)
    assert of(report(ReportEvent.ANSWERED, COLLEAGUE), user) == Facts(answered_at=START)


def test_the_number_may_come_as_the_outbound_route_has_made_it() -> None:
    with_prefix = CALLEE._replace(number=f"9{NUMBER} ")
    assert of(report(ReportEvent.ANSWERED, with_prefix)).answered_at == START


@pytest.mark.parametrize("target", [BY_IVR, BY_PROMPT, BY_QUEUE], ids=["ivr", "prompt", "queue"])
def test_the_number_may_come_in_another_form_than_it_was_dialled_in(target: Target) -> None:
    """A route can strip a country code and prepend a trunk prefix."""
    national = CALLEE._replace(number="0612345678")
    assert of(report(ReportEvent.RINGING, national), target).ringing_at == START
    assert of(report(ReportEvent.ANSWERED, national), target).answered_at == START
    assert of(row(CdrStatus.ANSWERED, 12, called="0612345678"), target).ended_at == START
    alone = of(report(ReportEvent.RELEASED, national), target)
    if target is not BY_QUEUE:
        assert join(alone, of(ANSWERED, target)).ended_at == START


# Records that are not the callee's.


def test_an_extension_that_the_call_went_on_to_has_a_record_of_its_own() -> None:
    onwards = row(CdrStatus.NO_ANSWER, called="1005", direction=PartyKind.EXTENSION)
    assert of(onwards) is NOTHING
    assert of(onwards, TO_EXTENSION) is NOTHING


def test_a_record_to_outside_is_the_callees_in_whatever_form_its_number_is() -> None:
    national = row(CdrStatus.ANSWERED, 12, called="0612345678")
    assert of(national).cdr_status is CdrStatus.ANSWERED


def test_an_extensions_record_may_name_it_on_either_side() -> None:
    cdr = Cdr(CdrStatus.ANSWERED, "6500", "1002", 9, direction=PartyKind.EXTENSION)
    assert of(Report(ReportEvent.CDR, "NewCdr", cdr=cdr), TO_EXTENSION).talk_seconds == 9


def test_a_phantom_record_proves_nothing_not_even_the_end() -> None:
    assert of(PHANTOM) is NOTHING


@pytest.mark.parametrize(
    "other",
    [
        row(CdrStatus.NO_ANSWER, seconds=2),
        row(CdrStatus.BUSY, seconds=0),
        row(CdrStatus.FAILED, seconds=1),
        row(CdrStatus.ANSWERED, 1, seconds=1),
        Report(ReportEvent.CDR, "NewCdr", cdr=Cdr(CdrStatus.NO_ANSWER, NUMBER)),
        TALKED,
    ],
    ids=["longer", "busy", "failed", "answered", "of unknown length", "talked"],
)
def test_every_other_record_ends_the_call(other: Report) -> None:
    assert of(other).ended_at == START
