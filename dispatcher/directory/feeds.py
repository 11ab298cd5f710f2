"""Calendars of schedules: handed in as a text, or fetched from a feed again and again.

A feed that can't be fetched, or holds no calendar, is no reason to forget who is on call: the text of
the last time stays, and the problem is shown.
"""

import logging
import time
from datetime import timedelta
from urllib.parse import urlsplit

import httpx

from dispatcher.core import Core
from dispatcher.directory.calendars import MOST_BYTES, BadCalendar, check
from dispatcher.directory.schedules import found
from dispatcher.directory.trail import tell
from dispatcher.domain.vocabulary import Kept
from dispatcher.errors import Fault, Refused
from dispatcher.logs import keep_answer_headers_out
from dispatcher.store import schedules as store
from dispatcher.work import Work, carry_out

_log = logging.getLogger(__name__)

EVERY = timedelta(minutes=15)
AGAIN = timedelta(minutes=5)
"""After a fetch that failed."""

_ANSWER_SECONDS = 10.0
_LONGEST_SECONDS = 20.0
_MOST_REDIRECTS = 3


class NotFetched(Exception):
    """A feed that gave no calendar; its message says why, without the feed's address."""


def put_text(work: Work, name: str, text: str, by: str = "") -> None:
    """Make ``text`` the schedule's calendar; a feed is given up. Raises Unknown and :class:`Refused`."""
    found(work, name, lock=True)
    try:
        check(text, work.now)
    except BadCalendar as error:
        raise Refused(Fault((), str(error))) from None
    columns = {"calendar": text, "calendar_at": work.now, "calendar_url": None, "calendar_due_at": None}
    store.change(work.tx, name, {**columns, "calendar_problem": "", "updated_at": work.now})
    _tell(work, name, "a calendar was handed in", by)


def put_feed(work: Work, name: str, url: str, by: str = "") -> None:
    """Have the schedule's calendar fetched from ``url``, at once and then again and again. Raises Unknown.

    What is there stays until the first fetch has come home.
    """
    found(work, name, lock=True)
    columns = {"calendar_url": url, "calendar_due_at": work.now, "calendar_problem": "not fetched yet"}
    store.change(work.tx, name, {**columns, "updated_at": work.now})
    # The rest of a feed's address is a secret.
    _tell(work, name, f"its calendar is fetched from {urlsplit(url).hostname}", by)


def remove(work: Work, name: str, by: str = "") -> None:
    """Take the schedule's calendar away, and its feed. Raises :class:`Unknown`."""
    found(work, name, lock=True)
    columns = dict.fromkeys(("calendar", "calendar_at", "calendar_url", "calendar_due_at"))
    store.change(work.tx, name, {**columns, "calendar_problem": "", "updated_at": work.now})
    _tell(work, name, "its calendar was taken away", by)


def _tell(work: Work, name: str, what: str, by: str) -> None:
    tell(work, Kept.SCHEDULE, name, "calendar", f"{what}, by {by or 'nobody known'}", {"by": by})


def refetch(core: Core) -> None:
    """Fetch the feed that has been due for longest: for upkeep, which may have to end between two."""
    with core.store.read() as tx:
        due = store.feed_due(tx, core.clock())
    if due is not None:
        fetch(core, *due)


def fetch(core: Core, name: str, url: str) -> None:
    """Fetch one feed, and keep its text or why there is none."""
    try:
        text = _fetched(url)
        check(text, core.clock())
    except (NotFetched, BadCalendar) as error:
        _log.warning("the calendar of the schedule %s: %s", name, error)
        values = {"calendar_problem": str(error), "calendar_due_at": core.clock() + AGAIN}
    else:
        now = core.clock()
        values = {
            "calendar": text,
            "calendar_at": now,
            "calendar_problem": "",
            "calendar_due_at": now + EVERY,
        }
    carry_out(core, lambda work: store.note_fetch(work.tx, name, url, values))


def _fetched(url: str) -> str:
    """What the feed holds. Raises :class:`NotFetched`."""
    keep_answer_headers_out()
    host = urlsplit(url).hostname
    try:
        with (
            httpx.Client(
                timeout=_ANSWER_SECONDS, follow_redirects=True, max_redirects=_MOST_REDIRECTS
            ) as client,
            client.stream("GET", url, headers={"Accept": "text/calendar, */*;q=0.5"}) as answer,
        ):
            if not answer.is_success:
                raise NotFetched(f"{host} answered {answer.status_code}")
            body = _body(answer)
    except httpx.TimeoutException:
        raise NotFetched(f"{host} did not answer within {_ANSWER_SECONDS:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotFetched(f"{host} can't be read: {type(error).__name__}") from None
    return body.decode("utf-8-sig", "replace").replace("\x00", "\ufffd")


def _body(answer: httpx.Response) -> bytes:
    until = time.monotonic() + _LONGEST_SECONDS
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > MOST_BYTES:
            raise NotFetched(f"the calendar is larger than {MOST_BYTES} bytes")
        if time.monotonic() > until:
            raise NotFetched(f"the calendar did not come within {_LONGEST_SECONDS:g} seconds")
    return bytes(body)
