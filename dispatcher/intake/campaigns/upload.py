"""A body on its way in: kept on disk beyond a megabyte, and checked to be UTF-8 before any of it is used."""

import codecs
import hashlib
import io
import tempfile
from typing import BinaryIO, TextIO, cast

IN_MEMORY = 1_000_000
"""Bytes of one upload that are kept in memory before a temporary file takes over."""


class NotText(ValueError):
    """The body is not UTF-8; its message says where."""


class Upload:
    """Takes a body piece by piece. Nothing is stored until the whole of it has come and can be read.

    So a sender that breaks off, or a file in another encoding, leaves nothing half-done, and no
    transaction waits for a slow sender.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by close()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._digest = hashlib.sha256()
        self._size = 0

    def take(self, piece: bytes, *, last: bool = False) -> None:
        """Keep the next piece; raises NotText where it can't be UTF-8."""
        before = self._size - len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(piece, last)
        except UnicodeDecodeError as error:
            raise NotText(f"the body is not UTF-8: byte {before + error.start} can't be read") from None
        self._digest.update(piece)
        self._size += len(piece)
        self._file.write(piece)

    @property
    def digest(self) -> bytes:
        """SHA-256 of everything taken so far."""
        return self._digest.digest()

    def text(self, newline: str) -> TextIO:
        """The body from its beginning, without a byte order mark; ``newline`` as for ``open()``."""
        self._file.seek(0)
        return io.TextIOWrapper(cast(BinaryIO, self._file), encoding="utf-8-sig", newline=newline)

    def close(self) -> None:
        """Give up the body."""
        self._file.close()
