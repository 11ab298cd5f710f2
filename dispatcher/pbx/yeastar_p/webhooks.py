"""Events that the PBX posts (P-Series developer guide, 'Monitor Events via Webhook').

A PBX has a list of up to five webhooks, each with a secret. What it posts carries the base64 of the
HMAC-SHA256 of the raw body in ``X-Signature``. The list is only ever replaced as a whole, so ours is put
beside what is there. Unlike the reports of older families, these do not end with the token.
"""

import hmac
import logging
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.answers import unreadable
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import PbxAccount, Session
from dispatcher.pbx.yeastar.client import objects
from dispatcher.pbx.yeastar_p.api import OpenApi
from dispatcher.pbx.yeastar_p.reports import TOPICS

SIGNATURE = "x-signature"
ALL_EVENTS = 0
"""In place of the ids: every event is posted ('Query Webhook Event Push Settings')."""

_UNANSWERED = (
    Reason.PBX_AWAY,
    Reason.TIMED_OUT,
    Reason.CONNECTION_LOST,
    Reason.HTTP_ERROR,
    Reason.TOKEN_INVALID,
    Reason.LOCKED_OUT,
)

_log = logging.getLogger(__name__)


def signature(secret: str, body: bytes) -> str:
    """What ``X-Signature`` of a body must be."""
    return b64encode(hmac.digest(secret.encode(), body, "sha256")).decode("ascii")


def is_signed(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether a body carries the right signature, compared in constant time; without a secret none is."""
    given = headers.get(SIGNATURE, "").strip().encode()
    return bool(secret) and hmac.compare_digest(given, signature(secret, body).encode())


def aim(api: OpenApi, account: PbxAccount, session: Session) -> None:
    """Have the PBX post a call's events to us, unless it does already.

    Where the PBX answers, and does not let them be set, since its firmware has no webhooks or the account may
    not, that is told in the log only: ours may have been entered by hand, and calls can be placed all the
    same. Raises :class:`PbxError` where there was no answer, or the token is not good.
    """
    try:
        _enter(api, account, session)
    except PbxError as error:
        if error.reason in _UNANSWERED:
            raise
        _log.warning(
            "%s does not let its webhooks be set (%s): enter %s there with webhook_secret, "
            'or write report_transport = "websocket"',
            account.name,
            error.detail,
            account.reports_url,
        )


def _enter(api: OpenApi, account: PbxAccount, session: Session) -> None:
    """Put ours into the list; where the list can't be read whole, it is not replaced."""
    answer = api.get("webhook/query", session)
    data = answer.get("data")
    settings = data if isinstance(data, dict) else answer
    listed = settings.get("webhook_event_push_list")
    if not isinstance(listed, list):
        raise unreadable("webhook/query", "no list of webhooks")
    if settings.get("enb_webhook_event_push") == "0":
        _log.warning("the webhooks of %s are off: tick Webhook Event Push there", account.name)
    items = objects(listed)
    entries = [_entry(item) for item in items]
    if any(_serves(entry, account, _hides(item)) for entry, item in zip(entries, items, strict=True)):
        return
    if any(_hides(item) for item in items if item.get("url") != account.reports_url):
        raise unreadable("webhook/query", "secrets that are not shown, and would be lost")
    ours = {
        "url": account.reports_url,
        "secret": account.webhook_secret,
        "request_method": "POST",
        "event_ids": list(TOPICS),
    }
    others = [entry for entry in entries if entry["url"] != account.reports_url]
    api.post("webhook/update", {"webhook_event_push_list": [*others, ours]}, session)


def _entry(item: Mapping[str, Any]) -> dict[str, Any]:
    """A webhook as it can be written again: the reader has made texts of numbers."""
    ids = item.get("event_ids")
    listed = ids if isinstance(ids, list) else [ids]
    numbers = [int(each) for each in listed if isinstance(each, str) and each.isdecimal()]
    kept = {name: item.get(name) or "" for name in ("url", "secret", "request_method")}
    return kept | {"event_ids": numbers}


def _hides(item: Mapping[str, Any]) -> bool:
    """Whether a webhook's secret is left out or starred. The guide shows them; firmware may know better."""
    secret = item.get("secret", "*") or ""
    return isinstance(secret, str) and bool(secret) and not secret.strip("*")


def _serves(entry: Mapping[str, Any], account: PbxAccount, is_hidden: bool) -> bool:
    """Whether a webhook posts all that is wanted to us, with the right secret as far as it is shown."""
    ids = set(entry["event_ids"])
    return (
        entry["url"] == account.reports_url
        and (is_hidden or entry["secret"] == account.webhook_secret)
        and entry["request_method"].upper() == "POST"
        and (ALL_EVENTS in ids or ids >= set(TOPICS))
    )
