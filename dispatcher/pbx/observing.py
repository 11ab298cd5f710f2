"""Telling the metrics how a request to a PBX went and how long it took: the same in every family."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from dispatcher.pbx.errors import PbxError, PbxRefused
from dispatcher.pbx.protocol import Observe

OK, REFUSED, IN_DOUBT = "ok", "refused", "in_doubt"


@contextmanager
def observed(observe: Observe, operation: str) -> Iterator[None]:
    """Tell ``observe`` what becomes of the block, whatever it raises."""
    started = time.perf_counter()
    result = IN_DOUBT
    try:
        yield
        result = OK
    except PbxRefused:
        result = REFUSED
        raise
    finally:
        observe(operation, result, time.perf_counter() - started)


def result_of(answer: object) -> str:
    """The result to tell of one request of many, by what came of it."""
    if isinstance(answer, PbxRefused):
        return REFUSED
    return IN_DOUBT if isinstance(answer, PbxError) else OK
