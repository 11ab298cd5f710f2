"""What can only be seen by looking at several keys of one PBX together."""

from collections.abc import Iterator

from dispatcher.config.keys import Path
from dispatcher.config.pbx_settings import AMI_FAMILIES, POLLED_FAMILIES, PbxSettings
from dispatcher.config.problems import Problem
from dispatcher.config.settings import Settings
from dispatcher.lines import NumberFormat
from dispatcher.pbx.asterisk.channels import endpoint_in

TRANSPORT_FAMILIES = {"tcp": "yeastar-k2", "websocket": "yeastar-p"}
"""Whose reports can come over a connection of each kind that we make to the PBX."""

SIGNING_FAMILY = "yeastar-p"
"""The family whose PBX signs the reports that it posts."""

VOLUME_FAMILIES = ("yeastar-k2", "yeastar-p")
"""Families that can be told how loud a prompt is played."""

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


def pbxes(settings: Settings) -> Iterator[Problem]:
    """Every mistake in a PBX that its keys show together."""
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
