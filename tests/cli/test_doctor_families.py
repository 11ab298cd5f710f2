"""The doctor in front of each family: what it can see there, and the menus of that family's mends."""

import json
import socket
from typing import Any

import pytest

from dispatcher.cli.doctor.menus import MENUS, menus_of
from dispatcher.cli.doctor.pbx import mend_of
from dispatcher.cli.doctor.surroundings import check_config
from dispatcher.config import load
from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.registry import FAMILIES
from dispatcher.simulator import SimulatedPbx, SimulatorSettings
from tests.cli.site import Site, run


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def findings(site: Site) -> tuple[int, dict[str, dict[str, Any]]]:
    site.reports = f"127.0.0.1:{free_port()}"
    result = run("doctor", "--json", "--config", str(site.file))
    return result.exit_code, {one["check"]: one for one in json.loads(result.stdout)["findings"]}


def test_every_family_has_its_menus() -> None:
    assert set(FAMILIES) <= set(MENUS)
    for menus in MENUS.values():
        assert all(
            (menus.api, menus.account, menus.blocked, menus.web, menus.trunks, menus.ivrs, menus.clock)
        )


@pytest.mark.parametrize("family", [*FAMILIES, "of tomorrow"])
@pytest.mark.parametrize("reason", Reason)
def test_every_refusal_has_a_mend_in_every_family(family: str, reason: Reason) -> None:
    mend = mend_of(PbxRefused(reason, "errno 1"), family)
    assert mend
    if reason is Reason.CREDENTIALS_REFUSED:
        assert menus_of(family).api in mend


@pytest.fixture
def k2(site: Site) -> Site:
    site.family = "yeastar-k2"
    return site


def test_a_k2_that_posts_its_reports(k2: Site) -> None:
    with SimulatedPbx(SimulatorSettings(family="yeastar-k2", port=0, time_scale=0.01)) as k2.pbx:
        status, found = findings(k2)

    assert status == 0, found
    assert {check for check, one in found.items() if one["result"] != "ok"} <= {"clock of hq"}
    assert "Registered" in found["trunk hq/SPS-6-36"]["detail"].title()
    assert "used by policy night-shift" in found["IVR hq/6500"]["detail"]
    assert "/reports/hq" in found["reports of hq"]["detail"]


def test_an_axeos_and_a_policy_that_it_could_not_carry_out(site: Site) -> None:
    site.family = "axeos"
    with SimulatedPbx(SimulatorSettings(family="axeos", port=0)) as site.pbx:
        status, found = findings(site)

    assert status == 1
    assert [check for check, one in found.items() if one["result"] == "fail"] == ["policy night-shift"]
    assert "what becomes of the far end" in found["policy night-shift"]["detail"]
    assert found["PBX hq"]["detail"].endswith("Axeos PBX pbx.example.org, firmware 4.1.10")
    assert "they can be read from the PBX" in found["reports of hq"]["detail"]
    assert "way back of reports" not in found, "nothing has to reach us"


def test_a_k2_without_the_ivr_and_the_trunk(k2: Site) -> None:
    k2.policy_ivr, k2.trunk = "6501", "SPS-6-37"
    with SimulatedPbx(SimulatorSettings(family="yeastar-k2", port=0, time_scale=0.01)) as k2.pbx:
        status, found = findings(k2)

    assert status == 1
    assert found["trunk hq/SPS-6-37"]["mend"] == (
        "Write name as the PBX has it under Settings > PBX > Trunks: SPS-6-36"
    )
    assert found["IVR hq/6501"]["mend"] == (
        "Create it under Settings > PBX > Call Features > IVR, or use one that exists: 6500"
    )


@pytest.mark.parametrize("right", [True, False])
def test_a_k2_whose_reports_are_read_over_tcp(k2: Site, right: bool) -> None:
    settings = SimulatorSettings(
        family="yeastar-k2", port=0, time_scale=0.01, report_transport="tcp", report_port=0
    )
    with SimulatedPbx(settings) as k2.pbx:
        port = k2.pbx.report_port if right else free_port()
        k2.of_pbx = f'report_transport = "tcp"\nreport_port = {port}'
        status, found = findings(k2)

    assert status == int(not right)
    assert "way back of reports" not in found, "nothing has to reach us"
    if right:
        assert "they can be read from the PBX" in found["reports of hq"]["detail"]
    else:
        assert f"port {port}" in found["reports of hq"]["mend"]


WEBHOOK = 'webhook_secret = "qD0xSV2wqkMcd8oW7QTgVmRz1LpY5bHs"'
WEBSOCKET = 'report_transport = "websocket"'


