"""The product through the night, in one thread and on a clock that jumps from one event to the next.

Everything of the product is real but the threads and the PBX's wire: alerts come in as Alertmanager's
notifications over the API, dial requests go to a scripted PBX, whose reports are posted as it posts them.
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import func, select

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.domain.vocabulary import CallState
from dispatcher.escalation.escalator import Escalator
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import DialOrder, LiveCall
from dispatcher.store.tables import Alarm, Attempt, Call, Page, table
from dispatcher.upkeep import housekeeping, sweeps
from dispatcher.upkeep.recovery import Recovery
from tests.api.conftest import client_of
from tests.cores import PBX, TRUNK, RecordingMessages, SettableClock
from tests.night.script import (
    BEGINS,
    ENDS,
    MAINTENANCE,
    RESTART,
    RESTART_SECONDS,
    SITES,
    Alert,
    Night,
    Person,
    Temper,
)
from tests.scripted import (
    Office,
    ScriptedDriver,
    answered,
    bye,
    failed,
    key,
    make_office,
    posted,
    record,
    ringing,
)

_alarms, _calls, _attempts, _pages = table(Alarm), table(Call), table(Attempt), table(Page)
TRUNK_NAME = str(TRUNK["name"])
UPKEEP = timedelta(seconds=60)
ALWAYS = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "07:00", "to": "20:00"}]


@dataclass(frozen=True)
class Rung:
    """Somebody's phone rang: when, in which call."""

    number: str
    at: datetime
    call_id: str


@dataclass(frozen=True)
class Overlap:
    """Somebody's phone rang while it was in another call."""

    number: str
    at: datetime


