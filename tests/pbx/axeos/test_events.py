"""Every event of the manual, with every property that it lists (Axeos manual, 'Events').

The manual shows no event as a whole, so the samples are put together from its lists of properties.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from dispatcher.domain.facts import NOTHING, Facts, Target
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.reports import Party, PartyKind, Report, ReportEvent
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.axeos import Axeos
from dispatcher.pbx.axeos.events import parse
from tests.cores import START

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))
CALLID = "1699887766.42"
ANNA = "7d3c0b7e-5a51-4d0c-9f7e-0d6a0c1f2b3a"
BEN = "11111111-aaaa-bbbb-cccc-000000000001"

OF_CALLS = {
    "incoming call": ReportEvent.OTHER,
    "internal dial": ReportEvent.RINGING,
    "call answered": ReportEvent.ANSWERED,
    "call finished": ReportEvent.OVER,
    "blind transfer": ReportEvent.TRANSFERRED,
    "attended transfer": ReportEvent.OTHER,  # The sample is of one that has failed.
}


def sample(name: str) -> dict[str, Any]:
    (path,) = (path for path in SAMPLES if path.stem.partition("-")[2] == name)
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def parsed(data: dict[str, Any]) -> Report:
    (report,) = parse(json.dumps(data).encode())
    return report


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_event_has_its_own_word_of_the_closed_set(path: Path) -> None:
    data = json.loads(path.read_bytes())
    (report,) = parse(path.read_bytes())

    assert report.word in Axeos.report_words
    assert report.word == ("voicemail" if "voicemail_uuid" in data else data["event_type"])
    assert report.callid == data.get("unique_id", "")
    assert report.serial == ""
    if data.get("reason") != "expired":
        assert report.event is OF_CALLS.get(data["event_type"], ReportEvent.OTHER)


def test_the_caller_is_who_was_called_first() -> None:
    assert parsed(sample("incoming-call")).parties == (Party(PartyKind.EXTENSION, ANNA),)
    assert parsed(sample("call-finished")).parties == (Party(PartyKind.EXTENSION, ANNA),)


def test_somebody_who_calls_in_is_told_from_our_calls() -> None:
    report = parsed(sample("incoming-call-from-outside"))

    assert [(party.kind, party.number) for party in report.parties] == [(PartyKind.INBOUND, "0612345678")]


def test_the_phones_that_ring_are_no_far_end() -> None:
    report = parsed(sample("internal-dial"))

    assert [(party.kind, party.number, party.trunk) for party in report.parties] == [
        (PartyKind.EXTENSION, BEN, ""),
        (PartyKind.EXTENSION, BEN, ""),
        (PartyKind.EXTENSION, "33333333-aaaa-bbbb-cccc-000000000003", ""),
    ]
    assert report.number == ""


@pytest.mark.parametrize("name", ["internal-dial", "call-answered"])
@pytest.mark.parametrize(
    "target",
    [
        Target(TargetKind.USER, "anna", MessageKind.QUEUE),
        Target(TargetKind.NUMBER, "+31612345678", MessageKind.PROMPT),
    ],
    ids=["a user", "a number"],
)
def test_an_agents_phone_says_nothing_of_the_callee(name: str, target: Target) -> None:
    assert facts_of(parsed(sample(name)), target, START) is NOTHING


def test_a_user_who_is_known_by_their_uuid_is_seen_to_answer() -> None:
    user = Target(TargetKind.USER, BEN, MessageKind.QUEUE)

    assert facts_of(parsed(sample("call-answered")), user, START) == Facts(answered_at=START)


@pytest.mark.parametrize("kind", [MessageKind.IVR, MessageKind.QUEUE])
def test_a_call_that_is_hung_up_is_over_at_once(kind: MessageKind) -> None:
    facts = facts_of(parsed(sample("call-finished")), Target(TargetKind.USER, "anna", kind), START)

    assert facts.ended_at == START
    assert facts.answered_at is None


@pytest.mark.parametrize("reason", ["expired", "", None, "something new"])
def test_a_call_that_is_no_longer_watched_is_not_over(reason: str | None) -> None:
    report = parsed(sample("call-finished") | {"reason": reason})

    assert report.event is ReportEvent.OTHER
    assert facts_of(report, Target(TargetKind.USER, "anna", MessageKind.IVR), START) is NOTHING


@pytest.mark.parametrize("change", [{"target": None}, {"target": "somebody"}, {"target": []}])
def test_an_answer_that_names_nobody_proves_nothing(change: dict[str, Any]) -> None:
    assert parsed(sample("call-answered") | change).event is ReportEvent.OTHER


def test_an_unknown_event_is_kept_under_its_own_word() -> None:
    report = parsed({"event_type": "fax received", "seq": 3, "unique_id": 12})

    assert (report.event, report.word, report.callid) == (ReportEvent.OTHER, "unknown", "12")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b'"text"', b"{}", b'{"event_type": 7.5}', b"\xff\xfe\x00", b"[" * 100_000]
)
def test_what_is_no_event_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse(body)
