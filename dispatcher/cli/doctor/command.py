"""The doctor as a command: look at everything, and print what was found."""

import logging
from collections.abc import Iterator
from typing import Annotated

import typer

from dispatcher.broker import make_broker
from dispatcher.cli import show
from dispatcher.cli.config import ConfigOption, load_or_exit
from dispatcher.cli.doctor.calls import check_calls, check_calls_of
from dispatcher.cli.doctor.clocks import check_clock
from dispatcher.cli.doctor.findings import Finding, Result, skip
from dispatcher.cli.doctor.others import check_others
from dispatcher.cli.doctor.pbx import check_pbx
from dispatcher.cli.doctor.people import check_people
from dispatcher.cli.doctor.policies import check_policies
from dispatcher.cli.doctor.schedules import check_schedules
from dispatcher.cli.doctor.streams import check_stream_of
from dispatcher.cli.doctor.surroundings import check_broker, check_config, check_store
from dispatcher.cli.doctor.trunks import check_health_of
from dispatcher.cli.doctor.way_back import check_reports_of, check_way_back
from dispatcher.config import BrokerSettings, Settings
from dispatcher.runtime.wiring import Parts, build

SOMETHING_FAILED = 1


def doctor(
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check configuration, database, broker, PBXs and the way back of reports, and say how to mend them.

    Places no call. The status is 1 when something failed.
    """
    settings = load_or_exit(config)
    logging.getLogger().addHandler(logging.NullHandler())
    findings = list(_findings(settings))
    failed = any(finding.result is Result.FAIL for finding in findings)
    if as_json:
        show.print_json({"ok": not failed, "findings": [finding.document() for finding in findings]})
    else:
        _print(findings)
    if failed:
        raise typer.Exit(SOMETHING_FAILED)


def _findings(settings: Settings) -> Iterator[Finding]:
    yield from check_config(settings)
    yield from check_policies(settings)
    store = check_store(settings)
    yield store
    yield check_broker(settings)
    # The doctor sends no messages, so it looks at the PBXs even when Redis is away.
    parts = build(settings.model_copy(update={"broker": BrokerSettings()}), make_broker(""))
    try:
        if any(pbx.name not in parts.pulled() for pbx in settings.pbx):
            yield from check_way_back(settings)
        if store.result is Result.OK:
            yield from _kept_findings(settings, parts)
            return
        for pbx in settings.pbx:
            yield skip(f"PBX {pbx.name}", "not asked: its session is kept in the database")
    finally:
        parts.close()


def _kept_findings(settings: Settings, parts: Parts) -> Iterator[Finding]:
    """What needs the database: every PBX, and what the calls so far tell."""
    store, pulled = parts.core.store, parts.pulled()
    for pbx in settings.pbx:
        yield from check_pbx(settings, pbx, parts.sessions, store)
        if pbx.name in pulled:
            yield check_stream_of(parts.pbxes[pbx.name], store, parts.core.clock())
        else:
            yield check_reports_of(settings, pbx, store)
        yield from check_clock(pbx, parts.pbxes[pbx.name].driver, store, parts.sessions)
        yield from check_health_of(pbx, store, parts.core.clock())
        yield from check_calls_of(settings, pbx, store)
    yield from check_calls(settings, store)
    yield from check_people(settings, store, parts.core.clock())
    yield from check_schedules(store, parts.core.clock())
    yield from check_others(store, parts.core.clock())


def _print(findings: list[Finding]) -> None:
    console = show.console()
    rows = [(finding.result, finding.check, finding.detail) for finding in findings]
    console.print(show.table(("", "check", "finding"), rows))
    to_mend = [finding for finding in findings if finding.mend]
    if to_mend:
        console.print()
    for finding in to_mend:
        line = f"{show.word(finding.result)} {show.word(finding.check)}: {show.word(finding.mend)}."
        console.print(line, soft_wrap=not console.is_terminal)
