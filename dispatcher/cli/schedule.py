"""``dispatcher schedule``: who is on call, now and next, and when nobody is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from dispatcher.cli import contact_files, show, wording
from dispatcher.cli.config import ConfigOption
from dispatcher.cli.connection import REFUSED, JsonOption, KeyOption, UrlOption, commands, connected
from dispatcher.cli.contact import ways
from dispatcher.config import Scope

app = commands("See who is on call, now and next; keep schedules over the HTTP API.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The schedule's name.")]
Days = Annotated[int, typer.Option(min=1, max=100, help="So many days from now on.")]


@app.command("on-call")
def on_call(
    name: Name,
    at: Annotated[
        str | None,
        typer.Option(help="An instant, like 2026-12-25T20:00+01:00; else now.", show_default=False),
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Who is on call, until when, and who comes next. The status is 1 when nobody is."""
    with connected(url, key, config, Scope.READ) as api:
        found = api.get(f"/v1/schedules/{name}/on-call", at=at)
    if as_json:
        show.print_json(found)
    else:
        _print_duty(found)
    if not found["contacts"]:
        raise typer.Exit(REFUSED)


def _print_duty(found: dict[str, Any]) -> None:
    zone = found["timezone"]
    until = f" until {local(found['until'], zone)}" if found["until"] else ""
    people = "; ".join(f"{_called(one)} ({ways(one)})" for one in found["contacts"])
    typer.echo(f"{people or 'nobody'}{until}")
    if found["next"]:
        following = ", ".join(_called(one) for one in found["next"]["contacts"])
        typer.echo(f"then {following or 'nobody'}")


@app.command()
def shifts(
    name: Name,
    days: Days = 14,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Who is on call over the next days, shift by shift."""
    _print_spans(name, "shifts", days, url, key, config, as_json)


@app.command()
def gaps(
    name: Name,
    days: Days = 14,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """When nobody is on call over the next days. The status is 1 when there is such a time."""
    if _print_spans(name, "gaps", days, url, key, config, as_json):
        raise typer.Exit(REFUSED)
    if not as_json:
        typer.echo(f"somebody is on call all the time for the next {days} days")


def _print_spans(
    name: str, what: str, days: int, url: str | None, key: str | None, config: Any, as_json: bool
) -> int:
    until = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    with connected(url, key, config, Scope.READ) as api:
        zone = api.get(f"/v1/schedules/{name}")["timezone"]
        found = api.get(f"/v1/schedules/{name}/{what}", to=until)["items"]
    if as_json:
        show.print_json(found)
    elif found:
        rows = [
            (local(one["start"], zone), local(one["end"], zone), ", ".join(one["contacts"]) or "nobody")
            for one in found
        ]
        show.console().print(show.table(("from", "until", "on call"), rows))
    return len(found)


@app.command("list")
def list_schedules(
    url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List schedules with who is on call now, and what should be seen to."""
    with connected(url, key, config, Scope.READ) as api:
        found = list(api.items("/v1/schedules"))
    rows = (
        (one["name"], ", ".join(one["on_call"]) or "nobody", one["timezone"], "; ".join(one["warnings"]))
        for one in found
    )
    show.listed(found, as_json, ("name", "on call", "time zone", "to see to"), rows)


@app.command("show")
def show_schedule(
    name: Name, url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None
) -> None:
    """Show one schedule, as the API has it."""
    with connected(url, key, config, Scope.READ) as api:
        show.print_json(api.get(f"/v1/schedules/{name}"))


@app.command("set")
def set_schedule(
    name: Name,
    file: Annotated[Path, typer.Argument(help="A TOML or JSON file with time zone, layers and holidays.")],
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a schedule, or replace the layers of the one of this name. Overrides and calendar stay."""
    asked = contact_files.request_from(file)
    with connected(url, key, config, Scope.OPERATE) as api:
        schedule = api.put(f"/v1/schedules/{name}", asked)
    _print_schedule(schedule, as_json)


@app.command()
def delete(name: Name, url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None) -> None:
    """Delete a schedule that no policy or heartbeat needs, with its overrides."""
    with connected(url, key, config, Scope.OPERATE) as api:
        api.delete(f"/v1/schedules/{name}")
    typer.echo(f"{name} is deleted")


@app.command()
def override(
    name: Name,
    hours: Annotated[float, typer.Option(min=0.01, help="For so long.")],
    contact: Annotated[
        str | None, typer.Argument(help="Who takes over; left out: see --nobody.", show_default=False)
    ] = None,
    nobody: Annotated[
        bool, typer.Option("--nobody", help="Nobody takes over: whoever is on call is off.")
    ] = False,
    instead_of: Annotated[
        str | None, typer.Option(help="Whose duty it is; else everybody's.", show_default=False)
    ] = None,
    starts: Annotated[
        str | None, typer.Option(help="From this instant on; else now.", show_default=False)
    ] = None,
    why: Annotated[str, typer.Option(help="For people to read.", show_default=False)] = "",
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let somebody take over for some hours, or nobody."""
    if nobody == (contact is not None):
        raise typer.BadParameter("name who takes over, or say --nobody", param_hint="CONTACT")
    begin = _instant(starts)
    ends_at = ((begin or datetime.now(UTC)) + timedelta(hours=hours)).isoformat()
    asked = wording.given({"instead_of": instead_of, "ends_at": ends_at, "why": why})
    if begin is not None:
        asked["starts_at"] = begin.isoformat()
    with connected(url, key, config, Scope.OPERATE) as api:
        made = api.post_once(f"/v1/schedules/{name}/overrides", asked | {"contact": contact})
    who = made["contact"] or "nobody"
    show.told(made, as_json, f"{made['id']}: {who} until {show.when(made['ends_at'])}")


@app.command("take-back")
def take_back(
    name: Name,
    override_id: Annotated[str, typer.Argument(metavar="ID", help="The override's id.")],
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """Take an override back."""
    with connected(url, key, config, Scope.OPERATE) as api:
        api.delete(f"/v1/schedules/{name}/overrides/{override_id}")
    typer.echo(f"{override_id} is taken back")


@app.command()
def calendar(
    name: Name,
    source: Annotated[
        str, typer.Argument(metavar="FILE|URL|none", help="An iCalendar file, a feed's address, or none.")
    ],
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a schedule an iCalendar file or feed, or take it away."""
    path = f"/v1/schedules/{name}/calendar"
    is_feed = source.startswith(("http://", "https://"))
    if not is_feed and source != "none" and not Path(source).is_file():
        raise typer.BadParameter(f"{source}: no such file")
    with connected(url, key, config, Scope.OPERATE) as api:
        if source == "none":
            api.delete(path)
        elif is_feed:
            api.put(path, {"url": source})
        else:
            api.upload(path, contact_files.pieces(Path(source)), "text/calendar", method="PUT")
        schedule = api.get(f"/v1/schedules/{name}")
    _print_schedule(schedule, as_json)


def _print_schedule(schedule: dict[str, Any], as_json: bool) -> None:
    on_duty = f"{schedule['name']}: {', '.join(schedule['on_call']) or 'nobody'} on call now"
    show.told(schedule, as_json, on_duty, *(f"mind: {warning}" for warning in schedule["warnings"]))


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise typer.BadParameter(f"{text!r}: write it as 2026-12-25T20:00", param_hint="--starts") from None


def _called(contact: dict[str, Any]) -> str:
    return str(contact["full_name"] or contact["name"])


def local(at: str, zone: str) -> str:
    """A time of the API as the clock on the schedule's wall shows it."""
    return f"{datetime.fromisoformat(at).astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M}"
