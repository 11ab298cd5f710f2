"""The events of the calls on our trunks, read over a connection of their own.

Nothing is kept for whoever is not connected, so the first look at a new stream says ``missed``: what happened
meanwhile is asked for. A call's end is told by three events within a millisecond, of which the channel's
Hangup is the last; they are handed on as one, so that no channel counts as free before it is.
"""

import select
import socket
import time
from collections import OrderedDict
from collections.abc import Iterator

from dispatcher.pbx.asterisk.channels import Channels, channel_of, is_ours, uniqueid_of
from dispatcher.pbx.asterisk.connection import away, open_socket, words
from dispatcher.pbx.asterisk.events import (
    CDR,
    DIAL_STATE,
    DTMF,
    ENDED,
    HANGUP,
    NEW_STATE,
    ORIGINATE,
    PROMPT,
    TRANSFER,
    UP,
    word_of,
)
from dispatcher.pbx.asterisk.wire import Block, Splitter, read, without, write
from dispatcher.pbx.protocol import Contexts, PbxAccount, Pulled

CLASSES = "call,cdr,dtmf,user"
"""The classes of events that are read (Asterisk documentation, 'Login')."""

DIAL_KEY = "dial-"
"""How the ActionID of an originate begins; its OriginateResponse repeats it."""

READ_SECONDS = 2.0
PING_SECONDS = 15.0
"""After so long without a word the PBX is asked for one, and after as long again it counts as away."""

HELD_SECONDS = 2.0
_REMEMBERED = 20_000
_CHUNK = 65_536
_UNUSED = (
    b"Privilege", b"CallerIDNum", b"CallerIDName", b"ConnectedLineNum", b"ConnectedLineName", b"Language",
    b"Priority", b"DestCallerIDNum", b"DestCallerIDName", b"DestConnectedLineNum", b"DestConnectedLineName",
    b"DestLanguage", b"DestPriority", b"CallerID", b"Source", b"LastData", b"ChanVariable",
    b"DestChanVariable",
)  # fmt: skip
"""What is not kept of an event: it tells nothing of the call, and may name people."""

_OURS = frozenset({DIAL_STATE, NEW_STATE, PROMPT, DTMF, TRANSFER})
_THEIRS = frozenset({NEW_STATE, HANGUP})


class Sieve:
    """Lets through what tells something of a call on our trunks, each in the body that is kept of it."""

    def __init__(self, channels: Channels, transfer: str = Contexts().transfer) -> None:
        """``transfer`` is the context in which a call is put through: keys there are for somebody else."""
        self._channels = channels
        self._transfer = transfer
        self._ends: OrderedDict[str, tuple[float, list[bytes]]] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def sift(self, raw: bytes, now: float) -> Iterator[bytes]:
        """The bodies that one message completes; ``now`` is of the monotonic clock."""
        block = read(raw)
        if not block.get("Event"):
            return
        word, callid = word_of(block), uniqueid_of(block)
        is_own = is_ours(block)
        if is_own:
            self._remember(callid)
        if word == ORIGINATE:
            if self._is_only_word(block):
                yield _kept(raw, block)
        elif is_own and word in (ENDED, CDR):
            self._ends.setdefault(callid, (now, []))[1].append(_kept(raw, block))
        elif is_own and word == HANGUP:
            _, before = self._ends.pop(callid, (now, []))
            yield b"\r\n\r\n".join([*before, _kept(raw, block)])
        elif self._tells(word, block, is_own=is_own):
            yield _kept(raw, block)

    def late(self, now: float) -> Iterator[bytes]:
        """Ends whose Hangup has not come in time: they are handed on without it."""
        while self._ends:
            callid, (since, blocks) = next(iter(self._ends.items()))
            if since + HELD_SECONDS > now:
                return
            del self._ends[callid]
            yield b"\r\n\r\n".join(blocks)

    @property
    def is_holding(self) -> bool:
        """Whether an end waits for its Hangup."""
        return bool(self._ends)

    def _tells(self, word: str, block: Block, *, is_own: bool) -> bool:
        """Whether an event says something new: of ours DialState tells of ringing, Newstate of the answer."""
        if not is_own:
            return word in _THEIRS and bool(self._channels.trunk_of(channel_of(block)))
        if word == NEW_STATE:
            return block.get("ChannelState") == UP
        if word == DTMF:
            return block.get("Direction") == "Received" and block.get("Context") != self._transfer
        return word in _OURS

    def _remember(self, callid: str) -> None:
        self._seen[callid] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    def _is_only_word(self, block: Block) -> bool:
        """Whether an originate's failure is all that will be told: a call that had a channel has a Hangup."""
        is_dial = block.get("ActionID", "").startswith(DIAL_KEY)
        return is_dial and block.get("Response") == "Failure" and uniqueid_of(block) not in self._seen


