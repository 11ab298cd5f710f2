"""What the demo does, all of it over the HTTP API: a campaign, and alarms that come while it runs."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

from dispatcher.cli.client import Api
from dispatcher.cli.demo import stage
from dispatcher.cli.demo.cast import MAX_ATTEMPTS, Callee, Expected, contacts
from dispatcher.cli.demo.stage import Pace

UNKNOWN_DELAY = 2.0

WITHDRAWN = Expected("cancelled", None)
KEY_1 = Expected("delivered", "delivered", 1, 1)


@dataclass(frozen=True, slots=True)
class AlarmScript:
    """How an alarm must end: its status, and each of its calls by number or extension."""

    title: str
    status: str
    calls: Mapping[str, Expected]


NIGHT_SHIFT = AlarmScript(
    "Alertmanager",
    "acknowledged",
    {stage.DUTY: KEY_1, stage.DEPUTY: WITHDRAWN},
)
PUMP = AlarmScript(
    "generic",
    "acknowledged",
    {stage.COLLEAGUE: WITHDRAWN, stage.ENGINEER: KEY_1, stage.ABSENT: WITHDRAWN},
)
DOOR = AlarmScript("generic", "exhausted", {stage.MAILBOX: Expected("failed", "voicemail", 2, 2)})
UNTOLD_DOOR = AlarmScript("generic", "exhausted", {stage.MAILBOX: Expected("failed", "not_heard", 2, 2)})
"""The same over a family that can't tell a mailbox from a person."""


@dataclass(slots=True)
class Told:
    """What has been sent so far: the campaign's id, and each alarm's id with how it must end."""

    campaign: str = ""
    has_campaign: bool = True
    alarms: dict[str, AlarmScript] = field(default_factory=dict)
    is_whole: bool = False
    failed: str = ""


class Teller(ABC):
    """Tells a story in a thread of its own; what it has sent is in :attr:`told`."""

    def __init__(self, api_url: str, pace: Pace, *, has_campaign: bool) -> None:
        self.told = Told(has_campaign=has_campaign)
        self.pace = pace
        self._api = Api(api_url)

    @abstractmethod
    def acts(self) -> Iterator[tuple[float, Callable[[], None]]]:
        """What is done, each with the seconds after the beginning, at speed 1."""

    def run(self) -> None:
        """Everything, each thing at its time. A refusal ends the story, and is told."""
        try:
            begun = time.monotonic()
            for at, act in self.acts():
                time.sleep(max(0.0, begun + self.pace.later(at) - time.monotonic()))
                act()
            self.told.is_whole = True
        except Exception as error:
            self.told.failed = f"{type(error).__name__}: {error}"
        finally:
            self._api.close()

    def raise_alarm(self, summary: str, **more: Any) -> str:
        """Raise an alarm as a monitoring system would; its id."""
        return str(self._api.post_once("/v1/alarms", {"summary": summary, **more})["id"])


class Story(Teller):
    """A campaign, and alarms that come while it runs."""

    def __init__(
        self, api_url: str, people: list[Callee], pace: Pace, *, tells_mailboxes: bool = True
    ) -> None:
        super().__init__(api_url, pace, has_campaign=True)
        self._people = people
        self._door = DOOR if tells_mailboxes else UNTOLD_DOOR

    def acts(self) -> Iterator[tuple[float, Callable[[], None]]]:
        """The campaign first, then an alarm every few seconds."""
        yield 0.0, self.start_campaign
        yield 2.5, self.send_alertmanager
        yield 7.0, self.raise_pump
        yield 10.0, self.raise_door

    def start_campaign(self) -> None:
        """A campaign of everybody, from a CSV."""
        expires_at = datetime.now(UTC) + timedelta(seconds=self.pace.expiry)
        delay = self.pace.delay
        request = {
            "name": "Water off tomorrow, 09:00-12:00",
            "message": {"ivr": stage.IVR},
            "delivered_when": "heard",
            "retry": {
                "max_attempts": MAX_ATTEMPTS,
                "busy": delay,
                "no_answer": delay,
                "not_heard": delay,
                "rejected": delay,
                # Only until the report with the reason has followed the call record.
                "unknown": UNKNOWN_DELAY,
                "congestion": self.pace.congestion,
            },
            "expires_at": expires_at.isoformat(),
        }
        campaign = self._api.post_once("/v1/campaigns", request)
        path = f"/v1/campaigns/{campaign['id']}"
        imported = self._api.upload(f"{path}/contacts", [contacts(self._people)], "text/csv")
        if imported["accepted"] != len(self._people):
            raise RuntimeError(f"not every contact was taken: {imported}")
        self._api.post_once(f"{path}/start")
        self.told.campaign = campaign["id"]

    def send_alertmanager(self) -> None:
        """Alertmanager's webhook with two firing alerts, as it would send it now."""
        firing = alertmanager_body(datetime.now(UTC))
        taken = self._api.post("/v1/intake/alertmanager", firing, policy=stage.POLICY)
        self.told.alarms.update({result["alarm_id"]: NIGHT_SHIFT for result in taken["results"]})

    def raise_pump(self) -> None:
        """An alarm for three people at once, one of them at an extension; who presses 1 has it."""
        later = self.pace.withdrawn
        alarm = self.alarm(
            "Pump 7 has stopped",
            to=[
                {"number": stage.COLLEAGUE, "name": "Pump team"},
                {"extension": stage.ENGINEER, "name": "Control room"},
                {"number": stage.ABSENT, "name": "Plant manager"},
            ],
            retry={"max_attempts": 3, "busy": later, "no_answer": later},
        )
        self.told.alarms[alarm] = PUMP

    def raise_door(self) -> None:
        """An alarm that only a voicemail box answers: nobody has acknowledged it."""
        alarm = self.alarm(
            "Door of the switch room open",
            severity="warning",
            to=[{"number": stage.MAILBOX, "name": "Caretaker"}],
            retry={"max_attempts": 2, "voicemail": self.pace.delay, "not_heard": self.pace.delay},
        )
        self.told.alarms[alarm] = self._door

    def alarm(self, summary: str, severity: str = "critical", **more: Any) -> str:
        """Raise an alarm that is to be acknowledged by a key; its id."""
        return self.raise_alarm(
            summary,
            severity=severity,
            message={"ivr": stage.IVR},
            delivered_when="acknowledged",
            ack_digits="1",
            **more,
        )


def alertmanager_body(now: datetime) -> dict[str, Any]:
    """Alertmanager's own message (webhook, version 4), with alerts that began to fire just now."""
    text = resources.files("dispatcher.cli.demo").joinpath("alertmanager.json").read_text(encoding="utf-8")
    body: dict[str, Any] = json.loads(text)
    for alert in body["alerts"]:
        alert["startsAt"] = now.isoformat()
    return body