class Product:
    """Runs the night, and remembers what the phones saw."""

    def __init__(self, url: str, night: Night) -> None:
        self.night = night
        self.clock = SettableClock(BEGINS)
        self.driver = ScriptedDriver()
        self.driver.on_dial = self._dialled
        pbx = PBX | {"trunk": [TRUNK | {"channels": 30, "prefix": ""}]}
        self.office: Office = make_office(url, self.clock, self.driver, pbx=[pbx], policy=[])
        self.escalator = Escalator(self.office.core)
        self.recovery = Recovery(self.office.core, self.office.sessions, self.office.pbxes, self.office.inbox)
        self.api: TestClient = client_of(self.office.core)
        self.overlaps: list[Overlap] = []
        self._people = {person.number: person for person in night.people}
        self._coming: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count(1)
        self._up: dict[str, str] = {}
        """By callid, the number that is in the call."""
        self._is_down = False

    def run(self) -> None:
        """From evening to morning."""
        self._set_up()
        for (at, site), told in _told_together(self.night.alerts).items():
            self._at(at, partial(self._post, site, told))
        self._at(RESTART, self._go_down)
        self._at(RESTART + timedelta(seconds=RESTART_SECONDS), self._come_back)
        upkeep = BEGINS
        while self.clock() < ENDS:
            now = min(self._coming[0][0] if self._coming else ENDS, self._next_due(), upkeep, ENDS)
            self.clock.now = max(self.clock.now, now)
            while self._coming and self._coming[0][0] <= self.clock():
                heapq.heappop(self._coming)[2]()
            if upkeep <= self.clock():
                upkeep = self.clock() + UPKEEP
                self._keep_up()
            self._work()

    def close(self) -> None:
        """Give the connections back."""
        self.office.core.signals.close()
        self.office.core.store.close()

    def rung(self) -> dict[str, list[Rung]]:
        """Which phones rang for each alert: by its id, in order."""
        query = (
            select(_alarms.c.dedup_key, _calls.c.number, _attempts.c.dialed_at, _calls.c.id)
            .join(_pages, _pages.c.alarm_id == _alarms.c.id)
            .join(_calls, _calls.c.id == _pages.c.call_id)
            .join(_attempts, _attempts.c.call_id == _calls.c.id)
            .where(
                _attempts.c.dialed_at >= _pages.c.called_at,
                (_pages.c.ended_at.is_(None)) | (_attempts.c.dialed_at <= _pages.c.ended_at),
            )
            .order_by(_attempts.c.dialed_at)
        )
        found: dict[str, list[Rung]] = {}
        with self.office.core.store.read() as tx:
            for row in tx.execute(query):
                alert_id = row.dedup_key.partition("@")[0]
                found.setdefault(alert_id, []).append(Rung(row.number.lstrip("+"), row.dialed_at, row.id))
        return found

    def alarms(self) -> dict[str, Any]:
        """Every alarm's row, by the alert's id."""
        with self.office.core.store.read() as tx:
            return {row.dedup_key.partition("@")[0]: row for row in tx.execute(select(_alarms))}

    def calls(self) -> int:
        """How many calls were made in all."""
        with self.office.core.store.read() as tx:
            return tx.execute(select(func.count()).select_from(_attempts)).scalar_one()

    def _set_up(self) -> None:
        for person in self.night.people:
            self._put(f"/v1/contacts/{person.name}", {"ways": [{"number": f"+{person.number}"}]})
        for name, site in self.night.sites.items():
            layer = {
                "members": [person.name for person in site.duty],
                "every": {"days": 1},
                "starts": "2026-10-19",
                "hand_over": "04:00",
            }
            self._put(f"/v1/schedules/{name}", {"timezone": "Europe/Amsterdam", "layers": [layer]})
            self._put(f"/v1/groups/{name}", {"members": [person.name for person in site.ops]})
            self._put(f"/v1/policies/{name}", _policy(name, site.managers))
        silence = {
            "kind": "maintenance",
            "matchers": [{"label": "site", "value": "north"}],
            "starts_at": MAINTENANCE[0].isoformat(),
            "ends_at": MAINTENANCE[1].isoformat(),
        }
        assert self.api.post("/v1/silences", json=silence).status_code == 201

    def _put(self, path: str, body: dict[str, Any]) -> None:
        answer = self.api.put(path, json=body)
        assert answer.status_code == 201, answer.text

    def _post(self, site: str, alerts: list[dict[str, Any]]) -> None:
        body = {"version": "4", "status": "firing", "alerts": alerts}
        answer = self.api.post(f"/v1/intake/alertmanager?policy={site}", json=body)
        assert answer.status_code == 202, answer.text
        assert answer.json()["failed"] == 0, answer.text

    def _at(self, at: datetime, do: Callable[[], None]) -> None:
        heapq.heappush(self._coming, (at, next(self._numbers), do))

    def _next_due(self) -> datetime:
        with self.office.core.store.read() as tx:
            alarm = tx.execute(select(func.min(_alarms.c.next_at))).scalar()
            call = tx.execute(
                select(func.min(_calls.c.due_at)).where(
                    _calls.c.state == CallState.QUEUED, _calls.c.due_at > self.clock()
                )
            ).scalar()
        return min(at for at in (alarm, call, ENDS) if at is not None)

    def _work(self) -> None:
        """What the threads do: escalate, pace, dial, hang up, until nothing is left to do now."""
        for _ in range(100):
            self.escalator.look()
            claimed = self.office.claim(TRUNK_NAME) if self._is_anybody_due() else []
            for attempt_id in claimed:
                self.office.dialer.dial(attempt_id)
            messages = self.office.core.messages
            assert isinstance(messages, RecordingMessages)
            marked, messages.hung_up = messages.hung_up, []
            for attempt_id in marked:
                self.office.hang_up.hang_up(attempt_id)
            for leg in self.driver.hung_up:
                self._end(leg.removeprefix("leg-"))
            self.driver.hung_up.clear()
            if not claimed and not marked:
                return

    def _is_anybody_due(self) -> bool:
        due = select(_calls.c.id).where(_calls.c.state == CallState.QUEUED, _calls.c.due_at <= self.clock())
        with self.office.core.store.read() as tx:
            return tx.execute(due.limit(1)).first() is not None

    def _keep_up(self) -> None:
        core = self.office.core
        if not self._is_down:
            self.recovery.sweep("hq")
        sweeps.doubt_the_unanswered(core, {"hq": 10.0})
        sweeps.resend_hang_ups(core)
        sweeps.close_after_lone_bye(core)
        housekeeping.expire(core)
        self.office.inbox.revisit("hq")

    def _dialled(self, order: DialOrder) -> str:
        if self._is_down:
            raise PbxRefused(Reason.PBX_AWAY, "it restarts")
        callid = f"1543289641.{next(self._numbers)}"
        number = order.digits.lstrip("+")
        if number in self._up.values():
            self.overlaps.append(Overlap(number, self.clock()))
        self._up[callid] = number
        self._show_live()
        for after, report in _reports(self._people[number], callid):
            self._at(self.clock() + timedelta(seconds=after), partial(self._report, callid, report))
        return callid

    def _report(self, callid: str, report: bytes) -> None:
        """The PBX posts it, unless the call is over or the PBX has forgotten it."""
        if callid not in self._up:
            return
        number = self._up[callid]
        reports = [report]
        if b'"BYE"' in report or b"CallFailed" in report:
            del self._up[callid]
            self._show_live()
            heard = b'"BYE"' in report
            reports.append(
                record(callid, number, status="ANSWERED" if heard else "NO ANSWER", talk=9 if heard else 0)
            )
        self.office.take(*reports)

    def _end(self, number: str) -> None:
        for callid in [callid for callid, one in self._up.items() if one == number]:
            self._report(callid, bye(callid, number))

    def _show_live(self) -> None:
        self.driver.live = [
            LiveCall(f"leg-{number}", number, TRUNK_NAME, PartyKind.OUTBOUND, callid=callid)
            for callid, number in self._up.items()
        ]

    def _go_down(self) -> None:
        self._is_down = True
        self._up.clear()
        self._show_live()

    def _come_back(self) -> None:
        self._is_down = False
        self.office.take(posted("BootUp", ""))


