"""The connection for events: what is read over it, and how it breaks."""

import time
from collections.abc import Iterator

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import ReportEvent
from dispatcher.pbx.asterisk import Asterisk, events, stream
from dispatcher.pbx.asterisk.stream import HELD_SECONDS, Sieve
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import ReportStream
from tests.pbx.asterisk.ami import ScriptedManager, usual
from tests.pbx.asterisk.samples import CHANNELS, sample


@pytest.fixture
def manager() -> Iterator[ScriptedManager]:
    with ScriptedManager(usual) as made:
        yield made


@pytest.fixture
def driver(manager: ScriptedManager) -> Iterator[Asterisk]:
    made = Asterisk(manager.account(dials={"provider": "PJSIP/{number}@trunk"}), lambda *_: None)
    yield made
    made.close()


def read(opened: ReportStream, count: int) -> list[bytes]:
    """So many bodies."""
    found: list[bytes] = []
    deadline = time.monotonic() + 10.0
    while len(found) < count and time.monotonic() < deadline:
        found += opened.read().bodies
    return found


def test_events_are_asked_for_by_their_classes_and_the_first_look_says_that_some_were_missed(
    manager: ScriptedManager, driver: Asterisk
) -> None:
    opened = driver.open_reports("")
    assert opened.read().missed
    opened.close()

    (login,) = [action for action in manager.actions if action["Action"] == "Login"]
    assert login["Events"] == "call,cdr,dtmf,user"


def test_a_whole_call_as_it_comes_over_the_wire(manager: ScriptedManager, driver: Asterisk) -> None:
    opened = driver.open_reports("")
    opened.read()
    call = sample("22", "ok-dtmf1")
    manager.tell(*call.messages)
    bodies = read(opened, len(call.bodies()))
    opened.close()

    assert bodies == call.bodies()
    assert ReportEvent.OVER in {report.event for body in bodies for report in driver.parse(body)}


def test_a_stream_that_is_cut_says_so(manager: ScriptedManager, driver: Asterisk) -> None:
    opened = driver.open_reports("")
    opened.read()
    manager.cut()
    with pytest.raises(PbxRefused) as refused:
        opened.read()
    opened.close()
    assert refused.value.reason is Reason.PBX_AWAY


def test_closing_it_ends_a_read_that_waits(
    manager: ScriptedManager, driver: Asterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "READ_SECONDS", 30.0)
    opened = driver.open_reports("")
    opened.read()
    opened.close()
    with pytest.raises(PbxRefused):
        opened.read()


