"""Requests that fail in every way, and all that is told of it: none of it may hold a secret."""

import hashlib
import logging
import traceback
from collections.abc import Callable, Collection

import pytest

from dispatcher.pbx.errors import PbxError
from tests.pbx.raw_pbx import Behaviour, RawPbx, answer, reset, send, send_and_close, stall


def md5(secret: str) -> str:
    """As which the Yeastar families send a password."""
    return hashlib.md5(secret.encode()).hexdigest()


def failures(secret: str) -> dict[str, Behaviour]:
    """How a request can fail in every family; what the PBX answers, it answers with the secret in it."""
    return {
        "time-out": stall,
        "cut": send_and_close(b""),
        "reset": reset,
        "not HTTP": send_and_close(b"?\r\n\r\n"),
        "half a head": send(b"HTTP/1.1 200 OK\r\nContent-Le"),
        "401": answer(secret.encode(), "401 Unauthorized"),
        "500": answer(secret.encode(), "500 Internal Server Error"),
        "redirect": answer(b"", "302 Found", f"Location: http://127.0.0.1/?token={secret}\r\n".encode()),
        "not JSON": answer(secret.encode()),
    }


def log_everything(caplog: pytest.LogCaptureFixture) -> None:
    """Keep the log down to the debug lines, those of the HTTP libraries included."""
    for name in (None, "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)


def told_of(request_it: Callable[[], object], caplog: pytest.LogCaptureFixture) -> str:
    """The error of a request that fails, with all that led to it, and everything that was logged."""
    with pytest.raises(PbxError) as error:
        request_it()
    assert error.value.__suppress_context__ or error.value.__context__ is None
    return "".join(traceback.format_exception(error.value)) + repr(error.value) + caplog.text


def assert_untold(secrets: Collection[str], *told: str) -> None:
    """None of what was told holds a secret."""
    for secret in secrets:
        assert not any(secret in text for text in told)


def fail(failure: Behaviour, request_it: Callable[[str], object], caplog: pytest.LogCaptureFixture) -> str:
    """All that is told of a request to a PBX that fails so; ``request_it`` is given its address."""
    log_everything(caplog)
    with RawPbx(failure) as pbx:
        return told_of(lambda: request_it(pbx.url), caplog)
