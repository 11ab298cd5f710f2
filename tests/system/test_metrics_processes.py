"""What one API process shows at /metrics is exact for all processes together, and complete from the start."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from dispatcher.simulator import Fault, Faults, SimulatedPbx
from tests.system.judgement import judge
from tests.system.processes import wait_until
from tests.system.site import TRUNK, Site, number, simulated_pbx

CHANNELS = 5
CODES = ("0001", "0486", "0003", "0404", "0004", "0031")
PROCESSES = ("api", "reports", "pacer", "pacer-2", "workers", "workers-2")

OUTCOMES = (
    *("delivered", "not_heard", "busy", "no_answer", "rejected", "invalid_number", "unreachable"),
    *("congestion", "not_permitted", "voicemail", "cancelled", "unknown"),
)
SOURCES = ("api", "alertmanager", "grafana", "zabbix", "icinga")
SEVERITIES = ("critical", "warning", "info")
STATUSES = ("open", "acknowledged", "resolved", "cancelled", "expired", "exhausted")
EVENTS = (
    "RING",
    "ALERT",
    "ANSWERED",
    "ANSWER",
    "BYE",
    "CallFailed",
    "NewCdr",
    "DTMF",
    "PlayPromptEnd",
    "BootUp",
)
DISPOSITIONS = ("applied", "duplicate", "orphan", "foreign", "malformed")
OPERATIONS = ("login", "heartbeat", "dial", "live_calls", "hangup", "trunks")

AT_ZERO = {
    "dispatcher_alarms_total": product(SOURCES, SEVERITIES),
    "dispatcher_alarm_status": product(STATUSES),
    "dispatcher_calls_total": product(("alarm", "campaign"), OUTCOMES),
    "dispatcher_attempts_total": product(("hq",), (TRUNK,), OUTCOMES),
    "dispatcher_reports_total": product(("hq",), EVENTS, DISPOSITIONS),
    "dispatcher_queue_depth": product(("alarm", "campaign")),
    "dispatcher_alarm_to_dial_seconds_count": [()],
    "dispatcher_alarm_to_ring_seconds_count": [()],
    "dispatcher_alarm_to_delivered_seconds_count": [()],
    "dispatcher_slot_turnaround_seconds_count": [()],
    "dispatcher_pbx_up": [("hq",)],
    "dispatcher_attempts_in_doubt": [("hq",)],
    "dispatcher_oldest_unreconciled_seconds": [("hq",)],
}
"""Every label set of the public surface that stands at zero before anything has happened."""

LABELS = {
    "dispatcher_alarms_total": ("source", "severity"),
    "dispatcher_alarm_status": ("status",),
    "dispatcher_calls_total": ("kind", "outcome"),
    "dispatcher_attempts_total": ("pbx", "trunk", "outcome"),
    "dispatcher_reports_total": ("pbx", "event", "disposition"),
    "dispatcher_queue_depth": ("kind",),
    "dispatcher_trunk_channels": ("pbx", "trunk", "use"),
    "dispatcher_pbx_request_seconds_count": ("pbx", "operation", "result"),
    "dispatcher_pbx_up": ("pbx",),
    "dispatcher_attempts_in_doubt": ("pbx",),
    "dispatcher_oldest_unreconciled_seconds": ("pbx",),
}

Samples = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture
def pbx() -> Iterator[SimulatedPbx]:
    faults = Faults({Fault.DUPLICATE_REPORT: 0.1}, seed=1)
    with simulated_pbx(CHANNELS, faults=faults) as running:
        yield running


@pytest.fixture
def site(pbx: SimulatedPbx, postgres_url: str, redis_url: str, tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path, pbx.url, postgres_url, redis_url, channels=CHANNELS, reserved=1) as made:
        yield made


def scraped(site: Site) -> Samples:
    """Every sample of the API's /metrics, by name and by the labels in the order of the public surface."""
    found: Samples = {}
    for sample in site.samples():
        names = LABELS.get(sample.name, tuple(sample.labels))
        assert set(names) == set(sample.labels), sample
        found.setdefault(sample.name, {})[tuple(sample.labels[name] for name in names)] = sample.value
    return found


