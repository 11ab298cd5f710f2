"""`dispatcher simulator`: a simulated PBX alone, for trying things out without a telephone bill."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Annotated, TypeVar

import typer

from dispatcher.simulator import (
    FAMILIES,
    Behaviour,
    DeliverySettings,
    ExtensionSettings,
    Fault,
    Faults,
    IvrSettings,
    SimulatorSettings,
    Timing,
    TrunkSettings,
    serve,
    username_of,
)

DEFAULTS = SimulatorSettings()
K = TypeVar("K", bound=str)
T = TypeVar("T")


def _family(name: str) -> str:
    if name not in FAMILIES:
        raise typer.BadParameter(f"{name!r}: there are {', '.join(FAMILIES)}")
    return name


Family = Annotated[
    str,
    typer.Option(
        "--family", parser=_family, metavar="|".join(FAMILIES), help="The family of the simulated PBX."
    ),
]
"""The option that chooses among the families that can be simulated."""
TCP_FAMILY = "yeastar-k2"
"""The family whose reports can be fetched over TCP."""

WEBSOCKET_FAMILY = "yeastar-p"
"""The family whose reports can be fetched over a WebSocket; its simulated PBX always has one."""


def simulator(
    family: Family = DEFAULTS.family,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = DEFAULTS.host,
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = DEFAULTS.port,
    tcp_port: Annotated[
        int | None,
        typer.Option(
            help="yeastar-k2: reports are fetched from this port, and not posted.", min=0, max=65535
        ),
    ] = None,
    username: Annotated[
        str | None, typer.Option(help="The API user; default api, with axeos apiKey.", show_default=False)
    ] = None,
    password: Annotated[
        str, typer.Option(help="The API password.", envvar="SIMULATOR_PASSWORD", show_default=False)
    ] = DEFAULTS.password,
    serial: Annotated[str, typer.Option(help="The serial number, `sn` in reports.")] = DEFAULTS.serial,
    timezone: Annotated[str, typer.Option(help="The zone of the PBX's own clock.")] = DEFAULTS.timezone,
    clock_ahead: Annotated[float, typer.Option(help="Seconds by which that clock is fast.")] = 0.0,
    trunk: Annotated[
        list[str] | None, typer.Option(help="NAME=CHANNELS[:PREFIX[:TYPE]]; repeatable. FXO is analog.")
    ] = None,
    ivr: Annotated[list[str] | None, typer.Option(help="An IVR's number; repeatable.")] = None,
    ivr_repeats: Annotated[int, typer.Option(help="How often an IVR plays its prompt.")] = 3,
    extension: Annotated[list[str] | None, typer.Option(help="An extension; repeatable.")] = None,
    user: Annotated[list[str] | None, typer.Option(help="axeos: a user's name; repeatable.")] = None,
    behaviour: Annotated[
        Behaviour, typer.Option(help="What callees do who have no behaviour of their own.")
    ] = DEFAULTS.behaviour,
    callee: Annotated[list[str] | None, typer.Option(help="NUMBER=BEHAVIOUR; repeatable.")] = None,
    by_suffix: Annotated[
        bool, typer.Option(help="Let the last four digits of a number choose its behaviour.")
    ] = True,
    time_scale: Annotated[float, typer.Option(help="0.1: everything ten times as fast.", min=0)] = 1.0,
    timing: Annotated[
        list[str] | None, typer.Option(help="STAGE=SECONDS, like prompt=8 or no_answer=30; repeatable.")
    ] = None,
    fault: Annotated[list[str] | None, typer.Option(help="NAME=PROBABILITY; repeatable.")] = None,
    seed: Annotated[int, typer.Option(help="The seed of the faults.")] = 0,
    keep_alive: Annotated[bool, typer.Option(help="Send reports over connections that stay open.")] = False,
    connections: Annotated[int, typer.Option(help="Reports under way at most.", min=1)] = 16,
    log: Annotated[bool, typer.Option(help="Keep a log of everything at /simulator/log.")] = True,
) -> None:
    """Run a simulated PBX until interrupted. What it saw is at /simulator/state, /calls and /log."""
    if tcp_port is not None and family != TCP_FAMILY:
        raise typer.BadParameter(f"reports of {family} are posted", param_hint="--tcp-port")
    trunks = tuple(_trunk(text) for text in trunk) if trunk else DEFAULTS.trunks
    _unique([each.name for each in trunks], "--trunk")
    settings = SimulatorSettings(
        family=family,
        host=host,
        port=port,
        username=username_of(family) if username is None else username,
        password=password,
        serial=serial,
        timezone=timezone,
        clock_ahead=clock_ahead,
        report_transport="http" if tcp_port is None else "tcp",
        report_port=tcp_port or 0,
        trunks=trunks,
        ivrs=tuple(IvrSettings(number, ivr_repeats) for number in ivr or ["6500"]),
        extensions=tuple(map(ExtensionSettings, extension)) if extension else DEFAULTS.extensions,
        users=tuple(user) if user else DEFAULTS.users,
        behaviour=behaviour,
        callees=_pairs(callee, "--callee", str, _behaviour),
        behaviour_by_suffix=by_suffix,
        time_scale=time_scale,
        timing=_timing(timing),
        faults=Faults(_pairs(fault, "--fault", _fault, _probability), seed=seed),
        delivery=DeliverySettings(keep_alive=keep_alive, connections=connections),
        keep_log=log,
    )
    try:
        serve(settings, lambda url, report_port: _announce(settings, url, report_port))
    except OSError as error:
        typer.echo(f"Can not listen on {host}:{port}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from None


def _announce(settings: SimulatorSettings, url: str, report_port: int) -> None:
    trunks = ", ".join(f"{trunk.name} ({trunk.channels})" for trunk in settings.trunks)
    what = "its manager interface" if settings.family == "asterisk" else "reports"
    fetched = f", {what} at port {report_port}" if report_port else ""
    typer.echo(f"Simulated {settings.family} {settings.serial} ready at {url}{fetched}; trunks: {trunks}")


def _pairs(
    texts: list[str] | None, option: str, key: Callable[[str], K], value: Callable[[str], T]
) -> dict[K, T]:
    pairs: dict[K, T] = {}
    for text in texts or []:
        name, equals, rest = text.partition("=")
        try:
            if not name or not equals:
                raise ValueError("it must look like NAME=VALUE")
            pairs[key(name)] = value(rest)
        except ValueError as error:
            raise typer.BadParameter(f"{text!r}: {error}", param_hint=option) from None
    return pairs


def _trunk(text: str) -> TrunkSettings:
    name, equals, rest = text.rpartition("=")
    channels, _, more = rest.partition(":")
    prefix, _, kind = more.partition(":")
    if not equals or not name or not channels.isdigit() or int(channels) < 1:
        raise typer.BadParameter(
            f"{text!r}: it must look like NAME=CHANNELS[:PREFIX[:TYPE]]", param_hint="--trunk"
        )
    return TrunkSettings(name, int(channels), type=kind or "SIP", prefix=prefix)


def _timing(texts: list[str] | None) -> Timing:
    stages = {field.name for field in fields(Timing)}

    def stage(name: str) -> str:
        if name not in stages:
            raise ValueError(f"no such stage; there are {', '.join(sorted(stages))}")
        return name

    return replace(Timing(), **_pairs(texts, "--timing", stage, float))


def _behaviour(name: str) -> Behaviour:
    try:
        return Behaviour(name)
    except ValueError:
        raise ValueError(f"no such behaviour; there are {', '.join(Behaviour)}") from None


def _fault(name: str) -> Fault:
    try:
        return Fault(name)
    except ValueError:
        raise ValueError(f"no such fault; there are {', '.join(Fault)}") from None


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError("a probability is between 0 and 1")
    return value


def _unique(names: list[str], option: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise typer.BadParameter(f"{name!r} is given twice", param_hint=option)
