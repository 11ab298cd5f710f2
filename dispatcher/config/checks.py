"""What can only be seen by looking at several keys together."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path as PathOnDisk
from urllib.parse import urlsplit

from sqlalchemy import make_url

from dispatcher.config.fields import is_loopback, split_listen
from dispatcher.config.keys import Path
from dispatcher.config.pbx_checks import pbxes
from dispatcher.config.problems import ConfigError, Problem
from dispatcher.config.settings import PolicySettings, Settings
from dispatcher.domain.vocabulary import DeliveredWhen
from dispatcher.requests import Recipient


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
    pbxes,
    _policies,
)
