"""Dialling, over one HTTP client per process."""

import hashlib
import threading
from typing import Any

import httpx

from bench.baseline.settings import settings


class DialFailed(Exception):
    """The PBX did not accept the call."""


class Pbx:
    """The PBX's web API (S-Series API v1.1.0 manual, "Login" and "IVR dial outbound")."""

    def __init__(self) -> None:
        self._client = httpx.Client(base_url=f"{settings.pbx}/api/v1.1.0/", timeout=10)
        self._guard = threading.Lock()
        self._token = ""

    def dial(self, number: str) -> str:
        """Place a call and return its callid; DialFailed when there is none."""
        body = {"ivrid": settings.ivr, "outto": settings.prefix + number, "fromext": settings.extension}
        answer = self._post("ivr/dial_outbound", body)
        if answer.get("errno") in ("20004", "20006"):
            self._token = ""
            answer = self._post("ivr/dial_outbound", body)
        if answer["status"] != "Success":
            raise DialFailed(f"errno {answer.get('errno')}")
        return str(answer["callid"])

    def _post(self, endpoint: str, body: dict[str, str]) -> Any:
        return self._client.post(endpoint, params={"token": self._log_in()}, json=body).json()

    def _log_in(self) -> str:
        with self._guard:
            if not self._token:
                body = {
                    "username": settings.username,
                    "password": hashlib.md5(settings.password.encode()).hexdigest(),
                    "port": settings.reports.rpartition(":")[2],
                    "version": "1.0.2",
                    "url": f"{settings.reports}/reports",
                    "urltag": "1",
                }
                self._token = self._client.post("login", json=body).json()["token"]
            return self._token
