"""``dispatcher alarm``: raise, look at, and end alarms over the HTTP API."""

import time
from typing import Annotated, Any

import typer

from dispatcher.cli import show, wording
from dispatcher.cli.client import Api
from dispatcher.cli.config import ConfigOption
from dispatcher.cli.connection import REFUSED, JsonOption, KeyOption, UrlOption, commands, connected
from dispatcher.cli.proof import proof
from dispatcher.cli.trial import try_out
from dispatcher.config import Scope

app = commands("Raise, list, acknowledge and end alarms over the HTTP API.")

app.command("proof")(proof)
app.command("test")(try_out)

AlarmId = Annotated[str, typer.Argument(metavar="ID", help="The alarm's id.")]

_LOOK_AGAIN = 0.5


@app.command("send", hidden=True)
@app.command("raise")
def raise_alarm(
    summary: Annotated[str, typer.Argument(help="What is the matter, in one line.")],
    to: Annotated[
        list[str] | None,
        typer.Option(
            help="+31612345678, extension:1002, or user:, contact:, group: or schedule:NAME; repeatable."
        ),
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="The notification policy that says whom to call.", show_default=False)
    ] = None,
    severity: Annotated[
        str | None, typer.Option(help="critical, warning (unless given) or info.", show_default=False)
    ] = None,
    dedup_key: Annotated[
        str | None, typer.Option(help="Alarms with one key are one alarm.", show_default=False)
    ] = None,
    ivr: wording.Ivr = None,
    prompt: wording.Prompt = None,
    count: wording.Count = None,
    queue: wording.Queue = None,
    ring_group: wording.RingGroup = None,
    delivered_when: wording.DeliveredWhen = None,
    ack_digits: wording.AckDigits = None,
    max_attempts: wording.MaxAttempts = None,
    retry: wording.Retry = None,
    expires_in: wording.ExpiresIn = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE that silences, groups and messages match; repeatable."),
    ] = None,
    detail: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, kept and shown; repeatable.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow its calls until it has ended.")] = False,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Raise an alarm. With --wait, the status is 0 when it was acknowledged, or delivered without a key."""
    request = wording.given(
        {
            "summary": summary,
            "severity": severity,
            "dedup_key": dedup_key,
            "policy": policy,
            "to": [wording.recipient(text) for text in to] if to else None,
            "message": wording.message(ivr, prompt, queue, ring_group, count),
            "delivered_when": delivered_when,
            "ack_digits": ack_digits,
            "retry": wording.retry(max_attempts, retry),
            "expires_at": wording.expiry(expires_in),
            "labels": wording.labels(label),
            "details": wording.details(detail),
        }
    )
    with connected(url, key, config, Scope.INTAKE) as api:
        alarm = api.post_once("/v1/alarms", request)
        if not as_json:
            typer.echo(f"{alarm['id']} {alarm['status']}: {len(alarm['calls'])} to call")
    if not wait:
        if as_json:
            show.print_json(alarm)
        return
    with connected(url, key, config, Scope.READ) as api:
        alarm = _follow(api, alarm["id"], quiet=as_json)
    if as_json:
        show.print_json(alarm)
    if not _is_told(alarm):
        raise typer.Exit(REFUSED)


def _is_told(alarm: dict[str, Any]) -> bool:
    """Whether somebody has it in hand, or has heard it where that is all that it asks for."""
    if alarm["status"] in ("acknowledged", "resolved"):
        return True
    asks_for_key = alarm["delivered_when"] == "acknowledged"
    return not asks_for_key and alarm["status"] != "exhausted" and bool(alarm["call_counts"].get("delivered"))


def _follow(api: Api, alarm_id: str, *, quiet: bool) -> dict[str, Any]:
    """Print what happens to an alarm until none of its calls is under way."""
    seen = 0
    while True:
        alarm: dict[str, Any] = api.get(f"/v1/alarms/{alarm_id}")
        calls = {call["id"]: call for call in alarm["calls"]}
        if not quiet:
            for event in alarm["timeline"][seen:]:
                typer.echo(_line(event, calls))
        seen = len(alarm["timeline"])
        if not any(call["state"] in ("queued", "active") for call in alarm["calls"]):
            return alarm
        time.sleep(_LOOK_AGAIN)


