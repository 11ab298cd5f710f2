"""A real Nagios with the documented objects sends through the command that we ship."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrations.site import ROOT, TOKEN, Site, snippets
from tests.services import NagiosServer
from tests.services.fixtures import running

SCRIPT = ROOT / "deploy/icinga/notify-dispatcher"
DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
CHECKED = """
define timeperiod {
  timeperiod_name  24x7
  alias            always
""" + "".join(f"  {day}  00:00-24:00\n" for day in DAYS)
CHECKED += """}
define command {
  command_name  none
  command_line  /bin/true
}
define hostgroup {
  hostgroup_name  boilers
}
define host {
  host_name              boiler-3
  hostgroups             boilers
  check_command          none
  max_check_attempts     1
  active_checks_enabled  0
  check_period           24x7
  notification_period    24x7
  contacts               telephone
}
define service {
  host_name              boiler-3
  service_description    pressure
  check_command          none
  max_check_attempts     1
  active_checks_enabled  0
  check_period           24x7
  notification_period    24x7
  contacts               telephone
}
"""


@pytest.fixture(scope="module")
def nagios(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NagiosServer]:
    """The documented objects, with the three things that every reader puts in: script, address, token."""
    token: Path = tmp_path_factory.mktemp("nagios") / "dispatcher.token"
    token.write_text(f"{TOKEN}\n")
    [snippet] = snippets("nagios.md", "nagios")
    for written, ours in (
        ("/usr/local/lib/nagios/notify-dispatcher", str(SCRIPT)),
        ("/etc/nagios4/dispatcher.token", str(token)),
        ("http://dispatcher.example.org:8080", site.api),
    ):
        assert snippet.count(written) == 2
        snippet = snippet.replace(written, ours)
    yield from running(NagiosServer(CHECKED + snippet))


def test_a_problem_calls_an_acknowledgement_stops_the_calls_and_a_recovery_resolves(
    site: Site, nagios: NagiosServer
) -> None:
    key = "boiler-3!pressure"
    nagios.tell("PROCESS_SERVICE_CHECK_RESULT", "boiler-3", "pressure", "2", "-12.2 bar; $HOME 'over'")
    site.until(lambda: site.status(key) == "open", "the PROBLEM")
    site.until(lambda: site.dials() >= 1, "the call")
    alarm = site.alarm(key)
    assert (alarm["source"], alarm["policy"], alarm["severity"]) == ("icinga", "night-shift", "critical")
    assert alarm["summary"] == "boiler-3 pressure is CRITICAL: -12.2 bar: HOME over", "as Nagios leaves it"
    assert alarm["labels"] == {
        "host": "boiler-3",
        "service": "pressure",
        "hostgroup": "boilers",
        "state": "CRITICAL",
    }

    nagios.tell("ACKNOWLEDGE_SVC_PROBLEM", "boiler-3", "pressure", "1", "1", "0", "anna", "I am on it")
    site.until(lambda: site.status(key) == "acknowledged", "the ACKNOWLEDGEMENT")
    site.silence_after(key)
    alarm = site.alarm(key)
    assert any("I am on it" in event["cause"] for event in alarm["timeline"])
    assert alarm["acknowledged_by"]

    nagios.tell("PROCESS_SERVICE_CHECK_RESULT", "boiler-3", "pressure", "0", "OK - 4 bar")
    site.until(lambda: site.status(key) == "resolved", "the RECOVERY")


def test_a_downtime_of_a_host_calls_off_its_alarm(site: Site, nagios: NagiosServer) -> None:
    nagios.tell("PROCESS_HOST_CHECK_RESULT", "boiler-3", "1", "no answer")
    site.until(lambda: site.status("boiler-3") == "open", "the host's PROBLEM")
    now = int(time.time())
    nagios.tell(
        *("SCHEDULE_HOST_DOWNTIME", "boiler-3", str(now), str(now + 3600)),
        *("1", "0", "0", "bert", "Changing the valve"),
    )
    site.until(lambda: site.status("boiler-3") == "cancelled", "the DOWNTIMESTART")
    site.silence_after("boiler-3")
