"""What can only be seen by looking at several keys together."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path as PathOnDisk
from urllib.parse import urlsplit

from sqlalchemy import make_url

from dispatcher.config.fields import is_loopback, split_listen
from dispatcher.config.keys import Path
from dispatcher.config.problems import ConfigError, Problem
from dispatcher.config.settings import (
    AMI_FAMILIES,
    POLLED_FAMILIES,
    PbxSettings,
    PolicySettings,
    Settings,
)
from dispatcher.domain.vocabulary import DeliveredWhen
from dispatcher.lines import NumberFormat
from dispatcher.pbx.asterisk.channels import endpoint_in
from dispatcher.requests import Recipient

TRANSPORT_FAMILIES = {"tcp": "yeastar-k2", "websocket": "yeastar-p"}
"""Whose reports can come over a connection of each kind that we make to the PBX."""

SIGNING_FAMILY = "yeastar-p"
"""The family whose PBX signs the reports that it posts."""

VOLUME_FAMILIES = ("yeastar-k2", "yeastar-p")
"""Families that can be told how loud a prompt is played."""


def problems_of(settings: Settings, families: Collection[str]) -> Iterator[Problem]:
    """Every mistake in ``settings``, each value of which is right by itself."""
    for check in _CHECKS:
        yield from check(settings)
    yield from _unknown_families(settings, families)


def require_shared_broker(settings: Settings, role: str) -> None:
    """Refuse to run ``role`` apart from the other roles without a broker that they share.

    ``dispatcher up`` runs every role in one process and needs none.
    """
    if role != "up" and not settings.broker.url:
        raise ConfigError(
            [
                f"{settings.source}: broker.url: empty, which is for `dispatcher up` alone, but {role} runs "
                'beside other processes. Write e.g. url = "redis://127.0.0.1:6379/0"'
            ]
        )


def _repeated(items: list[tuple[str, Path]], what: str, mend: str) -> Iterator[Problem]:
    first: dict[str, Path] = {}
    for value, path in items:
        if value in first:
            yield Problem(path, what, mend, (first[value],))
        first.setdefault(value, path)


def _names(settings: Settings) -> Iterator[Problem]:
    pbxes = [(pbx.name, ("pbx", i, "name")) for i, pbx in enumerate(settings.pbx)]
    yield from _repeated(list(pbxes), "two PBXs have this name", "Give each a name of its own")
    policies = [(policy.name, ("policy", i, "name")) for i, policy in enumerate(settings.policy)]
    yield from _repeated(list(policies), "two policies have this name", "Give each a name of its own")
    keys = [(key.name, ("api", "key", i, "name")) for i, key in enumerate(settings.api.key)]
    yield from _repeated(list(keys), "two keys have this name", "Give each a name of its own")
    tokens = [(key.secret(), ("api", "key", i, "token")) for i, key in enumerate(settings.api.key)]
    yield from _repeated(list(tokens), "two keys have this token", "Give each key a token of its own")
    serials = [(pbx.serial, ("pbx", i, "serial")) for i, pbx in enumerate(settings.pbx) if pbx.serial]
    yield from _repeated(list(serials), "two PBXs have this serial number", "Look it up on each PBX")
    for i, pbx in enumerate(settings.pbx):
        trunks = [(trunk.name, ("pbx", i, "trunk", j, "name")) for j, trunk in enumerate(pbx.trunk)]
        yield from _repeated(
            list(trunks), "two trunks of this PBX have this name", "Name each trunk once, as the PBX does"
        )


def _unknown_families(settings: Settings, families: Collection[str]) -> Iterator[Problem]:
    for i, pbx in enumerate(settings.pbx):
        if pbx.family not in families:
            yield Problem(
                ("pbx", i, "family"),
                f"there is no driver for {pbx.family!r}",
                f"The families are {', '.join(sorted(families))}",
            )


def _open_api(settings: Settings) -> Iterator[Problem]:
    host, port = split_listen(settings.api.listen)
    if not settings.api.key and not is_loopback(host):
        yield Problem(
            ("api", "listen"),
            f"{host} can be reached from other machines, and no [[api.key]] protects it",
            f'Add an [[api.key]] with name, token and scopes, or write listen = "127.0.0.1:{port}"',
        )
    if port and port == split_listen(settings.reports.listen)[1]:
        yield Problem(
            ("reports", "listen"),
            f"port {port} is the API's as well",
            "Give each a port of its own",
            (("api", "listen"),),
        )


def _way_back(settings: Settings) -> Iterator[Problem]:
    """Whether PBXs are told an address for their reports that they can reach."""
    reports = settings.reports
    told = urlsplit(reports.advertised()).hostname or ""
    posting = [(i, pbx) for i, pbx in enumerate(settings.pbx) if not pbx.reports_are_fetched]
    if not posting:
        return
    if reports.listens_everywhere() and not reports.advertise:
        port = split_listen(reports.listen)[1]
        yield Problem(
            ("reports", "advertise"),
            f"missing, and the PBXs can't be told to post to {reports.listen}",
            f'Add advertise = "http://ADDRESS:{port}", with this machine\'s address as the PBXs see it',
            (("reports", "listen"),),
        )
        return
    for i, pbx in posting:
        if is_loopback(told) and not is_loopback(urlsplit(pbx.address).hostname or ""):
            yield Problem(
                ("reports", "advertise" if reports.advertise else "listen"),
                f"{pbx.name} is on another machine and can't post its reports to {reports.advertised()}",
                'Write e.g. listen = "0.0.0.0:8260" and advertise = "http://10.0.0.5:8260", '
                "with this machine's address",
                (("reports", "advertise"), ("reports", "listen"), ("pbx", i, "url"), ("pbx", i, "name")),
            )


def _pbxes(settings: Settings) -> Iterator[Problem]:
    for i, pbx in enumerate(settings.pbx):
        path: Path = ("pbx", i)
        if not pbx.trunk and not pbx.internal_channels:
            yield Problem(
                path,
                "has neither a [[pbx.trunk]] nor internal_channels, so nothing can be dialled",
                "Add a [[pbx.trunk]] with name and channels",
                ((*path, "trunk"), (*path, "internal_channels")),
            )
        if TRANSPORT_FAMILIES.get(pbx.report_transport, pbx.family) != pbx.family:
            yield Problem(
                (*path, "report_transport"),
                f"{pbx.report_transport} is for {TRANSPORT_FAMILIES[pbx.report_transport]} only",
                "Leave it out: reports of this family are fetched over its API"
                if pbx.family in POLLED_FAMILIES
                else 'Write report_transport = "http"',
                ((*path, "family"),),
            )
        if pbx.prompt_volume is not None and pbx.family not in VOLUME_FAMILIES:
            yield Problem(
                (*path, "prompt_volume"),
                f"is for {' and '.join(VOLUME_FAMILIES)} only",
                "Leave it out: the PBX's own settings say how loud prompts are",
                ((*path, "family"),),
            )
        yield from _signature(pbx, path)
        yield from _address(pbx, path)
        yield from _trunks(pbx, path)
        yield from _routes(pbx, path)


def _signature(pbx: PbxSettings, path: Path) -> Iterator[Problem]:
    """Whether there is a secret where posted reports are signed, and none where they are not."""
    where, family = (*path, "webhook_secret"), ((*path, "family"),)
    if pbx.family != SIGNING_FAMILY and pbx.webhook_secret is not None:
        yield Problem(where, f"is for {SIGNING_FAMILY} only", "Leave it out", family)
    elif pbx.family == SIGNING_FAMILY and not pbx.reports_are_fetched and pbx.webhook_secret is None:
        mend = (
            'Add webhook_secret = "…" with 32 letters and digits, or webhook_secret_env = "NAME", '
            'or write report_transport = "websocket"'
        )
        yield Problem(where, "missing, and the reports that the PBX posts are signed with it", mend, family)


AMI_KEYS = (
    "host",
    "port",
    "tls",
    "ring_timeout",
    "caller_id",
    "extension_dial",
    "ivr_context",
    "prompt_context",
    "queue_context",
    "ended_context",
    "transfer_context",
    "cdr_url",
)
"""Keys of a PBX that is reached at a host and port, and told how to dial."""


def _address(pbx: PbxSettings, path: Path) -> Iterator[Problem]:
    """Whether a PBX is reached in the way of its family, and its trunks are dialled so."""
    family = ((*path, "family"),)
    if pbx.family not in AMI_FAMILIES:
        if not pbx.url:
            yield Problem((*path, "url"), "missing", 'Add e.g. url = "https://192.168.5.150:8088"', family)
        for key in AMI_KEYS:
            if key in pbx.model_fields_set:
                mend = "Write url in its place" if key in ("host", "port", "tls") else "Leave it out"
                yield Problem((*path, key), f"is for {' and '.join(AMI_FAMILIES)} only", mend, family)
        for j, trunk in enumerate(pbx.trunk):
            if trunk.dial:
                where = (*path, "trunk", j, "dial")
                yield Problem(where, f"is for {' and '.join(AMI_FAMILIES)} only", "Leave it out", family)
        return
    if not pbx.host:
        mend = 'Add e.g. host = "192.168.5.150", and port if it is not 5038'
        yield Problem((*path, "host"), "missing", mend, family)
    if pbx.url:
        wrong = f"{pbx.family} is reached over its manager interface"
        yield Problem((*path, "url"), wrong, "Write host and port in its place", family)
    yield from _dials(pbx, path)


def _dials(pbx: PbxSettings, path: Path) -> Iterator[Problem]:
    """Whether every trunk can be dialled, and its channels told from those of the others."""
    first: dict[str, int] = {}
    for j, trunk in enumerate(pbx.trunk):
        where: Path = (*path, "trunk", j, "dial")
        if not trunk.dial:
            yield Problem(where, "missing", 'Add e.g. dial = "PJSIP/{number}@provider"', ((*path, "family"),))
            continue
        endpoint = endpoint_in(trunk.dial)
        if endpoint and endpoint in first:
            other = pbx.trunk[first[endpoint]].name
            mend = "Give each trunk an endpoint of its own, or make one trunk of them with all their channels"
            others = ((*path, "trunk", first[endpoint], "dial"),)
            yield Problem(where, f"{endpoint} is the endpoint of the trunk {other} as well", mend, others)
        first.setdefault(endpoint, j)


def _trunks(pbx: PbxSettings, path: Path) -> Iterator[Problem]:
    for j, trunk in enumerate(pbx.trunk):
        of_trunk = (*path, "trunk", j)
        if trunk.reserved_for_alarms > trunk.channels:
            yield Problem(
                (*of_trunk, "reserved_for_alarms"),
                f"is more than the trunk's {trunk.channels} channels",
                f"Write at most reserved_for_alarms = {trunk.channels}",
                ((*of_trunk, "channels"),),
            )
        if trunk.number_format is NumberFormat.NATIONAL and not trunk.region:
            yield Problem(
                (*of_trunk, "region"),
                'missing, and number_format = "national" needs to know in which country the trunk is',
                'Add e.g. region = "NL"',
                ((*of_trunk, "number_format"),),
            )


def _routes(pbx: PbxSettings, path: Path) -> Iterator[Problem]:
    """Whether the PBX's outbound routes can tell the trunks apart, by prefix or by extension.

    Trunks without a prefix are left to the PBX's own routes: the reports name the trunk that a call
    really took, and its channel counts there.
    """
    for j, trunk in enumerate(pbx.trunk):
        for k, other in enumerate(pbx.trunk[:j]):
            if trunk.extension != other.extension or trunk.name == other.name:
                continue
            shorter, longer = sorted((trunk.prefix, other.prefix), key=len)
            if shorter and longer.startswith(shorter):
                yield Problem(
                    (*path, "trunk", j, "prefix"),
                    f"a call for {trunk.name} can't be told from one for {other.name}, "
                    f"whose prefix is {other.prefix!r}",
                    "Give each trunk a prefix that no other begins with, and the PBX a route for each",
                    tuple(
                        (*path, "trunk", n, key) for n in (j, k) for key in ("prefix", "extension", "name")
                    ),
                )


def _policies(settings: Settings) -> Iterator[Problem]:
    defaults = [i for i, policy in enumerate(settings.policy) if policy.default]
    for i in defaults[1:]:
        yield Problem(
            ("policy", i, "default"),
            f"{settings.policy[defaults[0]].name} is the default already",
            "Let one policy be the default",
            (("policy", defaults[0], "default"), ("policy", defaults[0], "name")),
        )
    names = [pbx.name for pbx in settings.pbx]
    for i, policy in enumerate(settings.policy):
        if policy.delivered_when is DeliveredWhen.ACKNOWLEDGED and not policy.acknowledging:
            yield Problem(
                ("policy", i, "ack_digits"),
                "is empty, so nobody could acknowledge",
                'Write e.g. ack_digits = "1", or ask for less with delivered_when = "heard"',
                (("policy", i, "delivered_when"),),
            )
        for place, recipient in _recipients(policy):
            if recipient.pbx is not None and recipient.pbx not in names:
                yield Problem(
                    ("policy", i, *place, "pbx"),
                    f"there is no PBX {recipient.pbx!r}",
                    f"The PBXs are {', '.join(names)}" if names else "Add a [[pbx]] first",
                    (("pbx",), *(("pbx", k, "name") for k in range(len(names)))),
                )


def _recipients(policy: PolicySettings) -> Iterator[tuple[tuple[str | int, ...], Recipient]]:
    """Everybody whom a policy names, each with the place where that is written."""
    yield from ((("to", j), recipient) for j, recipient in enumerate(policy.to or ()))
    for number, step in enumerate(policy.steps or ()):
        yield from ((("steps", number, "to", j), recipient) for j, recipient in enumerate(step.to))


def _store(settings: Settings) -> Iterator[Problem]:
    url = make_url(settings.store.url)
    folder = PathOnDisk(url.database or "").absolute().parent
    if url.get_backend_name() == "sqlite" and not folder.is_dir():
        yield Problem(
            ("store", "url"),
            f"there is no folder {folder}",
            "Make the folder, or name a file in one that exists",
        )


_CHECKS: tuple[Callable[[Settings], Iterator[Problem]], ...] = (
    _store,
    _names,
    _open_api,
    _way_back,
    _pbxes,
    _policies,
)