def test_a_pbx_that_says_nothing_is_asked_and_then_given_up(
    driver: Asterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(action: dict[str, str]) -> list[bytes]:
        return []

    monkeypatch.setattr(stream, "READ_SECONDS", 0.05)
    monkeypatch.setattr(stream, "PING_SECONDS", 0.1)
    with ScriptedManager(silent) as mute:
        opened = Asterisk(mute.account(), lambda *_: None).open_reports("")
        opened.read()
        with pytest.raises(PbxRefused) as refused:
            exhaust(opened)
        opened.close()

    assert "dead" in refused.value.detail
    assert [action["Action"] for action in mute.actions][2:] == ["Ping"]


def test_one_that_answers_is_not_given_up(
    manager: ScriptedManager, driver: Asterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "READ_SECONDS", 0.05)
    monkeypatch.setattr(stream, "PING_SECONDS", 1.0)
    opened = driver.open_reports("")

    def pings() -> int:
        return sum(action["Action"] == "Ping" for action in manager.actions)

    give_up = time.monotonic() + 60.0
    while pings() < 3 and time.monotonic() < give_up:
        opened.read()
    opened.close()

    assert pings() >= 3


def test_an_end_whose_hangup_does_not_come_is_handed_on_without_it() -> None:
    sieve = Sieve(CHANNELS)
    ended = next(m for m in sample("22", "busy").messages if b"DispatcherEnded" in m)
    assert list(sieve.sift(ended, 0.0)) == []
    assert sieve.is_holding
    assert list(sieve.late(HELD_SECONDS / 2)) == []
    (body,) = sieve.late(HELD_SECONDS)

    assert b"DispatcherEnded" in body
    assert not sieve.is_holding


def exhaust(opened: ReportStream) -> None:
    """Read until it is over, or for some seconds."""
    for _ in range(100):
        opened.read()


STRANGER = (
    "Event: {event}\r\nTimestamp: 1795277733.1\r\nChannel: PJSIP/{endpoint}-00000099\r\nChannelState: 6\r\n"
    "AccountCode: \r\nUniqueid: 1795277730.44\r\nLinkedid: {linked}\r\nCause: 16"
)


@pytest.mark.parametrize(("linked", "kind"), [("1795277730.44", "inbound"), ("1795277730.43", "outbound")])
def test_others_calls_on_our_trunks_are_told_with_their_trunk(linked: str, kind: str) -> None:
    sieve = Sieve(CHANNELS)
    bodies = []
    for event in ("Newchannel", "Newstate", "NewConnectedLine", "Hangup"):
        message = STRANGER.format(event=event, endpoint="trunk", linked=linked)
        bodies += list(sieve.sift(message.encode(), 0.0))
    reports = [report for body in bodies for report in events.parse(body, CHANNELS)]
    assert [report.event for report in reports] == [ReportEvent.ANSWERED, ReportEvent.OVER]
    assert {(report.trunk, report.parties[0].kind.value) for report in reports} == {("provider", kind)}


def test_calls_elsewhere_are_nobodys_business() -> None:
    sieve = Sieve(CHANNELS)
    for event in ("Newstate", "Hangup"):
        message = STRANGER.format(event=event, endpoint="desk-phone", linked="x")
        assert list(sieve.sift(message.encode(), 0.0)) == []


def test_a_call_that_a_key_leads_on_shows_as_a_transfer() -> None:
    message = (
        "Event: DialBegin\r\nTimestamp: 1795277733.1\r\nChannel: PJSIP/trunk-00000001\r\n"
        "AccountCode: dispatcher\r\nUniqueid: own-id\r\n"
        "DestChannel: PJSIP/1001-00000002\r\nDestUniqueid: 1795277733.9\r\n"
        "DestAccountCode: dispatcher\r\nDialString: 1001"
    )
    (body,) = Sieve(CHANNELS).sift(message.encode(), 0.0)
    (report,) = events.parse(body, CHANNELS)
    assert (report.word, report.callid, report.event) == ("Transfer", "own-id", ReportEvent.TRANSFERRED)
    assert report.reason_text == "1001"
    assert report.word in events.REPORT_WORDS


def test_keys_that_come_without_a_time_are_told_apart() -> None:
    """As they do where manager.conf does not say timestampevents = yes."""
    key = next(m for m in sample("22", "ok-dtmf1").messages if m.startswith(b"Event: DTMFEnd"))
    bare = b"\r\n".join(line for line in key.split(b"\r\n") if not line.startswith(b"Timestamp"))
    sieve = Sieve(CHANNELS)
    (one,) = sieve.sift(bare, 0.0)
    time.sleep(0.002)
    (two,) = sieve.sift(bare, 0.0)
    assert one != two


def test_a_key_that_is_pressed_after_the_call_was_put_through_is_not_for_us() -> None:
    key = next(m for m in sample("22", "ok-dtmf1").messages if m.startswith(b"Event: DTMFEnd"))
    context = dict(line.split(b": ", 1) for line in key.splitlines())[b"Context"]
    put_through = key.replace(b"Context: " + context, b"Context: dispatcher-transfer")

    assert len(list(Sieve(CHANNELS).sift(key, 0.0))) == 1
    assert list(Sieve(CHANNELS).sift(put_through, 0.0)) == []