def _line(event: dict[str, Any], calls: dict[str, dict[str, Any]]) -> str:
    call = calls.get(event["subject_id"])
    who = show.party(call) if call else event["subject"]
    cause = f" ({event['cause']})" if event["cause"] and event["cause"] != event["name"] else ""
    return f"{show.when(event['at'])} {who}: {event['name'].replace('_', ' ')}{cause}"


@app.command("list")
def list_alarms(
    status: Annotated[
        list[str] | None, typer.Option(help="Any of these: open, acknowledged, …; repeatable.")
    ] = None,
    severity: Annotated[list[str] | None, typer.Option(help="Any of these; repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List alarms, the newest first."""
    with connected(url, key, config, Scope.READ) as api:
        page = api.get("/v1/alarms", status=status, severity=severity, limit=limit)
    rows = (
        (
            alarm["id"],
            show.when(alarm["created_at"]),
            alarm["status"],
            alarm["severity"],
            alarm["summary"],
            show.counts(alarm["call_counts"]),
        )
        for alarm in page["items"]
    )
    show.listed(page, as_json, ("id", "raised", "status", "severity", "summary", "calls"), rows)


@app.command("show")
def show_alarm(
    alarm_id: AlarmId,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one alarm with its calls and everything that happened."""
    with connected(url, key, config, Scope.READ) as api:
        alarm = api.get(f"/v1/alarms/{alarm_id}")
    if as_json:
        show.print_json(alarm)
        return
    console = show.console()
    console.print(f"{show.word(alarm['severity'])} {show.word(alarm['summary'])}")
    console.print(f"{show.word(_status(alarm))}, raised {show.when(alarm['created_at'])}")
    for line in _standing(alarm):
        console.print(show.word(line))
    console.print()
    rows = [
        (
            show.party(call),
            call["state"],
            call["outcome"],
            len(call["attempts"]),
            "".join(attempt["digits"] or "" for attempt in call["attempts"]),
            call["waiting_for"],
        )
        for call in alarm["calls"]
    ]
    console.print(show.table(("call", "state", "outcome", "attempts", "keys", "waiting for"), rows))
    console.print()
    calls = {call["id"]: call for call in alarm["calls"]}
    for event in alarm["timeline"]:
        console.print(show.word(_line(event, calls)))


def _status(alarm: dict[str, Any]) -> str:
    """An alarm's status, and who took it in hand, which need not be who ended it."""
    by = alarm["acknowledged_by"]
    if not by:
        return str(alarm["status"])
    if alarm["status"] == "acknowledged":
        return f"acknowledged by {by}"
    return f"{alarm['status']}, acknowledged by {by}"


def _standing(alarm: dict[str, Any]) -> list[str]:
    """Where an alarm stands: its step, what holds it, and what comes next."""
    told = []
    if alarm["policy"]:
        again = f", round {alarm['round']}" if alarm["round"] > 1 else ""
        told.append(f"step {alarm['step']}{again} of policy {alarm['policy']}")
    if alarm["held_why"]:
        told.append(f"nobody is called now: {alarm['held_why']}")
    if alarm["next_at"]:
        told.append(f"goes on by itself at {show.when(alarm['next_at'])} at the latest")
    following = alarm.get("next_step")
    if following:
        told.append(f"next, in step {following['step']}: {', '.join(following['to'])}")
    return told


@app.command("acknowledge", hidden=True)
@app.command("ack")
def acknowledge(
    alarm_id: AlarmId,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an alarm in hand: nobody else is called."""
    _steer(alarm_id, "acknowledge", url, key, config, as_json)


@app.command()
def resolve(
    alarm_id: AlarmId,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that an alarm's cause is gone."""
    _steer(alarm_id, "resolve", url, key, config, as_json)


@app.command()
def escalate(
    alarm_id: AlarmId,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on to the next step of an alarm's policy now, past whatever holds it."""
    _steer(alarm_id, "escalate", url, key, config, as_json)


@app.command()
def cancel(
    alarm_id: AlarmId,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back an alarm that was a mistake."""
    _steer(alarm_id, "cancel", url, key, config, as_json)


def _steer(alarm_id: str, step: str, url: str | None, key: str | None, config: Any, as_json: bool) -> None:
    with connected(url, key, config, Scope.OPERATE) as api:
        alarm = api.post_once(f"/v1/alarms/{alarm_id}/{step}")
    calls = show.counts(alarm["call_counts"]) or "none"
    show.told(alarm, as_json, f"{alarm['id']} {alarm['status']}; calls: {calls}")