@pytest.mark.parametrize(
    ("of_pbx", "reports"),
    [(WEBHOOK, "told to post to"), (WEBSOCKET, "they can be read from the PBX")],
)
def test_a_p_series_and_what_must_still_be_seen(site: Site, of_pbx: str, reports: str) -> None:
    site.family, site.of_pbx = "yeastar-p", of_pbx
    with SimulatedPbx(SimulatorSettings(family="yeastar-p", port=0, time_scale=0.01)) as site.pbx:
        status, found = findings(site)

    assert status == 0, found
    assert {check for check, one in found.items() if one["result"] != "ok"} <= {"clock of hq", "proofs of hq"}
    assert "event 30018" in found["proofs of hq"]["detail"]
    assert "idle" in found["trunk hq/SPS-6-36"]["detail"]
    assert "used by policy night-shift" in found["IVR hq/6500"]["detail"]
    assert reports in found["reports of hq"]["detail"]
    assert ("way back of reports" in found) is (of_pbx == WEBHOOK)


def test_a_p_series_whose_websocket_is_out_of_reach(site: Site) -> None:
    site.family, site.of_pbx = "yeastar-p", WEBSOCKET
    with SimulatedPbx(SimulatorSettings(family="yeastar-p", port=0, time_scale=0.01)) as site.pbx:
        site.password = "guessed"
        status, found = findings(site)

    assert status == 1
    assert "Integrations > API" in found["PBX hq"]["mend"]
    assert found["reports of hq"]["result"] == "fail"


@pytest.mark.parametrize(("family", "result"), [("axeos", "ok"), ("yeastar-s", "warn")])
def test_a_trunk_is_missed_only_where_numbers_can_be_called(site: Site, family: str, result: str) -> None:
    site.family = family
    with SimulatedPbx(SimulatorSettings(family=family, port=0)) as site.pbx:
        text = site.text()
        before, trunk, rest = text.partition("[[pbx.trunk]]")
        assert trunk
        file = site.file
        file.write_text(before + rest[rest.index("[[policy]]") :])
        [found] = check_config(load(file, {}))
    assert found.result == result


@pytest.fixture
def asterisk(site: Site) -> Site:
    site.family = "asterisk"
    return site


def test_an_asterisk(asterisk: Site) -> None:
    asterisk.more = (
        '[[policy]]\nname = "desk"\nto = [{ number = "+31612340001" }]\nmessage = { queue = "6700" }\n'
    )
    with SimulatedPbx(SimulatorSettings(family="asterisk", port=0, time_scale=0.01)) as asterisk.pbx:
        status, found = findings(asterisk)

    assert status == 0, found
    assert {check for check, one in found.items() if one["result"] != "ok"} <= {"call records of hq"}
    assert found["PBX hq"]["detail"].startswith("logged in at ami://127.0.0.1:")
    assert "PJSIP/SPS-6-36 NOT_INUSE" in found["trunk hq/SPS-6-36"]["detail"]
    assert "used by policy night-shift" in found["IVR hq/6500"]["detail"]
    assert {"rights of hq", "context dispatcher-ended of hq", "queue 6700 of hq"} <= found.keys()
    assert "by what it says itself" in found["clock of hq"]["detail"]
    assert "they can be read from the PBX" in found["reports of hq"]["detail"]


def test_an_asterisk_without_what_we_need(asterisk: Site) -> None:
    asterisk.trunk, asterisk.policy_ivr = "other", "6501"
    asterisk.of_pbx = 'ended_context = "not-there"'
    asterisk.more = (
        '[[policy]]\nname = "desk"\nto = [{ number = "+31612340001" }]\nmessage = { queue = "6701" }\n'
    )
    with SimulatedPbx(SimulatorSettings(family="asterisk", port=0, time_scale=0.01)) as asterisk.pbx:
        status, found = findings(asterisk)

    assert status == 1
    failed = {check for check, one in found.items() if one["result"] == "fail"}
    assert failed >= {"trunk hq/other", "IVR hq/6501", "context not-there of hq", "queue 6701 of hq"}
    assert "extensions_dispatcher.conf" in found["context not-there of hq"]["mend"]
    assert "INVALID" in found["trunk hq/other"]["detail"]


@pytest.mark.parametrize("wrong", ["password", "port"])
def test_an_asterisk_that_can_not_be_asked(asterisk: Site, wrong: str) -> None:
    with SimulatedPbx(SimulatorSettings(family="asterisk", port=0, time_scale=0.01)) as asterisk.pbx:
        if wrong == "password":
            asterisk.password = "guessed"
            status, found = findings(asterisk)
    if wrong == "port":
        status, found = findings(asterisk)

    assert status == 1
    assert "manager.conf" in found["PBX hq"]["mend"]
    assert "guessed" not in json.dumps(found)


def test_an_asterisk_whose_call_records_can_not_be_read(asterisk: Site) -> None:
    asterisk.of_pbx = 'cdr_url = "postgresql+psycopg://reader:open-sesame@127.0.0.1:1/asterisk"'
    with SimulatedPbx(SimulatorSettings(family="asterisk", port=0, time_scale=0.01)) as asterisk.pbx:
        status, found = findings(asterisk)

    assert status == 1
    assert "the records can't be read" in found["tables of records of hq"]["detail"]
    assert "cdr_url" in found["tables of records of hq"]["mend"]
    assert "open-sesame" not in json.dumps(found)
