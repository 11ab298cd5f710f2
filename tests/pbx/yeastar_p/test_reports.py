"""Events of the OpenAPI: the guide's samples, and every way in which real boxes may write them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Cdr, CdrStatus, Party, PartyKind, Report, ReportEvent
from dispatcher.pbx.yeastar_p.reports import REPORT_WORDS, TOPICS, parse
from tests.pbx.yeastar.newer import REASONS

SAMPLES = Path(__file__).parent / "samples"
SN = "3631A2124XXX"

EXPECTED: dict[str, tuple[Report, ...]] = {
    "30008-ExtensionStatus": (Report(ReportEvent.OTHER, "ExtensionStatus", serial=SN),),
    "30010-TrunkRegistration": (Report(ReportEvent.OTHER, "TrunkRegistration", serial=SN),),
    "30012-NewCdr": (
        Report(
            ReportEvent.CDR,
            "NewCdr",
            "1651057476.362",
            SN,
            cdr=Cdr(
                CdrStatus.ANSWERED,
                called="2002",
                caller="2005",
                talk_seconds=21,
                call_seconds=24,
                recording="20220427190445-1651057476.362-2005-2002-Internal.wav",
                started="2022-04-27 19:04:36",
                direction=PartyKind.EXTENSION,
            ),
        ),
    ),
    "30016-Invite": (
        Report(
            ReportEvent.OTHER,
            "Invite",
            "1648861726.280",
            SN,
            (
                Party(
                    PartyKind.INBOUND,
                    "5503301",
                    "peer-to-41",
                    "PJSIP/trunk-peer-to-41-endpoint-000000b5",
                ),
            ),
        ),
    ),
}


def test_every_sample_has_its_expectation() -> None:
    assert sorted(path.stem for path in SAMPLES.iterdir()) == sorted(EXPECTED)


def messages(name: str) -> dict[str, Any]:
    """What a sample's `msg` says."""
    text = (SAMPLES / f"{name}.txt").read_text(encoding="utf-8")
    found = re.search(r'"msg": "(\{.*\})"', text, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


@pytest.mark.parametrize("name", EXPECTED)
def test_sample_of_the_guide_without_its_escapes(name: str) -> None:
    assert tuple(parse((SAMPLES / f"{name}.txt").read_bytes())) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("nested", [True, False], ids=["as a text", "as an object"])
def test_the_same_as_boxes_send_it(name: str, nested: bool) -> None:
    said = messages(name)
    body = {"type": int(name[:5]), "sn": SN, "msg": json.dumps(said) if nested else said}

    assert tuple(parse(json.dumps(body).encode())) == EXPECTED[name]
    assert tuple(parse(json.dumps(body | {"type": name[:5]}).encode())) == EXPECTED[name]


def event(kind: int, **said: Any) -> list[Report]:
    """The reports of one event about a call."""
    body = {"type": kind, "sn": SN, "msg": json.dumps({"call_id": "1650095575.872", **said})}
    return list(parse(json.dumps(body).encode()))


def outside(status: str, path: str = "6500") -> dict[str, Any]:
    return {
        "outbound": {
            "from": "6500",
            "to": "5503301",
            "trunk_name": "siptrunk",
            "channel_id": "PJSIP/trunk-siptrunk-endpoint-00000014",
            "member_status": status,
            "call_path": path,
        }
    }


def inside(status: str) -> dict[str, Any]:
    member = {"number": "1005", "channel_id": "PJSIP/1005-0000000a", "member_status": status}
    return {"extension": {**member, "call_path": " "}}


CALLEE = Party(PartyKind.OUTBOUND, "5503301", "siptrunk", "PJSIP/trunk-siptrunk-endpoint-00000014")


@pytest.mark.parametrize(
    ("status", "what"),
    [
        ("RING", ReportEvent.RINGING),
        ("ALERT", ReportEvent.RINGING),
        ("EARLYMEDIA", ReportEvent.RINGING),
        ("ANSWER", ReportEvent.ANSWERED),
        ("ANSWERED", ReportEvent.ANSWERED),
        ("HOLD", ReportEvent.ANSWERED),
        ("BYE", ReportEvent.RELEASED),
        (" ", ReportEvent.OTHER),
        ("PARKED", ReportEvent.OTHER),
    ],
)
def test_a_call_status_tells_what_its_member_does(status: str, what: ReportEvent) -> None:
    assert event(30011, members=[outside(status)]) == [
        Report(what, "CallStatus", "1650095575.872", SN, (CALLEE,))
    ]


def test_each_member_has_its_own_mind() -> None:
    first, second = event(30011, members=[inside("ANSWERED"), outside("RING")])

    assert (first.event, first.parties[0]) == (ReportEvent.RINGING, CALLEE)
    assert [party.kind for party in first.parties] == [PartyKind.OUTBOUND, PartyKind.EXTENSION]
    assert (second.event, second.parties) == (
        ReportEvent.ANSWERED,
        (Party(PartyKind.EXTENSION, "1005"),),
    )


@pytest.mark.parametrize("members", [[], None, " "])
def test_a_call_status_without_members(members: Any) -> None:
    assert event(30011, members=members) == [Report(ReportEvent.OTHER, "CallStatus", "1650095575.872", SN)]


@pytest.mark.parametrize(("words", "reason"), REASONS)
def test_every_reason_of_the_guide(words: str, reason: Reason) -> None:
    [failed] = event(30015, reason=words, members=[outside("RING")])

    assert (failed.event, failed.word) == (ReportEvent.FAILED, "CallFailed")
    assert (failed.reason, failed.reason_text) == (reason, words)
    assert failed.parties == (CALLEE,)


def test_keys_have_blanks_for_what_they_are_not() -> None:
    [single] = event(30017, members=[outside("ANSWER")], info="1", flag=0, infos=" ")
    [whole] = event(30017, members=[outside("ANSWER")], info=" ", flag=0, infos="1234#")

    assert (single.event, single.keys, single.position) == (ReportEvent.DTMF, "1", 0)
    assert (whole.keys, whole.position) == ("1234#", None)
    assert single.parties == whole.parties == (CALLEE,)


@pytest.mark.parametrize("prompt", ["alert", " "])
def test_the_end_of_a_prompt(prompt: str) -> None:
    assert event(30018, members=[outside("ANSWER")], prompt=prompt) == [
        Report(ReportEvent.PROMPT_ENDED, "PlayPromptEnd", "1650095575.872", SN, (CALLEE,))
    ]


@pytest.mark.parametrize(
    ("status", "known"),
    [
        ("ANSWERED", CdrStatus.ANSWERED),
        ("ANSWERD", CdrStatus.ANSWERED),
        ("NO ANSWER", CdrStatus.NO_ANSWER),
        ("BUSY", CdrStatus.BUSY),
        ("VOICEMAIL", CdrStatus.VOICEMAIL),
        ("FAILED", CdrStatus.FAILED),
        ("ABANDONED", CdrStatus.NO_ANSWER),
        (" ", None),
    ],
)
def test_the_record_of_an_outbound_call(status: str, known: CdrStatus | None) -> None:
    """Newer firmware names extensions as `Name<2005>`, and has further fields."""
    [record] = event(
        30012,
        time_start="2026-11-21 11:00:00",
        call_from="Duty desk<2005>",
        call_to="5503301",
        call_duration=13,
        talk_duration=9,
        src_trunk_name=" ",
        dst_trunk_name="siptrunk",
        status=status,
        type="Outbound",
        did_name=" ",
        uid="2026112111000010F70",
        call_note_id="",
        enb_call_note=0,
    )

    assert record.cdr is not None
    assert (record.cdr.caller, record.cdr.called, record.cdr.trunk) == ("2005", "5503301", "siptrunk")
    assert (record.cdr.call_seconds, record.cdr.talk_seconds) == (13, 9)
    assert (record.cdr.status, record.cdr.direction) == (known, PartyKind.OUTBOUND)


@pytest.mark.parametrize("kind", [30014, 30019, 30039])
def test_what_no_outcome_hangs_on_still_names_its_call(kind: int) -> None:
    [report] = event(kind, members=[outside("ANSWER")])
    assert (report.event, report.callid, report.serial) == (ReportEvent.OTHER, "1650095575.872", SN)


def test_a_transfer_names_its_call() -> None:
    [report] = event(30013, members=[outside("ANSWER")])
    assert (report.event, report.callid) == (ReportEvent.TRANSFERRED, "1650095575.872")


def test_an_event_of_tomorrow() -> None:
    assert event(30099) == [Report(ReportEvent.OTHER, "unknown", "1650095575.872", SN)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"heartbeat response",
        b'{"errcode":0,"errmsg":"SUCCESS"}',
        b'{"msg":"{}"}',
        b'{"type":30011,"msg":"x"}',
    ],
)
def test_what_is_no_event(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse(body)


def test_the_words_are_a_closed_set_and_every_event_of_a_call_is_asked_for() -> None:
    assert len(set(REPORT_WORDS)) == len(REPORT_WORDS)
    assert {30011, 30012, 30013, 30015, 30017, 30018} <= set(TOPICS)
    assert {event(topic)[0].word for topic in TOPICS} <= set(REPORT_WORDS)
