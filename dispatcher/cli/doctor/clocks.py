"""The PBX's clock and time zone: call records are asked for, and told apart, by the PBX's own times."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from sqlalchemy import select

from dispatcher.cli.doctor.findings import Finding, ok, skip, warn
from dispatcher.cli.doctor.last_calls import last_accepted
from dispatcher.cli.doctor.menus import menus_of
from dispatcher.clock import utc_now
from dispatcher.config import PbxSettings
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import Driver, SeesClock
from dispatcher.sessions import Sessions
from dispatcher.store.engine import Store
from dispatcher.store.tables import RawReport, table

_reports = table(RawReport)

TOLERATED = timedelta(seconds=30)
"""Call records are asked for with minutes to spare, so that less does no harm."""

ZONE_TOLERATED = timedelta(minutes=10)
_ENOUGH = 5.0
_RECENT = timedelta(days=7)
_UNIQUE_ID = re.compile(r"([0-9]{10})\.[0-9]+")
"""A callid begins with the PBX's clock, in Unix seconds, where it is Asterisk's unique id."""


def check_clock(pbx: PbxSettings, driver: Driver, store: Store, sessions: Sessions) -> Iterator[Finding]:
    """How far the PBX's clock is off, and whether ``timezone`` is the zone of its records."""
    check = f"clock of {pbx.name}"
    last = _last_call(pbx, store)
    ahead, source = _by_http(pbx), "its web server"
    if isinstance(driver, SeesClock):
        ahead, source = _by_itself(pbx, driver, sessions), "what it says itself"
    if ahead is None and last is not None:
        ahead, source = _epoch(last.callid) - last.accepted_at, "the callid of its last call"
    if ahead is None:
        yield skip(check, "its web server tells no time; it shows after the first call")
    elif abs(ahead) <= TOLERATED:
        yield ok(check, f"right within {TOLERATED.seconds} s, by {source}")
    else:
        word = "fast" if ahead > timedelta(0) else "slow"
        detail = f"{_words(abs(ahead))} {word}, by {source}"
        mend = f"Let the PBX and this machine keep time by NTP; on the PBX under {menus_of(pbx.family).clock}"
        yield warn(check, detail, mend)
    if last is not None:
        yield from _zone(pbx, driver, store, last)


def _zone(pbx: PbxSettings, driver: Driver, store: Store, last: Any) -> Iterator[Finding]:
    """Compare a record's local time with the callid, which is of the same clock and knows no zone."""
    started = _started(driver, store, last.id)
    if started is None:
        return
    check = f"time zone of {pbx.name}"
    off = started.replace(tzinfo=pbx.zone()).astimezone(UTC) - _epoch(last.callid)
    if abs(off) <= ZONE_TOLERATED:
        yield ok(check, f"its records are in {pbx.timezone}, as configured")
        return
    word = "ahead of" if off > timedelta(0) else "behind"
    mend = (
        f"Write in timezone the zone that the PBX has under {menus_of(pbx.family).clock}: "
        "lost reports are made up for from its records, by their time"
    )
    yield warn(check, f"its records are {_words(abs(off))} {word} the time of {pbx.timezone}", mend)


def _by_itself(pbx: PbxSettings, driver: SeesClock, sessions: Sessions) -> timedelta | None:
    """By how much the PBX's own clock is ahead; None where it does not answer."""
    begun = utc_now()
    try:
        told = sessions.use(pbx.name, lambda _, session: driver.clock(session))
    except PbxError:
        return None
    return told - (begun + (utc_now() - begun) / 2)


def _by_http(pbx: PbxSettings) -> timedelta | None:
    """By how much the ``Date`` of the PBX's web server is ahead; None where it tells none."""
    if not pbx.url:
        return None
    context = httpx.create_ssl_context(verify=pbx.verify_tls, trust_env=False)
    if pbx.verify_tls:
        context.load_default_certs()
    begun = utc_now()
    try:
        answer = httpx.head(pbx.url, timeout=_ENOUGH, verify=context, trust_env=False)
        told = parsedate_to_datetime(answer.headers["Date"])
    except (httpx.HTTPError, KeyError, ValueError):
        return None
    if told.tzinfo is None:
        return None
    # Whole seconds are told: the time lies somewhere in the one that follows.
    between = begun + (utc_now() - begun) / 2
    return told + timedelta(seconds=0.5) - between


def _last_call(pbx: PbxSettings, store: Store) -> Any:
    """The last call that the PBX accepted and named by its clock, if that is not too long ago."""
    with store.read() as tx:
        found = last_accepted(tx, pbx.name)
    named = [row for row in found if _UNIQUE_ID.fullmatch(row.callid or "") and row.accepted_at]
    last = max(named, key=lambda row: row.accepted_at, default=None)
    return last if last is not None and last.accepted_at > utc_now() - _RECENT else None


def _started(driver: Driver, store: Store, attempt_id: str) -> datetime | None:
    """When the PBX's record says that an attempt's call began, in the PBX's own zone."""
    with store.read() as tx:
        bodies = (
            tx.execute(select(_reports.c.body).where(_reports.c.attempt_id == attempt_id)).scalars().all()
        )
    for body in bodies:
        try:
            reports = driver.parse(body.encode())
            started = [report.cdr.started for report in reports if report.cdr is not None]
            return datetime.fromisoformat(started[0])
        except (ValueError, IndexError):
            continue
    return None


def _epoch(callid: str) -> datetime:
    return datetime.fromtimestamp(int(callid.partition(".")[0]), UTC)


def _words(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
