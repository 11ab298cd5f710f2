"""The doctor finds what is wrong, says how to mend it, and does no harm."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from dispatcher.cli.processes import Embedded
from dispatcher.simulator import SimulatedPbx, SimulatorSettings, TrunkSettings
from tests.cli.site import Site, document, run


def findings(site: Site) -> tuple[int, dict[str, dict[str, Any]]]:
    result = run("doctor", "--json", "--config", str(site.file))
    found = json.loads(result.stdout)
    assert found["ok"] is (result.exit_code == 0)
    return result.exit_code, {finding["check"]: finding for finding in found["findings"]}


@pytest.fixture
def reachable(site: Site) -> Site:
    """A site whose receiver would listen on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        site.reports = f"127.0.0.1:{free.getsockname()[1]}"
    return site


def test_all_is_well(reachable: Site) -> None:
    status, found = findings(reachable)
    assert status == 0, found
    assert {check for check, finding in found.items() if finding["result"] != "ok"} == {"clock of hq"}
    assert "after the first call" in found["clock of hq"]["detail"], "this PBX's web server tells no time"
    assert "1 PBX, 1 trunk, 1 policy" in found["configuration"]["detail"]
    assert "369362089179" in found["PBX hq"]["detail"]
    assert "Registered" in found["trunk hq/SPS-6-36"]["detail"]
    assert "used by policy night-shift" in found["IVR hq/6500"]["detail"]
    assert f"http://{reachable.reports}/reports/hq" in found["reports of hq"]["detail"]


def test_the_table_names_every_check_and_mend(reachable: Site) -> None:
    reachable.policy_ivr = "6501"
    result = run("doctor", "--config", str(reachable.file))
    assert result.exit_code == 1
    assert "trunk hq/SPS-6-36" in result.stdout
    assert "fail IVR hq/6501: Create it under Settings > PBX > Call Features > IVR" in result.stdout
    assert "exists: 6500" in result.stdout


def test_a_wrong_password_is_tried_once_only(reachable: Site, pbx: SimulatedPbx) -> None:
    reachable.password = "swordfish"
    for _ in range(8):
        status, found = findings(reachable)
        assert status == 1
        assert "refused" in found["PBX hq"]["detail"]
        assert "Settings > PBX > General > API" in found["PBX hq"]["mend"]
        assert "swordfish" not in json.dumps(found)
    # After five wrong ones the PBX would have locked this address.
    reachable.password = "password"
    assert findings(reachable)[0] == 0


def test_a_trunk_that_the_pbx_does_not_have(reachable: Site) -> None:
    reachable.trunk = "SPS-6-37"
    status, found = findings(reachable)
    assert status == 1
    assert found["trunk hq/SPS-6-37"]["result"] == "fail"
    assert "SPS-6-36" in found["trunk hq/SPS-6-37"]["mend"]


def test_an_analog_trunk_that_counts_as_answering(reachable: Site) -> None:
    settings = SimulatorSettings(port=0, trunks=(TrunkSettings("SPS-6-36", 5, type="FXO", prefix="9"),))
    with SimulatedPbx(settings) as analog:
        reachable.pbx = analog
        status, found = findings(reachable)
    assert status == 0
    assert found["trunk hq/SPS-6-36"]["result"] == "warn"
    assert "answer_supervision = false" in found["trunk hq/SPS-6-36"]["mend"]


@pytest.mark.parametrize("family", ["yeastar-s", "yeastar-k2"])
def test_a_trunk_that_nobody_may_dial_out_on(reachable: Site, family: str, tmp_path: Path) -> None:
    with SimulatedPbx(SimulatorSettings(port=0, family=family)) as pbx:
        reachable.pbx = pbx
        file = tmp_path / "site.toml"
        text = reachable.text().replace('extension = "1000"\n', "")
        file.write_text(text.replace('family = "yeastar-s"', f'family = "{family}"'))
        result = run("doctor", "--json", "--config", str(file))

    found = {item["check"]: item for item in json.loads(result.stdout)["findings"]}
    assert (found["PBX hq"]["result"], found["trunk hq/SPS-6-36"]["result"]) == ("ok", "fail")
    assert "no extension to dial from" in found["trunk hq/SPS-6-36"]["detail"]


def test_a_serial_number_of_another_pbx(reachable: Site) -> None:
    reachable.serial = "1"
    status, found = findings(reachable)
    assert status == 1
    assert 'serial = "369362089179"' in found["PBX hq"]["mend"]


def test_a_pbx_that_is_away(reachable: Site, pbx: SimulatedPbx) -> None:
    file = reachable.file
    pbx.stop()
    result = run("doctor", "--json", "--config", str(file))
    found = {finding["check"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert result.exit_code == 1
    assert "no connection" in found["PBX hq"]["detail"]
    assert "Check url and the network" in found["PBX hq"]["mend"]


def test_a_database_that_is_not_there_yet_is_not_made(reachable: Site, tmp_path: Path) -> None:
    reachable.store_url = f"sqlite:///{tmp_path / 'later.db'}"
    status, found = findings(reachable)
    assert status == 1
    assert "dispatcher migrate" in found["database"]["mend"]
    assert found["PBX hq"]["result"] == "skip"
    assert not (tmp_path / "later.db").exists()


def test_a_database_without_the_newest_schema(reachable: Site, empty_sqlite_url: str) -> None:
    Path(empty_sqlite_url.removeprefix("sqlite:///")).touch()
    reachable.store_url = empty_sqlite_url
    status, found = findings(reachable)
    assert status == 1
    assert "has no schema" in found["database"]["detail"]


def test_a_database_and_a_redis_that_are_away(reachable: Site) -> None:
    reachable.store_url = "postgresql+psycopg://someone:hidden-word@127.0.0.1:1/none"
    reachable.broker_url = "redis://:hidden-word@127.0.0.1:1/0"
    status, found = findings(reachable)
    assert status == 1
    assert found["database"]["result"] == found["broker"]["result"] == "fail"
    assert "hidden-word" not in json.dumps(found)


def test_reports_that_lead_elsewhere(reachable: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        elsewhere = other.getsockname()[1]
    reachable.more = ""
    file = reachable.file
    advertised = f'listen = "{reachable.reports}"\nadvertise = "http://127.0.0.1:{elsewhere}"'
    file.write_text(file.read_text().replace(f'listen = "{reachable.reports}"', advertised))
    result = run("doctor", "--json", "--config", str(file))
    found = {finding["check"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert found["way back of reports"]["result"] == "fail"
    assert "reports.advertise" in found["way back of reports"]["mend"]


def test_beside_the_running_product_it_uses_its_session(
    reachable: Site, product: Embedded, pbx: SimulatedPbx
) -> None:
    pbx.judge.wait_for(lambda judge: any(entry.kind == "login" for entry in judge.log()))
    found = document(run("doctor", "--json", "--config", str(reachable.file)))["findings"]
    assert any("the receiver answers" in finding["detail"] for finding in found)
    logins = [entry for entry in pbx.judge.log() if entry.kind == "login"]
    assert len(logins) == 1
