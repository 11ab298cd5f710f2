"""Whether the IVR that a message names exists on a PBX that could play it."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import Connection

from dispatcher.config import Settings
from dispatcher.domain.vocabulary import MessageKind
from dispatcher.errors import Fault, Place
from dispatcher.pbx.registry import CAPABILITIES
from dispatcher.policies import PolicySpec
from dispatcher.requests import MessageSpec
from dispatcher.store import ivrs


def missing_ivr(
    tx: Connection,
    now: datetime,
    settings: Settings,
    message: MessageSpec,
    pbxes: Iterable[str] | None = None,
) -> str | None:
    """Why no PBX can play the message's IVR; None when one can, or when it is not known of one of them.

    ``pbxes`` are those that come into question; usually all that can play an IVR at all.
    """
    if message.kind is not MessageKind.IVR:
        return None
    able = [
        pbx.name for pbx in settings.pbx if (pbxes is None or pbx.name in pbxes) and _plays_ivrs(pbx.family)
    ]
    known = ivrs.known(tx, now)
    shown = {name: known.get(name, frozenset()) for name in able}
    if not able or any(_leaves_open(found, message.value) for found in shown.values()):
        return None
    told = "; ".join(f"{name} has {', '.join(sorted(found))}" for name, found in shown.items())
    return f"there is no IVR {message.value!r} on the PBX: {told}"


def faults_of_messages(
    tx: Connection, now: datetime, settings: Settings, policy: PolicySpec
) -> Iterator[Fault]:
    """The messages of a policy whose IVRs no PBX has."""
    for place, message in _messages(policy):
        why = missing_ivr(tx, now, settings, message)
        if why is not None:
            yield Fault((*place, "ivr"), why)


def _messages(policy: PolicySpec) -> Iterator[tuple[Place, MessageSpec]]:
    yield ("message",), policy.message
    for number, rule in enumerate(policy.messages):
        yield ("messages", number, "message"), rule.message
    for number, step in enumerate(policy.steps or ()):
        if step.message is not None:
            yield ("steps", number, "message"), step.message
    if policy.resolved_message is not None:
        yield ("resolved_message",), policy.resolved_message


def _plays_ivrs(family: str) -> bool:
    return any(kind is MessageKind.IVR for kind, _ in CAPABILITIES[family].placeable)


def _leaves_open(shown: frozenset[str], number: str) -> bool:
    """Whether the IVR may exist: it is there, or nothing certain is known.

    An empty list may be an account that is not shown them, and an Asterisk's patterns (`_65XX`) fit many.
    """
    return not shown or number in shown or any(one.startswith("_") for one in shown)
