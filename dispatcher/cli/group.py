"""``dispatcher group``: several contacts under one name."""

from typing import Annotated

import typer

from dispatcher.cli import show
from dispatcher.cli.config import ConfigOption
from dispatcher.cli.connection import JsonOption, KeyOption, UrlOption, commands, connected
from dispatcher.config import Scope

app = commands("Keep groups of contacts over the HTTP API.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The group's name.")]


@app.command("set")
def set_group(
    name: Name,
    member: Annotated[
        list[str] | None, typer.Argument(help="Contacts, in the order in which they are called.")
    ] = None,
    description: Annotated[str, typer.Option(help="For people to read.", show_default=False)] = "",
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a group, or replace the one of this name."""
    with connected(url, key, config, Scope.OPERATE) as api:
        group = api.put(f"/v1/groups/{name}", {"members": member or [], "description": description})
    show.told(group, as_json, f"{group['name']}: {', '.join(group['members']) or 'nobody'}")


@app.command("list")
def list_groups(
    url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List groups with their members, by name."""
    with connected(url, key, config, Scope.READ) as api:
        groups = list(api.items("/v1/groups"))
    rows = ((one["name"], ", ".join(one["members"]), one["description"]) for one in groups)
    show.listed(groups, as_json, ("name", "members", "description"), rows)


@app.command("show")
def show_group(name: Name, url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None) -> None:
    """Show one group, as the API has it."""
    with connected(url, key, config, Scope.READ) as api:
        show.print_json(api.get(f"/v1/groups/{name}"))


@app.command()
def delete(name: Name, url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None) -> None:
    """Delete a group that no policy or heartbeat needs; its members stay contacts."""
    with connected(url, key, config, Scope.OPERATE) as api:
        api.delete(f"/v1/groups/{name}")
    typer.echo(f"{name} is deleted")
