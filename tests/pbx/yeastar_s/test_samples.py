"""Every sample report of the S-Series API v1.1.0 manual, verbatim, page breaks and defects included.

01 is from 'API reports' of the quick start, 02 to 40 from the chapter of report samples, 41 and 42 from
the hotel chapter. The old formats below them are those that the manual and firmware describe in words.
"""

from pathlib import Path

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Cdr, CdrStatus, Party, PartyKind, Report, ReportEvent
from dispatcher.pbx.yeastar_s.reports import parse

SAMPLES = Path(__file__).parent / "samples"
SN = "369362089179"
OTHER_SN = "369351034049"
RECORDING = "20180315201242-1521173562.46-203-201-Internal.wav"


def ext(number: str) -> Party:
    return Party(PartyKind.EXTENSION, number)


def out(number: str, leg: str, trunk: str = "SPS-6-36") -> Party:
    return Party(PartyKind.OUTBOUND, number, trunk, leg)


def inb(number: str, leg: str = "", trunk: str = "SPS-6-36") -> Party:
    return Party(PartyKind.INBOUND, number, trunk, leg)


def call(event: ReportEvent, word: str, callid: str, *parties: Party, sn: str = SN) -> Report:
    return Report(event, word, callid, sn, parties)


def key(callid: str, party: Party, keys: str, position: int | None, sn: str = SN) -> Report:
    return Report(ReportEvent.DTMF, "DTMF", callid, sn, (party,), keys=keys, position=position)


RINGING, ANSWERED, RELEASED = ReportEvent.RINGING, ReportEvent.ANSWERED, ReportEvent.RELEASED
OTHER, PROMPT_ENDED = ReportEvent.OTHER, ReportEvent.PROMPT_ENDED
CALLER = inb("192883838", "1547391097.305")

EXPECTED: dict[str, Report] = {
    "01-BootUp": Report(ReportEvent.BOOT, "BootUp", serial=OTHER_SN),
    "02-BootUp": Report(ReportEvent.BOOT, "BootUp", serial=OTHER_SN),
    "03-ConfigChange": Report(OTHER, "ConfigChange", serial=SN),
    "04-ExtensionStatus": Report(OTHER, "ExtensionStatus", serial=SN),
    "05-ALERT": call(RINGING, "ALERT", "1550710849.199", ext("1001"), sn=OTHER_SN),
    "06-RING": call(RINGING, "RING", "1550710849.199", ext("1002"), ext("1001"), sn=OTHER_SN),
    "07-ALERT": call(RINGING, "ALERT", "1547396927.428", ext("1001")),
    "08-RING": call(RINGING, "RING", "1547396927.428", out("9282883883", "1547396927.429"), ext("1001")),
    "09-ALERT": call(
        RINGING, "ALERT", "1550714393.225", inb("123838838", "1550714393.225", "spstrunk"), sn=OTHER_SN
    ),
    "10-RING": call(
        RINGING,
        "RING",
        "1550714393.225",
        ext("1002"),
        inb("123838838", "1550714393.225", "spstrunk"),
        sn=OTHER_SN,
    ),
    "11-ANSWER": call(ANSWERED, "ANSWER", "1547375031.65", ext("1006"), ext("1005")),
    "12-ANSWER": call(ANSWERED, "ANSWER", "1547375509.72", ext("1005"), inb("3834847222", "1547375509.72")),
    "13-ANSWERED": call(ANSWERED, "ANSWERED", "1547375031.65", ext("1005"), ext("1006")),
    "14-ANSWERED": call(
        ANSWERED, "ANSWERED", "1547375707.75", ext("1005"), out("172838344", "1547375707.76")
    ),
    "15-BYE": call(RELEASED, "BYE", "1547375817.78", ext("1006"), ext("1005")),
    "16-BYE": call(RELEASED, "BYE", "1547375817.78", ext("1005"), ext("1006")),
    "17-BYE": call(RELEASED, "BYE", "1547376084.84", out("12564555", "1547376084.85"), ext("1005")),
    "18-BYE": call(RELEASED, "BYE", "1547376084.84", ext("1005"), out("12564555", "1547376084.85")),
    "19-Tranfer": call(ReportEvent.TRANSFERRED, "Tranfer", "1547378727.152", ext("1005"), ext("1001")),
    "20-Tranfer": call(ReportEvent.TRANSFERRED, "Tranfer", "1547379044.160", ext("1006")),
    "21-Tranfer": call(
        ReportEvent.TRANSFERRED, "Tranfer", "1547379694.192", inb("182837733", "1547379694.192")
    ),
    "22-CallFailed": Report(
        ReportEvent.FAILED,
        "CallFailed",
        "1536976927.37",
        OTHER_SN,
        (out("70871520926", "1536976927.38", "Wanatel-1"), ext("1002")),
        reason=Reason.BUSY,
        reason_text="486 Busy Here",
    ),
    "23-DTMF": key("1547389829.281", ext("1005"), "2", 0),
    "24-DTMF": key("1547391097.305", CALLER, "1", 0),
    "25-DTMF": key("1547391097.305", CALLER, "0", 1),
    "26-DTMF": key("1547391097.305", CALLER, "0", 2),
    "27-DTMF": key("1547391097.305", CALLER, "5", 3),
    "28-DTMF": key("1547391097.305", CALLER, "1005", None),
    "29-DTMF": key("1547391490.309", ext("1005"), "1", 0),
    "30-NewCdr": Report(
        ReportEvent.CDR,
        "NewCdr",
        "1547391782.318",
        SN,
        cdr=Cdr(
            CdrStatus.ANSWERED,
            called="1005",
            caller="1001",
            talk_seconds=10,
            call_seconds=21,
            recording=RECORDING,
            started="2019-01-13 23:03:02",
            direction=PartyKind.EXTENSION,
        ),
    ),
    "31-NewCdr": Report(
        ReportEvent.CDR,
        "NewCdr",
        "1547392142.330",
        SN,
        cdr=Cdr(
            CdrStatus.ANSWERED,
            called="9283737733",
            caller="1005",
            talk_seconds=3,
            call_seconds=6,
            trunk="SPS-6-36",
            recording=RECORDING,
            started="2019-01-13 23:09:02",
            direction=PartyKind.OUTBOUND,
        ),
    ),
    "32-NewCdr": Report(
        ReportEvent.CDR,
        "NewCdr",
        "1547392256.333",
        SN,
        cdr=Cdr(
            CdrStatus.ANSWERED,
            called="1005",
            caller="1277378812",
            talk_seconds=4,
            call_seconds=11,
            trunk="SPS-6-36",
            recording=RECORDING,
            started="2019-01-13 23:10:56",
            direction=PartyKind.INBOUND,
        ),
    ),
    "33-Invite": call(OTHER, "Invite", "1547389566.275", inb("1929383883", "1547389566.275")),
    "34-Incoming": call(OTHER, "Incoming", "1547393303.354", inb("182737733", "1547393303.354")),
    "35-PlayPromptEnd": call(PROMPT_ENDED, "PlayPromptEnd", "1547395290.362", ext("1001")),
    "36-PlayPromptEnd": call(PROMPT_ENDED, "PlayPromptEnd", "1547395463.366", out("", "")),
    "37-PlayPromptEnd": call(PROMPT_ENDED, "PlayPromptEnd", "1547395676.370", ext("1005")),
    "38-PlayPromptEnd": call(PROMPT_ENDED, "PlayPromptEnd", "1547395803.374", out("9282837733", "")),
    "39-PlayPromptEnd": call(PROMPT_ENDED, "PlayPromptEnd", "1547395941.380", inb("81288833")),
    "40-satisfaction": Report(OTHER, "satisfaction", "1547396435.415", SN),
    "41-DTMF": key("1575425107.149", ext("203"), "778*123456789*2", None, sn="369462038851"),
    "42-DTMF": key("1530768971.265", ext("1002"), "777*01", None, sn=""),
}

