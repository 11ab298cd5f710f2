"""The lines of the manager interface."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.pbx.asterisk.channels import endpoint_in, endpoint_of, is_own_id
from dispatcher.pbx.asterisk.wire import LARGEST, Splitter, read, variable, without, write
from dispatcher.pbx.errors import PbxRefused


@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda b: b.strip() and b"\r" not in b)), st.data())
def test_messages_are_found_wherever_the_chunks_were_cut(texts: list[bytes], data: st.DataObject) -> None:
    blocks = [b"X: " + text.replace(b"\n", b"") + b"!" for text in texts]
    stream = b"".join(block + b"\r\n\r\n" for block in blocks)
    splitter, found = Splitter(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += splitter.feed(stream[:size])
        stream = stream[size:]

    assert found == blocks


def test_empty_lines_between_messages_are_none() -> None:
    assert Splitter().feed(b"\r\n\r\nPing: Pong\r\n\r\n\r\n\r\n") == [b"Ping: Pong"]


def test_a_message_without_an_end_is_not_waited_for_for_ever() -> None:
    splitter = Splitter()
    assert splitter.feed(b"x" * LARGEST) == []
    with pytest.raises(ValueError, match="without an end"):
        splitter.feed(b"x")


def test_values_keep_their_colons_and_names_may_come_again() -> None:
    block = read(b"Event: Hangup\r\nChannel: SIP/a:b\r\nOutput: one\r\nOutput: two\r\nnonsense\r\nEmpty:")
    assert block == {"Event": "Hangup", "Channel": "SIP/a:b", "Output": "one\ntwo", "Empty": ""}


def test_what_is_no_text_is_read_all_the_same() -> None:
    assert read(b"CallerIDName: \xff\xfe")["CallerIDName"]


def test_an_action_as_it_is_sent() -> None:
    assert write([("Action", "Ping"), ("ActionID", "7")]) == b"Action: Ping\r\nActionID: 7\r\n\r\n"


@pytest.mark.parametrize("value", ["a\r\nAction: Command", "a\nb", "a\rb", "\0"])
def test_no_value_can_be_more_than_a_value(value: str) -> None:
    with pytest.raises(PbxRefused) as refusal:
        write([("Channel", value)])
    assert "Command" not in str(refusal.value)


def test_a_variable_can_not_set_another() -> None:
    assert variable("PLAY", 'a,CDR(x)="1"') == ("Variable", 'PLAY=a\\,CDR(x)=\\"1\\"')


def test_lines_of_some_names_are_left_out() -> None:
    assert without(b"A: 1\r\nB: 2\r\nC: 3", [b"B"]) == b"A: 1\r\nC: 3"


@pytest.mark.parametrize(
    ("dial", "endpoint"),
    [
        ("PJSIP/{number}@provider", "PJSIP/provider"),
        ("PJSIP/9{number}@provider", "PJSIP/provider"),
        ("PJSIP/provider/sip:{number}@sip.example.com", "PJSIP/provider"),
        ("IAX2/branch/{number}", "IAX2/branch"),
        ("SIP/{number}@old", "SIP/old"),
        ("DAHDI/g1/{number}", "DAHDI/g1"),
        ("Local/{number}@outbound", ""),
        ("PJSIP/{number}", ""),
    ],
)
def test_the_endpoint_of_a_dial_string(dial: str, endpoint: str) -> None:
    assert endpoint_in(dial) == endpoint


@pytest.mark.parametrize(
    ("channel", "endpoint"),
    [
        ("PJSIP/provider-0000001b", "PJSIP/provider"),
        ("PJSIP/our-provider-2-0000001b", "PJSIP/our-provider-2"),
        ("Local/1@x-00000002;1", "Local/1@x"),
    ],
)
def test_the_endpoint_of_a_channel(channel: str, endpoint: str) -> None:
    assert endpoint_of(channel) == endpoint


@pytest.mark.parametrize("uniqueid", ["1795229650.12", "pbx-1795229650.12", "pbx-a-1795229650.3", ""])
def test_ids_that_asterisk_gives_are_not_ours(uniqueid: str) -> None:
    assert not is_own_id(uniqueid)


@pytest.mark.parametrize("uniqueid", ["01a1fede-199b-7798-8afc-cb328a994d3b", "3f2504e04f8941d3"])
def test_and_ours_are(uniqueid: str) -> None:
    assert is_own_id(uniqueid)
