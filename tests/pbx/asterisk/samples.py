"""The recorded calls, as the manager interface told them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dispatcher.pbx.asterisk.channels import Channels
from dispatcher.pbx.asterisk.stream import Sieve

FOLDER = Path(__file__).parent / "samples"
VERSIONS = ("22", "16")
CHANNELS = Channels.of(
    {
        "provider": "PJSIP/{number}@trunk",
        "dead": "PJSIP/{number}@trunk-dead",
        "none": "PJSIP/{number}@trunk-none",
    },
    "PJSIP/{extension}",
)
_KEPT = b"Kept: "


@dataclass(frozen=True, slots=True)
class Sample:
    """One call: its messages in the order in which they came, and what was kept of it."""

    callid: str
    messages: Sequence[bytes]
    kept: str

    def bodies(self, messages: Sequence[bytes] | None = None) -> list[bytes]:
        """What an open stream makes of these messages, or of all."""
        return list(sifted(self.messages if messages is None else messages))


def sifted(messages: Sequence[bytes]) -> Iterator[bytes]:
    """What an open stream hands on, to the end."""
    sieve = Sieve(CHANNELS)
    for message in messages:
        yield from sieve.sift(message, 0.0)
    yield from sieve.late(60.0)


def sample(version: str, name: str) -> Sample:
    """A recorded call."""
    text = (FOLDER / version / f"{name}.txt").read_bytes()
    blocks = [block.strip().replace(b"\n", b"\r\n") for block in text.split(b"\n\n") if block.strip()]
    kept = [block.removeprefix(_KEPT).decode() for block in blocks if block.startswith(_KEPT)]
    messages = [block for block in blocks if not block.startswith(_KEPT)]
    return Sample(f"call-{name}", messages, kept[0] if kept else "")


def names() -> list[str]:
    """Every kind of call."""
    return sorted(path.stem for path in (FOLDER / VERSIONS[0]).glob("*.txt"))
