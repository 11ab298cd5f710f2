"""Zabbix's own engine runs the script of the media type that we ship, against a running dispatcher."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integrations.site import DOCS, TOKEN, Site

MEDIA_TYPE = DOCS / "zabbix/media_ivr_dispatcher.yaml"
UNSEEN = "*UNKNOWN*"


def media_type() -> dict[str, Any]:
    """The media type, as Zabbix imports it."""
    document = yaml.safe_load(MEDIA_TYPE.read_text())
    [found] = document["zabbix_export"]["media_types"]
    assert isinstance(found, dict)
    return found


MACROS = {
    "{$DISPATCHER.TOKEN}": TOKEN,
    "{$ZABBIX.URL}": "http://zabbix.example.org/",
    "{ALERT.SENDTO}": "night-shift",
    "{EVENT.SOURCE}": "0",
    "{EVENT.ID}": "4711",
    "{EVENT.VALUE}": "1",
    "{EVENT.NAME}": 'Over-pressure "again"',
    "{EVENT.NSEVERITY}": "5",
    "{EVENT.SEVERITY}": "Disaster",
    "{EVENT.OPDATA}": "12.2 bar",
    "{EVENT.TAGSJSON}": '[{"tag":"scope","value":"safety"},{"tag":"site","value":"north"}]',
    "{EVENT.UPDATE.STATUS}": "0",
    "{USER.FULLNAME}": "Telephone (Telephone)",
    "{HOST.NAME}": "boiler-3",
    "{TRIGGER.HOSTGROUP.NAME}": "Boilers, Site north",
    "{TRIGGER.ID}": "13926",
}
RECOVERY = {"{EVENT.VALUE}": "0", "{EVENT.RECOVERY.ID}": "4720"}
ACKNOWLEDGED = {
    "{EVENT.UPDATE.STATUS}": "1",
    "{EVENT.UPDATE.ACTION}": "acknowledged and commented",
    "{EVENT.UPDATE.MESSAGE}": "I am on it",
    "{USER.FULLNAME}": "Anna (anna)",
}


class Zabbix:
    """Fills in the macros of an event as Zabbix does, and has its engine run the script."""

    def __init__(self, program: Path, site: Site, folder: Path) -> None:
        self._program = program
        self._site = site
        self._folder = folder

    def run(self, **options: Any) -> subprocess.CompletedProcess[str]:
        """What the engine says of one event; ``macros`` are those that differ from the usual ones."""
        values = {"{$DISPATCHER.URL}": f"{self._site.api}/"} | MACROS | options.get("macros", {})
        parameters = {
            one["name"]: values.get(one["value"], one["value"]) for one in media_type()["parameters"]
        }
        script, given = self._folder / "script.js", self._folder / "parameters.json"
        script.write_text(media_type()["script"])
        given.write_text(json.dumps(parameters | options.get("parameters", {})))
        return subprocess.run(
            [str(self._program), "-s", str(script), "-i", str(given)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def send(self, event: str, **macros: str) -> str:
        """The effect of an event that is taken."""
        done = self.run(macros={"{EVENT.ID}": event} | macros)
        assert done.returncode == 0, done
        return done.stdout.strip()


@pytest.fixture
def zabbix(zabbix_js: Path, site: Site, tmp_path: Path) -> Zabbix:
    return Zabbix(zabbix_js, site, tmp_path)


def test_a_problem_calls_an_update_acknowledges_and_the_recovery_resolves(site: Site, zabbix: Zabbix) -> None:
    key = "zabbix:4711"

    assert zabbix.send("4711") == "raised"
    site.until(lambda: site.dials() >= 1, "the call")
    alarm = site.alarm(key)
    assert (alarm["source"], alarm["policy"], alarm["severity"]) == ("zabbix", "night-shift", "critical")
    assert alarm["summary"] == 'boiler-3: Over-pressure "again"'
    assert alarm["labels"] == {
        "scope": "safety",
        "site": "north",
        "host": "boiler-3",
        "hostgroup": "Boilers, Site north",
        "severity": "Disaster",
    }
    assert alarm["details"]["url"] == "http://zabbix.example.org/tr_events.php?triggerid=13926&eventid=4711"
    assert zabbix.send("4711") == "joined"

    assert zabbix.send("4711", **ACKNOWLEDGED) == "acknowledged"
    site.silence_after(key)
    alarm = site.alarm(key)
    assert (alarm["status"], alarm["acknowledged_by"]) == ("acknowledged", "Anna (anna)")
    assert any("I am on it" in event["cause"] for event in alarm["timeline"])

    assert zabbix.send("4711", **RECOVERY) == "resolved"
    assert zabbix.send("4711", **RECOVERY) == "unchanged"
    assert site.status(key) == "resolved"
    assert zabbix.send("4711") == "joined", "the problem that Zabbix tried again comes after its recovery"
    assert len(site.alarms(dedup_key=key)) == 1


def test_a_recovery_before_its_problem_calls_nobody(site: Site, zabbix: Zabbix) -> None:
    before = site.dials()
    assert zabbix.send("4801", **RECOVERY) == "resolved"
    assert zabbix.send("4801") == "joined"
    assert site.status("zabbix:4801") == "resolved"
    assert site.alarm("zabbix:4801")["calls"] == []
    assert site.dials() == before


@pytest.mark.parametrize("unseen", ["written", UNSEEN])
def test_macros_that_zabbix_can_not_fill_in_are_left_out(site: Site, zabbix: Zabbix, unseen: str) -> None:
    event = "4901" if unseen == UNSEEN else "4902"
    empty = ("{HOST.NAME}", "{EVENT.OPDATA}", "{EVENT.TAGSJSON}", "{TRIGGER.HOSTGROUP.NAME}", "{$ZABBIX.URL}")
    assert zabbix.send(event, **{name: UNSEEN if unseen == UNSEEN else name for name in empty}) == "raised"
    alarm = site.alarm(f"zabbix:{event}")
    assert alarm["summary"] == 'Over-pressure "again"'
    assert alarm["labels"] == {"severity": "Disaster"}
    assert not re.search(r"UNKNOWN|\{[A-Z$]", json.dumps(alarm["details"]))
    zabbix.send(event, **RECOVERY)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"macros": {"{$DISPATCHER.TOKEN}": "another"}}, "the dispatcher answers 401"),
        ({"macros": {"{ALERT.SENDTO}": "nobody's"}}, "there is no policy named"),
        ({"parameters": {"dispatcher_url": "{$DISPATCHER.URL}"}}, "the parameter dispatcher_url is empty"),
        ({"parameters": {"event_id": "{EVENT.ID}"}}, "the parameter event_id is empty"),
        ({"macros": {"{EVENT.SOURCE}": "1"}}, "events of discovery"),
        ({"parameters": {"dispatcher_url": "http://127.0.0.1:1"}}, "Nobody is called"),
    ],
)
def test_what_goes_wrong_is_shown_in_the_action_log(
    zabbix: Zabbix, wrong: dict[str, Any], words: str
) -> None:
    done = zabbix.run(**wrong)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_the_media_type_has_what_zabbix_imports() -> None:
    """By the import rules of Zabbix 6.0: names, kinds, and no member that it does not know."""
    found = media_type()
    known = {
        "name",
        "type",
        "parameters",
        "max_sessions",
        "attempts",
        "attempt_interval",
        "timeout",
        "script",
    }
    assert set(found) == known | {"description", "message_templates"}
    assert found["type"] == "WEBHOOK"
    assert all(isinstance(value, str) for name, value in found.items() if not isinstance(value, list))
    assert all(set(one) == {"name", "value"} for one in found["parameters"])
    assert {one["event_source"] for one in found["message_templates"]} <= {"TRIGGERS", "INTERNAL", "SERVICE"}
    assert {one["operation_mode"] for one in found["message_templates"]} == {"PROBLEM", "RECOVERY", "UPDATE"}
