"""``dispatcher policy``: whom alarms call in which order."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from dispatcher.cli import show
from dispatcher.cli.config import USAGE, ConfigOption
from dispatcher.cli.connection import JsonOption, KeyOption, UrlOption, commands, connected
from dispatcher.config import Scope

app = commands("Keep notification policies, over the HTTP API.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The policy's name.")]


@app.command("list")
def list_policies(
    url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List policies, those of the configuration file first."""
    with connected(url, key, config, Scope.READ) as api:
        policies = list(api.items("/v1/policies"))
    rows = ((one["name"], one["origin"], steps(one["policy"])) for one in policies)
    show.listed(policies, as_json, ("name", "made in", "steps"), rows)


@app.command("show")
def show_policy(
    name: Name, url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None
) -> None:
    """Show one policy, as the API has it."""
    with connected(url, key, config, Scope.READ) as api:
        show.print_json(api.get(f"/v1/policies/{name}"))


@app.command("set")
def set_policy(
    name: Name,
    file: Annotated[
        Path, typer.Argument(help="A TOML file with the keys of a [[policy]], without its name.")
    ],
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a policy, or replace the one of this name. Alarms that are under way keep the old one."""
    asked = read(file)
    with connected(url, key, config, Scope.OPERATE) as api:
        policy = api.put(f"/v1/policies/{name}", asked)
    show.told(policy, as_json, f"{policy['name']}: {steps(policy['policy'])}")


@app.command("delete")
def delete_policy(
    name: Name, url: UrlOption = None, key: KeyOption = None, config: ConfigOption = None
) -> None:
    """Delete a policy that no heartbeat needs. Alarms that are under way go on by it."""
    with connected(url, key, config, Scope.OPERATE) as api:
        api.delete(f"/v1/policies/{name}")
    typer.echo(f"{name} is deleted")


def read(file: Path) -> dict[str, Any]:
    """A TOML file as a document; one that can't be read ends the command."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        typer.echo(f"{file} can't be read: {error.strerror}", err=True)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        typer.echo(f"{file} is no TOML: {error}", err=True)
    raise typer.Exit(USAGE)


def steps(policy: dict[str, Any]) -> str:
    """Whom a policy calls, in one line."""
    told = []
    for step in policy.get("steps") or [{"to": policy.get("to") or []}]:
        people = ", ".join(_person(one) for one in step["to"])
        told.append(f"{people} (one after the other)" if step.get("mode") == "hunt" else people)
    return " → ".join(told)


def _person(recipient: dict[str, Any]) -> str:
    kinds = ("number", "extension", "user", "contact", "group", "schedule")
    kind = next(name for name in kinds if recipient.get(name) is not None)
    return str(recipient[kind]) if kind == "number" else f"{kind}:{recipient[kind]}"
