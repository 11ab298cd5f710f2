"""Every sample event of the K2 API v2.0.0 manual, in the manual's own layout and with its defects.

They stand in the order of the chapter 'API events'. 11 has the manual's comma too many.
"""

from pathlib import Path

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Cdr, CdrStatus, Party, PartyKind, Report, ReportEvent
from dispatcher.pbx.yeastar_k2.reports import parse
from dispatcher.pbx.yeastar_s.reports import parse as parse_v1

SAMPLES = Path(__file__).parent / "samples"
SN = "369451090405"
OTHER, PROMPT_ENDED = ReportEvent.OTHER, ReportEvent.PROMPT_ENDED


def ext(number: str, channel: str) -> Party:
    return Party(PartyKind.EXTENSION, number, leg=f"PJSIP/{number}-{channel}")


def trunk_party(kind: PartyKind, number: str, channel: str, trunk: str = "siptrunk") -> Party:
    return Party(kind, number, trunk, f"PJSIP/trunk-{trunk}-endpoint-{channel}")


def inb(number: str, channel: str, trunk: str = "siptrunk") -> Party:
    return trunk_party(PartyKind.INBOUND, number, channel, trunk)


def out(number: str, channel: str) -> Party:
    return trunk_party(PartyKind.OUTBOUND, number, channel)


def call(event: ReportEvent, word: str, callid: str, *parties: Party) -> Report:
    return Report(event, word, callid, SN, parties)


def key(callid: str, party: Party, keys: str, position: int | None) -> Report:
    return Report(ReportEvent.DTMF, "DTMF", callid, SN, (party,), keys=keys, position=position)


CALLER = inb("192929500", "0000003d", "To6.36")
RINGS = (inb("12345678", "00000030"), ext("1023", "00000031"))

EXPECTED: dict[str, tuple[Report, ...]] = {
    "01-BootUp": (Report(ReportEvent.BOOT, "BootUp", serial=SN),),
    "02-ConfigChange": (Report(OTHER, "ConfigChange", serial=SN),),
    "03-Invite": (call(OTHER, "Invite", "1571896991.2", inb("2000", "00000001")),),
    "04-Incoming": (call(OTHER, "Incoming", "1571897079.3", inb("2000", "00000002")),),
    "05-ExtensionStatus": (Report(OTHER, "ExtensionStatus", serial=SN),),
    "06-CallStatus": (
        call(ReportEvent.RINGING, "CallStatus", "1571887584.74", *RINGS),
        call(ReportEvent.RINGING, "CallStatus", "1571887584.74", RINGS[1]._replace(leg="")),
    ),
    "07-NewCdr": (
        Report(
            ReportEvent.CDR,
            "NewCdr",
            "1571897930.5",
            SN,
            cdr=Cdr(
                CdrStatus.ANSWERED,
                called="2023",
                caller="1023",
                talk_seconds=14,
                call_seconds=19,
                recording="20191024201242-1571897930.5-203-201-Internal.wav",
                started="2019-10-23 22:18:50",
                direction=PartyKind.EXTENSION,
            ),
        ),
    ),
    "08-Tranfer": (
        call(
            ReportEvent.TRANSFERRED,
            "Tranfer",
            "1571981311.105",
            ext("2000", "00000025"),
            ext("1020", "00000026"),
        ),
    ),
    "09-Tranfer": (
        call(
            ReportEvent.TRANSFERRED,
            "Tranfer",
            "1571981647.117",
            inb("12345678", "0000002b"),
            ext("1020", "0000002c"),
        ),
    ),
    "10-Forward": (call(OTHER, "Forward", "1571901993.46", inb("12345678", "0000001c")),),
    "11-CallFailed": (
        Report(
            ReportEvent.FAILED,
            "CallFailed",
            "1573097568.15",
            SN,
            (ext("1023", "0000000a"),),
            reason=Reason.NOT_PERMITTED,
            reason_text="NO Outbound Restriction",
        ),
    ),
    "12-DTMF": (key("1571905397.97", ext("1023", "00000039"), "2", 0),),
    "13-DTMF": (key("1573197470.151", CALLER, "1", 0),),
    "14-DTMF": (key("1573197470.151", CALLER, "0", 1),),
    "15-DTMF": (key("1573197470.151", CALLER, "2", 2),),
    "16-DTMF": (key("1573197470.151", CALLER, "0", 3),),
    "17-DTMF": (key("1573197470.151", CALLER, "1020", None),),
    "18-DTMF": (key("1573092021.6", ext("1023", "00000002"), "1", 0),),
    "19-PlayPromptEnd": (
        call(
            PROMPT_ENDED, "PlayPromptEnd", "1571965641.241", ext("2023", "0000008f"), ext("1023", "00000090")
        ),
    ),
    "20-PlayPromptEnd": (call(PROMPT_ENDED, "PlayPromptEnd", "1571909302.194", out("2000", "00000074")),),
    "21-PlayPromptEnd": (call(PROMPT_ENDED, "PlayPromptEnd", "1571910100.203", ext("1023", "00000079")),),
    "22-PlayPromptEnd": (call(PROMPT_ENDED, "PlayPromptEnd", "1571910690.206", inb("2000", "0000007b")),),
    "23-PlayPromptEnd": (call(PROMPT_ENDED, "PlayPromptEnd", "1571979960.74", out("2100", "00000014")),),
    "24-satisfaction": (Report(OTHER, "satisfaction", "1571972541.133", SN),),
    "25-ConferenceStatus": (
        call(
            OTHER,
            "ConferenceStatus",
            "1572313740.138",
            out("2100", "0000001f"),
            ext("1020", "0000001e"),
            ext("2023", "0000001d"),
        ),
    ),
    "26-uacstacall": (Report(OTHER, "uacstacall", serial=SN),),
}


def test_every_sample_has_its_expectation() -> None:
    assert sorted(path.stem for path in SAMPLES.iterdir()) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_sample_of_the_manual(name: str) -> None:
    assert tuple(parse((SAMPLES / f"{name}.txt").read_bytes())) == EXPECTED[name]


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.stem)
def test_a_sample_without_its_last_brackets_is_still_understood(path: Path) -> None:
    cut = path.read_bytes().rstrip(b"} ]\r\n\t")
    assert tuple(parse(cut)) == EXPECTED[path.stem]


@pytest.mark.parametrize("path", sorted((SAMPLES.parent.parent / "yeastar_s" / "samples").iterdir()))
def test_events_in_the_format_of_api_v1_are_understood(path: Path) -> None:
    """What comes to a session that the PBX takes for one without a version."""
    assert parse(path.read_bytes()) == parse_v1(path.read_bytes())


def test_a_record_of_api_v1_with_the_keys_of_v2() -> None:
    """Seen in the field: the old envelope around the new fields."""
    (old,) = parse(
        b'{"action":"NewCdr","callid":"1.2","callfrom":"6500","callto":"0612345678","dsttrcunkname":"T",'
        b'"talkduraction":"3","callduraction":"9","status":"ANSWERED","type":"Outbound"}'
    )
    (new,) = parse(
        b'{"event":"NewCdr","callid":"1.2","callfrom":"6500","callto":"0612345678","dsttrcunkname":"T",'
        b'"talkduraction":"3","callduraction":"9","status":"ANSWERED","type":"Outbound"}'
    )
    assert old == new
    assert old.trunk == "T"
