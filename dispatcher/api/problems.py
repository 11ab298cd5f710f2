"""Every error as a problem document (RFC 9457): what is wrong, where, and how to mend it."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from dispatcher.errors import Clash, NotPossible, Place, Refused, Unknown
from dispatcher.store.engine import is_conflict, is_outage

_log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
Failure = TypeVar("Failure", bound=Exception)


class FaultDocument(BaseModel):
    """One thing that is wrong with a request."""

    field: str = Field(examples=["to.0.number"])
    detail: str = Field(description="What is wrong and how to mend it.")
    source: str = Field(alias="in", examples=["body"], description="`body`, `query`, `path` or `header`.")
    pointer: str | None = Field(None, description="The field as JSON pointer.", examples=["#/to/0/number"])


class ProblemDocument(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Entity"])
    status: int
    detail: str = Field(description="What is wrong and how to mend it.")
    errors: list[FaultDocument] | None = Field(None, description="Of a 422: every field that is wrong.")
    current_status: str | None = Field(None, description="Of a 409: the status that does not allow this.")


def _documented(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


RESPONSES: dict[int | str, dict[str, Any]] = {
    401: _documented("No API key, or one that is not known."),
    403: _documented("The key lacks the scope."),
    422: _documented("The request can't be carried out; `errors` names every field and its mending."),
    503: _documented("The database is away. Nothing was stored; send it again after `Retry-After` seconds."),
    "default": {"model": ProblemDocument, "description": "Any other error."},
}
"""The errors that every endpoint may answer with, for the API's description."""


class Problem(Exception):
    """An error answer, raised anywhere below an endpoint. ``extra`` members are added to the document."""

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.extra = extra

    def response(self) -> Response:
        """The problem as an answer."""
        return problem(self.status, self.detail, self.headers, **self.extra)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **extra: Any) -> Response:
    """A problem document with its status."""
    document = problem_members(status, detail) | extra
    return Response(json.dumps(document), status, dict(headers or {}), MEDIA_TYPE)


def problem_members(status: int, detail: str) -> dict[str, Any]:
    """The members that every problem document has."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}


def fault_document(place: Place, detail: str, source: str = "body") -> dict[str, str]:
    """One entry of ``errors``: the place as dotted ``field`` and as JSON pointer, and what to mend."""
    entry = {"field": ".".join(str(part) for part in place), "detail": detail, "in": source}
    if source == "body":
        entry["pointer"] = "#" + "".join(f"/{_escaped(part)}" for part in place)
    return entry


def _escaped(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def outage() -> Response:
    """The answer while the database is away or too busy: nothing was stored, ask again soon."""
    return problem(
        503,
        "the database is away or too busy; nothing was stored, send the request again",
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def install(app: FastAPI) -> None:
    """Let every error of ``app`` be answered with a problem document."""
    _answer(app, Problem, Problem.response)
    _answer(app, Refused, _refused)
    _answer(app, Unknown, lambda error: problem(404, str(error)))
    _answer(app, Clash, lambda error: problem(409, str(error)))
    _answer(app, NotPossible, lambda error: problem(409, str(error), current_status=error.status))
    _answer(app, RequestValidationError, _invalid)
    _answer(app, HTTPException, _http)
    _answer(app, SQLAlchemyError, _database)
    app.add_middleware(Unexpected)


def _answer(app: FastAPI, kind: type[Failure], answer: Callable[[Failure], Response]) -> None:
    async def handler(_request: Request, error: Exception) -> Response:
        return answer(cast(Failure, error))

    app.add_exception_handler(kind, handler)


def _refused(error: Refused) -> Response:
    return _with_faults([fault_document(fault.place, fault.detail, fault.source) for fault in error.faults])


def _invalid(error: RequestValidationError) -> Response:
    """What pydantic found. Its messages are passed on, the refused values are not."""
    faults = []
    for item in error.errors():
        source, *place = item["loc"]
        if source == "body":
            missing = place[-1:] if item["type"] == "missing" else []
            place = _sent(place[: len(place) - len(missing)], error.body) + missing
            # Of members that do not fit together pydantic names none.
            place += getattr(item.get("ctx", {}).get("error"), "place", ())
        fault = fault_document(tuple(place), item["msg"].removeprefix("Value error, "), str(source))
        if fault not in faults:
            faults.append(fault)
    return _with_faults(faults)


def _sent(place: Iterable[str | int], body: Any) -> list[str | int]:
    """What of a place the request really has: pydantic also names the types that it has tried there."""
    found: list[str | int] = []
    for part in place:
        if isinstance(body, Mapping) and part in body:
            body = body[str(part)]
        elif isinstance(body, list) and isinstance(part, int) and part < len(body):
            body = body[part]
        else:
            continue
        found.append(part)
    return found


def _with_faults(faults: list[dict[str, str]]) -> Response:
    told = [f"{fault['field']}: {fault['detail']}" if fault["field"] else fault["detail"] for fault in faults]
    return problem(422, "; ".join(told), errors=faults)


def _http(error: HTTPException) -> Response:
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
        detail = "there is nothing at this path; /docs lists what there is"
    return problem(error.status_code, detail, error.headers)


def _database(error: SQLAlchemyError) -> Response:
    # The text of a database error may hold the values of its statement, so only its kind is logged.
    kind = type(getattr(error, "orig", None) or error).__name__
    if is_outage(error) or is_conflict(error):
        _log.warning("the database is away or too busy: %s", kind)
        return outage()
    _log.error("a statement failed with %s: %s", kind, getattr(error, "statement", None))
    return unexpected()


def unexpected() -> Response:
    """The answer to our own mistakes: nothing of the inside is told."""
    return problem(500, "the request failed for a reason that is not the request's; the server's log has it")


class Unexpected:
    """Answers what no handler knows with a plain 500, unless the answer has already begun."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and catch."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def noting(message: Any) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            _log.exception("%s %s failed", scope["method"], scope["path"])
            if begun:
                raise
            await unexpected()(scope, receive, send)
