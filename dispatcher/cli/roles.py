"""``up``, ``api``, ``reports``, ``pacer`` and ``migrate``: the commands that run the product itself."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from dispatcher.cli.config import USAGE, ConfigOption, load_or_exit
from dispatcher.cli.processes import ApiProcess, Embedded, PacerProcess, ReportsProcess
from dispatcher.config import ConfigError, Settings, require_shared_broker
from dispatcher.logs import set_up_logging
from dispatcher.runtime.running import CanNotListen, run_until_signalled
from dispatcher.runtime.tuning import tune
from dispatcher.runtime.wiring import prepare_store
from dispatcher.store import schema

_log = logging.getLogger(__name__)

AnyProcess = TypeVar("AnyProcess", Embedded, ApiProcess, ReportsProcess, PacerProcess)


def up(config: ConfigOption = None) -> None:
    """Run all roles in this one process until SIGINT or SIGTERM. Brings the database up to date first."""
    _run("up", config, Embedded, lambda up: f"the web page is at {up.api_url}, reports at {up.reports_url}")


def api(config: ConfigOption = None) -> None:
    """Run the HTTP API and the web page until SIGINT or SIGTERM."""
    _run("api", config, ApiProcess, lambda api: f"the web page is at http://{api.settings.api.listen}")


def reports(config: ConfigOption = None) -> None:
    """Run the receiver of the PBXs' reports until SIGINT or SIGTERM."""
    _run("reports", config, ReportsProcess, lambda to: f"reports come to {to.settings.reports.advertised()}")


def pacer(config: ConfigOption = None) -> None:
    """Run pacing and upkeep until SIGINT or SIGTERM. Several may run at once."""
    _run("pacer", config, PacerProcess, lambda pacer: f"pacing {_trunks(pacer.settings)}")


def migrate(
    config: ConfigOption = None,
    sql: Annotated[
        bool, typer.Option("--sql", help="Only print the statements for an empty database.")
    ] = False,
) -> None:
    """Bring the database to the newest schema. Does nothing when it is there already."""
    settings = load_or_exit(config)
    if sql:
        typer.echo(schema.sql(settings.store.url))
        return
    set_up_logging(settings.log)
    prepare_store(settings)
    typer.echo(f"{settings.store.shown()} has the newest schema, {schema.current(settings.store.url)}.")


def _run(
    role: str,
    config: Path | None,
    make: Callable[[Settings], AnyProcess],
    announcement: Callable[[AnyProcess], str],
) -> None:
    settings = load_or_exit(config)
    try:
        require_shared_broker(settings, role)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(USAGE) from None
    set_up_logging(settings.log)
    process = make(settings)

    def start() -> None:
        process.start()
        tune()
        _log.info("ready: %s", announcement(process))

    try:
        run_until_signalled(start, process.stop)
    except CanNotListen as error:
        typer.echo(f"{error}. Choose another address, or stop what listens there", err=True)
        raise typer.Exit(1) from None
    _log.info("stopped")


def _trunks(settings: Settings) -> str:
    names = [f"{pbx.name}/{trunk.name}" for pbx in settings.pbx for trunk in pbx.trunk]
    return ", ".join(names) or "no trunk: none is configured"
