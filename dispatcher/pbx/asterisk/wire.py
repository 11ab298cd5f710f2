"""The lines of the manager interface: blocks of ``Name: value``, each ended by an empty line.

Responses, events and actions have the same form (Asterisk documentation, 'AMI v2 Specification'). A value is
the rest of its line: nothing can be quoted, so a line break within one would be a line of its own.
"""

from collections.abc import Iterable, Mapping, Sequence

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxRefused

Block = Mapping[str, str]
"""One message. Of a name that comes several times, the values are joined by line breaks."""

LARGEST = 1 << 20
"""Bytes of one block; nothing that is asked for comes near it."""

_END = b"\r\n\r\n"


class Splitter:
    """Cuts what arrives into blocks, wherever the chunks were cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The blocks that are complete now. Raises ``ValueError`` when one grows beyond all bounds."""
        # An end may lie across the last chunk and this one.
        searched = max(0, len(self._buffer) - len(_END))
        self._buffer += chunk
        found = []
        while (end := self._buffer.find(_END, searched)) >= 0:
            block = bytes(self._buffer[:end]).strip()
            if block:
                found.append(block)
            del self._buffer[: end + len(_END)]
            searched = 0
        if len(self._buffer) > LARGEST:
            raise ValueError("a message without an end")
        return found


def read(block: bytes) -> Block:
    """The names and values of a block. What is no ``Name: value`` is passed over."""
    found: dict[str, str] = {}
    for line in block.decode("utf-8", "replace").splitlines():
        name, colon, value = line.partition(":")
        if not colon:
            continue
        value = value.removeprefix(" ")
        found[name] = f"{found[name]}\n{value}" if name in found else value
    return found


def write(fields: Iterable[tuple[str, str]]) -> bytes:
    """A block to send. Raises :class:`PbxRefused` when a value would be more than a value."""
    lines = []
    for name, value in fields:
        if not value.isprintable():
            raise PbxRefused(Reason.BAD_REQUEST, f"the value of {name} has a line break or control character")
        lines.append(f"{name}: {value}\r\n")
    return "".join([*lines, "\r\n"]).encode()


def variable(name: str, value: str) -> tuple[str, str]:
    r"""The field that sets a channel variable. A comma would begin another, so it is written ``\,``."""
    escaped = value.replace("\\", "\\\\").replace(",", "\\,").replace('"', '\\"')
    return "Variable", f"{name}={escaped}"


def without(block: bytes, names: Sequence[bytes]) -> bytes:
    """The block without the lines of some names."""
    return b"\r\n".join(line for line in block.splitlines() if line.partition(b":")[0] not in names)
