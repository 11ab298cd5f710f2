"""A real Icinga 2 with the documented objects sends through the command that we ship."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrations.site import ON_CALL, POLICY, ROOT, TOKEN, Site, snippets
from tests.services import IcingaServer
from tests.services.fixtures import running

SCRIPT = ROOT / "deploy/icinga/notify-dispatcher"
CHECKED = """
object HostGroup "boilers" {}
object HostGroup "site-north" {}
template Host "told" {
  check_command = "passive"
  enable_active_checks = false
  max_check_attempts = 1
  address = "192.0.2.3"
  groups = [ "boilers", "site-north" ]
  vars.telephone = true
}
object Host "boiler-3" { import "told" }
object Host "boiler-4" { import "told" }
apply Service for (name in [ "pressure", "water", "fan" ]) {
  check_command = "passive"
  enable_active_checks = false
  max_check_attempts = 1
  enable_flapping = false
  assign where true
}
"""
OUTPUT = """-12.2 bar; it's "over" $HOME"""


def objects(site: Site, folder: Path) -> str:
    """The documented objects, with the three things that every reader puts in: script, address, token."""
    token = folder / "dispatcher.token"
    token.write_text(f"{TOKEN}\n")
    [snippet] = snippets("icinga.md", "icinga")
    for written, ours in (
        ('ConfigDir + "/scripts/notify-dispatcher"', f'"{SCRIPT}"'),
        ('ConfigDir + "/dispatcher.token"', f'"{token}"'),
        ("http://dispatcher.example.org:8080", site.api),
    ):
        assert written in snippet
        snippet = snippet.replace(written, ours)
    return CHECKED + snippet


@pytest.fixture(scope="module")
def icinga(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IcingaServer]:
    yield from running(IcingaServer(objects(site, tmp_path_factory.mktemp("icinga"))))


def service(icinga: IcingaServer, name: str, state: int, output: str, host: str = "boiler-3") -> None:
    icinga.tell("PROCESS_SERVICE_CHECK_RESULT", host, name, str(state), output)


def test_a_problem_calls_an_acknowledgement_stops_the_calls_and_a_recovery_resolves(
    site: Site, icinga: IcingaServer
) -> None:
    key = "boiler-3!pressure"

    service(icinga, "pressure", 2, OUTPUT.replace(";", ","))
    site.until(lambda: site.status(key) == "open", "the PROBLEM")
    site.until(lambda: site.dials() >= 1, "the call")
    alarm = site.alarm(key)
    assert (alarm["source"], alarm["policy"], alarm["severity"]) == ("icinga", POLICY, "critical")
    assert alarm["summary"] == f"boiler-3 pressure is CRITICAL: {OUTPUT.replace(';', ',')}"
    assert alarm["labels"] == {
        "host": "boiler-3",
        "service": "pressure",
        "hostgroup": "boilers,site-north",
        "state": "CRITICAL",
        "address": "192.0.2.3",
    }
    assert [call["number"] for call in alarm["calls"]] == [f"+{ON_CALL}"]

    acknowledge = ("ACKNOWLEDGE_SVC_PROBLEM", "boiler-3", "pressure", "2", "1", "0", "anna", "I am on it")
    icinga.tell(*acknowledge)
    site.until(lambda: site.status(key) == "acknowledged", "the ACKNOWLEDGEMENT")
    site.silence_after(key)
    alarm = site.alarm(key)
    assert alarm["acknowledged_by"] == "anna"
    assert {call["state"] for call in alarm["calls"]} == {"cancelled"}
    assert any("I am on it" in event["cause"] for event in alarm["timeline"])

    service(icinga, "pressure", 0, "OK - 4 bar")
    site.until(lambda: site.status(key) == "resolved", "the RECOVERY")

    service(icinga, "pressure", 2, "CRITICAL - 13 bar")
    site.until(lambda: site.status(key) == "open", "the next PROBLEM")
    assert len(site.alarms(dedup_key=key)) == 2, "it failed again, so that it is another alarm"
    service(icinga, "pressure", 0, "OK - 4 bar")
    site.until(lambda: site.status(key) == "resolved", "its RECOVERY")


def test_a_downtime_stops_the_calls_and_its_end_raises_what_still_is_wrong(
    site: Site, icinga: IcingaServer
) -> None:
    key = "boiler-3!water"
    service(icinga, "water", 1, "WARNING - low")
    site.until(lambda: site.status(key) == "open", "the PROBLEM")
    assert site.alarm(key)["severity"] == "warning"

    now = int(time.time())
    begin_end = (str(now), str(now + 3600))
    icinga.tell(
        *("SCHEDULE_SVC_DOWNTIME", "boiler-3", "water", *begin_end),
        *("1", "0", "0", "bert", "Changing the valve"),
    )
    site.until(lambda: site.status(key) == "cancelled", "the DOWNTIMESTART")
    site.silence_after(key)
    assert any("Changing the valve (bert)" in event["cause"] for event in site.alarm(key)["timeline"])

    icinga.tell("DEL_SVC_DOWNTIME", "1")
    site.until(lambda: site.status(key) == "open", "the end of the downtime")
    service(icinga, "water", 0, "OK")
    site.until(lambda: site.status(key) == "resolved", "the RECOVERY")


def test_a_host_that_is_down_is_an_alarm_of_its_own(site: Site, icinga: IcingaServer) -> None:
    icinga.tell("PROCESS_HOST_CHECK_RESULT", "boiler-4", "1", "no answer")
    site.until(lambda: site.status("boiler-4") == "open", "the host's PROBLEM")
    alarm = site.alarm("boiler-4")
    assert (alarm["severity"], alarm["summary"]) == ("critical", "boiler-4 is DOWN: no answer")

    icinga.tell("PROCESS_HOST_CHECK_RESULT", "boiler-4", "0", "here again")
    site.until(lambda: site.status("boiler-4") == "resolved", "the host's RECOVERY")


def test_a_problem_reaches_a_dispatcher_that_was_away(site: Site, icinga: IcingaServer) -> None:
    key = "boiler-3!fan"
    site.end()
    service(icinga, "fan", 2, "CRITICAL - stands still")
    site.until(lambda: "trying again" in icinga.log.read_text() or True, "the first try")
    site.launch()

    site.until(lambda: site.status(key) == "open", "the PROBLEM that was sent while nobody listened")
    service(icinga, "fan", 0, "OK")
    site.until(lambda: site.status(key) == "resolved", "the RECOVERY")
