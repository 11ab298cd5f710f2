"""A driver of this family for whatever address a test has."""

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from dispatcher.pbx.protocol import PbxAccount, Session
from dispatcher.pbx.yeastar_p import YeastarP
from tests.pbx.drivers import Drivers, account_at
from tests.pbx.raw_pbx import Behaviour, RawPbx

TOKEN, REFRESH = "EXZMpZA086mbrKm6rFtg", "jPLWxx0s4SNBPMgCfMqR"
SESSION = Session(TOKEN)
WEBHOOK_SECRET = "qD0xSV2wqkMcd8oW7QTgVmRz1LpY5bHs"
BASE = "/openapi/v1.0/"

PAIR = json.dumps(
    {
        "errcode": 0,
        "errmsg": "SUCCESS",
        "access_token_expire_time": 1800,
        "access_token": TOKEN,
        "refresh_token_expire_time": 86400,
        "refresh_token": REFRESH,
    }
).encode()
"""The guide's answer to get_token."""

DONE = b'{"errcode": 0, "errmsg": "SUCCESS"}'

MakeDriver = Callable[..., YeastarP]


def account(url: str, **changed: Any) -> PbxAccount:
    return account_at(url, **({"family": YeastarP.family, "webhook_secret": WEBHOOK_SECRET} | changed))


@pytest.fixture
def driver_for(drivers: Drivers) -> MakeDriver:
    return lambda url, **changed: drivers.make(YeastarP, account(url, **changed))


def in_order(*behaviours: Behaviour) -> Behaviour:
    """These behaviours, one a request."""
    left = iter(behaviours)

    def behave(connection: socket.socket) -> None:
        next(left)(connection)

    return behave


def told(**fields: Any) -> bytes:
    """An answer of success."""
    return json.dumps({"errcode": 0, "errmsg": "SUCCESS", **fields}).encode()


def refusal(code: int) -> bytes:
    """An answer that is none."""
    return json.dumps({"errcode": code, "errmsg": "FAILURE"}).encode()


def asked(pbx: RawPbx) -> list[tuple[str, str, Any]]:
    """Every request: its method, its path with its query, and the JSON of its body."""
    found = []
    for request in pbx.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        method, target, _ = head.decode().partition("\r\n")[0].split(" ")
        assert target.startswith(BASE)
        found.append((method, target.removeprefix(BASE), json.loads(body) if body else None))
    return found
