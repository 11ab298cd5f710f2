"""The web page at ``/``: files of this package, served as they are, to whoever asks.

The page holds nothing secret: what it shows, its script asks the API for, with a key where one is
needed.
"""

import hashlib
from functools import cache
from importlib import resources

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dispatcher.api.problems import Problem

router = APIRouter(include_in_schema=False)

_FILES = {
    "index.html": "text/html; charset=utf-8",
    "watch.css": "text/css; charset=utf-8",
    "watch.js": "text/javascript; charset=utf-8",
    "cards.js": "text/javascript; charset=utf-8",
    "api.js": "text/javascript; charset=utf-8",
    "shapes.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

_HEADERS = {
    # Nothing but these files and this API: what a label of an alarm might smuggle in can't run.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@cache
def _file(name: str) -> tuple[bytes, str]:
    """A file's content and its entity tag."""
    content = resources.files("dispatcher.api").joinpath("web", name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@router.get("/")
def index(request: Request) -> Response:
    """The page."""
    return static_file("index.html", request)


@router.get("/favicon.ico")
def icon(request: Request) -> Response:
    """What browsers ask for by themselves."""
    return static_file("icon.svg", request)


@router.get("/web/{name}")
def static_file(name: str, request: Request) -> Response:
    """A file of the page."""
    kind = _FILES.get(name)
    if kind is None:
        raise Problem(404, "there is no such file")
    content, tag = _file(name)
    headers = _HEADERS | {"ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)
