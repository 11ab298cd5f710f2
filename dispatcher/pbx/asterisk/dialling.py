"""Which originate places what (Asterisk documentation, 'Originate'), and what of the dialplan it needs.

The callee is called first, over the trunk's own dial string; whoever answers is led into one of the
dispatcher's contexts. The channel gets the id that we choose, and a handler for its end.
"""

import re
from dataclasses import dataclass
from itertools import product

from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.asterisk.channels import ACCOUNT, EXTENSION, NUMBER
from dispatcher.pbx.asterisk.wire import variable
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import DialOrder, PbxAccount

_KINDS = (MessageKind.IVR, MessageKind.PROMPT, MessageKind.QUEUE)
_TARGETS = (TargetKind.NUMBER, TargetKind.EXTENSION)

PLACEABLE = frozenset(product(_KINDS, _TARGETS))
TRANSFERS = frozenset(_TARGETS)

_DIGITS = re.compile(r"[0-9A-Za-z*#+_.-]{1,80}")
_EXTEN = re.compile(r"[0-9A-Za-z*#+_.-]{1,79}")
_PROMPT = re.compile(r"[0-9A-Za-z_./-]{1,200}")

_UNKNOWN = {MessageKind.IVR: Reason.IVR_UNKNOWN, MessageKind.QUEUE: Reason.QUEUE_UNKNOWN}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the dialplan whoever answers is led; ``unknown`` is the reason if there is no such place."""

    context: str
    exten: str
    unknown: Reason


def place_of(order: DialOrder, account: PbxAccount) -> Place:
    """The place for a message. Raises :class:`PbxRefused` when this family can't play it."""
    message = order.message
    is_prompt = message.kind is MessageKind.PROMPT
    if (message.kind, order.target) not in PLACEABLE or (message.count != 1 and not is_prompt):
        count = f" {message.count} times" if message.count != 1 else ""
        raise PbxRefused(Reason.UNSUPPORTED, f"{message.kind} to {order.target}{count}")
    if is_prompt:
        return Place(account.contexts.prompt, "s", Reason.PBX_CONFIG)
    exten = message.value
    if not _EXTEN.fullmatch(exten):
        raise PbxRefused(
            _UNKNOWN[message.kind], f"{message.kind} {exten!r} can't be an extension of a context"
        )
    context = account.contexts.ivr if message.kind is MessageKind.IVR else account.contexts.queue
    return Place(context, exten, _UNKNOWN[message.kind])


def request_of(order: DialOrder, callid: str, place: Place, account: PbxAccount) -> list[tuple[str, str]]:
    """The fields of the originate. Raises :class:`PbxRefused`."""
    fields = [
        ("Channel", channel_to(order.target, order.digits, order.trunk, account)),
        ("Context", place.context),
        ("Exten", place.exten),
        ("Priority", "1"),
        ("Timeout", str(round(account.ring_seconds * 1000))),
        ("Async", "true"),
        ("ChannelId", callid),
        ("Account", ACCOUNT),
        variable("CHANNEL(hangup_handler_push)", f"{account.contexts.ended},s,1"),
    ]
    if account.caller_id:
        fields.append(("CallerID", account.caller_id))
    if order.message.kind is MessageKind.PROMPT:
        fields.append(variable("DISPATCHER_PROMPTS", _prompts(order.message.value)))
        fields.append(variable("DISPATCHER_COUNT", str(order.message.count)))
    return fields


def channel_to(target: TargetKind, digits: str, trunk: str, account: PbxAccount) -> str:
    """The dial string of an extension, or of a number over a trunk. Raises :class:`PbxRefused`."""
    if not _DIGITS.fullmatch(digits):
        raise PbxRefused(Reason.INVALID_NUMBER, "this can't be part of a dial string")
    if target is TargetKind.EXTENSION:
        return account.extension_dial.replace(EXTENSION, digits)
    dial = account.dials.get(trunk) or next(iter(account.dials.values()), "")
    if not dial:
        raise PbxRefused(Reason.PBX_CONFIG, f"no dial string for the trunk {trunk or '(none)'}")
    return dial.replace(NUMBER, digits)


def _prompts(names: str) -> str:
    """The sounds as Background takes them. A name is a file's, without its ending."""
    prompts = [name.strip() for name in names.split("+")]
    if not all(_PROMPT.fullmatch(name) and ".." not in name for name in prompts):
        raise PbxRefused(Reason.PROMPT_UNKNOWN, "a prompt's name can't be that of a sound file")
    return "&".join(prompts)
