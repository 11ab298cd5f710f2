"""The digest by which two copies of a proof are known to say the same."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

FORMAT = "dispatcher-proof/1"


def canonical(content: Mapping[str, Any]) -> bytes:
    """The content as the one text that is hashed: JSON with sorted keys, without blanks, in UTF-8."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def seal(content: Mapping[str, Any]) -> str:
    """The SHA-256 of the canonical content, in hexadecimal digits."""
    return hashlib.sha256(canonical(content)).hexdigest()


def sealed(content: Mapping[str, Any], made_at: str) -> dict[str, Any]:
    """The whole document. When it was made is not part of what is hashed: the same facts, the same digest."""
    return {"format": FORMAT, "made_at": made_at, "sha256": seal(content), "content": dict(content)}
