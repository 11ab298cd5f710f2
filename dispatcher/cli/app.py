"""The commands by name. Only the one that was called is imported, so that help and completion are quick."""

import os
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

CONFIG_VARIABLE = "DISPATCHER_CONFIG"

_COMMANDS = {
    "up": ("dispatcher.cli.roles:up", "Run all roles in this one process."),
    "api": ("dispatcher.cli.roles:api", "Run the HTTP API and the web page."),
    "reports": ("dispatcher.cli.roles:reports", "Run the receiver of the PBXs' reports."),
    "pacer": ("dispatcher.cli.roles:pacer", "Run pacing and upkeep."),
    "migrate": ("dispatcher.cli.roles:migrate", "Bring the database to the newest schema."),
    "doctor": ("dispatcher.cli.doctor:doctor", "Check the installation, and say how to mend it."),
    "alarm": ("dispatcher.cli.alarm:app", "Raise, list, acknowledge and end alarms."),
    "campaign": ("dispatcher.cli.campaign:app", "Create, fill, start, watch and end campaigns."),
    "heartbeat": ("dispatcher.cli.heartbeat:app", "Raise an alarm when something is not heard of."),
    "webhook": ("dispatcher.cli.webhook:app", "Tell other systems what happens."),
    "policy": ("dispatcher.cli.policy:app", "Keep notification policies: whom alarms call, in which order."),
    "silence": ("dispatcher.cli.silence:app", "Keep phones quiet about alarms that fit, for a while."),
    "inhibition": ("dispatcher.cli.inhibition:app", "Let a greater alarm keep the lesser quiet."),
    "contact": ("dispatcher.cli.contact:app", "Keep the people who are called, and how."),
    "group": ("dispatcher.cli.group:app", "Keep groups of contacts."),
    "schedule": ("dispatcher.cli.schedule:app", "See who is on call, now and next; keep schedules."),
    "trail": ("dispatcher.cli.trail:trail", "See who has changed contacts, groups, schedules and numbers."),
    "do-not-call": ("dispatcher.cli.do_not_call:app", "Keep the numbers that are not to be called."),
    "simulator": ("dispatcher.cli.simulator:simulator", "Run a simulated PBX."),
    "demo": ("dispatcher.cli.demo:demo", "See it all work on a simulated PBX."),
}
"""Where each command is, and its line in the help."""


class _CalledOnly(TyperGroup):
    """Knows every command by its help line, and imports the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that ``args`` call, and the arguments left for it."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in _COMMANDS:
            command = _imported(_COMMANDS[name][0])
        return name, command, rest


def _imported(target: str) -> Any:
    module, _, attribute = target.partition(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command()(found)
        found = alone
    return typer.main.get_command(found)


app = typer.Typer(
    name="dispatcher",
    cls=_CalledOnly,
    no_args_is_help=True,
    # A fault of ours is a plain traceback in the log, without values: one may be a password.
    pretty_exceptions_enable=False,
    help="Turns alarms and campaign rows into telephone calls that are proven heard.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dispatcher {version('ivr-dispatcher')}")
        raise typer.Exit


@app.callback()
def _every(
    config: Annotated[
        Path | None,
        typer.Option(
            help=f"The configuration file; or {CONFIG_VARIABLE}.", metavar="FILE", show_default=False
        ),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config)


def _stub() -> None:
    """Stands in the list of commands for one that has not been imported."""


for _name, (_, _help) in _COMMANDS.items():
    app.command(_name, help=_help)(_stub)


def main() -> None:
    """Run the command that this process was called with."""
    app(prog_name="dispatcher")
