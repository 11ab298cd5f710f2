"""The simulated Asterisk tells what the recorded calls of a real one tell, event by event."""

import hashlib
import socket
from collections.abc import Iterator, Sequence

import pytest

from dispatcher.simulator import Behaviour, SimulatedPbx, SimulatorSettings
from tests.pbx.asterisk.samples import CHANNELS, Sample, sample, sifted

NUMBER = "0612345678"
ALIKE = {
    "ok-dtmf1": Behaviour.KEY_1,
    "barge-in": Behaviour.KEY_1_DURING_PROMPT,
    "dtmf9": Behaviour.KEY_9,
    "bye-reason16": Behaviour.HEARS_THEN_HANGS_UP,
    "no-answer": Behaviour.RINGS_FOREVER,
    "not-found": Behaviour.NOT_FOUND,
    "temp-unavail": Behaviour.UNAVAILABLE,
    "unavailable": Behaviour.TRUNK_REFUSES,
    "decline": Behaviour.DECLINES,
    "black-hole": Behaviour.NO_RESPONSE,
}
"""The simulated callee who does what the phone of a recorded call did."""

BY_ITSELF = {"DTMFBegin", "NewAccountCode", "NewConnectedLine", "HangupRequest", "SoftHangupRequest"}
"""What a real one tells besides, and nobody needs."""


class Client:
    """Logs in, for events or to ask."""

    def __init__(self, pbx: SimulatedPbx, events: str = "off") -> None:
        self._socket = socket.create_connection(("127.0.0.1", pbx.report_port), timeout=5.0)
        self._heard = b""
        assert self._until(b"\r\n") == b"Asterisk Call Manager/11.0.0"
        challenge = self.ask(Action="Challenge", AuthType="MD5")["Challenge"]
        key = hashlib.md5(f"{challenge}password".encode(), usedforsecurity=False).hexdigest()
        answer = self.ask(Action="Login", AuthType="MD5", Username="api", Key=key, Events=events)
        assert answer["Response"] == "Success"

    def ask(self, **fields: str) -> dict[str, str]:
        """The answer to an action, without the list that may follow it."""
        self._socket.sendall("".join(f"{k}: {v}\r\n" for k, v in fields.items()).encode() + b"\r\n")
        return fields_of(self.message())

    def message(self) -> bytes:
        """The next message."""
        return self._until(b"\r\n\r\n")

    def until_the_end(self) -> list[bytes]:
        """Every message up to a channel's end."""
        found = [self.message()]
        while not found[-1].startswith(b"Event: Hangup"):
            found.append(self.message())
        return found

    def _until(self, end: bytes) -> bytes:
        while end not in self._heard:
            chunk = self._socket.recv(65_536)
            assert chunk, "the connection was closed"
            self._heard += chunk
        found, _, self._heard = self._heard.partition(end)
        return found

    def close(self) -> None:
        self._socket.close()


def fields_of(message: bytes) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in message.decode().split("\r\n") if ": " in line)


@pytest.fixture
def pbx() -> Iterator[SimulatedPbx]:
    with SimulatedPbx(SimulatorSettings(family="asterisk", port=0, time_scale=0.001)) as made:
        yield made


def originate(asking: Client, callid: str = "call-1", channel: str = f"PJSIP/9{NUMBER}@SPS-6-36") -> None:
    answer = asking.ask(
        Action="Originate",
        ActionID=f"dial-{callid}",
        Channel=channel,
        Context="dispatcher-ivr",
        Exten="6500",
        ChannelId=callid,
    )
    assert answer["Message"] == "Originate successfully queued"


def called(pbx: SimulatedPbx, behaviour: Behaviour) -> list[bytes]:
    """Everything that is told of a call."""
    listening, asking = Client(pbx, "call,cdr,dtmf,user"), Client(pbx)
    try:
        pbx.set_callee(NUMBER, behaviour)
        originate(asking)
        return listening.until_the_end()
    finally:
        listening.close()
        asking.close()


def story(messages: Sequence[bytes]) -> list[str]:
    """The events in their order, with what tells them apart; an end's three come in any order."""
    told = [fields_of(message) for message in messages]
    names = [
        ":".join((event["Event"], event.get("UserEvent", ""), event.get("ChannelStateDesc", "")))
        for event in told
        if event["Event"] not in BY_ITSELF | {"OriginateResponse", "DialEnd"}
    ]
    last = next(place for place, name in enumerate(names) if "DispatcherEnded" in name or "Cdr" in name)
    return [*names[:last], *sorted(names[last:])]


@pytest.mark.parametrize("name", ALIKE)
def test_the_same_events_in_the_same_order(pbx: SimulatedPbx, name: str) -> None:
    assert story(called(pbx, ALIKE[name])) == story(sample("22", name).messages)


@pytest.mark.parametrize("name", ALIKE)
def test_no_field_that_a_real_one_does_not_have(pbx: SimulatedPbx, name: str) -> None:
    real: dict[str, set[str]] = {}
    for message in sample("22", name).messages:
        event = fields_of(message)
        real.setdefault(event["Event"], set()).update(event)
    for message in called(pbx, ALIKE[name]):
        event = fields_of(message)
        extra = {"DialString"} if event["Event"] == "DialState" else set()
        assert event.keys() - extra <= real.get(event["Event"], set(event)), event["Event"]


@pytest.mark.parametrize("name", ALIKE)
def test_what_is_kept_of_the_end_is_the_same(pbx: SimulatedPbx, name: str) -> None:
    end = next(fields_of(m)["End"] for m in called(pbx, ALIKE[name]) if b"DispatcherEnded" in m).split("|")
    real = sample("22", name).kept.split("|")
    # The state, what was heard, the keys and the SIP response; the cause of a BYE is the version's own.
    assert [end[place] for place in (0, 2, 3, 6)] == [real[place] for place in (0, 2, 3, 6)]
    assert bool(end[5]) is bool(real[5])


def test_the_application_makes_as_much_of_it(pbx: SimulatedPbx) -> None:
    messages = [m.replace(b"SPS-6-36", b"trunk") for m in called(pbx, Behaviour.KEY_1)]
    simulated = Sample("call-1", messages, "").bodies()
    assert len(simulated) == len(list(sifted(sample("22", "ok-dtmf1").messages)))
    assert CHANNELS.trunk_of("PJSIP/trunk-00000001") == "provider"


def test_a_wrong_secret_is_refused_and_the_connection_closed(pbx: SimulatedPbx) -> None:
    with socket.create_connection(("127.0.0.1", pbx.report_port), timeout=5.0) as stranger:
        stranger.sendall(b"Action: Login\r\nUsername: api\r\nSecret: password\r\n\r\n")
        heard = b""
        while chunk := stranger.recv(4096):
            heard += chunk
    assert b"Authentication failed" in heard


def test_no_endpoint_is_told_by_one_event(pbx: SimulatedPbx) -> None:
    listening, asking = Client(pbx, "call"), Client(pbx)
    originate(asking, channel="PJSIP/1@nowhere")
    told = fields_of(listening.message())
    listening.close()
    asking.close()

    real = fields_of(sample("22", "no-such-trunk").messages[0])
    assert (told["Event"], told["Response"], told["Reason"]) == (real["Event"], "Failure", real["Reason"])
    assert told["Uniqueid"] == "call-1"


def test_an_id_that_is_too_long(pbx: SimulatedPbx) -> None:
    asking = Client(pbx)
    answer = asking.ask(Action="Originate", Channel="PJSIP/1@SPS-6-36", ChannelId="x" * 150)
    asking.close()
    assert answer["Message"] == "Uniqueid length exceeds maximum of 149"
