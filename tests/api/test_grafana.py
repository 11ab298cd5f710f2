"""Grafana's webhook: its own payload, signed or not."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from starlette.testclient import TestClient

from dispatcher.core import Core
from tests.api.conftest import client_of
from tests.cores import START, make_core

PATH = "/v1/intake/grafana"
SECRET = "between Grafana and us"
JSON = {"Content-Type": "application/json"}

# As the manual of Grafana 12 shows it ("Configure webhook notifications"), with a picture and the members
# that its source adds.
RECORDED = r"""{
  "receiver": "My Super Webhook",
  "status": "firing",
  "orgId": 1,
  "alerts": [
    {
      "status": "firing",
      "labels": {"alertname": "High memory usage", "team": "blue", "zone": "us-1", "severity": "critical"},
      "annotations": {
        "description": "The system has high memory usage",
        "runbook_url": "https://myrunbook.com/runbook/1234",
        "summary": "This alert was triggered for zone us-1"
      },
      "startsAt": "2026-11-21T10:51:03.157076+02:00",
      "endsAt": "0001-01-01T00:00:00Z",
      "generatorURL": "https://play.grafana.org/alerting/1afz29v7z/edit",
      "fingerprint": "c6eadffa33fcdf37",
      "silenceURL": "https://play.grafana.org/alerting/silence/new?alertmanager=grafana\u0026matchers=zone%3Dus-1",
      "dashboardURL": "https://play.grafana.org/d/abc",
      "panelURL": "https://play.grafana.org/d/abc?viewPanel=2",
      "ruleUID": "1afz29v7z",
      "values": {"B": 44.23943737541908, "C": 1},
      "valueString": "[ var='B' metric='' labels={} value=44.23943737541908 ]",
      "imageURL": "https://play.grafana.org/img/1.png",
      "orgId": 1
    },
    {
      "status": "firing",
      "labels": {"alertname": "High CPU usage", "team": "blue", "zone": "eu-1"},
      "annotations": {"description": "The system has high CPU usage"},
      "startsAt": "2026-11-21T10:56:03.157076+02:00",
      "endsAt": "0001-01-01T00:00:00Z",
      "generatorURL": "https://play.grafana.org/alerting/d1rdpdv7k/edit",
      "fingerprint": "bc97ff14869b13e3",
      "silenceURL": "", "dashboardURL": "", "panelURL": "",
      "values": null,
      "valueString": ""
    }
  ],
  "groupLabels": {},
  "commonLabels": {"team": "blue"},
  "commonAnnotations": {},
  "externalURL": "https://play.grafana.org/",
  "version": "1",
  "groupKey": "{}:{}",
  "truncatedAlerts": 0,
  "title": "[FIRING:2]  (blue)",
  "state": "alerting",
  "message": "**Firing**\n\nLabels:\n - alertname = T2\n"
}"""


def changed(*changes: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    """The recorded body with its alerts changed one by one, and members of its envelope."""
    document: dict[str, Any] = deepcopy(json.loads(RECORDED)) | envelope
    for alert, change in zip(document["alerts"], changes, strict=False):
        alert.update(change)
    return document


def test_each_alert_of_the_recorded_body_becomes_an_alarm(api: TestClient) -> None:
    answer = api.post(PATH, params={"policy": "night-shift"}, content=RECORDED, headers=JSON)

    assert answer.status_code == 202
    taken = answer.json()
    assert [result["effect"] for result in taken["results"]] == ["raised", "raised"]
    alarm = api.get(f"/v1/alarms/{taken['results'][0]['alarm_id']}").json()
    assert (alarm["summary"], alarm["severity"], alarm["source"], alarm["policy"]) == (
        "This alert was triggered for zone us-1",
        "critical",
        "grafana",
        "night-shift",
    )
    assert alarm["dedup_key"] == "grafana:1:c6eadffa33fcdf37@2026-11-21T08:51:03.157076Z"
    assert alarm["labels"]["zone"] == "us-1"
    assert alarm["details"]["values"] == {"B": 44.23943737541908, "C": 1}
    for member in ("silenceURL", "panelURL", "imageURL", "ruleUID", "annotations"):
        assert alarm["details"][member]
    other = api.get(f"/v1/alarms/{taken['results'][1]['alarm_id']}").json()
    assert (other["summary"], other["severity"]) == ("The system has high CPU usage", "warning")


def test_a_repeat_joins_and_the_end_resolves(api: TestClient) -> None:
    first = api.post(PATH, json=changed()).json()["results"]
    over = {"status": "resolved", "startsAt": "2026-11-21T08:51:03.157076Z"}
    again = api.post(PATH, json=changed(over, status="resolved")).json()["results"]

    assert [result["effect"] for result in again] == ["resolved", "joined"]
    assert [result["alarm_id"] for result in again] == [result["alarm_id"] for result in first]


def test_the_same_rule_of_another_organisation_is_another_alarm(api: TestClient) -> None:
    api.post(PATH, json=changed())
    others = api.post(PATH, json=changed({"orgId": 2}, orgId=2)).json()["results"]
    assert [result["effect"] for result in others] == ["raised", "raised"]


@pytest.mark.parametrize(
    "bad",
    [{"status": "pending"}, {"labels": 7}, {"startsAt": "yesterday"}, {"orgId": "one"}, {"fingerprint": []}],
)
def test_a_bad_alert_leaves_its_neighbour_alone(api: TestClient, bad: dict[str, Any]) -> None:
    taken = api.post(PATH, json=changed(bad)).json()
    assert (taken["accepted"], taken["failed"]) == (1, 1)
    assert next(iter(bad)) in taken["results"][0]["error"]


def test_unknown_members_are_left_alone(api: TestClient) -> None:
    more = {"enrichments": {"asserts": []}, "embeddedImage": None, "imageURL": None}
    taken = api.post(PATH, json=changed(more, appVersion="13.0.0", truncatedAlerts=None)).json()
    assert taken["failed"] == 0


def test_alerts_that_grafana_left_out_are_counted_and_shown(api: TestClient) -> None:
    taken = api.post(PATH, json=changed(truncatedAlerts=7)).json()

    assert taken["truncated"] == 7
    alarm = api.get(f"/v1/alarms/{taken['results'][0]['alarm_id']}").json()
    [shown] = [event["cause"] for event in alarm["timeline"] if event["name"] == "truncated"]
    assert shown == "grafana left 7 further alerts out of its notification; raise its Max alerts"
    assert metric(api, 'dispatcher_alerts_truncated_total{source="grafana"}') == 7


def test_a_rule_without_data_says_so(api: TestClient) -> None:
    labels = {"alertname": "DatasourceNoData", "rulename": "High memory usage", "severity": "critical"}
    taken = api.post(PATH, json=changed({"labels": labels})).json()
    alarm = api.get(f"/v1/alarms/{taken['results'][0]['alarm_id']}").json()
    assert alarm["summary"].startswith("DatasourceNoData: High memory usage (")


@pytest.fixture
def signing(sqlite_url: str) -> Iterator[tuple[Core, TestClient]]:
    core = make_core(sqlite_url, intake={"grafana": {"secret": SECRET}})
    yield core, client_of(core)
    core.store.close()


def signature(body: bytes, timestamp: str | None = None, secret: str = SECRET) -> dict[str, str]:
    """The headers, as Grafana makes them."""
    signed = body if timestamp is None else timestamp.encode() + b":" + body
    found = {"X-Grafana-Alerting-Signature": hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}
    return JSON | found | ({} if timestamp is None else {"X-Grafana-Alerting-Timestamp": timestamp})


# With escapes, so that what is checked can only be the bytes that were sent.
BODY = json.dumps(changed(title="caf\u00e9 \u0026 \x00"), indent=1).encode()
NOW = str(int(START.timestamp()))


@pytest.mark.parametrize("timestamp", [None, NOW])
def test_a_signed_body_is_taken(signing: tuple[Core, TestClient], timestamp: str | None) -> None:
    answer = signing[1].post(PATH, content=BODY, headers=signature(BODY, timestamp))
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (JSON, "not signed"),
        (signature(BODY, secret="another"), "not the one of this body"),
        (signature(BODY + b" "), "not the one of this body"),
        (signature(BODY, NOW) | {"X-Grafana-Alerting-Timestamp": str(int(NOW) + 1)}, "not the one"),
        (signature(BODY) | {"X-Grafana-Alerting-Timestamp": NOW}, "not the one of this body"),
        (signature(BODY, str(int(NOW) - 301)), "more than 300 seconds from ours"),
        (signature(BODY, str(int(NOW) + 301)), "more than 300 seconds from ours"),
        (signature(BODY, "soon"), "more than 300 seconds from ours"),
        (
            signature(BODY) | {"X-Grafana-Alerting-Signature": "caf\u00e9".encode().decode("latin-1")},
            "not the",
        ),
    ],
)
def test_what_is_not_signed_with_our_secret_is_refused_and_counted(
    signing: tuple[Core, TestClient], headers: dict[str, str], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    core, api = signing
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = api.post(PATH, content=BODY, headers=encoded)

    assert answer.status_code == 401
    assert why in answer.json()["detail"]
    assert api.get("/v1/alarms").json()["items"] == []
    assert "nobody is called for its alerts" in caplog.text
    assert SECRET not in answer.text + caplog.text
    assert dict(core.counts.take()) == {
        ("dispatcher_notifications_refused_total", '["grafana","signature"]'): 1.0
    }


def test_a_time_may_be_required(sqlite_url: str) -> None:
    core = make_core(sqlite_url, intake={"grafana": {"secret": SECRET, "timestamp_required": True}})
    api = client_of(core)
    refused = api.post(PATH, content=BODY, headers=signature(BODY))
    assert refused.status_code == 401
    assert "X-Grafana-Alerting-Timestamp" in refused.json()["detail"]
    assert api.post(PATH, content=BODY, headers=signature(BODY, NOW)).status_code == 202
    core.store.close()


def test_without_a_secret_no_signature_is_asked_for(api: TestClient) -> None:
    assert api.post(PATH, content=BODY, headers=signature(BODY, secret="whatever")).status_code == 202


def test_the_signature_is_of_grafana_alone(signing: tuple[Core, TestClient]) -> None:
    assert signing[1].post("/v1/intake/alertmanager", json=changed()).status_code == 202


def metric(api: TestClient, series: str) -> float:
    """What /metrics says of one series."""
    [line] = [line for line in api.get("/metrics").text.splitlines() if line.startswith(f"{series} ")]
    return float(line.split()[-1])
