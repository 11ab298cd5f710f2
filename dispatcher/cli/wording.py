"""Requests as they are written on the command line: recipients, messages, retry rules, details."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

RECIPIENTS = ("number", "extension", "user", "contact", "group", "schedule")
_WAYS = ("number", "extension", "user")

Ivr = Annotated[str | None, typer.Option(help="The IVR that people hear.", show_default=False)]
Prompt = Annotated[
    str | None, typer.Option(help="Prompts that people hear, joined by +.", show_default=False)
]
Count = Annotated[int | None, typer.Option(help="How often the prompt is played.", min=1, show_default=False)]
Queue = Annotated[str | None, typer.Option(help="The queue that people are put into.", show_default=False)]
RingGroup = Annotated[
    str | None, typer.Option(help="The ring group that people are put through to.", show_default=False)
]
DeliveredWhen = Annotated[
    str | None, typer.Option(help="answered, heard or acknowledged.", show_default=False)
]
AckDigits = Annotated[str | None, typer.Option(help="The keys that acknowledge.", show_default=False)]
MaxAttempts = Annotated[int | None, typer.Option(help="The budget of attempts.", show_default=False)]
Retry = Annotated[
    list[str] | None,
    typer.Option(help="OUTCOME=SECONDS before the next attempt, like busy=30; repeatable."),
]
ExpiresIn = Annotated[
    float | None, typer.Option(help="Seconds after which nobody is called any more.", show_default=False)
]


def recipient(text: str) -> dict[str, str]:
    """``+31612345678``, ``extension:1002``, ``user:NAME``, ``contact:NAME``, ``group:NAME`` or
    ``schedule:NAME``.
    """
    return _party(text, RECIPIENTS, "--to")


def way(text: str) -> dict[str, str]:
    """``+31612345678``, ``extension:1002`` or ``user:NAME``; with ``@PBX`` behind an extension or user."""
    found = _party(text, _WAYS, "--way")
    [(kind, value)] = found.items()
    name, at, pbx = value.rpartition("@")
    return {kind: name, "pbx": pbx} if at and kind != "number" else found


def _party(text: str, kinds: Sequence[str], option: str) -> dict[str, str]:
    kind, colon, value = text.partition(":")
    if not colon:
        return {"number": text}
    if kind not in kinds or not value:
        known = ", ".join(f"{name}:…" for name in kinds)
        raise typer.BadParameter(f"{text!r}: write a number, or one of {known}", param_hint=option)
    return {kind: value}


def message(
    ivr: str | None, prompt: str | None, queue: str | None, ring_group: str | None, count: int | None = None
) -> dict[str, str | int] | None:
    """What is heard, or None when no option names it."""
    given = {"ivr": ivr, "prompt": prompt, "queue": queue, "ring_group": ring_group}
    named = {kind: value for kind, value in given.items() if value is not None}
    if len(named) > 1:
        raise typer.BadParameter(f"only one of --{' and --'.join(named).replace('_', '-')}")
    counted: dict[str, str | int] = {} if count is None else {"count": count}
    return {**named, **counted} or None


def retry(max_attempts: int | None, delays: Sequence[str] | None) -> dict[str, float] | None:
    """The retry rules, or None when no option says any."""
    rules: dict[str, float] = {} if max_attempts is None else {"max_attempts": max_attempts}
    for name, value in _pairs(delays, "--retry"):
        try:
            rules[name] = float(value)
        except ValueError:
            raise typer.BadParameter(f"{value!r} is no number of seconds", param_hint="--retry") from None
    return rules or None


def details(texts: Sequence[str] | None) -> dict[str, str] | None:
    """``NAME=VALUE`` pairs, or None."""
    return dict(_pairs(texts, "--detail")) or None


def labels(texts: Sequence[str] | None) -> dict[str, str] | None:
    """``NAME=VALUE`` pairs that silences, groups and messages match by, or None."""
    return dict(_pairs(texts, "--label")) or None


def expiry(seconds: float | None) -> str | None:
    """The instant in so many seconds, as the API writes it."""
    return None if seconds is None else (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds(text: str, option: str) -> float:
    """``90s``, ``30m``, ``24h`` or ``7d``, or a plain number of seconds."""
    number, unit = (text[:-1], _UNITS[text[-1]]) if text[-1:] in _UNITS else (text, 1)
    try:
        return float(number) * unit
    except ValueError:
        raise typer.BadParameter(f"{text!r}: write 90s, 30m, 24h or 7d", param_hint=option) from None


def given(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what was left out."""
    return {name: value for name, value in document.items() if value is not None}


def _pairs(texts: Sequence[str] | None, option: str) -> list[tuple[str, str]]:
    pairs = []
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"{text!r}: it must look like NAME=VALUE", param_hint=option)
        pairs.append((name, value))
    return pairs


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def window(text: str) -> dict[str, Any]:
    """``mon-fri,09:00-20:00`` or ``sat,10:00-16:00`` as the API writes it."""
    days, comma, hours = text.lower().partition(",")
    first, dash, last = days.partition("-")
    begin, until, end = hours.partition("-")
    known = first in DAYS and (not dash or last in DAYS)
    if not (comma and known and until and begin and end):
        raise typer.BadParameter(f"{text!r}: it must look like mon-fri,09:00-20:00", param_hint="--window")
    start, stop = DAYS.index(first), DAYS.index(last if dash else first)
    length = (stop - start) % 7 + 1
    return {"days": [DAYS[(start + day) % 7] for day in range(length)], "from": begin, "to": end}
