"""What the demo shows, gathered from the API: events as they come, the rest by asking now and then."""

import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatcher.cli import show
from dispatcher.cli.client import Api, ApiError
from dispatcher.cli.demo.story import Told

_KEPT = 200
_OPEN = ("queued", "active")


@dataclass(frozen=True, slots=True)
class Line:
    """One event as it is told; ``of_alarm`` when it is about an alarm or a call of one."""

    number: int
    at: datetime
    who: str
    what: str
    of_alarm: bool


class Board:
    """The present state of the demo's alarms, campaign, calls and trunk. Thread-safe."""

    def __init__(self, api_url: str, told: Told) -> None:
        self._api = Api(api_url)
        self._stream = Api(api_url)
        self._told = told
        self._guard = threading.Lock()
        self._following = threading.Event()
        self._stopping = threading.Event()
        self._calls: dict[str, dict[str, Any]] = {}
        self._lines: deque[Line] = deque(maxlen=_KEPT)
        self._told_lines = 0
        self.alarms: dict[str, dict[str, Any]] = {}
        self.campaign: dict[str, Any] | None = None
        self.trunk: dict[str, Any] | None = None

    def start(self) -> None:
        """Follow the events, from before anything happens."""
        threading.Thread(target=self._follow, name="board", daemon=True).start()
        if not self._following.wait(10.0):
            raise RuntimeError("the API's events can't be followed")

    def stop(self) -> None:
        """Let go of the API."""
        self._stopping.set()
        self._api.close()

    def refresh(self) -> None:
        """Ask for what events do not carry: the campaign's counts and the trunk's channels."""
        if self._told.campaign:
            self.campaign = self._api.get(f"/v1/campaigns/{self._told.campaign}")
        trunks = self._api.get("/v1/trunks")["items"]
        self.trunk = trunks[0] if trunks else None

    def live_calls(self) -> list[dict[str, Any]]:
        """Calls that are up, alarms' first, then in the order in which they were made."""
        with self._guard:
            active = [call for call in self._calls.values() if call["state"] == "active"]
        return sorted(active, key=lambda call: ("alarm_id" not in call, call["id"]))

    def lines(self, after: int = 0) -> list[Line]:
        """Events with a higher number than ``after``, as far as they are kept."""
        with self._guard:
            return [line for line in self._lines if line.number > after]

    def is_over(self) -> bool:
        """Whether everything of the story has been sent and has ended."""
        if not self._told.is_whole:
            return False
        if self._told.has_campaign and (self.campaign is None or self.campaign["status"] != "finished"):
            return False
        with self._guard:
            under_way = any(call["state"] in _OPEN for call in self._calls.values())
            return not under_way and all(self._has_ended(key) for key in self._told.alarms)

    def _has_ended(self, alarm_id: str) -> bool:
        """Whether an alarm has got as far as its script says; one that stays open: to its calls."""
        script = self._told.alarms[alarm_id]
        if script.status != "open":
            return bool(self.alarms.get(alarm_id, {}).get("status", "open") != "open")
        known = [call for call in self._calls.values() if call.get("alarm_id") == alarm_id]
        return len(known) >= len(script.calls)

    def _follow(self) -> None:
        while not self._stopping.is_set():
            try:
                for event in self._stream.events(self._following.set):
                    if self._stopping.is_set():
                        break
                    self._take(event)
            except ApiError:
                # The product is stopping, or cut us off for being slow: then we come back.
                time.sleep(0.5)
        self._stream.close()

    def _take(self, event: dict[str, Any]) -> None:
        current = event.get("current")
        with self._guard:
            if current is not None and event["subject"] == "call":
                self._calls[event["subject_id"]] = current
            elif current is not None and event["subject"] == "alarm":
                self.alarms[event["subject_id"]] = current
            if event["name"] == "active":
                # The dial request follows within milliseconds, and says more.
                return
            known = current or self._calls.get(event["subject_id"])
            self._told_lines += 1
            at = datetime.fromisoformat(event["at"])
            of_alarm = event["alarm_id"] is not None
            self._lines.append(Line(self._told_lines, at, _who(event, known), _what(event), of_alarm))


def _who(event: dict[str, Any], current: dict[str, Any] | None) -> str:
    match event["subject"]:
        case "call":
            return show.party(current) if current else "call"
        case "alarm":
            return f"alarm: {current['summary']}" if current else "alarm"
        case "campaign":
            return f"campaign: {current['name']}" if current else "campaign"
    return str(event["subject_id"])


def _what(event: dict[str, Any]) -> str:
    name = str(event["name"]).replace("_", " ")
    data = event["data"] or {}
    if event["subject"] == "call" and name in ("key", "ended") and data.get("digits"):
        name = f"{name}, pressed {data['digits']}"
    if event["name"] in ("queued", "delivered", "failed", "expired", "cancelled", "acknowledged"):
        return f"{name}: {event['cause']}" if event["cause"] else name
    return name
