"""The application: routers, keys, checked bodies and problem documents, around one core."""

import re
from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from dispatcher.api import (
    alarms,
    calendars,
    calls,
    campaigns,
    contacts,
    do_not_call,
    events,
    groups,
    health,
    heartbeats,
    outgoing,
    page,
    policies,
    problems,
    proof,
    schedules,
    silences,
    trail,
    trials,
    trunks,
    webhooks,
)
from dispatcher.api.auth import Keys
from dispatcher.api.bodies import CheckedBodies
from dispatcher.api.description import DescribedApi
from dispatcher.api.gauges import Gauges
from dispatcher.core import Core
from dispatcher.intake.policies import warn_of_unfit_policies

ROUTERS: tuple[APIRouter, ...] = (
    alarms.router,
    proof.router,
    trials.router,
    webhooks.router,
    campaigns.router,
    calls.router,
    trunks.router,
    contacts.router,
    groups.router,
    schedules.router,
    policies.router,
    silences.silences_router,
    silences.inhibitions_router,
    calendars.router,
    do_not_call.router,
    heartbeats.router,
    outgoing.router,
    events.router,
    trail.router,
    page.router,
    health.router,
)
"""Everything that is served, in the order in which /docs shows it."""

STREAMED = (
    re.compile(r"/v1/campaigns/[^/]+/contacts"),
    re.compile(r"/v1/do-not-call/import"),
    re.compile(r"/v1/heartbeats/[^/]+/ping"),
    re.compile(r"/v1/schedules/[^/]+/calendar"),
)
"""Paths whose endpoints read bodies of any size themselves, or read none."""

NOTIFICATIONS = re.compile(r"/v1/intake/[^/]+")
"""Paths at which one body may hold all alerts of a bad night."""

_DESCRIPTION = """\
Turns alarms and campaign rows into telephone calls that are proven heard.

* `Authorization: Bearer TOKEN` with a key of the configuration; its scopes are `intake`, `operate`
  (which includes `read`), `read` and `admin` (which includes all). Without configured keys only
  this machine may ask.
* Errors are problem documents (RFC 9457); a 422 lists under `errors` every field and its mending.
* Times are RFC 3339 in UTC. Characters that no database can hold (NUL) are stored as U+FFFD.
* 202 and 200 come after the change is durable. A 503 means that nothing was stored: send it again.
* Lists come in pages: `limit` to 500, and `next_cursor` as the next request's `cursor`.
"""


def make_app(core: Core) -> FastAPI:
    """The API over ``core``. Nothing is read or written before the first request."""
    warn_of_unfit_policies(core.settings)
    app = DescribedApi(
        title="IVR alarm and campaign dispatcher",
        version=version("ivr-dispatcher"),
        description=_DESCRIPTION,
        responses=problems.RESPONSES,
        webhooks=outgoing.described,
    )
    app.state.core = core
    app.state.keys = Keys(core.settings.api.key)
    app.state.gauges = Gauges()
    app.state.feed = events.make_feed(core)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(
        CheckedBodies,
        limit=core.settings.api.max_body_bytes,
        streamed=STREAMED,
        others={NOTIFICATIONS: (core.settings.intake.max_body_bytes, "intake.max_body_bytes")},
    )
    problems.install(app)
    return app
