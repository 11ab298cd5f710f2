"""Alertmanager's words in the dispatcher's: pure, alert by alert."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dispatcher.domain.vocabulary import Severity
from dispatcher.intake.alertmanager import Alert, Notification, notice_of
from dispatcher.intake.notices import LONGEST_SUMMARY, Notice

ENVELOPE = Notification(alerts=[], externalURL="http://alertmanager:9093", receiver="phone", groupKey="{}:{}")


def read(**alert: Any) -> Notice:
    return notice_of(Alert.model_validate({"status": "firing", **alert}), ENVELOPE)


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("critical", Severity.CRITICAL),
        ("Page", Severity.CRITICAL),
        (" ERROR ", Severity.CRITICAL),
        ("warning", Severity.WARNING),
        ("warn", Severity.WARNING),
        ("info", Severity.INFO),
        ("none", Severity.INFO),
        ("purple", Severity.WARNING),
        ("", Severity.WARNING),
    ],
)
def test_severity_words(word: str, severity: Severity) -> None:
    assert read(labels={"severity": word}).severity is severity


@pytest.mark.parametrize(
    ("annotations", "labels", "summary"),
    [
        ({"summary": "S", "description": "D"}, {"alertname": "A"}, "S"),
        ({"description": "D"}, {"alertname": "A"}, "D"),
        ({"summary": ""}, {"alertname": "A"}, "A"),
        ({"summary": "two\n  lines"}, {}, "two lines"),
        ({}, {}, "an alert without a name"),
        ({"summary": " \n"}, {}, "an alert without a name"),
    ],
)
def test_the_summary_is_what_was_written_for_people(
    annotations: dict[str, str], labels: dict[str, str], summary: str
) -> None:
    assert read(annotations=annotations, labels=labels).summary == summary


def test_a_long_summary_is_shortened() -> None:
    summary = read(annotations={"summary": "x" * 5000}).summary

    assert len(summary) == LONGEST_SUMMARY
    assert summary.endswith("…")


def test_the_key_is_the_same_however_the_start_is_written() -> None:
    keys = {
        read(fingerprint="f", startsAt=at).dedup_key
        for at in (
            "2026-11-21T09:58:26.739Z",
            "2026-11-21T10:58:26.739+01:00",
            "2026-11-21T09:58:26.739000+00:00",
        )
    }

    assert keys == {"f@2026-11-21T09:58:26.739000Z"}


def test_nanoseconds_are_read() -> None:
    assert read(fingerprint="f", startsAt="2026-11-21T09:58:26.739266876Z").dedup_key.startswith(
        "f@2026-11-21T09"
    )


def test_without_a_fingerprint_the_labels_name_the_alert() -> None:
    one, same, other = (
        read(labels=labels).dedup_key
        for labels in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}, {"a": "1", "b": "3"})
    )

    assert one == same != other


def test_missing_and_strange_members_are_borne() -> None:
    notice = read(
        labels={"n": 5, "b": True},
        annotations=None,
        startsAt="0001-01-01T00:00:00+02:00",
        generatorURL=None,
        fingerprint=None,
        values={"B": 3},
    )

    assert notice.details["labels"] == {"n": "5", "b": "true"}
    assert notice.details["receiver"] == "phone"


def test_a_resolution_is_told_from_a_firing() -> None:
    assert [read(status=status).firing for status in ("firing", "resolved")] == [True, False]


@given(
    st.dictionaries(
        st.sampled_from(["status", "labels", "annotations", "startsAt", "generatorURL", "fingerprint", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["firing", "resolved"]),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=6,
        ),
    )
)
def test_any_json_is_read_or_refused(alert: dict[str, Any]) -> None:
    try:
        notice = notice_of(Alert.model_validate(alert), ENVELOPE)
    except ValidationError:
        return
    assert 0 < len(notice.summary) <= LONGEST_SUMMARY
    assert len(notice.dedup_key) <= 500
