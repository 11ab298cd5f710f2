"""Which events a call gives, and how the request that asked for it is answered."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dispatcher.simulator.axeos.directory import User
from dispatcher.simulator.axeos.words import IDLE, IN_USE, PHONE_STATUSES, RINGING, STATUSES
from dispatcher.simulator.callees import Failure
from dispatcher.simulator.connection import Lane
from dispatcher.simulator.exchange.call import Call
from dispatcher.simulator.exchange.detail import CallDetail
from dispatcher.simulator.outbox import Outbox

EVENT_TAG = "dispatcher"


@dataclass(slots=True)
class Notes:
    """What the PBX keeps of a call: whose phone it began at, and who waits for that phone to be answered.

    `is_connected` says that the own phone has been answered, so that the dial plan runs and the call has
    events and can be asked for.
    """

    user: User
    connected: Callable[[], None] | None = None
    refused: Callable[[str], None] | None = None
    is_connected: bool = False


class Reporter:
    """Tells the application what happens to calls: by events, and by the answer to its request."""

    def __init__(self, outbox: Outbox, *, api_events: bool) -> None:
        """`api_events`: whether the calls pass an "API events" action of the dial plan."""
        self._outbox = outbox
        self._api_events = api_events

    @property
    def idle(self) -> bool:
        """Nothing is still to be gathered."""
        return self._outbox.idle

    def placed(self, call: Call) -> Notes:
        """Notes of a call that people make; those of a request's call are put in their place."""
        return Notes(User(call.plan.extension), is_connected=not call.record.ours)

    def notes(self, call: Call) -> Notes:
        """What `placed` made."""
        notes: Notes = call.notes
        return notes

    def information(self, call: Call) -> dict[str, Any]:
        """The call as its events and the call information show it."""
        shown = call.plan.path or call.plan.shown_number
        return {
            "event_tag": EVENT_TAG,
            "unique_id": call.record.callid,
            "account_code": "",
            "called_extension": shown,
            "caller": self._caller(call),
        }

    def _caller(self, call: Call) -> dict[str, Any]:
        if call.plan.direction == "Inbound" and call.plan.trunk is not None:
            return {"trunk_uuid": call.plan.trunk.name, "number": call.plan.origin, "name": call.plan.origin}
        return self.notes(call).user.as_caller()

    def begun(self, call: Call) -> None:
        """A call whose own phone has answered by itself goes on at once."""
        if self.notes(call).is_connected:
            self._emit(call, "incoming call")

    def ringing(self, call: Call) -> None:
        """Only local phones are watched."""
        if not self.notes(call).is_connected:
            self.phone(self.notes(call).user, RINGING)

    def answered(self, call: Call) -> None:
        """The own phone is answered: so is the request, and the dial plan runs. A far end is not seen."""
        notes = self.notes(call)
        if notes.is_connected:
            return
        notes.is_connected = True
        self.phone(notes.user, IN_USE)
        if notes.connected is not None:
            notes.connected()
        self._emit(call, "incoming call")

    def prompt_ended(self, call: Call) -> None:
        """There is no event for that."""

    def key(self, call: Call, key: str, position: int) -> None:
        """There is no event for that."""

    def keys(self, call: Call, keys: str) -> None:
        """There is no event for that."""

    def onward_ringing(self, call: Call) -> None:
        """A queue or ring group calls its agent's phone."""
        self._emit(call, "internal dial", targets=[self._target(call)])

    def onward_answered(self, call: Call) -> None:
        """The agent has answered."""
        self._emit(call, "call answered", target=self._target(call))

    def _target(self, call: Call) -> dict[str, Any]:
        agent = User(call.plan.agent)
        return {
            "unique_id": call.record.outboundid,
            "user_phone_type": "phone",
            "user_uuid": agent.uuid,
            "phone_uuid": agent.phone,
        }

    def failed(self, call: Call, failure: Failure) -> str:
        """The own phone was not answered, or a far end was not: that is not told apart from any other end."""
        notes, word = self.notes(call), STATUSES[failure]
        if notes.is_connected:
            self._emit(call, "call finished", reason="hangup")
            return word
        self.phone(notes.user, IDLE)
        if notes.refused is not None:
            notes.refused(word)
        return word

    def ended(self, call: Call, *, by_callee: bool) -> None:
        """The call is hung up."""
        self.phone(self.notes(call).user, IDLE)
        self._emit(call, "call finished", reason="hangup")

    def recorded(self, call: Call, detail: CallDetail) -> None:
        """There are no call records to be had."""

    def finished(self, call: Call) -> None:
        """An event that is held back is gathered now."""
        self._outbox.finish(call.lane)

    def clear(self) -> None:
        """Forget everything that has been gathered."""
        self._outbox.clear()

    def phone(self, user: User, status: int) -> None:
        """The status of a phone has changed."""
        body = {"phone_uuid": user.phone, "status_code": status, "status": PHONE_STATUSES[status]}
        event = "phone status update"
        self._outbox.emit(Lane(), "", event, json.dumps({"event_type": event, **body}))

    def _emit(self, call: Call, event: str, **more: Any) -> None:
        if self._api_events:
            body = {"event_type": event, **self.information(call), **more}
            self._outbox.emit(call.lane, call.record.callid, event, json.dumps(body))
