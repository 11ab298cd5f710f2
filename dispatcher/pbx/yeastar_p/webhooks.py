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
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import PbxAccount, Session
from dispatcher.pbx.yeastar.client import objects
from dispatcher.pbx.yeastar_p.api import OpenApi
from dispatcher.pbx.yeastar_p.reports import TOPICS

SIGNATURE = "x-signature"
ALL_EVENTS = "0"
"""In place of the ids: every event is posted ('Query Webhook Event Push Settings')."""

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

    Firmware that has no webhooks, or an API account that may not set them, is told of in the log: the webhook
    may have been entered on the PBX by hand. Raises what other requests raise.
    """
    try:
        settings = _settings(api, session)
        if settings.get("enb_webhook_event_push") == "0":
            _log.warning(
                "the webhooks of %s are off: tick Webhook Event Push under Integrations > API", account.name
            )
        entries = [_entry(item) for item in objects(settings.get("webhook_event_push_list"))]
        others = [entry for entry in entries if entry["url"] != account.reports_url]
        if len(others) == len(entries) or not all(
            _serves(entry, account) for entry in entries if entry not in others
        ):
            ours = {
                "url": account.reports_url,
                "secret": account.webhook_secret,
                "request_method": "POST",
                "event_ids": list(TOPICS),
            }
            api.post("webhook/update", {"webhook_event_push_list": [*others, ours]}, session)
    except PbxRefused as refusal:
        if refusal.reason not in (Reason.UNSUPPORTED, Reason.PBX_CONFIG):
            raise
        _log.warning(
            "%s does not let its webhooks be set (%s): enter %s there with webhook_secret, "
            'or write report_transport = "websocket"',
            account.name,
            refusal.detail,
            account.reports_url,
        )


def _settings(api: OpenApi, session: Session) -> dict[str, Any]:
    """The PBX's webhooks: within ``data`` by the guide, beside it in public code."""
    answer = api.get("webhook/query", session)
    found = answer.get("data")
    return found if isinstance(found, dict) else answer


def _entry(item: Mapping[str, Any]) -> dict[str, Any]:
    """A webhook as it can be written again: the reader makes texts of numbers."""
    listed = item.get("event_ids")
    ids = listed if isinstance(listed, list) else [listed]
    numbers = [int(each) for each in ids if isinstance(each, str) and each.isdecimal()]
    return {"url": "", "secret": "", "request_method": "POST"} | dict(item) | {"event_ids": numbers}


def _serves(entry: Mapping[str, Any], account: PbxAccount) -> bool:
    """Whether a webhook of our address posts all that is wanted, with the right secret."""
    ids = entry["event_ids"]
    return (
        entry["secret"] == account.webhook_secret
        and entry["request_method"].upper() == "POST"
        and (int(ALL_EVENTS) in ids or set(TOPICS) <= set(ids))
    )