def _told_together(alerts: list[Alert]) -> dict[tuple[datetime, str], list[dict[str, Any]]]:
    """What Alertmanager says at each time of each site: what fires, still fires, and is over."""
    found: dict[tuple[datetime, str], list[dict[str, Any]]] = {}
    for alert in alerts:
        for at in (alert.fires_at, *alert.repeats_at):
            found.setdefault((at, alert.site), []).append(_notification(alert, "firing"))
        if alert.over_at is not None:
            found.setdefault((alert.over_at, alert.site), []).append(_notification(alert, "resolved"))
    return found


def _reports(person: Person, callid: str) -> list[tuple[float, bytes]]:
    """What a call to this person brings, each after so many seconds."""
    number = person.number
    rings, picks_up = (1.0, ringing(callid, number)), (8.0, answered(callid, number))
    match person.temper:
        case Temper.ACKNOWLEDGES:
            return [rings, picks_up, (20.0, key(callid, "1", number)), (22.0, bye(callid, number))]
        case Temper.ESCALATES:
            return [rings, picks_up, (15.0, key(callid, "4", number)), (18.0, bye(callid, number))]
        case Temper.SILENT:
            return [rings, (30.0, failed(callid, number, "603 Decline"))]
        case Temper.BUSY:
            return [(2.0, failed(callid, number, "486 Busy Here"))]


def _policy(site: str, managers: list[Person]) -> dict[str, Any]:
    return {
        "steps": [
            {"to": [{"schedule": site}], "wait": 300},
            {"to": [{"group": site}], "mode": "hunt", "wait": 900},
            {"to": [{"contact": person.name} for person in managers]},
        ],
        "message": {"ivr": "6500"},
        "delivered_when": "acknowledged",
        "keys": {"4": "escalate"},
        "retry": {"max_attempts": 2, "busy": 30, "no_answer": 60, "not_heard": 20},
        "severity": {"warning": {"windows": ALWAYS}, "info": "record"},
        "timezone": "Europe/Amsterdam",
        "group": {"by": ["site"], "wait": 30, "interval": 300},
    }


def _notification(alert: Alert, status: str) -> dict[str, Any]:
    ended = alert.over_at.isoformat() if status == "resolved" and alert.over_at else "0001-01-01T00:00:00Z"
    return {
        "status": status,
        "labels": {"alertname": f"Alert{alert.id}", "site": alert.site, "severity": alert.severity},
        "annotations": {"summary": f"{alert.site}: {alert.id}"},
        "startsAt": alert.fires_at.isoformat(),
        "endsAt": ended,
        "fingerprint": alert.id,
    }


__all__ = ["SITES", "Overlap", "Product", "Rung"]
