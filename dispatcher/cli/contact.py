"""``dispatcher contact``: the people who are called, and the ways to reach them."""

from typing import Annotated, Any

import typer

from dispatcher.cli import show, wording
from dispatcher.cli.config import ConfigOption
from dispatcher.cli.connection import JsonOption, KeyOption, UrlOption, commands, connected
from dispatcher.config import Scope

app = commands("Keep the people who are called, and how, over the HTTP API.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The contact's name.")]


@app.command("set")
def set_contact(
    name: Name,
    way: Annotated[
        list[str],
        typer.Option(help="+31612345678, extension:1002 or user:NAME[@PBX]; repeatable, tried in order."),
    ],
    full_name: Annotated[str | None, typer.Option(help="For people to read.", show_default=False)] = None,
    timezone: Annotated[str | None, typer.Option(help="An IANA name.", show_default=False)] = None,
    per_minute: Annotated[
        int | None, typer.Option(help="So many alarm calls a minute at most.", show_default=False)
    ] = None,
    per_hour: Annotated[
        int | None, typer.Option(help="So many alarm calls an hour at most.", show_default=False)
    ] = None,
    detail: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, such as email=anna@example.org; repeatable.")
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a contact, or replace the one of this name: what is not given goes."""
    asked = wording.given(
        {
            "full_name": full_name,
            "ways": [wording.way(text) for text in way],
            "timezone": timezone,
            "limits": wording.given({"per_minute": per_minute, "per_hour": per_hour}),
            "details": wording.details(detail),
        }
    )
    with connected(url, key, config, Scope.OPERATE) as api:
        contact = api.put(f"/v1/contacts/{name}", asked)
    show.told(contact, as_json, f"{contact['name']}: {ways(contact)}")


@app.command("list")
def list_contacts(
    search: Annotated[
        str | None, typer.Option(help="Part of the name or full name.", show_default=False)
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List contacts, by name."""
    with connected(url, key, config, Scope.READ) as api:
        contacts = list(api.items("/v1/contacts", search=search))
    rows = ((one["name"], one["full_name"], ways(one), one["timezone"], limits(one)) for one in contacts)
    show.listed(contacts, as_json, ("name", "full name", "ways", "time zone", "at most"), rows)


@app.command("show")
def show_contact(
    name: Name, url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None
) -> None:
    """Show one contact, as the API has it."""
    with connected(url, key, config, Scope.READ) as api:
        show.print_json(api.get(f"/v1/contacts/{name}"))


@app.command()
def delete(name: Name, url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None) -> None:
    """Delete a contact that no group, schedule, override, policy or heartbeat needs."""
    with connected(url, key, config, Scope.OPERATE) as api:
        api.delete(f"/v1/contacts/{name}")
    typer.echo(f"{name} is deleted")


def ways(contact: dict[str, Any]) -> str:
    """A contact's ways in one line, in the order in which they are tried."""
    told = []
    for way in contact["ways"]:
        kind = next(name for name in ("number", "extension", "user") if name in way)
        value = way[kind] if kind == "number" else f"{kind}:{way[kind]}"
        told.append(f"{value}@{way['pbx']}" if "pbx" in way else value)
    return ", ".join(told)


def limits(contact: dict[str, Any]) -> str:
    """How many calls a contact takes."""
    found = contact["limits"]
    told = [
        f"{found[name]} {name.replace('_', ' ')}" for name in ("per_minute", "per_hour") if found.get(name)
    ]
    return ", ".join(told)
