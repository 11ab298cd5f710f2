"""What Asterisk 22 says, as the recorded calls show it: causes, SIP responses, states."""

from collections.abc import Iterable, Mapping

from dispatcher.simulator.callees import Failure

Fields = Iterable[tuple[str, str]]

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
VERSION = "22.10.1"
ACCOUNT_READ = frozenset({"system", "call", "user", "dtmf", "cdr"})

STATES: Mapping[str, str] = {"Down": "0", "Ringing": "5", "Up": "6"}
"""A channel's state by its description."""

ENDS: Mapping[Failure, tuple[int, str]] = {
    Failure.NO_ANSWER: (19, ""),
    Failure.UNAVAILABLE: (19, "SIP 480 Temporarily Unavailable"),
    Failure.NOT_FOUND: (1, "SIP 404 Not Found"),
    Failure.ADDRESS_INCOMPLETE: (28, "SIP 484 Address Incomplete"),
    Failure.BUSY: (17, "SIP 486 Busy Here"),
    Failure.TERMINATED: (127, "SIP 487 Request Terminated"),
    Failure.HUNG_UP: (16, ""),
    Failure.TRUNK_REFUSES: (34, "SIP 503 Service Unavailable"),
    Failure.CONGESTION: (34, "SIP 503 Service Unavailable"),
    Failure.DECLINED: (21, "SIP 603 Decline"),
    Failure.DO_NOT_DISTURB: (21, "SIP 603 Decline"),
    Failure.LINE_UNREACHABLE: (38, "SIP 502 Bad Gateway"),
    Failure.NOT_PERMITTED: (21, "SIP 403 Forbidden"),
}
"""The cause and the last SIP response of a call that was not answered.

Where Asterisk gives up by itself there is none but the 180 of a phone that has rung.
"""

RINGING = "SIP 180 Ringing"
TALKED = "SIP 200 OK"

DISPOSITIONS = {"VOICEMAIL": "ANSWERED"}
"""A record's disposition, where it is not the exchange's own word: a mailbox answers like a person."""


def block(fields: Fields) -> str:
    """A message without its end."""
    return "\r\n".join(f"{name}: {value}" for name, value in fields)


def blocks_in(data: bytes) -> tuple[list[dict[str, list[str]]], bytes]:
    """The messages that are complete, each with all values by name, and what is left."""
    *whole, rest = data.split(b"\r\n\r\n")
    found = []
    for text in whole:
        fields: dict[str, list[str]] = {}
        for line in text.decode("utf-8", "replace").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                fields.setdefault(name.strip().lower(), []).append(value.strip())
        if fields:
            found.append(fields)
    return found, rest
