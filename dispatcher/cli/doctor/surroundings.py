"""The dispatcher's own surroundings: configuration, database, broker."""

from collections.abc import Iterator
from pathlib import Path

import redis
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from dispatcher.cli.doctor.findings import Finding, counted, fail, ok, warn
from dispatcher.config import Settings
from dispatcher.domain.vocabulary import TargetKind
from dispatcher.pbx.registry import CAPABILITIES
from dispatcher.store import schema

_ENOUGH = 5.0
"""Seconds for Redis to answer."""


def check_config(settings: Settings) -> Iterator[Finding]:
    """What was read, and what is missing for anybody to be called."""
    trunks = sum(len(pbx.trunk) for pbx in settings.pbx)
    found = (
        counted(len(settings.pbx), "PBX", "PBXs"),
        counted(trunks, "trunk", "trunks"),
        counted(len(settings.policy), "policy", "policies"),
    )
    detail = f"{settings.source}: {', '.join(found)}"
    if not settings.pbx:
        yield warn("configuration", detail, "Add a [[pbx]] with a [[pbx.trunk]]: nobody can be called yet")
    elif not trunks and any(CAPABILITIES[pbx.family].proofs(TargetKind.NUMBER) for pbx in settings.pbx):
        yield warn(
            "configuration", detail, "Add a [[pbx.trunk]]: only the PBX's own extensions can be called"
        )
    else:
        yield ok("configuration", detail)


def check_store(settings: Settings) -> Finding:
    """Whether the database answers and has the newest schema."""
    shown = settings.store.shown()
    place = make_url(settings.store.url)
    if place.get_backend_name() == "sqlite" and not Path(str(place.database)).exists():
        return fail("database", f"{shown} does not exist yet", "Run `dispatcher migrate`")
    try:
        found, newest = schema.current(settings.store.url), schema.newest()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        return fail("database", f"{shown}: {reason}", "Start the database, or correct store.url")
    if found != newest:
        has = f"has schema {found}" if found else "has no schema"
        return fail("database", f"{shown} {has}; the newest is {newest}", "Run `dispatcher migrate`")
    return ok("database", f"{shown} answers and has the newest schema, {found}")


def check_broker(settings: Settings) -> Finding:
    """Whether Redis answers, where it is used."""
    if not settings.broker.url:
        return ok("broker", "in-process, for `dispatcher up`; roles of their own need Redis (broker.url)")
    shown = settings.broker.shown()
    client = redis.Redis.from_url(settings.broker.url, socket_timeout=_ENOUGH, socket_connect_timeout=_ENOUGH)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        return fail("broker", f"{shown}: {error}", "Start Redis, or correct broker.url")
    finally:
        client.close()
    return ok("broker", f"{shown} answers")
