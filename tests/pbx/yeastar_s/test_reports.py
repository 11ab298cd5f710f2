"""Reports that differ from the manual in every way seen so far, and in ways nobody has seen yet."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus, PartyKind, Report, ReportEvent
from dispatcher.pbx.yeastar_s.reports import REPORT_WORDS, UNKNOWN, parse

SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parent / "samples").iterdir())]
CDR = {
    "action": "NewCdr",
    "callid": "1.2",
    "callfrom": "6500",
    "callto": "0612345678",
    "talkduraction": "3",
    "status": "ANSWERED",
    "type": "Outbound",
}


def one(report: dict[str, Any] | str) -> Report:
    """The single report in a body."""
    body = report if isinstance(report, str) else json.dumps(report)
    (parsed,) = parse(body.encode())
    return parsed


def cdr_with(**changed: Any) -> Any:
    cdr = one(CDR | changed).cdr
    assert cdr is not None
    return cdr


def test_numbers_may_be_numbers() -> None:
    report = one(
        '{"action":"DTMF","callid":1547389829.280,"call":[{"ext":{"extid":1005}}],"info":2,"flag":0}'
    )

    assert report.callid == "1547389829.280"
    assert report.parties[0].number == "1005"
    assert (report.keys, report.position) == ("2", 0)


@pytest.mark.parametrize("spelling", ["Tranfer", "Transfer", "transfer", " Tranfer "])
def test_transfer_however_it_is_spelt(spelling: str) -> None:
    assert one({"action": spelling}).word == "Tranfer"


@pytest.mark.parametrize("spelling", ["DTMF event", "Dtmf", "DTMF"])
def test_dtmf_however_it_is_spelt(spelling: str) -> None:
    report = one({"action": spelling, "callid": "1.2", "info": "1", "flag": "0"})

    assert (report.event, report.word, report.keys) == (ReportEvent.DTMF, "DTMF", "1")


@pytest.mark.parametrize("action", ["CallStatus", "30008", "Überraschung", "unknown"])
def test_an_action_nobody_knows_is_kept_under_one_word(action: str) -> None:
    report = one({"action": action, "callid": "1.2"})

    assert (report.event, report.word, report.callid) == (ReportEvent.OTHER, UNKNOWN, "1.2")


def test_the_words_are_a_closed_set() -> None:
    assert len(set(REPORT_WORDS)) == len(REPORT_WORDS) == 17


def test_answer_and_answered_are_one_event_with_two_words() -> None:
    reports = [one({"action": action, "callid": "1.2"}) for action in ("ANSWER", "ANSWERED")]

    assert {report.event for report in reports} == {ReportEvent.ANSWERED}
    assert {report.word for report in reports} == {"ANSWER", "ANSWERED"}


@pytest.mark.parametrize("call", [None, [], {}, "", [None], "none", [[]], [{"ext": None}], [{"ext": "1001"}]])
def test_a_call_without_parties(call: Any) -> None:
    report = one({"action": "ANSWERED", "callid": "1.2", "call": call})

    assert (report.event, report.parties) == (ReportEvent.ANSWERED, ())


def test_blanks_around_keys_and_values() -> None:
    report = one(
        {
            " Action": "ANSWERED ",
            "callID ": " 1.2",
            "call": [{"Outbound": {"to": " 0612 ", "trunkname": "T "}}],
        }
    )

    assert report.callid == "1.2"
    assert (report.parties[0].number, report.parties[0].trunk) == ("0612", "T")


def test_who_hung_up_stays_first() -> None:
    parties = [{"outbound": {"to": "0612345678"}}, {"ext": {"extid": "1005"}}]
    forth = one({"action": "BYE", "callid": "1.2", "call": parties})
    back = one({"action": "BYE", "callid": "1.2", "call": parties[::-1]})

    assert [party.kind for party in forth.parties] == [PartyKind.OUTBOUND, PartyKind.EXTENSION]
    assert [party.kind for party in back.parties] == [PartyKind.EXTENSION, PartyKind.OUTBOUND]


def test_a_key_and_a_string_of_keys_in_one_body_are_two_reports() -> None:
    single, whole = parse(b'{"action":"DTMF","callid":"1.2","info":"5","flag":"3","infos":"1005"}')

    assert (single.keys, single.position) == ("5", 3)
    assert (whole.keys, whole.position) == ("1005", None)


@pytest.mark.parametrize(
    ("flag", "position"),
    [("3", 3), (" 3", 3), (3, 3), ("", None), ("x", None), ("²", None), ("9" * 30, None), (None, None)],
)
def test_the_position_of_a_key(flag: Any, position: int | None) -> None:
    assert one({"action": "DTMF", "callid": "1.2", "info": "1", "flag": flag}).position == position


def test_the_number_of_a_prompt_goes_to_the_party_that_lacks_one() -> None:
    ended = {"action": "PlayPromptEnd", "callid": "1.2", "playtonum": "0612345678"}

    assert one(ended | {"call": [{"outbound": {"trunk": "T"}}]}).number == "0612345678"
    assert one(ended | {"call": [{"outbound": {"to": "0699999999"}}]}).number == "0699999999"
    assert one(ended | {"outbound": {"trunkname": "T"}}).trunk == "T"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("ANSWERED", CdrStatus.ANSWERED),
        ("ANSWERD", CdrStatus.ANSWERED),
        ("answered ", CdrStatus.ANSWERED),
        ("NO ANSWER", CdrStatus.NO_ANSWER),
        ("NOANSWER", CdrStatus.NO_ANSWER),
        ("NO ANSWERED", CdrStatus.NO_ANSWER),
        ("BUSY", CdrStatus.BUSY),
        ("FAILED", CdrStatus.FAILED),
        ("VOICEMAIL", CdrStatus.VOICEMAIL),
        ("SOMETHING NEW", None),
        ("", None),
    ],
)
def test_the_status_of_a_call_record(words: str, status: CdrStatus | None) -> None:
    assert cdr_with(status=words).status == status


@pytest.mark.parametrize("key", ["desttrunkname", "dsttrunkname", "dstrunkname", "dsttrcunkname"])
def test_the_trunk_of_a_call_record(key: str) -> None:
    assert cdr_with(**{key: "SPS-6-36"}).trunk == "SPS-6-36"
    assert cdr_with(srctrunkname="other", **{key: "SPS-6-36"}).trunk == "SPS-6-36"
    assert cdr_with(type="Inbound", srctrunkname="in", **{key: "out"}).trunk == "in"


@pytest.mark.parametrize(
    ("talk", "seconds"),
    [("3", 3), (3, 3), (" 3 ", 3), ("", 0), ("-1", 0), ("x", 0), (None, 0), ("9" * 40, 0)],
)
def test_the_talk_time_of_a_call_record(talk: Any, seconds: int) -> None:
    assert cdr_with(talkduraction=talk).talk_seconds == seconds


def test_a_correctly_spelt_talk_time() -> None:
    spelt = {key: value for key, value in CDR.items() if key != "talkduraction"}
    cdr = one(spelt | {"talkduration": "7"}).cdr

    assert cdr is not None
    assert cdr.talk_seconds == 7


@pytest.mark.parametrize(
    "body",
    [
        '{"action":"PlayPromptEnd","callid":"1.2","ivr":{"ivrid":"6500"},"playtonum":"06" "sn":"1"}',
        '{"action":"PlayPromptEnd","callid":"1.2",,"sn":"1",}',
        "{action:PlayPromptEnd,callid:'1.2',sn:1}",
        '{"action":"PlayPromptEnd","callid":"1.2","call":[{"outbound":{"trunk":"T"}],"sn":"1"}',
        '{"action":"PlayPromptEnd","callid":"1.2","sn":"1"',
        '\ufeff {"action":"PlayPromptEnd","callid":"1.2","sn":"1"}\x00\x00',
        '{"action":"PlayPromptEnd","callid":"1.2","note":"a\tb","sn":"1"}',
        '{"action":"PlayPromptEnd","callid":"1.2","path":"C:\\music\\x","sn":"1"}',
    ],
)
def test_malformed_but_plain(body: str) -> None:
    report = one(body)

    assert (report.event, report.callid, report.serial) == (ReportEvent.PROMPT_ENDED, "1.2", "1")


def test_text_that_is_not_utf8_is_read_as_latin1() -> None:
    (report,) = parse('{"action":"CallFailed","callid":"1.2","reason":"486 Occupé"}'.encode("latin-1"))

    assert (report.reason, report.reason_text) == (Reason.BUSY, "486 Occupé")


def test_text_that_no_database_takes_is_cleaned() -> None:
    report = one('{"action":"CallFailed","callid":"1\\u0000.2\\ud800","reason":"' + "x" * 5000 + '"}')

    assert report.callid == "1.2"
    assert len(report.reason_text) == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[]",
        b"null",
        b'"BYE"',
        b"<html>",
        b"action=BYE",
        b"{",
        b"{}",
        b'{"action":""}',
        b'{"action":{"BYE":1}}',
        b'{"action":"BYE","callid":"1.2',
        b'{"action":"BYE","callid":12',
        b'{"action":"BYE","callid"',
        b'{"action":"BYE","callid":',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":[' * 40,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_hopeless(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse(body)


def survives(body: bytes) -> None:
    """Either reports with a word of the closed set, or a ValueError; never anything else."""
    try:
        reports = parse(body)
    except ValueError:
        return
    assert reports
    for report in reports:
        assert report.word in REPORT_WORDS
        assert "\x00" not in report.callid
        repr(report).encode("utf-8")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
KEYS = st.sampled_from(
    [
        "action",
        "callid",
        "call",
        "ext",
        "inbound",
        "outbound",
        "info",
        "infos",
        "flag",
        "reason",
        "sn",
        "playtonum",
    ]
)


@given(st.binary(max_size=300))
def test_any_bytes(body: bytes) -> None:
    survives(body)


@given(st.text(alphabet="{}[]:,\"' \\abu0\n", max_size=80))
def test_any_heap_of_json_marks(body: str) -> None:
    survives(b"{" + body.encode())


@given(st.dictionaries(KEYS, JSON), st.sampled_from(REPORT_WORDS))
def test_any_json_under_the_right_keys(fields: dict[str, Any], action: str) -> None:
    survives(json.dumps({"action": action, **fields}).encode())


@given(st.sampled_from(SAMPLES), st.data())
def test_any_cut_of_a_sample(sample: bytes, data: st.DataObject) -> None:
    survives(sample[: data.draw(st.integers(0, len(sample)))])


@given(st.sampled_from(SAMPLES), st.data())
def test_any_scratch_on_a_sample(sample: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(sample)))
    end = data.draw(st.integers(start, min(len(sample), start + 5)))
    survives(sample[:start] + data.draw(st.binary(max_size=5)) + sample[end:])


@given(st.sampled_from(SAMPLES), st.data())
def test_a_cut_never_invents_a_callid(sample: bytes, data: st.DataObject) -> None:
    (whole,) = parse(sample)
    try:
        (part,) = parse(sample[: data.draw(st.integers(0, len(sample)))])
    except ValueError:
        return
    assert part.callid in ("", whole.callid)
    assert part.keys in ("", whole.keys)
