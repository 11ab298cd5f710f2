"""A CallStatus shows a whole call: what each member does is told apart, and whom it is about."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.facts import Facts, Target
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus, Party, PartyKind, Report, ReportEvent
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.yeastar_k2.reports import REPORT_WORDS, parse
from tests.pbx.yeastar.newer import REASONS

NUMBER = "5503302"
LEG = "PJSIP/trunk-siptrunk-endpoint-0000001f"
CALLEE = Party(PartyKind.OUTBOUND, NUMBER, "siptrunk", LEG)
AGENT = Party(PartyKind.EXTENSION, "1005", leg="PJSIP/1005-00000020")
LEGLESS_AGENT = Party(PartyKind.EXTENSION, "1005")
NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
RINGING, ANSWERED = ReportEvent.RINGING, ReportEvent.ANSWERED
RELEASED, OTHER = ReportEvent.RELEASED, ReportEvent.OTHER


def outbound(status: str, number: str = NUMBER, leg: str = LEG) -> dict[str, Any]:
    return {
        "outbound": {
            "from": "6500",
            "to": number,
            "trunkname": "siptrunk",
            "channelid": leg,
            "memberstatus": status,
            "callpath": "6500",
        }
    }


def ext(status: str, number: str = "1005") -> dict[str, Any]:
    return {"ext": {"number": number, "channelid": f"PJSIP/{number}-00000020", "memberstatus": status}}


def status(*members: dict[str, Any]) -> list[Report]:
    body = {"event": "CallStatus", "callid": "1571620483.18", "members": members, "sn": "369451090405"}
    return list(parse(json.dumps(body).encode()))


def told(*members: dict[str, Any]) -> list[tuple[ReportEvent, tuple[Party, ...]]]:
    return [(report.event, report.parties) for report in status(*members)]


@pytest.mark.parametrize(
    ("word", "event"),
    [
        ("ALERT", RINGING),
        ("RING", RINGING),
        ("ANSWERED", ANSWERED),
        ("ANSWER", ANSWERED),
        ("answered", ANSWERED),
        ("HOLD", ANSWERED),
        ("BYE", RELEASED),
        ("", OTHER),
        ("DANCING", OTHER),
    ],
)
def test_what_a_member_does(word: str, event: ReportEvent) -> None:
    assert told(outbound(word)) == [(event, (CALLEE,))]
    assert told(ext(word)) == [(event, (AGENT,))]


def test_every_member_is_told_of_alone_but_the_first_shows_all() -> None:
    """So that a call that somebody makes by hand is known as theirs."""
    assert told(ext("ANSWERED"), outbound("RING")) == [
        (RINGING, (CALLEE, AGENT)),
        (ANSWERED, (LEGLESS_AGENT,)),
    ]
    assert status(ext("ANSWERED"), outbound("RING"))[0].trunk == "siptrunk"


def test_a_member_that_does_nothing_has_no_report_of_its_own() -> None:
    assert told(outbound("ANSWER"), ext("")) == [(ANSWERED, (CALLEE, AGENT))]


@pytest.mark.parametrize(
    "members", [b"[]", b"null", b'""', b'[null, "x", {}, {"stranger": {}}, {"ext": null}]']
)
def test_a_call_without_members_is_a_report_without_parties(members: bytes) -> None:
    body = b'{"event": "CallStatus", "callid": "1.2", "members": %s, "sn": "3"}' % members
    assert list(parse(body)) == [Report(OTHER, "CallStatus", "1.2", "3")]
    assert list(parse(b'{"event": "CallStatus", "callid": "1.2", "sn": "3"}')) == list(parse(body))


def test_two_of_a_kind_in_one_object_are_two_members() -> None:
    body = (
        b'{"event":"CallStatus","callid":"1.2","members":{"ext":{"number":"1","memberstatus":"RING"},'
        b'"ext":{"number":"2","memberstatus":"ANSWER"}}}'
    )
    assert [(report.event, report.parties[0].number) for report in parse(body)] == [
        (RINGING, "1"),
        (ANSWERED, "2"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b'{"event": "CallStatus" "callid": "1.2", "members": [{"ext": {"number": "1002" "channelid": "c",'
        b' "memberstatus": "ALERT",}},], "sn": "3",}',
        b"{'event': 'CallStatus', 'callid': '1.2', 'members': [{'ext': {'number': '1002', 'channelid': 'c',"
        b" 'memberstatus': 'ALERT'}}], 'sn': '3'}",
        b"\xef\xbb\xbf{event: CallStatus, callid: 1.2, members: [{ext: {number: 1002, channelid: c, "
        b"memberstatus: ALERT}}], sn: 3}\x00",
    ],
    ids=["commas", "quotes", "no quotes"],
)
def test_malformed_as_other_events_are(body: bytes) -> None:
    phone = Party(PartyKind.EXTENSION, "1002", leg="c")
    assert list(parse(body)) == [Report(RINGING, "CallStatus", "1.2", "3", (phone,))]


# What the members of a call mean for an attempt.


def facts(*members: dict[str, Any], message: MessageKind = MessageKind.IVR, to: str = NUMBER) -> list[Facts]:
    kind = TargetKind.NUMBER if to == NUMBER else TargetKind.EXTENSION
    return [facts_of(report, Target(kind, to, message), NOW) for report in status(*members)]


@pytest.mark.parametrize("word", ["ANSWER", "ANSWERED"])
def test_the_callee_has_answered(word: str) -> None:
    assert facts(outbound(word)) == [Facts(answered_at=NOW, leg=LEG, trunk="siptrunk")]


@pytest.mark.parametrize("message", MessageKind)
def test_an_agents_answer_is_not_the_callees(message: MessageKind) -> None:
    known = facts(ext("ANSWER"), outbound("RING"), message=message)
    assert [item.answered_at for item in known] == [None, None]
    assert known[0].ringing_at == NOW


def test_an_extension_is_called_by_ringing_back() -> None:
    (rings,) = facts(ext("ALERT", "1002"), to="1002")
    (answers,) = facts(ext("ANSWERED", "1002"), to="1002")
    assert (rings.ringing_at, answers.answered_at) == (NOW, NOW)


def test_the_callees_own_leg_is_the_one_to_hang_up() -> None:
    other = outbound("RING", "5509999", "PJSIP/trunk-siptrunk-endpoint-00000099")
    for members in [(outbound("ANSWER"), other), (other, outbound("ANSWER"))]:
        assert {item.leg for item in facts(*members)} - {""} == {LEG}
    gone_on = outbound("BYE", "5509999", "PJSIP/trunk-siptrunk-endpoint-00000099")
    assert {item.leg for item in facts(outbound("ANSWER"), gone_on)} - {""} == {LEG}


def test_a_callee_who_hangs_up_ends_an_answered_call_that_has_nobody_else() -> None:
    (left,) = facts(outbound("BYE"))
    assert left.ended_at is None
    assert Facts(answered_at=NOW, released_at=left.released_at, releases=left.releases).ended_at == NOW


words = st.sampled_from(["ALERT", "RING", "ANSWER", "ANSWERED", "HOLD", "BYE", "", "x"])
members = st.lists(
    st.one_of(
        st.builds(outbound, words, st.sampled_from([NUMBER, "", "5509999"])),
        st.builds(ext, words, st.sampled_from(["1002", "1005", ""])),
    ),
    max_size=5,
)


@given(members)
def test_whatever_a_call_consists_of_is_understood(found: list[dict[str, Any]]) -> None:
    reports = status(*found)
    assert 1 <= len(reports) <= max(1, len(found))
    assert len(reports[0].parties) == len(found)
    for report in reports:
        assert report.callid == "1571620483.18"
        assert report.word in REPORT_WORDS
        assert {party.number for party in report.parties} <= {party.number for party in reports[0].parties}


@pytest.mark.parametrize(
    "body", [b"{}", b'{"callid": "1.2"}', b"[]", b"", b"Login Success", b'{"event": ""}']
)
def test_what_names_no_event_is_no_report(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse(body)


def test_an_unknown_event_is_kept_under_one_word() -> None:
    (report,) = parse(b'{"event": "Teleported", "callid": "1.2", "members": [], "sn": "3"}')
    assert report == Report(OTHER, "unknown", "1.2", "3")


@pytest.mark.parametrize(
    ("spelling", "word"),
    [("Transfer", "Tranfer"), ("DTMF event", "DTMF"), ("callstatus", "CallStatus"), ("newCDR", "NewCdr")],
)
def test_events_however_they_are_spelt(spelling: str, word: str) -> None:
    (report,) = parse(json.dumps({"event": spelling, "callid": "1.2"}).encode())
    assert report.word == word


@pytest.mark.parametrize(("words", "reason"), REASONS)
def test_why_a_call_failed(words: str, reason: Reason) -> None:
    """The manual's table ('CallFailed'), spelt as there."""
    (report,) = parse(json.dumps({"event": "CallFailed", "callid": "1.2", "reason": words}).encode())
    assert (report.event, report.reason, report.reason_text) == (ReportEvent.FAILED, reason, words)


@pytest.mark.parametrize(
    ("word", "record"),
    [
        ("ANSWERD", CdrStatus.ANSWERED),
        ("ANSWERED", CdrStatus.ANSWERED),
        ("NO ANSWER", CdrStatus.NO_ANSWER),
        ("NO ANSWERED", CdrStatus.NO_ANSWER),
        ("BUSY", CdrStatus.BUSY),
        ("VOICEMAIL", CdrStatus.VOICEMAIL),
    ],
)
def test_how_a_record_says_that_it_went(word: str, record: CdrStatus) -> None:
    """The words of the manual's Chinese and English tables and of its sample ('NewCdr')."""
    (report,) = parse(json.dumps({"event": "NewCdr", "callid": "1.2", "status": word}).encode())
    assert report.cdr is not None
    assert report.cdr.status is record