OLD_FORMATS: dict[str, tuple[str, Report]] = {
    "two extensions in one object": (
        '{"action":"ANSWER","callid":"1.2","call":[{"ext":{"extid":"1002"},"ext":{"extid":"1001"}}]}',
        call(ANSWERED, "ANSWER", "1.2", ext("1002"), ext("1001"), sn=""),
    ),
    "two different parties in one object": (
        '{"action":"BYE","callid":"1.2","call":{"outbound":{"from":"6500","to":"061234567","trunk":"T",'
        '"outboundid":"1.3"},"ext":{"extid":"1001"}}}',
        call(RELEASED, "BYE", "1.2", out("061234567", "1.3", "T"), ext("1001"), sn=""),
    ),
    "parties repeated at the top": (
        '{"action":"RING","callid":"1.2","ext":{"extid":"1002"},"ext":{"extid":"1001"}}',
        call(RINGING, "RING", "1.2", ext("1002"), ext("1001"), sn=""),
    ),
    "a failed call between two extensions": (
        '{"action":"CallFailed","reason":"603 Declined","callid":"1.2","ext":{"extid":"1002"},'
        '"ext":{"extid":"1001"}}',
        Report(
            ReportEvent.FAILED,
            "CallFailed",
            "1.2",
            parties=(ext("1002"), ext("1001")),
            reason=Reason.NO_ANSWER,
            reason_text="603 Declined",
        ),
    ),
    "a failed call with nothing but its reason": (
        '{"action":"CallFailed","reason":"480","callid":"1.2"}',
        Report(ReportEvent.FAILED, "CallFailed", "1.2", reason=Reason.NO_ANSWER, reason_text="480"),
    ),
}


def test_every_sample_has_its_expectation() -> None:
    assert sorted(path.stem for path in SAMPLES.iterdir()) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_sample_of_the_manual(name: str) -> None:
    assert parse((SAMPLES / f"{name}.txt").read_bytes()) == (EXPECTED[name],)


@pytest.mark.parametrize("name", OLD_FORMATS)
def test_old_format(name: str) -> None:
    body, expected = OLD_FORMATS[name]
    assert parse(body.encode()) == (expected,)
