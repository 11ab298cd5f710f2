"""What a driver of either version of Yeastar's API has sent."""

import json
from typing import Any

from tests.pbx.raw_pbx import RawPbx

Sent = tuple[str, dict[str, Any]]
"""A request's path with its query, and the object in its body."""


def all_sent(pbx: RawPbx, base: str) -> list[Sent]:
    """Every request, its path without the ``base`` that is common to them."""
    found = []
    for request in pbx.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        line, _, headers = head.decode().partition("\r\n")
        method, target, _ = line.split(" ")
        assert (method, target[: len(base)]) == ("POST", base)
        assert "content-type: application/json; charset=utf-8" in headers.lower()
        found.append((target.removeprefix(base), json.loads(body)))
    return found
