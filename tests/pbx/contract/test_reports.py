"""What the simulated callees do, told by the PBX's reports, comes out as the facts and outcomes it was."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from dispatcher.domain.facts import NOTHING, Facts, Target, join
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.outcomes import Terms, outcome_of
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus, Report, ReportEvent
from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, Outcome, TargetKind
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import DialOrder, KeepsRecords, KnowsOwnCalls, Message, SeesDevice, SeesTrunks
from dispatcher.simulator import Behaviour, Fault, Faults
from tests.pbx.contract.conftest import PREFIX, Rig

NUMBER = "0612345678"
NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
ACKNOWLEDGED = Terms(DeliveredWhen.ACKNOWLEDGED, ack_digits="1")

OUTCOMES = {
    Behaviour.KEY_1: Outcome.DELIVERED,
    Behaviour.KEY_1_DURING_PROMPT: Outcome.DELIVERED,
    Behaviour.KEY_1_THEN_HANGS_UP: Outcome.DELIVERED,
    Behaviour.KEY_1_ON_REPEAT: Outcome.DELIVERED,
    Behaviour.KEYS_CODE: Outcome.DELIVERED,
    Behaviour.KEY_9: Outcome.NOT_HEARD,
    Behaviour.SILENT: Outcome.NOT_HEARD,
    Behaviour.ANSWERS_LATE: Outcome.NOT_HEARD,
    Behaviour.HANGS_UP_EARLY: Outcome.NOT_HEARD,
    Behaviour.HANGS_UP_AT_ONCE: Outcome.NOT_HEARD,
    Behaviour.HEARS_THEN_HANGS_UP: Outcome.NOT_HEARD,
    Behaviour.VOICEMAIL: Outcome.VOICEMAIL,
    Behaviour.RINGS_FOREVER: Outcome.NO_ANSWER,
    Behaviour.NO_RESPONSE: Outcome.NO_ANSWER,
    Behaviour.EARLY_MEDIA: Outcome.NO_ANSWER,
    Behaviour.UNAVAILABLE: Outcome.NO_ANSWER,
    Behaviour.TERMINATED: Outcome.NO_ANSWER,
    Behaviour.DECLINES: Outcome.NO_ANSWER,
    Behaviour.BUSY: Outcome.BUSY,
    Behaviour.DO_NOT_DISTURB: Outcome.REJECTED,
    Behaviour.NOT_FOUND: Outcome.INVALID_NUMBER,
    Behaviour.ADDRESS_INCOMPLETE: Outcome.INVALID_NUMBER,
    Behaviour.TRUNK_REFUSES: Outcome.CONGESTION,
    Behaviour.LINE_UNREACHABLE: Outcome.UNREACHABLE,
    Behaviour.NOT_PERMITTED: Outcome.NOT_PERMITTED,
}


def called(rig: Rig, behaviour: Behaviour, faults: Faults | None = None) -> tuple[Facts, Sequence[Report]]:
    """Everything that was reported of one call to a callee who behaves so, and said at once."""
    driver = rig.driver()
    session = driver.login()
    callee = NUMBER if rig.pair.target is TargetKind.NUMBER else rig.pair.callee
    rig.pbx.set_callee(callee, behaviour)
    rig.pbx.set_faults(faults or Faults())
    try:
        accepted = driver.dial(session, rig.order(callee))
    except PbxRefused as refusal:
        assert driver.capabilities.dial_waits, "who does not wait for the callee can't know what they do"
        return Facts(failed_at=NOW, cause=refusal.reason, cause_text=refusal.detail), []
    reports = rig.reports(driver, accepted.callid)
    return gathered([*accepted.seen, *reports], rig.about(callee)), reports


def gathered(reports: Sequence[Report], target: Target) -> Facts:
    facts = NOTHING
    for report in reports:
        facts = join(facts, facts_of(report, target, NOW))
    return facts


@pytest.mark.parametrize("behaviour", OUTCOMES)
def test_every_callee_comes_out_as_scripted(rig: Rig, behaviour: Behaviour) -> None:
    facts, reports = called(rig, behaviour)

    driver = rig.driver()
    assert facts.ended_at is not None
    assert (facts.cdr_status is not None) is isinstance(driver, KeepsRecords | KnowsOwnCalls)
    assert outcome_of(facts, rig.terms) is rig.pair.weaker.get(behaviour, OUTCOMES[behaviour])
    assert {report.word for report in reports} <= set(driver.report_words)
    if isinstance(driver, SeesDevice):
        assert {report.serial for report in reports} <= {driver.device(driver.login()).serial}


def test_what_a_family_can_not_prove_is_not_among_its_facts(rig: Rig) -> None:
    facts, _ = called(rig, Behaviour.KEY_1)
    proofs = rig.driver().capabilities.proofs(rig.pair.target)

    assert (facts.answered_at is not None) is (DeliveredWhen.ANSWERED in proofs)
    assert (facts.prompt_ended_at is not None) is (DeliveredWhen.HEARD in proofs)
    assert bool(facts.keys) is (DeliveredWhen.ACKNOWLEDGED in proofs)


def test_the_facts_of_a_call_that_was_heard_and_acknowledged(rig: Rig) -> None:
    if DeliveredWhen.ACKNOWLEDGED not in rig.driver().capabilities.proofs(rig.pair.target):
        pytest.skip(f"{rig.family} reports no keys")
    facts, reports = called(rig, Behaviour.KEY_1)
    (truth,) = rig.pbx.judge.calls()

    assert facts.ringing_at is not None
    assert facts.answered_at is not None
    assert facts.prompt_ended_at is not None
    assert facts.digits == "1"
    assert facts.leg == truth.outboundid
    assert facts.trunk == truth.trunk
    assert facts.cdr_status is CdrStatus.ANSWERED
    assert facts.talk_seconds
    if not rig.driver().capabilities.own_ids:
        assert next(report.number for report in reports if report.number) == NUMBER


@pytest.mark.parametrize("delivered_when", DeliveredWhen)
def test_the_family_proves_what_it_says_and_nothing_else(rig: Rig, delivered_when: DeliveredWhen) -> None:
    driver = rig.driver()
    session = driver.login()
    for kind, target in sorted(driver.capabilities.placeable):
        if kind in (MessageKind.QUEUE, MessageKind.RING_GROUP):
            continue
        digits = rig.pair.targets[target]
        rig.pbx.set_callee(digits.removeprefix(PREFIX), Behaviour.KEY_1)
        order = DialOrder(target, digits, Message(kind, rig.pair.messages[kind]), "1000")
        accepted = driver.dial(session, order)
        reports = [*accepted.seen, *rig.reports(driver, accepted.callid)]
        facts = gathered(reports, Target(target, digits, kind))
        is_proven = (delivered_when, target) in driver.capabilities.provable
        # A prompt takes no keys, wherever it is played.
        if kind is MessageKind.IVR or delivered_when is not DeliveredWhen.ACKNOWLEDGED:
            outcome = outcome_of(facts, Terms(delivered_when, ack_digits="1"))
            assert (outcome is Outcome.DELIVERED) is is_proven, f"{kind} to {target}"


@pytest.mark.parametrize(
    "behaviour", [Behaviour.KEY_1, Behaviour.BUSY, Behaviour.KEYS_CODE, Behaviour.SILENT]
)
def test_reports_malformed_as_in_the_manual_say_the_same(rig: Rig, behaviour: Behaviour) -> None:
    if not rig.pair.is_sloppy:
        pytest.skip(f"the manual of {rig.family} shows no malformed report")
    well_formed, _ = called(rig, behaviour)
    malformed, reports = called(rig, behaviour, Faults({Fault.MALFORMED_REPORT: 1.0}))

    assert len(reports) == sum(rig.pbx.judge.call(reports[0].callid).reports.values())
    assert outcome_of(malformed, ACKNOWLEDGED) is outcome_of(well_formed, ACKNOWLEDGED)
    assert malformed.keys == well_formed.keys
    assert malformed.cause is well_formed.cause


def test_an_extension_hears_a_prompt(rig: Rig) -> None:
    driver = rig.driver()
    if (MessageKind.PROMPT, TargetKind.EXTENSION) not in driver.capabilities.placeable:
        pytest.skip(f"{rig.family} plays no prompts to extensions")
    session = driver.login()
    rig.pbx.set_callee("1002", Behaviour.HEARS_THEN_HANGS_UP)
    message = Message(MessageKind.PROMPT, rig.pair.messages[MessageKind.PROMPT])
    callid = driver.dial(session, DialOrder(TargetKind.EXTENSION, "1002", message)).callid
    facts = gathered(rig.reports(driver, callid), Target(TargetKind.EXTENSION, "1002", MessageKind.PROMPT))

    assert outcome_of(facts, Terms(DeliveredWhen.HEARD)) is Outcome.DELIVERED


def test_a_full_trunk_is_congestion(rig: Rig) -> None:
    driver = rig.driver()
    if not driver.capabilities.proofs(TargetKind.NUMBER):
        pytest.skip(f"{rig.family} does not tell what becomes of a call to a number")
    session = driver.login()
    trunk = rig.pbx.settings.trunks[0]
    for number in range(trunk.channels):
        rig.pbx.place_other(trunk.name, number=f"55501{number:02d}", seconds=0.5)
    callid = driver.dial(session, rig.order(NUMBER)).callid
    failed = [report for report in rig.reports(driver, callid) if report.event is ReportEvent.FAILED]

    assert [report.reason for report in failed] == [Reason.CONGESTION]


def test_other_peoples_calls_name_their_trunk(rig: Rig) -> None:
    driver = rig.driver()
    if not isinstance(driver, SeesTrunks):
        pytest.skip(f"{rig.family} knows no trunks")
    driver.login()
    for direction in ("outbound", "inbound"):
        callid = rig.pbx.place_other(rig.pbx.settings.trunks[0].name, direction=direction, seconds=0.05)
        reports = rig.reports(driver, callid)

        told = {report.event for report in reports}
        end = ReportEvent.OVER if ReportEvent.OVER in told else ReportEvent.CDR
        assert told >= {ReportEvent.ANSWERED, end}
        assert ReportEvent.RELEASED in told or end is ReportEvent.OVER
        # A family may tell each leg's state by itself; the leg of an extension has no trunk.
        for event in (ReportEvent.ANSWERED, end):
            named = {report.trunk for report in reports if report.event is event}
            assert named - {""} == {rig.pbx.settings.trunks[0].name}


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"no report", b"\xff\xfe\x00"])
def test_what_is_no_report_is_a_value_error(rig: Rig, body: bytes) -> None:
    with pytest.raises(ValueError):
        rig.driver().parse(body)
