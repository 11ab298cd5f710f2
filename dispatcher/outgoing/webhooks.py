"""Making, changing and trying webhooks, and sending again what was given up."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from httpx import URL, InvalidURL
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from dispatcher.config.fields import Name
from dispatcher.directory.trail import note, tell
from dispatcher.domain.outgoing import FAMILIES, GIVE_UP_AFTER, Kind
from dispatcher.domain.vocabulary import DeliveryState, Kept
from dispatcher.errors import Clash, Fault, NotPossible, Refused, Unknown
from dispatcher.outgoing.documents import envelope
from dispatcher.outgoing.post import is_public
from dispatcher.signing import checked_secret, new_secret
from dispatcher.store import deliveries, webhooks
from dispatcher.store.ids import new_id
from dispatcher.work import Work

RESERVED = ("deliveries",)
"""Names that are paths of the API beside the webhooks' own."""


def _web_address(value: str) -> str:
    mend = "write an address such as https://desk.example.org/hook"
    try:
        url = URL(value)
    except InvalidURL:
        raise ValueError(f"not a web address: {mend}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"must begin with http:// or https:// and name a host: {mend}")
    if url.userinfo:
        raise ValueError("must not hold a user name or password: the signature shows who sends")
    return value


def _kind(value: str) -> str:
    if value not in tuple(Kind) and value not in FAMILIES:
        raise ValueError(f"there is no such kind; there are {', '.join((*FAMILIES, *Kind))}")
    return value


def _free_name(value: str) -> str:
    if value in RESERVED:
        raise ValueError("this word means something else here; take another name")
    return value


WebAddress = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_web_address)]
Kinds = Annotated[list[Annotated[str, AfterValidator(_kind)]], Field(max_length=100)]
Secret = Annotated[str, AfterValidator(checked_secret)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class NewWebhook(_Asked):
    """Somebody who is to be told."""

    name: Annotated[Name, AfterValidator(_free_name)] = Field(examples=["service-desk"])
    url: WebAddress = Field(examples=["https://desk.example.org/hooks/dispatcher"])
    kinds: Kinds = Field(
        default=[],
        description=f"What is told: kinds, or {', '.join(FAMILIES)} for all of one subject; empty for all.",
        examples=[["alarm.*", "campaign.finished"]],
    )
    active: bool = True
    secret: Secret | None = Field(
        default=None, description="`whsec_` and 24 to 64 bytes in base64; left out, one is made."
    )


class WebhookChange(_Asked):
    """What is to be different; what is left out stays."""

    url: WebAddress | None = None
    kinds: Kinds | None = Field(None, examples=[["alarm.*"]])
    active: bool | None = Field(None, description="`false` gives up what waits; it can be replayed.")


class Rotation(_Asked):
    """A new secret."""

    secret: Secret | None = Field(default=None, description="Left out, one is made.")
    overlap: Annotated[float, Field(ge=0, le=30 * 86_400, allow_inf_nan=False)] = Field(
        default=86_400.0, description="Seconds for which messages are signed with the old one too."
    )


def create(work: Work, asked: NewWebhook, by: str = "") -> str:
    """Make a webhook; returns its secret, which is not shown again. Raises ``Refused`` and ``Clash``."""
    _check_address(work, asked.url)
    secret = asked.secret or new_secret()
    row = {
        "name": asked.name,
        "url": asked.url,
        "secret": secret,
        "kinds": asked.kinds or None,
        "active": asked.active,
        "stopped_why": "",
        "after_event": webhooks.newest_event(work.tx),
        "created_at": work.now,
        "updated_at": work.now,
    }
    if not webhooks.add(work.tx, row):
        raise Clash(f"there is a webhook {asked.name!r} already")
    note(work, Kept.WEBHOOK, asked.name, by, after=_told(row))
    return secret


def change(work: Work, name: str, asked: WebhookChange, by: str = "") -> None:
    """Change a webhook. What waits goes to a new address, and is given up by one that is made inactive."""
    row = _found(work, name)
    columns: dict[str, Any] = {"updated_at": work.now}
    if asked.url is not None and asked.url != row.url:
        _check_address(work, asked.url)
        columns["url"] = asked.url
        deliveries.readdress(work.tx, name, asked.url)
    if asked.kinds is not None:
        columns["kinds"] = asked.kinds or None
    if asked.active is not None and asked.active != row.active:
        columns |= {"active": asked.active, "stopped_why": ""}
        if asked.active:
            columns["after_event"] = webhooks.newest_event(work.tx)
        else:
            deliveries.bury(
                work.tx, work.now, "the webhook was made inactive", webhook=name, campaign_id=None
            )
    webhooks.change(work.tx, name, columns)
    before = dict(row._mapping)
    note(work, Kept.WEBHOOK, name, by, before=_told(before), after=_told(before | columns))


def rotate(work: Work, name: str, asked: Rotation, by: str = "") -> str:
    """Give a webhook a new secret, and return it; for a while messages are signed with both."""
    row = _found(work, name)
    secret = asked.secret or new_secret()
    until = work.now + timedelta(seconds=asked.overlap)
    kept = {"previous_secret": row.secret, "previous_until": until} if asked.overlap else {}
    plain = {"previous_secret": None, "previous_until": None}
    webhooks.change(work.tx, name, {"secret": secret, "updated_at": work.now} | plain | kept)
    tell(work, Kept.WEBHOOK, name, "changed", f"changed by {by or 'nobody known'}: secret", {"by": by})
    return secret


def remove(work: Work, name: str, by: str = "") -> None:
    """Delete a webhook, and with it what was or is to be sent to it."""
    row = _found(work, name)
    webhooks.remove(work.tx, name)
    note(work, Kept.WEBHOOK, name, by, before=_told(row._mapping))


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit trail says of a webhook.

    Whoever knows some addresses may write to them, so only the host is told; a digest shows that the rest is
    another.
    """
    url = URL(row["url"])
    digest = hashlib.sha256(row["url"].encode()).hexdigest()[:8]
    address = f"{url.scheme}://{url.netloc.decode()}/… (#{digest})"
    return {"url": address, "kinds": row["kinds"], "active": "yes" if row["active"] else "no"}


def test(work: Work, name: str) -> int:
    """Write a message of the kind ``webhook.test``; returns its id. Raises ``NotPossible`` when inactive."""
    row = _found(work, name)
    _check_active(row)
    message_id = f"msg_{new_id()}"
    body = envelope(Kind.WEBHOOK_TEST, work.now, {"webhook": name, "message": "The way to you works."})
    written = {
        "message_id": message_id,
        "kind": Kind.WEBHOOK_TEST,
        "webhook": name,
        "campaign_id": None,
        "receiver": name,
        "url": row.url,
        "body": body,
        "next_at": work.now,
        "give_up_at": work.now + GIVE_UP_AFTER,
        "created_at": work.now,
    }
    deliveries.write(work.tx, [written])
    return deliveries.newest(work.tx, message_id)


def replay(work: Work, key: int) -> None:
    """Send a message again that was given up, or sent. Raises ``Unknown`` and ``NotPossible``."""
    row = deliveries.find(work.tx, key)
    if row is None:
        raise Unknown("delivery", str(key))
    if row.state == DeliveryState.WAITING:
        raise NotPossible("it is still being tried; only what has ended can be replayed", row.state)
    if row.webhook is not None:
        _check_active(_found(work, row.webhook))
    deliveries.revive(work.tx, work.now, work.now + GIVE_UP_AFTER, key=key)


def replay_dead(work: Work, webhook: str | None) -> int:
    """Send everything again that was given up, of one webhook or of all active ones; how much that is."""
    if webhook is not None:
        _check_active(_found(work, webhook))
    return deliveries.revive(work.tx, work.now, work.now + GIVE_UP_AFTER, webhook=webhook)


def _found(work: Work, name: str) -> Any:
    row = webhooks.find(work.tx, name, lock=True)
    if row is None:
        raise Unknown("webhook", name)
    return row


def _check_active(row: Any) -> None:
    if not row.active:
        why = f" ({row.stopped_why})" if row.stopped_why else ""
        raise NotPossible(f"the webhook is not active{why}; make it active first", "inactive")


def _check_address(work: Work, url: str) -> None:
    """Refuse a private address that is written out; names are looked up with each try."""
    if work.core.settings.webhooks.private_addresses:
        return
    try:
        public = is_public(URL(url).host)
    except ValueError:
        return
    if not public:
        raise Refused(Fault(("url",), "not a public address, and webhooks.private_addresses is false"))
