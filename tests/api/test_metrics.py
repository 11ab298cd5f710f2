"""What Prometheus reads: everything from the start, and right over any number of processes."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from dispatcher.api.gauges import Gauges
from dispatcher.core import Core, write_counts
from dispatcher.domain.doubt import Known, Next, Step
from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import Phase
from dispatcher.metrics import catalogue
from dispatcher.metrics.counting import Count
from dispatcher.store import doubts, sessions
from tests.api.conftest import ALARM, client_of
from tests.cores import START, SettableClock, accept, claim, learn, make_core, set_attempt

Sample = tuple[str, frozenset[tuple[str, str]]]


def scraped(api: TestClient) -> dict[Sample, float]:
    answer = api.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def at(samples: dict[Sample, float], name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


NAMES = {
    "dispatcher_alarms_total": {"source", "severity"},
    "dispatcher_alarm_status": {"status"},
    "dispatcher_calls_total": {"kind", "outcome"},
    "dispatcher_attempts_total": {"pbx", "trunk", "outcome"},
    "dispatcher_reports_total": {"pbx", "event", "disposition"},
    "dispatcher_trunk_channels": {"pbx", "trunk", "use"},
    "dispatcher_channel_drift_total": {"pbx", "trunk", "kind"},
    "dispatcher_trunk_up": {"pbx", "trunk"},
    "dispatcher_queue_depth": {"kind"},
    "dispatcher_alarm_to_dial_seconds_count": set(),
    "dispatcher_alarm_to_ring_seconds_count": set(),
    "dispatcher_alarm_to_delivered_seconds_count": set(),
    "dispatcher_slot_turnaround_seconds_count": set(),
    "dispatcher_pbx_request_seconds_count": {"pbx", "operation", "result"},
    "dispatcher_pbx_up": {"pbx"},
    "dispatcher_attempts_in_doubt": {"pbx"},
    "dispatcher_oldest_unreconciled_seconds": {"pbx"},
    "dispatcher_channels_overdue": {"pbx", "trunk"},
    "dispatcher_audit_findings": {"invariant"},
    "dispatcher_audit_mended_total": {"invariant"},
    "dispatcher_audit_clean_timestamp_seconds": set(),
}


def test_every_series_is_there_from_the_start_at_zero(api: TestClient) -> None:
    samples = scraped(api)

    for name, labels in NAMES.items():
        found = [dict(key[1]) for key in samples if key[0] == name]
        assert found, name
        assert all(set(item) == labels for item in found), name
    busy = {key: value for key, value in samples.items() if value and "dispatcher_trunk_" not in key[0]}
    assert busy == {}
    assert at(samples, "dispatcher_reports_total", pbx="hq", event="NewCdr", disposition="orphan") == 0
    assert (
        at(samples, "dispatcher_pbx_request_seconds_count", pbx="hq", operation="dial", result="in_doubt")
        == 0
    )
    assert not [key for key in samples if ("disposition", "pending") in key[1]]
    assert at(samples, "dispatcher_trunk_channels", pbx="hq", trunk="SPS-6-36", use="limit") == 30
    assert at(samples, "dispatcher_trunk_channels", pbx="hq", trunk="SPS-6-36", use="reserved") == 4
    assert at(samples, "dispatcher_trunk_up", pbx="hq", trunk="SPS-6-36") == 1


@pytest.fixture
def two(store_url: str) -> Iterator[tuple[Core, Core]]:
    cores = make_core(store_url), make_core(store_url)
    yield cores
    for core in cores:
        core.store.close()


def test_two_processes_show_the_same_and_all_of_it(two: tuple[Core, Core]) -> None:
    one, other = (client_of(core) for core in two)
    one.post("/v1/alarms", json=ALARM | {"dedup_key": "a"})
    other.post("/v1/alarms", json=ALARM | {"dedup_key": "a"})
    other.post("/v1/alarms", json=ALARM | {"to": [{"number": "+31612345679"}, {"extension": "1003"}]})

    first, second = scraped(one), scraped(other)

    assert first == second
    assert at(first, "dispatcher_alarms_total", source="api", severity="critical") == 2, (
        "a repeat is no alarm"
    )
    assert at(first, "dispatcher_alarm_status", status="open") == 2
    assert at(first, "dispatcher_queue_depth", kind="alarm") == 4
    assert at(first, "dispatcher_queue_depth", kind="campaign") == 0


def test_a_call_shows_in_counters_histograms_and_gauges(
    api: TestClient, core: Core, clock: SettableClock
) -> None:
    api.post("/v1/alarms", json=ALARM | {"to": [{"number": "+31612345678"}, {"number": "+31612345679"}]})
    lost, busy = claim(core)
    set_attempt(core, lost, phase=Phase.IN_DOUBT, dialed_at=START, doubted_at=START)
    accept(core, busy, "1.1")
    learn(core, busy, ringing_at=clock.move(seconds=7))
    learn(core, busy, failed_at=clock.move(seconds=1), cause=Reason.BUSY)
    clock.now = START + timedelta(seconds=90)

    samples = scraped(api)

    trunk = {"pbx": "hq", "trunk": "SPS-6-36"}
    assert at(samples, "dispatcher_attempts_total", outcome="busy", **trunk) == 1
    assert at(samples, "dispatcher_trunk_channels", use="ours", **trunk) == 1
    assert at(samples, "dispatcher_queue_depth", kind="alarm") == 1
    assert at(samples, "dispatcher_attempts_in_doubt", pbx="hq") == 1
    assert at(samples, "dispatcher_oldest_unreconciled_seconds", pbx="hq") == 90
    ring = "dispatcher_alarm_to_ring_seconds"
    assert at(samples, f"{ring}_bucket", le="5.0") == 0
    assert at(samples, f"{ring}_bucket", le="10.0") == 1
    assert at(samples, f"{ring}_bucket", le="+Inf") == 1
    assert (at(samples, f"{ring}_count"), at(samples, f"{ring}_sum")) == (1, 7)


def test_calls_that_are_asked_for_are_unreconciled_until_the_pbx_shows_them(
    api: TestClient, core: Core, clock: SettableClock
) -> None:
    api.post("/v1/alarms", json=ALARM | {"to": [{"number": "+31612345678"}, {"number": "+31612345679"}]})
    silent, shown = claim(core)
    with core.store.write() as tx:
        doubts.take_up(tx, "hq", [(key, "no report since 10:00:00 UTC", START) for key in (silent, shown)])
    clock.move(seconds=100)
    assert at(scraped(api), "dispatcher_oldest_unreconciled_seconds", pbx="hq") == 100

    with core.store.write() as tx:
        doubts.drop(tx, [silent])
        known = Known(looks=3, looked_at=clock(), shown_at=clock())
        doubts.save(tx, [(shown, known, Next(Step.LOOK, clock(), "the PBX shows it"))])
    clock.move(seconds=10)
    samples = scraped(api)
    assert at(samples, "dispatcher_oldest_unreconciled_seconds", pbx="hq") == 10
    assert at(samples, "dispatcher_attempts_in_doubt", pbx="hq") == 0


def test_an_accepted_call_that_is_silent_is_unreconciled_although_nobody_asks_for_it(
    api: TestClient, core: Core, clock: SettableClock
) -> None:
    """No upkeep runs, so the call never comes into question."""
    api.post("/v1/alarms", json=ALARM | {"to": [{"number": "+31612345678"}]})
    [attempt] = claim(core)
    accept(core, attempt, "1.1")
    learn(core, attempt, ringing_at=clock.move(seconds=5))
    silence = core.settings.pacing.silence
    clock.move(seconds=silence)
    assert at(scraped(api), "dispatcher_oldest_unreconciled_seconds", pbx="hq") == 0
    clock.move(seconds=1)
    samples = scraped(api)
    assert at(samples, "dispatcher_oldest_unreconciled_seconds", pbx="hq") == silence + 1
    assert at(samples, "dispatcher_attempts_in_doubt", pbx="hq") == 0


def test_a_pbx_is_up_while_we_are_logged_in(api: TestClient, core: Core) -> None:
    now = core.clock()
    with core.store.write() as tx:
        assert sessions.take_lease(tx, "hq", "me", 0, now, now)
        sessions.store_login(tx, "hq", now, "a token")
    up = at(scraped(api), "dispatcher_pbx_up", pbx="hq")
    with core.store.write() as tx:
        sessions.store_failure(tx, "hq", problem="away")

    assert (up, at(scraped(api), "dispatcher_pbx_up", pbx="hq")) == (1, 0)
    assert "a token" not in api.get("/metrics").text


def test_observations_are_added_up_over_the_buckets(api: TestClient, core: Core) -> None:
    count = Count()
    for seconds in (0.001, 0.005, 0.03, 0.03, 99.0):
        count.observe(catalogue.PBX_REQUEST, seconds, "hq", "dial", "ok")
    with core.store.write() as tx:
        write_counts(tx, count)

    samples = scraped(api)

    name, labels = "dispatcher_pbx_request_seconds", {"pbx": "hq", "operation": "dial", "result": "ok"}
    buckets = [
        at(samples, f"{name}_bucket", le=le, **labels) for le in ("0.005", "0.02", "0.04", "30.0", "+Inf")
    ]
    assert buckets == [2, 2, 4, 4, 5]
    assert at(samples, f"{name}_count", **labels) == 5
    assert at(samples, f"{name}_sum", **labels) == pytest.approx(99.066)


def test_openmetrics_is_spoken_where_it_is_asked_for(api: TestClient) -> None:
    asked = api.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert asked.headers["content-type"].startswith("application/openmetrics-text")
    assert asked.text.endswith("# EOF\n")
    assert api.get("/metrics").headers["content-type"].startswith("text/plain")


def test_a_long_count_is_remembered_for_fifty_times_as_long(core: Core, api: TestClient) -> None:
    class Watch:
        now = 0.0
        step = 0.1

        def __call__(self) -> float:
            self.now += self.step
            return self.now

    def depth(gauges: Gauges) -> float:
        with core.store.read() as tx:
            [found] = [item for item in gauges.read(core, tx) if item.name == "dispatcher_queue_depth"]
        return found.values["alarm",]

    watch = Watch()
    gauges = Gauges(watch)
    before = depth(gauges)
    api.post("/v1/alarms", json=ALARM)
    remembered = depth(gauges)
    watch.now += 10.0

    assert (before, remembered, depth(gauges)) == (0, 0, 2)
    quick = Watch()
    quick.step = 0.001
    gauges = Gauges(quick)
    depth(gauges)
    api.post("/v1/alarms", json=ALARM | {"to": [{"number": "+31612345679"}, {"extension": "1003"}]})
    assert depth(gauges) == 4, "a short count is made anew each time"