@pytest.mark.timeout(240)
def test_totals_are_exact_over_all_processes(site: Site, pbx: SimulatedPbx) -> None:
    site.start("api")
    before = scraped(site)
    for name, label_sets in AT_ZERO.items():
        for labels in label_sets:
            assert before[name].get(labels) == 0, f"{name}{labels} is {before.get(name, {}).get(labels)}"
    for use in ("limit", "reserved", "ours", "others"):
        assert ("hq", TRUNK, use) in before["dispatcher_trunk_channels"], use
    for operation in OPERATIONS:
        for result in ("ok", "refused", "in_doubt"):
            assert before["dispatcher_pbx_request_seconds_count"]["hq", operation, result] == 0

    site.start(*(name for name in PROCESSES if name != "api"))
    numbers = [number(place, CODES[place % len(CODES)]) for place in range(48)]
    campaign = site.load(numbers, retry={"max_attempts": 2, "busy": 0, "not_heard": 0, "no_answer": 0})
    site.go(campaign)
    alarms = [site.raise_alarm(number(900 + place)) for place in range(3)]
    for alarm in alarms:
        site.alarm_over(alarm, 60)
    site.campaign_over(campaign, 90)
    pbx.wait_idle(60)
    site.idle(60)

    of_campaign = site.calls(campaign)
    of_alarms = [call for alarm in alarms for call in site.alarm(alarm)["calls"]]
    calls = [*of_campaign, *of_alarms]
    outcomes = judge(pbx, calls, campaign_attempts=2)
    # Requests to the PBX are counted in each process's memory and written once a second.
    wait_until(lambda: requests(scraped(site), "dial") == len(pbx.judge.dials()), 10, "dials")
    after = scraped(site)

    assert sum(after["dispatcher_alarms_total"].values()) == 3
    assert after["dispatcher_alarms_total"]["api", "critical"] == 3
    assert after["dispatcher_alarm_status"][("acknowledged",)] == 3
    for kind, some in (("campaign", of_campaign), ("alarm", of_alarms)):
        for outcome in OUTCOMES:
            ended = sum(call["outcome"] == outcome for call in some)
            assert after["dispatcher_calls_total"][kind, outcome] == ended, (kind, outcome)
    for outcome in OUTCOMES:
        assert after["dispatcher_attempts_total"]["hq", TRUNK, outcome] == outcomes[outcome], outcome
    assert sum(outcomes.values()) == len(pbx.judge.dials())

    received = pbx.judge.reports()["acknowledged"]
    assert sum(after["dispatcher_reports_total"].values()) == received == site.rows("reports")
    by_disposition = {
        disposition: sum(
            value for key, value in after["dispatcher_reports_total"].items() if key[2] == disposition
        )
        for disposition in DISPOSITIONS
    }
    made = pbx.judge.reports()["made"]
    assert by_disposition == dict.fromkeys(DISPOSITIONS, 0) | {"applied": made, "duplicate": received - made}
    assert received > made

    assert after["dispatcher_pbx_request_seconds_count"]["hq", "login", "ok"] == 1
    assert after["dispatcher_alarm_to_dial_seconds_count"][()] == len(of_alarms)
    assert after["dispatcher_alarm_to_ring_seconds_count"][()] == len(of_alarms)
    assert after["dispatcher_alarm_to_delivered_seconds_count"][()] == len(of_alarms)
    assert 0 < after["dispatcher_slot_turnaround_seconds_count"][()] <= len(pbx.judge.dials())
    assert after["dispatcher_pbx_up"][("hq",)] == 1
    assert after["dispatcher_trunk_channels"]["hq", TRUNK, "limit"] == CHANNELS
    assert after["dispatcher_trunk_channels"]["hq", TRUNK, "reserved"] == 1
    assert after["dispatcher_trunk_channels"]["hq", TRUNK, "ours"] == 0
    assert set(after["dispatcher_queue_depth"].values()) == {0}


def requests(samples: Samples, operation: str) -> float:
    """How many requests of this kind all processes have sent, whatever came of them."""
    counted = samples["dispatcher_pbx_request_seconds_count"]
    return sum(value for (_, sent, _), value in counted.items() if sent == operation)
