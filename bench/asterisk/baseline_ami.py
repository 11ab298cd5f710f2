"""The baseline's way to Asterisk: an Originate for each call, and a reader that posts the events as reports.

BASELINE_PBX=ami://127.0.0.1:5038 … python -m bench.asterisk.baseline_ami
"""

import socket
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from bench.asterisk import READY
from bench.baseline.settings import Settings

Event = dict[str, str]
AGAIN_SECONDS = 0.2
"""A report that was not taken is posted again, as a PBX would."""


class Connection:
    """One login at the manager interface."""

    def __init__(self, settings: Settings, *, events: bool) -> None:
        address = urlsplit(settings.pbx)
        self._socket = socket.create_connection((address.hostname or "", address.port or 5038), timeout=None)
        self._lines = self._socket.makefile("r", encoding="utf-8", newline="\r\n")
        next(self._lines)
        login = {
            "Username": settings.username,
            "Secret": settings.password,
            "Events": "on" if events else "off",
        }
        self.send("Login", login)

    def send(self, action: str, fields: dict[str, str]) -> None:
        """Send one action."""
        rows = {"Action": action, **fields}
        self._socket.sendall(
            ("".join(f"{key}: {value}\r\n" for key, value in rows.items()) + "\r\n").encode()
        )

    def messages(self) -> Iterator[Event]:
        """Everything that comes, message by message."""
        message: Event = {}
        for line in self._lines:
            key, found, value = line.rstrip("\r\n").partition(": ")
            if found:
                message[key] = value
            elif message:
                yield message
                message = {}


class AmiPbx:
    """Dialling, over one connection per process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._guard = threading.Lock()
        self._connection: Connection | None = None

    def dial(self, number: str) -> str:
        """Place a call and return its channel's id."""
        callid = str(uuid.uuid4())
        fields = {
            "ActionID": callid,
            "Channel": f"PJSIP/{number}@trunk",
            "Context": "dispatcher-ivr",
            "Exten": self._settings.ivr,
            "Priority": "1",
            "Async": "true",
            "ChannelId": callid,
        }
        with self._guard:
            if self._connection is None:
                self._connection = Connection(self._settings, events=False)
            self._connection.send("Originate", fields)
            for message in self._connection.messages():
                if message.get("ActionID") == callid and message.get("Response") == "Success":
                    return callid
        raise ConnectionError("Asterisk did not take the call")


class Reader:
    """Turns events into the reports that the web application knows."""

    def __init__(self) -> None:
        self._answered: set[str] = set()

    def reports(self, event: Event) -> list[dict[str, Any]]:
        """What one event says; a call's end says why it failed, if nobody had answered it."""
        callid = event.get("Uniqueid", "")
        match event.get("UserEvent") or event.get("Event"):
            case "Newstate" if event.get("ChannelStateDesc") == "Up":
                self._answered.add(callid)
                return [{"action": "ANSWERED", "callid": callid}]
            case "DispatcherPrompt":
                return [{"action": "PlayPromptEnd", "callid": callid}]
            case "DTMFEnd":
                return [{"action": "DTMF", "callid": callid, "info": event["Digit"]}]
            case "Hangup":
                over = [{"action": "NewCdr", "callid": callid}]
                if callid in self._answered:
                    self._answered.remove(callid)
                    return over
                return [{"action": "CallFailed", "callid": callid, "reason": event["Cause"]}, *over]
        return []


def main() -> None:
    """Post every event that says something, one after the other."""
    settings = Settings()
    reader = Reader()
    connection = Connection(settings, events=True)
    with httpx.Client(base_url=f"http://{settings.reports}", timeout=30) as web:
        for event in connection.messages():
            if event.get("Event") == "FullyBooted":
                print(READY, flush=True)
            for report in reader.reports(event):
                while web.post("/reports", json=report).is_error:
                    time.sleep(AGAIN_SECONDS)


if __name__ == "__main__":
    main()
