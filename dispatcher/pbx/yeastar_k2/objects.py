"""Cutting a stream of bytes into the JSON objects that it holds.

The manual names neither a delimiter nor an encoding of the TCP events ('API events'), so none is relied on:
an object begins with a brace outside of any object and ends with the brace that closes it, and whatever
stands between objects is passed over. Bytes are looked at once each, and chunks may end anywhere, as
the bytes that count are no part of any other UTF-8 character.

An object that is never closed does not take the following ones with it: events, and nothing within
them, begin with one of the keys in ``_FIRST_KEYS``, so such a beginning ends what was open.
"""

import re

LARGEST_OBJECT = 65_536
"""In bytes, as the receiver's limit for a posted report; a larger one is passed over."""

_GIVEN_UP = 16
"""So many times the largest size without an end, and the count of braces is no longer believed."""

_FIRST_KEYS = (b"event", b"action", b"callid")
_LONGEST_START = 64
_OPEN = re.compile(rb"\{")
_MARK = re.compile(rb'[{}"]')
_IN_STRING = re.compile(rb'["\\]')


class ObjectDecoder:
    """Takes chunks of a stream, and gives the objects that each completes."""

    def __init__(self, largest: int = LARGEST_OBJECT) -> None:
        self._largest = largest
        self._found: list[bytes] = []
        self._forget()

    @property
    def is_within(self) -> bool:
        """Whether an object has begun that is not complete."""
        return self._depth > 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The objects that ``chunk`` completes, byte for byte as they came."""
        self._buffer += chunk
        while self._in_string() if self._quoted else self._between_strings():
            pass
        self._keep_small()
        found, self._found = self._found, []
        return found

    def cut_off(self) -> list[bytes]:
        """Give up the object that is not complete, and return what came of it."""
        rest = [bytes(self._buffer)] if self._depth and not self._passing_over else []
        self._forget()
        return rest

    def _forget(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._depth = 0
        self._quoted = False
        self._start = -1
        """Where the last brace was opened, until something but its first key has followed; or -1."""
        self._passed = 0
        self._passing_over = False

    def _between_strings(self) -> bool:
        """Go on to the next mark outside of strings; False when the chunk has no more."""
        mark = (_MARK if self._depth else _OPEN).search(self._buffer, self._at)
        if mark is None:
            self._at = len(self._buffer)
            return False
        at, self._at = mark.start(), mark.end()
        if mark[0] == b"{":
            if not self._depth:
                self._drop(at)
                at = 0
            self._depth += 1
            self._start = at
        elif mark[0] == b"}":
            self._depth -= 1
            self._start = -1
            if not self._depth:
                self._end(self._at)
        else:
            self._quoted = True
            if self._start >= 0 and self._buffer[self._start + 1 : at].strip():
                self._start = -1
        return True

    def _in_string(self) -> bool:
        """Go on to the end of the string; False when the chunk does not hold it."""
        mark = _IN_STRING.search(self._buffer, self._at)
        if mark is None:
            self._at = len(self._buffer)
            return False
        if mark[0] == b"\\":
            is_whole = mark.end() < len(self._buffer)
            self._at = mark.end() + 1 if is_whole else mark.start()
            return is_whole
        self._quoted = False
        self._at = mark.end()
        if self._start >= 0 and self._depth > 1:
            key = self._buffer[self._start + 1 : mark.start()].strip()[1:]
            if bytes(key) in _FIRST_KEYS:
                self._end(self._start)
                self._depth = 1
        self._start = -1
        return True

    def _end(self, end: int) -> None:
        """The open object ends before ``end``."""
        if not self._passing_over and end <= self._largest:
            self._found.append(bytes(self._buffer[:end]).strip())
        self._passing_over = False
        self._passed = 0
        self._drop(end)

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._at -= count

    def _keep_small(self) -> None:
        """Hold no more than one object, and nothing of one that is too large."""
        if not self._depth:
            self._drop(self._at)
            return
        if len(self._buffer) <= self._largest and not self._passing_over:
            return
        self._passing_over = True
        if self._start >= 0 and len(self._buffer) - self._start > _LONGEST_START:
            self._start = -1
        gone = self._start if self._start >= 0 else self._at
        self._passed += gone
        self._drop(gone)
        self._start = min(self._start, 0)
        if self._passed > _GIVEN_UP * self._largest:
            self._forget()
