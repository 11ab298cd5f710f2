"""What the doctor reads from the calls so far: clocks, channels, doubts, missing reports, the audit."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from dispatcher.cli.doctor.clocks import check_clock
from dispatcher.cli.doctor.streams import check_stream_of
from dispatcher.clock import utc_now
from dispatcher.config import load
from dispatcher.pbx.protocol import PbxAccount
from dispatcher.sessions import Pbx, Sessions
from dispatcher.store.engine import Store
from tests.cli.site import Site, run
from tests.cli.test_doctor_families import free_port
from tests.scripted import ScriptedDriver, record
from tests.store import rows

AGO = timedelta(minutes=5)
ACCOUNT = PbxAccount("hq", "axeos", "http://127.0.0.1:1", "api", "password", True, UTC, "")


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    made = Store(sqlite_url)
    with made.write() as tx:
        rows.add(tx, "campaigns", status="running", name="Water", trunks=None)
        rows.add(tx, "trunks")
    yield made
    made.close()


def ended(store: Store, number: int = 1, **columns: Any) -> None:
    """Calls that have ended, with all of their reports; the last five minutes ago."""
    now = utc_now()
    for place in range(1, number + 1):
        at = now - AGO - timedelta(seconds=number - place)
        plain = {
            "id": f"attempt-{place}",
            "call_id": f"call-{place}",
            "phase": "ended",
            "outcome": "delivered",
            "channel_held": False,
            "callid": f"{int(at.timestamp())}.{place}",
            "ringing_at": at,
            "answered_at": at,
            "accepted_at": at,
            "freed_at": at,
        }
        with store.write() as tx:
            rows.add(tx, "calls", id=f"call-{place}", number=f"+3161234000{place}", state="delivered")
            rows.add(tx, "attempts", **plain | columns)
            rows.add(tx, "reports", attempt_id=f"attempt-{place}", received_at=at)


def held(store: Store, **columns: Any) -> None:
    """A call that is under way."""
    with store.write() as tx:
        rows.add(tx, "calls")
        rows.add(tx, "attempts", **columns)


def findings(site: Site) -> dict[str, dict[str, Any]]:
    site.reports = f"127.0.0.1:{free_port()}"
    result = run("doctor", "--json", "--config", str(site.file))
    return {one["check"]: one for one in json.loads(result.stdout)["findings"]}


class TestClock:
    """By the PBX's web server, else by the callids that it gives."""

    @pytest.mark.parametrize(
        ("ahead", "result", "words"),
        [(0, "ok", "right within 30 s"), (45, "warn", "fast"), (-200, "warn", "3 min slow")],
    )
    def test_a_callid_tells_the_time(
        self, site: Site, store: Store, ahead: int, result: str, words: str
    ) -> None:
        at = utc_now() - AGO
        ended(store, callid=f"{int(at.timestamp()) + ahead}.17", accepted_at=at)
        found = findings(site)["clock of hq"]
        assert found["result"] == result
        assert words in found["detail"]
        assert "by the callid of its last call" in found["detail"]
        assert ("Settings > System > Date and Time" in found["mend"]) is (result == "warn")

    @pytest.mark.parametrize("callid", ["a1b2c3", "154328.6", None])
    def test_a_callid_that_holds_no_time_tells_nothing(
        self, site: Site, store: Store, callid: str | None
    ) -> None:
        ended(store, callid=callid)
        assert findings(site)["clock of hq"]["result"] == "skip"

    @pytest.mark.parametrize(("ahead", "result"), [(0, "ok"), (90, "warn")])
    def test_a_web_server_that_tells_the_time_is_asked(
        self, site: Site, store: Store, ahead: int, result: str
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response_only(302)
                told = datetime.now(UTC) + timedelta(seconds=ahead)
                self.send_header("Date", format_datetime(told, usegmt=True))
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                return None

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        [pbx] = load(site.file, {}).pbx
        asked = pbx.model_copy(update={"url": f"http://127.0.0.1:{server.server_port}"})
        [found] = check_clock(asked, ScriptedDriver(), store, Sessions(store, {}, utc_now))
        server.shutdown()
        server.server_close()
        thread.join()
        assert (found.result, "its web server" in found.detail) == (result, True)

    @pytest.mark.parametrize(
        ("zone", "result"), [("Europe/Amsterdam", "ok"), ("UTC", "warn"), ("Asia/Tokyo", "warn")]
    )
    def test_records_in_another_zone_are_told(self, site: Site, store: Store, zone: str, result: str) -> None:
        # 2026-11-21 10:00:00 in Amsterdam, as the sample record has it.
        began = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
        callid = f"{int(began.timestamp())}.5"
        ended(store, callid=callid, accepted_at=utc_now() - AGO)
        with store.write() as tx:
            rows.add(tx, "reports", attempt_id="attempt-1", word="NewCdr", body=record(callid).decode())
        [pbx] = load(site.file, {}).pbx
        _, found = check_clock(
            pbx.model_copy(update={"timezone": zone}), ScriptedDriver(), store, Sessions(store, {}, utc_now)
        )
        assert found.check == "time zone of hq"
        assert found.result == result
        if zone == "UTC":
            assert "1.0 h ahead of the time of UTC" in found.detail.replace("60 min", "1.0 h")


class TestReports:
    """Reports that do not come."""

    def test_a_trunk_whose_calls_never_ring_has_its_status_monitor_off(
        self, site: Site, store: Store
    ) -> None:
        ended(store, 3, ringing_at=None)
        found = findings(site)["reports of hq/SPS-6-36"]
        assert found["result"] == "warn"
        assert "tick Status Monitor for this trunk" in found["mend"]

    @pytest.mark.parametrize(("number", "columns"), [(2, {"ringing_at": None}), (3, {})])
    def test_a_few_calls_or_a_ring_prove_nothing(
        self, site: Site, store: Store, number: int, columns: dict[str, Any]
    ) -> None:
        ended(store, number, **columns)
        assert "reports of hq/SPS-6-36" not in findings(site)

    def test_calls_of_which_nobody_knows_an_answer_prove_nothing(self, site: Site, store: Store) -> None:
        ended(store, 5, ringing_at=None, answered_at=None, outcome="busy")
        assert "reports of hq/SPS-6-36" not in findings(site)

    def test_a_call_without_any_report_means_that_they_go_elsewhere(self, site: Site, store: Store) -> None:
        ended(store)
        with store.write() as tx:
            tx.exec_driver_sql("DELETE FROM reports")
        found = findings(site)["reports of hq"]
        assert found["result"] == "fail"
        assert "no report has ever come" in found["detail"]
        assert "reports.advertise" in found["mend"]

    def test_a_stream_that_brings_nothing_of_the_calls(self, store: Store) -> None:
        ended(store)
        now = utc_now()
        with store.write() as tx:
            tx.exec_driver_sql("DELETE FROM reports")
            rows.add(tx, "leases", name="reports of hq", until=now + AGO)
            rows.add(tx, "report_streams", connected_at=now - AGO)
        found = check_stream_of(Pbx(ACCOUNT, ScriptedDriver()), store, now)
        assert found.result == "fail"
        assert "API events" in found.mend

    def test_reports_that_have_stopped(self, site: Site, store: Store) -> None:
        ended(store)
        old = (utc_now() - timedelta(hours=3)).isoformat(sep=" ")
        with store.write() as tx:
            tx.exec_driver_sql("UPDATE reports SET received_at = ?", (old.replace("+00:00", ""),))
        found = findings(site)["reports of hq"]
        assert found["result"] == "fail"
        assert "the last report came 3 hours ago" in found["detail"]


class TestStanding:
    """What is stuck, in doubt, paused, or found by the auditor."""

    def test_a_channel_that_is_held_for_too_long(self, site: Site, store: Store) -> None:
        held(store, claimed_at=utc_now() - timedelta(hours=2))
        found = findings(site)["channels of hq"]
        assert found["result"] == "warn"
        assert "held for longer than 3600 s without a sign of life: 1 on SPS-6-36" in found["detail"]

    def test_a_channel_with_a_sign_of_life(self, site: Site, store: Store) -> None:
        now = utc_now()
        held(store, claimed_at=now - timedelta(hours=2), answered_at=now - timedelta(minutes=50))
        assert findings(site)["channels of hq"]["result"] == "ok"

    def test_attempts_in_doubt(self, site: Site, store: Store) -> None:
        since = utc_now() - AGO
        held(store, phase="in_doubt", callid=None, claimed_at=since, doubted_at=since)
        found = findings(site)["doubt at hq"]
        assert found["detail"] == f"attempts in doubt: 1, the oldest since {since:%H:%M:%S} UTC"

    def test_a_campaign_that_has_paused_itself_and_its_ivr(self, site: Site, store: Store) -> None:
        with store.write() as tx:
            tx.exec_driver_sql(
                "UPDATE campaigns SET status = 'paused', paused_why = 'hq refused it', message_value = '6501'"
            )
        found = findings(site)
        assert found["campaign Water"]["detail"] == "paused by itself: hq refused it"
        assert "dispatcher campaign resume campaign-1" in found["campaign Water"]["mend"]
        assert found["IVR hq/6501"]["detail"] == "used by campaign Water, but the PBX has no such IVR"

    def test_a_campaign_on_other_trunks_needs_no_ivr_here(self, site: Site, store: Store) -> None:
        with store.write() as tx:
            tx.exec_driver_sql("""UPDATE campaigns SET message_value = '6501', trunks = '["other/T"]'""")
        assert "IVR hq/6501" not in findings(site)

    def test_nothing_has_been_looked_at_yet(self, site: Site, store: Store) -> None:
        assert "begins with the pacer" in findings(site)["audit"]["detail"]

    def test_what_the_auditor_found(self, site: Site, store: Store) -> None:
        with store.write() as tx:
            rows.add(tx, "audits", looked_at=utc_now(), found=2, examples=["call-1", "call-2"])
        found = findings(site)["audit active_call_without_attempt"]
        assert found["result"] == "warn"
        assert found["detail"].startswith("2 times: a call is active, and no attempt of it is under way")
        assert found["detail"].endswith("call-1, call-2")
        assert found["mend"]

    def test_all_is_clean(self, site: Site, store: Store) -> None:
        with store.write() as tx:
            rows.add(tx, "audits", looked_at=utc_now(), found=0, examples=[], clean_at=utc_now())
        assert "everything is as it must be" in findings(site)["audit"]["detail"]

    def test_an_auditor_that_looks_no_more(self, site: Site, store: Store) -> None:
        with store.write() as tx:
            rows.add(tx, "audits", looked_at=utc_now() - AGO, found=0, examples=[])
        found = findings(site)["audit"]
        assert found["result"] == "warn"
        assert "dispatcher pacer" in found["mend"]
