"""The label sets that can occur, from the configuration and the closed sets: present from the start."""

from collections.abc import Iterator
from itertools import product
from typing import cast

from dispatcher.audit import INVARIANTS
from dispatcher.config import Settings
from dispatcher.domain.vocabulary import CallKind, Disposition, Outcome, Severity
from dispatcher.metrics import catalogue
from dispatcher.metrics.render import Labels
from dispatcher.pbx.protocol import Driver
from dispatcher.pbx.registry import FAMILIES
from dispatcher.receiver.receiver import WHY_REFUSED
from dispatcher.reports.incoming import UNKNOWN_WORD
from dispatcher.store.trunks import INTERNAL


def trunks_of(settings: Settings) -> list[tuple[str, str]]:
    """Every configured trunk, as (pbx, trunk)."""
    return [(pbx.name, trunk.name) for pbx in settings.pbx for trunk in pbx.trunk]


def known_labels(settings: Settings) -> dict[str, list[Labels]]:
    """The label sets of every counted metric, by its name.

    Calls to a PBX's own extensions take no trunk: there the label is empty.
    """
    lines = [*trunks_of(settings), *((pbx.name, INTERNAL) for pbx in settings.pbx)]
    return {
        catalogue.ALARMS.name: list(product(catalogue.SOURCES, Severity)),
        catalogue.ALERTS_REFUSED.name: [(source,) for source in (*catalogue.WEBHOOKS, "heartbeat")],
        catalogue.ALERTS_TRUNCATED.name: [(source,) for source in catalogue.WEBHOOKS],
        catalogue.NOTIFICATIONS_REFUSED.name: list(product(catalogue.WEBHOOKS, catalogue.WHY_NOT_READ)),
        catalogue.ALARMS_UNKNOWN_IVR.name: [(source,) for source in catalogue.SOURCES],
        catalogue.ALARMS_STUMBLED.name: [()],
        catalogue.ALARMS_NOBODY.name: [()],
        catalogue.CALLS.name: list(product(CallKind, Outcome)),
        catalogue.ATTEMPTS.name: [(*line, outcome) for line in lines for outcome in Outcome],
        catalogue.ATTEMPTS_ANSWERED.name: list(lines),
        catalogue.TALK_SECONDS.name: list(lines),
        catalogue.CHANNEL_SECONDS.name: list(lines),
        catalogue.CHANNEL_DRIFT.name: [
            (*trunk, kind) for trunk in trunks_of(settings) for kind in catalogue.Drift
        ],
        catalogue.REPORTS.name: list(_reports(settings)),
        catalogue.REPORTS_REFUSED.name: [(why,) for why in WHY_REFUSED],
        catalogue.AUDIT_MENDED.name: [(one.name,) for one in INVARIANTS if one.mend is not None],
        catalogue.WEBHOOK_DELIVERIES.name: [(result,) for result in catalogue.DeliveryResult],
        catalogue.PBX_REQUEST.name: list(_requests(settings)),
        **{histogram.name: [()] for histogram in catalogue.HISTOGRAMS if not histogram.labels},
    }


def _reports(settings: Settings) -> Iterator[Labels]:
    final = [disposition for disposition in Disposition if disposition is not Disposition.PENDING]
    for pbx in settings.pbx:
        words = dict.fromkeys([*_driver(pbx.family).report_words, UNKNOWN_WORD])
        yield from product([pbx.name], words, final)


def _requests(settings: Settings) -> Iterator[Labels]:
    for pbx in settings.pbx:
        yield from product([pbx.name], _driver(pbx.family).operations, catalogue.REQUEST_RESULTS)


def _driver(family: str) -> type[Driver]:
    """The driver's class, which says its closed sets without being logged in anywhere."""
    return cast(type[Driver], FAMILIES[family])
