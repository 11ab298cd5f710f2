"""What login and heartbeat of every Yeastar API say of us: the password's digest, and where reports go."""

import hashlib
from urllib.parse import urlsplit


def digest(password: str) -> str:
    """The API password as ``login`` wants it: its md5 in 32 lower-case hexadecimal digits."""
    return hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()


def destination(reports_url: str) -> dict[str, str]:
    """Where reports go, as login and heartbeat want it: ``url`` complete, but without the scheme."""
    parts = urlsplit(reports_url)
    port = str(parts.port or 80)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return {"ipaddr": host, "port": port, "url": f"{shown}:{port}{parts.path}"}
