"""The envelope of the OpenAPI's answers."""

import json
from collections.abc import Mapping
from typing import Any

from dispatcher.simulator.exchange.refusal import Refusal
from dispatcher.simulator.yeastar_p.words import MESSAGES, OF_SHARED


class PRefusal(Refusal):
    """A refusal with a code of the OpenAPI, whose numbers mean other things than those of older APIs."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))


def refusal_of(shared: Refusal) -> PRefusal:
    """The refusal that stands for one of the code that is shared with older APIs."""
    return shared if isinstance(shared, PRefusal) else PRefusal(OF_SHARED[shared.code])


def succeeded(fields: Mapping[str, Any]) -> bytes:
    """The answer to a request that was done."""
    return json.dumps({"errcode": 0, "errmsg": "SUCCESS", **fields}).encode()


def refused(code: int) -> bytes:
    """The answer to a request that was not."""
    return json.dumps({"errcode": code, "errmsg": MESSAGES.get(code, "FAILURE")}).encode()