def _kept(raw: bytes, block: Block) -> bytes:
    """The body of an event. Without a time, the same key pressed twice would pass for a repetition."""
    body = without(raw, _UNUSED)
    return body if "Timestamp" in block else body + f"\r\nTimestamp: {time.time():.6f}".encode()


class EventStream:
    """An open stream of events; see :class:`~dispatcher.pbx.protocol.ReportStream`."""

    def __init__(self, connection: socket.socket, sieve: Sieve, already: bytes) -> None:
        """``connection`` is logged in; ``already`` is what came behind the answer to the login."""
        self._socket = connection
        self._sieve = sieve
        self._splitter = Splitter()
        self._already = already
        self._is_new = True
        self._is_asked = False
        self._heard_at = time.monotonic()

    def read(self) -> Pulled:
        """The events that have come, or none after some seconds without any."""
        if self._is_new:
            self._is_new = False
            return Pulled(tuple(self._bodies(self._already)), missed=True)
        until = time.monotonic() + READ_SECONDS
        while (left := until - time.monotonic()) > 0:
            chunk = self._receive(min(left, HELD_SECONDS / 4) if self._sieve.is_holding else left)
            found = [*self._bodies(chunk), *self._sieve.late(time.monotonic())]
            if found:
                return Pulled(tuple(found))
        self._after_silence()
        return Pulled()

    def close(self) -> None:
        """Break the stream off; a ``read`` that waits ends with an error."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def _receive(self, seconds: float) -> bytes:
        """What has come within a time; empty when nothing has."""
        try:
            self._socket.settimeout(max(0.001, seconds))
            chunk = self._socket.recv(_CHUNK)
        except TimeoutError:
            return b""
        except OSError as error:
            raise away(f"the connection for events is lost: {words(error)}") from None
        if not chunk:
            raise away("the connection for events was closed")
        self._heard_at, self._is_asked = time.monotonic(), False
        return chunk

    def _bodies(self, chunk: bytes) -> Iterator[bytes]:
        try:
            blocks = self._splitter.feed(chunk)
        except ValueError as error:
            raise away(f"the connection for events carries {error}") from None
        now = time.monotonic()
        for raw in blocks:
            yield from self._sieve.sift(raw, now)

    def _after_silence(self) -> None:
        silence = time.monotonic() - self._heard_at
        if silence < PING_SECONDS:
            return
        if self._is_asked and silence > 2 * PING_SECONDS:
            if select.select([self._socket], [], [], 0)[0]:
                return  # This process was stopped for a while, and the answer waits.
            raise away("the connection for events is dead")
        if not self._is_asked:
            self._is_asked = True
            try:
                self._socket.sendall(write([("Action", "Ping"), ("ActionID", "still-there")]))
            except OSError as error:
                raise away(f"the connection for events is lost: {words(error)}") from None


def open_stream(account: PbxAccount, channels: Channels) -> EventStream:
    """Connect and log in for events. Raises :class:`~dispatcher.pbx.errors.PbxRefused`."""
    connection, already = open_socket(account, CLASSES)
    return EventStream(connection, Sieve(channels, account.contexts.transfer), already)
