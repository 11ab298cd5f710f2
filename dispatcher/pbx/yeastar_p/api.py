"""Requests to ``/openapi/v1.0/`` and what their answers mean (P-Series developer guide, 'Request Structure').

Every request says ``User-Agent: OpenAPI``, without which the PBX answers 40002, and carries its token in the
query, where alone it is looked for. HTTP says 200 to everything; an ``errcode`` other than 0 is an error.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.answers import unreadable
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.http import PbxHttp
from dispatcher.pbx.protocol import PbxAccount, Session
from dispatcher.pbx.yeastar.client import Errno, objects, text
from dispatcher.pbx.yeastar.lenient import read_object
from dispatcher.pbx.yeastar.tokens import bare
from dispatcher.pbx.yeastar_p.errcodes import of_login, of_request

BASE = "/openapi/v1.0/"
USER_AGENT = "OpenAPI"
PAGE_SIZE = 1000
"""Entries of one page; up to 10 000 are allowed."""

MOST_PAGES = 100

Meanings = Callable[[int], Errno | None]


class OpenApi:
    """Sends one request at a time to one PBX. Thread-safe. Every method raises :class:`PbxError`."""

    def __init__(self, account: PbxAccount) -> None:
        self._account = account
        self._http = PbxHttp(
            account.url,
            verify_tls=account.verify_tls,
            timeout=account.timeout_seconds,
            headers={"User-Agent": USER_AGENT},
        )

    def log_in(self) -> dict[str, Any]:
        """A new pair of tokens. The secret goes as it is: this API knows no digest."""
        credentials = {"username": self._account.username, "password": self._account.password}
        return self.post("get_token", credentials, meanings=of_login)

    def get(self, endpoint: str, session: Session, **params: str) -> dict[str, Any]:
        """Ask for something, once; the answer's fields with their keys in lower case."""
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in params.items())
        token = access_token(session)
        answer = self._http.send("GET", BASE + endpoint, query=f"{query}&{token}" if query else token)
        return _read(endpoint, answer.body, of_request)

    def post(
        self,
        endpoint: str,
        body: Mapping[str, Any],
        session: Session | None = None,
        meanings: Meanings = of_request,
    ) -> dict[str, Any]:
        """Send ``body``, once; ``meanings`` of error codes may be the request's own."""
        query = access_token(session) if session is not None else ""
        return _read(endpoint, self._http.post(BASE + endpoint, json.dumps(body).encode(), query), meanings)

    def listed(self, endpoint: str, session: Session, **params: str) -> list[dict[str, Any]]:
        """The entries of ``data``; that there are none comes as an error, or as no list (inferred)."""
        return self._page(endpoint, session, params)[0]

    def pages(self, endpoint: str, session: Session, **params: str) -> list[dict[str, Any]]:
        """The entries of every page of a list; :class:`PbxInDoubt` where they can't all be had."""
        found: list[dict[str, Any]] = []
        for page in range(1, MOST_PAGES + 1):
            wanted = params | {"page": str(page), "page_size": str(PAGE_SIZE)}
            entries, total = self._page(endpoint, session, wanted)
            found += entries
            if total is not None and len(found) >= total:
                return found
            if not entries and total is None:
                return found
            if not entries:
                raise unreadable(endpoint, f"{len(found)} of {total} entries")
        raise unreadable(endpoint, f"more than {MOST_PAGES} pages")

    def _page(
        self, endpoint: str, session: Session, params: Mapping[str, str]
    ) -> tuple[list[dict[str, Any]], int | None]:
        """The entries of one page, and how many there are on all, where that is told."""
        try:
            answer = self.get(endpoint, session, **params)
        except PbxRefused as refusal:
            if refusal.reason is Reason.NOTHING_FOUND:
                return [], None
            raise
        total = text(answer.get("total_number"))
        return objects(answer.get("data")), int(total) if total.isascii() and total.isdigit() else None

    def close(self) -> None:
        """Drop the connections."""
        self._http.close()


def access_token(session: Session) -> str:
    """The token as the query carries it."""
    return f"access_token={quote(bare(session).token, safe='')}"


def _read(endpoint: str, body: bytes, meanings: Meanings) -> dict[str, Any]:
    """The fields of an answer of success; raises what any other means."""
    try:
        answer = read_object(body, whole=True)
    except ValueError:
        raise PbxInDoubt(Reason.RESPONSE_UNREADABLE, f"{endpoint}: the answer is not JSON") from None
    error = error_in(endpoint, answer, meanings)
    if error is not None:
        raise error
    return answer


def error_in(endpoint: str, answer: Mapping[str, Any], meanings: Meanings = of_request) -> PbxError | None:
    """The error that an answer tells of; None where it says that all went well."""
    code = text(answer.get("errcode"))
    digits = code.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        return unreadable(endpoint, "no errcode")
    if int(code) == 0:
        return None
    known = meanings(int(code))
    if known is not None:
        return known.error(f"{endpoint}: errcode {code}")
    return PbxInDoubt(Reason.PBX_FAULT, f"{endpoint}: errcode {code}, which the guide does not list")
