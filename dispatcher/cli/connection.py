"""What every command that talks to a running dispatcher has in common: its options, and its refusals.

Exit status: 0 done, 1 refused, 2 a mistake on the command line or in a file, 3 the API can't be reached.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from dispatcher.cli.client import Api, Refused, Unreachable
from dispatcher.cli.config import USAGE
from dispatcher.config import ConfigError, Scope, Settings, load
from dispatcher.config.fields import split_listen

REFUSED = 1
UNREACHABLE = 3

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="DISPATCHER_URL",
        show_envvar=True,
        help="The API's address; else api.listen of the configuration.",
        show_default=False,
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="DISPATCHER_KEY",
        show_envvar=True,
        help="The API key; else one of the configuration that may do this.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the API's own document.")]

_FITTING = {
    Scope.INTAKE: (Scope.INTAKE, Scope.ADMIN),
    Scope.OPERATE: (Scope.OPERATE, Scope.ADMIN),
    Scope.READ: (Scope.READ, Scope.OPERATE, Scope.ADMIN),
    Scope.ADMIN: (Scope.ADMIN,),
}


def commands(purpose: str) -> typer.Typer:
    """A group of commands; called alone, it shows them."""
    # A fault of ours is a plain traceback in the log, without values: one may be a password.
    return typer.Typer(
        no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=purpose
    )


@contextmanager
def connected(url: str | None, key: str | None, config: Path | None, needs: Scope) -> Iterator[Api]:
    """The API for one command; its errors end the command with a line and the fitting status."""
    if url is None:
        settings = _configured(config)
        url = _local(settings.api.listen)
        key = key or _fitting_key(settings, needs)
    try:
        with Api(url, key) as api:
            yield api
    except Refused as error:
        typer.echo(f"Refused: {error}", err=True)
        raise typer.Exit(REFUSED) from None
    except Unreachable as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(UNREACHABLE) from None


def _configured(config: Path | None) -> Settings:
    try:
        return load(config)
    except ConfigError as error:
        typer.echo(f"{error}\nOr name the API with --url, and its key with --key", err=True)
        raise typer.Exit(USAGE) from None


def _local(listen: str) -> str:
    """How to reach from this machine what listens there."""
    host, port = split_listen(listen)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - recognised, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _fitting_key(settings: Settings, needs: Scope) -> str | None:
    for key in settings.api.key:
        if any(scope in _FITTING[needs] for scope in key.scopes):
            return key.secret()
    return None
