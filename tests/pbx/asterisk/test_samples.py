"""Real calls of both versions: their events, in whatever order, and their kept ends say what happened."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher.domain.facts import NOTHING, Facts, Target, join
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.outcomes import Terms, may_have_been_reached, outcome_of
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Report
from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, Outcome, TargetKind
from dispatcher.pbx.asterisk import events
from dispatcher.pbx.asterisk.endings import Ending
from tests.pbx.asterisk.samples import CHANNELS, VERSIONS, Sample, names, sample

NOW = datetime(2026, 11, 21, 16, tzinfo=UTC)
TARGET = Target(TargetKind.NUMBER, "79000000001", MessageKind.IVR)
ACKNOWLEDGED = Terms(DeliveredWhen.ACKNOWLEDGED, ack_digits="1")

DELIVERED = (Outcome.DELIVERED, None, "1")
NOT_HEARD = (Outcome.NOT_HEARD, None, "")
OUTCOMES: dict[str, tuple[Outcome, Reason | None, str]] = {
    "ok-dtmf1": DELIVERED,
    "ok-info1": DELIVERED,
    "barge-in": DELIVERED,
    "dtmf1-and-bye": DELIVERED,
    "slow-answer": DELIVERED,
    "early-media": DELIVERED,
    "dtmf9": (Outcome.NOT_HEARD, None, "9"),
    "silent": NOT_HEARD,
    "early-hangup": NOT_HEARD,
    "bye-reason16": NOT_HEARD,
    "prompts": NOT_HEARD,
    "no-sound": NOT_HEARD,
    "no-answer": (Outcome.NO_ANSWER, Reason.NO_ANSWER, ""),
    "cancelled": (Outcome.NO_ANSWER, Reason.NO_ANSWER, ""),
    "temp-unavail": (Outcome.NO_ANSWER, Reason.NO_ANSWER, ""),
    "busy": (Outcome.BUSY, Reason.BUSY, ""),
    "decline": (Outcome.REJECTED, Reason.REJECTED, ""),
    "not-found": (Outcome.INVALID_NUMBER, Reason.INVALID_NUMBER, ""),
    "unavailable": (Outcome.CONGESTION, Reason.CONGESTION, ""),
    "black-hole": (Outcome.UNREACHABLE, Reason.UNREACHABLE, ""),
    "trunk-dead": (Outcome.UNREACHABLE, Reason.UNREACHABLE, ""),
    "no-such-trunk": (Outcome.UNREACHABLE, Reason.UNREACHABLE, ""),
}
"""Outcome, cause and keys of each call."""

HEARD = {"ok-dtmf1", "ok-info1", "dtmf1-and-bye", "slow-answer", "early-media", "dtmf9", "silent"}
HEARD |= {"bye-reason16", "prompts"}
RANG = {name for name in OUTCOMES if OUTCOMES[name][0] in (Outcome.DELIVERED, Outcome.NOT_HEARD)}
RANG |= {"no-answer", "cancelled", "busy", "decline"}

each = pytest.mark.parametrize(
    ("version", "name"), [(version, name) for version in VERSIONS for name in OUTCOMES]
)


def told(bodies: Sequence[bytes]) -> list[Report]:
    return [report for body in bodies for report in events.parse(body, CHANNELS)]


def gathered(reports: Sequence[Report]) -> Facts:
    facts = NOTHING
    for report in reports:
        facts = join(facts, facts_of(report, TARGET, NOW))
    return facts


def verdict(facts: Facts) -> tuple[Outcome | None, Reason | None, str]:
    return outcome_of(facts, ACKNOWLEDGED), facts.cause, facts.digits


def kept(call: Sample) -> Facts:
    reports = Ending.of(call.kept).reports(events.ENDED, call.callid, ())
    assert {report.callid for report in reports} == {call.callid}
    return gathered(reports)


def test_every_sample_has_its_outcome() -> None:
    assert names() == sorted(OUTCOMES)


@each
def test_a_call_comes_out_as_it_was(version: str, name: str) -> None:
    call = sample(version, name)
    reports = told(call.bodies())
    facts = gathered(reports)

    assert verdict(facts) == OUTCOMES[name]
    assert facts.ended_at is not None
    assert (facts.prompt_ended_at is not None) is (name in HEARD)
    assert (facts.ringing_at is not None) is (name in RANG)
    assert {report.callid for report in reports} == {call.callid}
    assert {report.word for report in reports} <= set(events.REPORT_WORDS)
    assert not may_have_been_reached(facts)


@each
def test_the_trunk_and_the_leg_are_named(version: str, name: str) -> None:
    facts = gathered(told(sample(version, name).bodies()))
    if name == "no-such-trunk":
        assert (facts.trunk, facts.leg) == ("", ""), "it had no channel"
    else:
        assert (facts.trunk, facts.leg) == ("dead" if name == "trunk-dead" else "provider", f"call-{name}")


@each
def test_what_was_kept_says_the_same_as_the_events(version: str, name: str) -> None:
    call = sample(version, name)
    if name == "no-such-trunk":
        assert not call.kept, "a call without a channel is certainly none"
        return
    assert verdict(kept(call)) == OUTCOMES[name]
    assert not may_have_been_reached(kept(call))


@each
def test_both_together_say_no_more(version: str, name: str) -> None:
    """A call that was asked for while its events were on their way."""
    call = sample(version, name)
    if call.kept:
        assert verdict(join(gathered(told(call.bodies())), kept(call))) == OUTCOMES[name]


@each
def test_its_end_comes_last(version: str, name: str) -> None:
    """No channel counts as free before it is: nothing ends the call before the channel's own Hangup."""
    call = sample(version, name)
    bodies = call.bodies()
    ending = [place for place, body in enumerate(bodies) if gathered(told([body])).ended_at is not None]
    if name != "no-such-trunk":
        assert b"Event: Hangup" in bodies[ending[0]]


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(OUTCOMES)), data=st.data())
def test_in_any_order_and_repeated(version: str, name: str, data: st.DataObject) -> None:
    call = sample(version, name)
    order = data.draw(st.permutations(list(call.messages)))
    again = data.draw(st.lists(st.sampled_from(order), max_size=4))

    facts = gathered(told(call.bodies([*order, *again])))

    assert verdict(facts) == OUTCOMES[name]


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(OUTCOMES)), data=st.data())
def test_what_was_missed_is_made_good_by_what_was_kept(version: str, name: str, data: st.DataObject) -> None:
    """Whatever part of the events was read before the connection broke, or from when it was back on."""
    call = sample(version, name)
    heard = data.draw(st.lists(st.sampled_from(call.messages), unique=True))
    if call.kept:
        facts = join(gathered(told(call.bodies(heard))), kept(call))
        assert verdict(facts) == OUTCOMES[name]


@each
def test_without_the_dialplans_handler_the_causes_are_still_told(version: str, name: str) -> None:
    """Weaker, since Asterisk gives one cause to several ends: never another than the truth or unknown."""
    call = sample(version, name)
    bare = [message for message in call.messages if b"DispatcherEnded" not in message]
    outcome = outcome_of(gathered(told(call.bodies(bare))), ACKNOWLEDGED)

    silent = {"black-hole", "trunk-dead"}
    assert outcome in (OUTCOMES[name][0], *((Outcome.NO_ANSWER, Outcome.UNKNOWN) if name in silent else ()))


@each
def test_nothing_that_names_people_is_kept(version: str, name: str) -> None:
    for body in sample(version, name).bodies():
        assert b"CallerIDNum" not in body
        assert b"ConnectedLine" not in body
