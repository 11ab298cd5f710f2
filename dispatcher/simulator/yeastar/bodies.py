"""Requests of Yeastar's web API: JSON objects, and their parameters."""

import json
from collections.abc import Mapping
from typing import Any

from dispatcher.simulator.exchange.refusal import Refusal
from dispatcher.simulator.http_server import Request

Body = Mapping[str, Any]


def body_of(request: Request, *, required: bool = False) -> Body:
    """The request's JSON object; Refusal 20000 (not JSON), 20007 (empty where parameters are needed)."""
    if not request.body.strip():
        if required:
            raise Refusal("20007")
        return {}
    try:
        body = json.loads(request.body)
    except ValueError:
        raise Refusal("20000") from None
    if not isinstance(body, dict):
        raise Refusal("20000")
    return body


def required(body: Body, *names: str) -> list[str]:
    """The values of parameters that must be there; Refusal 10004 when one is blank."""
    values = [optional(body, name) for name in names]
    if not all(values):
        raise Refusal("10004")
    return values


def optional(body: Body, name: str) -> str:
    """The value of a parameter; empty when it is absent."""
    return str(body.get(name) or "").strip()


def listed(value: object) -> set[str] | None:
    """The items of a comma list; None when the parameter is absent or blank, which means all."""
    text = str(value or "").strip()
    return {item.strip() for item in text.split(",")} if text else None


def failed(code: str) -> bytes:
    """The answer to a request that is refused."""
    return b'{"status":"Failed","errno":"%b"}' % code.encode()
