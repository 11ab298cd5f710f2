"""The tests' own look through the manager interface. It shares nothing with the dispatcher's driver."""

import itertools
import socket
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from tests.services.process import HOST

Row = Mapping[str, str]
SECONDS = 60.0


class Ami:
    """One connection. Events are kept in the order of their coming."""

    def __init__(self, port: int, username: str, secret: str) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=SECONDS)
        self._ids = itertools.count(1)
        self._changed = threading.Condition()
        self._responses: dict[str, Row] = {}
        self._is_over = False
        self.events: list[Row] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        answer = self.action("Login", Username=username, Secret=secret)
        assert answer["Response"] == "Success", answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def action(self, name: str, *variables: str, **fields: str) -> Row:
        """Send an action, and return its response."""
        action_id = f"judge-{next(self._ids)}"
        rows = [("Action", name), ("ActionID", action_id), *fields.items()]
        rows += [("Variable", variable) for variable in variables]
        self._socket.sendall(("".join(f"{key}: {value}\r\n" for key, value in rows) + "\r\n").encode())
        with self._changed:
            self._changed.wait_for(lambda: action_id in self._responses or self._is_over, SECONDS)
            assert action_id in self._responses, f"no response to {name}"
            return self._responses.pop(action_id)

    def listed(self, name: str, **fields: str) -> list[Row]:
        """The rows of an action that answers with a list of events."""
        first = len(self.events)
        response = self.action(name, **fields)
        if response["Response"] != "Success":
            return []
        action_id = response["ActionID"]

        def rows() -> list[Row]:
            return [row for row in self.events[first:] if row.get("ActionID") == action_id]

        self.wait_for(lambda: any(row.get("EventList") == "Complete" for row in rows()))
        return [row for row in rows() if row.get("EventList") != "Complete"]

    def wait_for(self, condition: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Wait until the events fulfil a condition."""
        with self._changed:
            assert self._changed.wait_for(condition, seconds), f"not in these events: {self.events[-20:]}"

    def of(self, channel_id: str) -> list[Row]:
        """The events of one channel."""
        # The Cdr event alone writes it so.
        return [e for e in self.events if channel_id in (e.get("Uniqueid"), e.get("UniqueID"))]

    def kinds_of(self, channel_id: str) -> list[str]:
        """The names of one channel's events, with the name of its own for a UserEvent."""
        return [event.get("UserEvent") or event["Event"] for event in self.of(channel_id)]

    def channels(self) -> set[str]:
        """The ids of the channels that Asterisk lists at this moment."""
        return {row["Uniqueid"] for row in self.listed("CoreShowChannels")}

    def channels_up(self) -> int:
        """How many channels Asterisk counts at this moment."""
        return len(self.channels())

    def originate(self, channel_id: str, channel: str, context: str, extension: str, *variables: str) -> Row:
        """Place a call under an id of our own, whose end is told as the dialplan for users tells it."""
        target = {"Context": context, "Exten": extension, "Priority": "1"}
        options = {"Async": "true", "ChannelId": channel_id, "Timeout": "4000"}
        end = r"CHANNEL(hangup_handler_push)=dispatcher-ended\,s\,1"
        return self.action("Originate", end, *variables, Channel=channel, **target, **options)

    def _read(self) -> None:
        try:
            with self._socket.makefile("r", encoding="utf-8", errors="replace", newline="\r\n") as lines:
                next(lines, None)
                message: dict[str, str] = {}
                for line in lines:
                    key, found, value = line.rstrip("\r\n").partition(":")
                    if found:
                        message[key] = value.removeprefix(" ")
                    elif message:
                        self._take(message)
                        message = {}
        except (OSError, ValueError):
            pass
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _take(self, message: Row) -> None:
        with self._changed:
            if "Response" in message and "Event" not in message:
                self._responses[message.get("ActionID", "")] = message
            else:
                self.events.append(message)
            self._changed.notify_all()
