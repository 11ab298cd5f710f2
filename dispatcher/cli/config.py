"""The ``--config`` option, and settings or a plain list of what is wrong with them."""

from pathlib import Path
from typing import Annotated

import typer

from dispatcher.cli.app import CONFIG_VARIABLE
from dispatcher.config import ConfigError, Settings, load

USAGE = 2
"""The exit status for a mistake in the configuration or on the command line."""

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar=CONFIG_VARIABLE,
        show_envvar=True,
        metavar="FILE",
        help="The configuration file.",
        show_default=False,
    ),
]


def load_or_exit(config: Path | None) -> Settings:
    """The settings; what is wrong with them is printed, a line each, and ends the command with status 2."""
    try:
        return load(config)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(USAGE) from None
