"""The values of now that /metrics shows, read from the store."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, text

from dispatcher.api.audit_gauges import audit_gauges
from dispatcher.api.known import trunks_of
from dispatcher.api.outgoing_gauges import delivery_gauges, heartbeat_gauge
from dispatcher.config import Settings
from dispatcher.core import Core
from dispatcher.directory.outlook import seconds_to_gaps
from dispatcher.domain.pacing import Hold, shut_by
from dispatcher.domain.vocabulary import AlarmStatus, CallKind
from dispatcher.metrics.render import Gauge, Labels
from dispatcher.store import deliveries, doubts, heartbeats, streams, trunks
from dispatcher.store.tables import Alarm, Call, PbxSession, table

_alarms = table(Alarm)
_calls = table(Call)
_sessions = table(PbxSession)

SHARE = 0.02
"""Long counts take at most this share of the database's time, however often they are asked for."""

LONG_SECONDS = 0.02
"""A count that took no longer than this is made anew each time."""

# As text, so that they are word for word the conditions of the partial indexes.
_QUEUED = {
    CallKind.ALARM: text("state = 'queued' AND alarm_id IS NOT NULL"),
    CallKind.CAMPAIGN: text("state = 'queued' AND campaign_id IS NOT NULL"),
}


class Gauges:
    """Reads the gauges. What takes long to count is remembered for fifty times as long."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._remembered: dict[str, tuple[float, Any]] = {}

    def read(self, core: Core, tx: Connection) -> list[Gauge]:
        """Every gauge, as it is now."""
        settings, now = core.settings, core.clock()
        return [
            self._alarm_status(tx),
            self._queue_depth(tx),
            *_trunk_gauges(tx, now, settings),
            _pbx_up(tx, settings),
            _report_streams(tx, now, settings),
            _by_pbx(
                "dispatcher_attempts_in_doubt",
                "Attempts of which nobody knows yet whether the PBX placed them.",
                settings,
                {pbx: doubt.number for pbx, doubt in doubts.in_doubt(tx).items()},
            ),
            _by_pbx(
                "dispatcher_oldest_unreconciled_seconds",
                "For how long nobody has known of the oldest open attempt whether it is up.",
                settings,
                _unreconciled(tx, now, settings),
            ),
            self._schedule_gaps(tx, now),
            *audit_gauges(tx, settings, now),
            *delivery_gauges(*self._counted("deliveries", lambda: deliveries.counts(tx))),
            heartbeat_gauge(heartbeats.statuses(tx)),
        ]

    def _alarm_status(self, tx: Connection) -> Gauge:
        query = select(_alarms.c.status, func.count()).group_by(_alarms.c.status)
        counted = self._counted("alarms", lambda: tx.execute(query).all())
        values: dict[Labels, float] = {(status,): 0.0 for status in AlarmStatus}
        values.update({(status,): number for status, number in counted})
        return Gauge("dispatcher_alarm_status", ("status",), "Alarms by their status.", values)

    def _queue_depth(self, tx: Connection) -> Gauge:
        def count() -> dict[Labels, float]:
            of_calls = select(func.count()).select_from(_calls)
            return {(kind,): tx.execute(of_calls.where(_QUEUED[kind])).scalar_one() for kind in CallKind}

        values: dict[Labels, float] = self._counted("calls", count)
        return Gauge("dispatcher_queue_depth", ("kind",), "Calls that are queued.", values)

    def _schedule_gaps(self, tx: Connection, now: datetime) -> Gauge:
        seconds: dict[str, float] = self._counted("gaps", lambda: seconds_to_gaps(tx, now))
        return Gauge(
            "dispatcher_schedule_gap_seconds",
            ("schedule",),
            "Time until nobody is on call; 0 while nobody is, 604800 (seven days) for no gap in sight.",
            {(name,): value for name, value in seconds.items()},
        )

    def _counted(self, name: str, count: Callable[[], Any]) -> Any:
        """The count, or the one before while that took so long that it must serve for a while."""
        with self._guard:
            until, known = self._remembered.get(name, (0.0, None))
        started = self._clock()
        if started < until:
            return known
        counted = count()
        took = self._clock() - started
        if took > LONG_SECONDS:
            with self._guard:
                self._remembered[name] = started + took / SHARE, counted
        return counted


def _trunk_gauges(tx: Connection, now: datetime, settings: Settings) -> list[Gauge]:
    values: dict[Labels, float] = {
        (*trunk, use): 0.0 for trunk in trunks_of(settings) for use in ("limit", "reserved", "ours", "others")
    }
    up: dict[Labels, float] = dict.fromkeys(trunks_of(settings), 0.0)
    for row, load in trunks.loads(tx, now):
        if row.name == trunks.INTERNAL:
            continue
        up[row.pbx, row.name] = float(shut_by(load, now) in (None, Hold.PAUSED))
        values[row.pbx, row.name, "limit"] = load.channels
        values[row.pbx, row.name, "reserved"] = load.reserved
        values[row.pbx, row.name, "ours"] = load.alarms + load.campaigns
        values[row.pbx, row.name, "others"] = load.others
    labels = ("pbx", "trunk")
    return [
        Gauge("dispatcher_trunk_channels", (*labels, "use"), "Channels of a trunk by use.", values),
        Gauge("dispatcher_trunk_up", labels, "Whether a trunk is neither down nor blocked.", up),
    ]


def _pbx_up(tx: Connection, settings: Settings) -> Gauge:
    rows = tx.execute(select(_sessions.c.pbx, _sessions.c.token.is_not(None), _sessions.c.problem)).all()
    up = {pbx: float(bool(logged_in) and not problem) for pbx, logged_in, problem in rows}
    return _by_pbx("dispatcher_pbx_up", "Whether we are logged in at the PBX.", settings, up)


def _report_streams(tx: Connection, now: datetime, settings: Settings) -> Gauge:
    up = streams.up(tx, now)
    values: dict[Labels, float] = {(pbx.name,): float(up[pbx.name]) for pbx in settings.pbx if pbx.name in up}
    explained = "Whether the reports of a PBX that does not post them are being read."
    return Gauge("dispatcher_report_stream_up", ("pbx",), explained, values)


def _by_pbx(name: str, explained: str, settings: Settings, found: dict[str, Any]) -> Gauge:
    values: dict[Labels, float] = {(pbx.name,): float(found.get(pbx.name, 0.0)) for pbx in settings.pbx}
    return Gauge(name, ("pbx",), explained, values)


def _unreconciled(tx: Connection, now: datetime, settings: Settings) -> dict[str, float]:
    """Seconds, by PBX; calls that are up count from the silence on after which they are asked for."""
    silent_before = now - timedelta(seconds=settings.pacing.silence)
    since = doubts.unresolved_since(tx, silent_before)
    return {pbx: (now - at).total_seconds() for pbx, at in since.items()}
