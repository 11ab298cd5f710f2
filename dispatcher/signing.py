"""Secrets, and the headers that a receiver verifies a message by (Standard Webhooks, v1)."""

import base64
import binascii
import secrets
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook

PREFIX = "whsec_"
_NEW_BYTES = 32
_FEWEST_BYTES, _MOST_BYTES = 24, 64
"""What the specification allows."""


def new_secret() -> str:
    """A secret that nobody knows yet."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode()


def checked_secret(value: str) -> str:
    """A secret as people give it, if it is one. Raises ``ValueError``, which does not tell it."""
    mend = f"write {PREFIX} and {_FEWEST_BYTES} to {_MOST_BYTES} bytes in base64, or leave it out"
    if not value.startswith(PREFIX):
        raise ValueError(f"does not begin with {PREFIX}: {mend}")
    try:
        key = base64.b64decode(value.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"is not base64: {mend}") from None
    if not _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
        raise ValueError(f"has {len(key)} bytes: {mend}")
    return value


def headers(message_id: str, now: datetime, body: str, keys: Sequence[str]) -> dict[str, str]:
    """The headers of one try at ``now`` (UTC), signed with each of ``keys``; without keys, unsigned."""
    found = {"webhook-id": message_id, "webhook-timestamp": str(int(now.timestamp()))}
    if keys:
        found["webhook-signature"] = " ".join(Webhook(key).sign(message_id, now, body) for key in keys)
    return found
