"""The events, fetched by long poll (Axeos manual, '/apis/pbx/events').

Every event has a number, ``seq``, and a place in a buffer of about a thousand. Whoever asks names the last
number that they have; the position of the stream is this number. What the next one tells:

============================  ======================================================================
the next event's ``seq``      what has happened
============================  ======================================================================
``last + 1``                  nothing was missed
larger                        the buffer has overflowed: those between are lost
smaller                       the PBX has restarted, or has given up gathering: some may be lost
============================  ======================================================================

A request that fails is repeated with the same number, by whoever opens the stream again. As a PBX that has
restarted may by then have come to the same number once more, the newest event is looked at first: a PBX that
gathers no events, or only older ones, has restarted.
"""

import json
from collections.abc import Sequence
from typing import Any

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.answers import unreadable
from dispatcher.pbx.axeos.api import Answer, AxeosApi, text
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import Pulled

EVENTS = "events"
READ_SECONDS = 2.0
"""How long the PBX holds a request while there is no event: a process that stops waits for so long."""

AT_ONCE = 500
"""So many events at most by one request; the buffer holds about twice as many."""


class EventPoll:
    """An open stream of events; see :class:`~dispatcher.pbx.protocol.ReportStream`."""

    def __init__(self, api: AxeosApi, position: str) -> None:
        """``position`` is the number of the last event that is durable; empty for the first time."""
        self._api = api
        self._last = int(position) if position.isascii() and position.isdigit() else None
        self._begun: Pulled | None = None
        self._is_closed = False

    def begin(self) -> None:
        """Switch the gathering of events on, and look whether the place to go on from is still good.

        For the first time, those that are past are skipped.
        """
        newest = self._ask("timeout=0&limit=1", 0.0)
        number = _number_of(newest[-1]) if newest else None
        if self._last is None:
            self._begun = self._pulled(newest)
        elif number is None or number < self._last:
            # What comes now, and what may have been gathered before, is to be had without a number.
            self._last, self._begun = None, Pulled(missed=True)

    def read(self) -> Pulled:
        """The events after the last one, or none after some seconds without any."""
        if self._is_closed:
            raise PbxRefused(Reason.PBX_AWAY, f"{EVENTS}: the stream is closed")
        begun, self._begun = self._begun, None
        return self._pulled(self._fetch()) if begun is None else begun

    def close(self) -> None:
        """Let no further request go out; one that waits is answered within some seconds."""
        self._is_closed = True

    def _fetch(self) -> Sequence[dict[str, Any]]:
        """Wait for what comes after the last event; where there was none, all that comes is new."""
        after = "" if self._last is None else f"last={self._last}&"
        return self._ask(f"{after}timeout={READ_SECONDS:.0f}&limit={AT_ONCE}", READ_SECONDS)

    def _ask(self, query: str, waits: float) -> Sequence[dict[str, Any]]:
        try:
            return self._api.ask(EVENTS, "GET", EVENTS, _events_of, query=query, waits=waits)
        except PbxRefused as refusal:
            if refusal.reason is Reason.TOKEN_INVALID:
                raise PbxRefused(Reason.CREDENTIALS_REFUSED, refusal.detail) from None
            raise

    def _pulled(self, events: Sequence[dict[str, Any]]) -> Pulled:
        if not events:
            return Pulled()
        missed = self._follow(events)
        return Pulled([json.dumps(event).encode() for event in events], str(self._last), missed)

    def _follow(self, events: Sequence[dict[str, Any]]) -> bool:
        """Go on to the last event's number; whether any between are lost."""
        missed = False
        for event in events:
            number = _number_of(event)
            if self._last is not None and number != self._last + 1:
                missed = True
            self._last = number
        return missed


def _events_of(answer: Answer) -> list[dict[str, Any]]:
    if not isinstance(answer.found, list):
        raise unreadable(EVENTS, "no list of events")
    return [event for event in answer.found if isinstance(event, dict)]


def _number_of(event: dict[str, Any]) -> int:
    number = text(event.get("seq"))
    if not (number.isascii() and number.isdigit()):
        raise unreadable(EVENTS, "an event without a number")
    return int(number)
