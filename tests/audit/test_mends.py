"""What is right after a mend."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete

from dispatcher.audit import Auditor
from dispatcher.store.tables import Alarm, Call, Campaign
from tests.audit.breaking import (
    NOT_LATER,
    active_alone,
    alarm_that_was_acknowledged,
    alarm_whose_call_was_answered_by_another_key,
    alarm_with_nothing_planned,
    alarm_without_calls,
    alarms,
    attempt_that_ended_by_itself,
    campaign_past_its_time,
    change,
    delivered_before_its_redial_was_sent,
    failed_while_dialled,
    held_by_an_ended_attempt,
    more_attempts_than_counted,
    report_of_a_call_that_never_came,
    report_of_a_pbx_that_is_gone,
    told,
)
from tests.scripted import NUMBER, Office, attempts, calls


def mend(auditor: Auditor) -> None:
    auditor.pass_once()
    auditor.pass_once()


def test_a_call_that_was_never_dialled_goes_back_to_its_queue(office: Office, auditor: Auditor) -> None:
    active_alone(office)
    mend(auditor)
    [call] = office.rows(Call)
    assert (call.state, call.due_at) == ("queued", office.clock())
    assert told(office, "mended") == ["found by the auditor: it was active and nothing was under way"]
    assert len(office.dialled()) == 1


def test_a_missed_decision_is_taken_and_its_attempt_counted_once(office: Office, auditor: Auditor) -> None:
    attempt_that_ended_by_itself(office)
    mend(auditor)
    [call] = office.rows(Call, NOT_LATER)
    assert (call.state, call.outcome, call.attempts_spent) == ("queued", "busy", 1)
    assert office.counted("dispatcher_attempts_total") == {}


@pytest.mark.parametrize(("kind", "state"), [("campaign", "failed"), ("alarm", "queued")])
def test_a_lost_attempt_is_dialled_again_for_an_alarm_only(
    office: Office, auditor: Auditor, kind: str, state: str
) -> None:
    getattr(office, kind)(NUMBER)
    office.dialled()
    with office.core.store.write() as tx:
        tx.execute(delete(attempts))
    mend(auditor)
    assert [row.state for row in office.rows(Call)] == [state]


def test_a_call_that_nobody_waits_for_is_not_dialled_again(office: Office, auditor: Auditor) -> None:
    office.alarm(NUMBER)
    change(office, calls, state="active")
    change(office, alarms, status="resolved")
    mend(auditor)
    assert [row.state for row in office.rows(Call)] == ["cancelled"]


def test_a_call_that_has_ended_is_hung_up(office: Office, auditor: Auditor) -> None:
    failed_while_dialled(office)
    mend(auditor)
    [attempt] = office.rows_of_attempts()
    assert office.messages.hung_up == [attempt.id]
    assert attempt.hung_up_at == office.clock()


def test_a_redial_that_was_not_sent_gives_its_channel_back(office: Office, auditor: Auditor) -> None:
    delivered_before_its_redial_was_sent(office)
    mend(auditor)
    [attempt] = office.rows_of_attempts()
    assert (attempt.phase, attempt.channel_held, attempt.outcome) == ("ended", False, "cancelled")
    assert [row.state for row in office.rows(Call)] == ["delivered"]


def test_a_channel_is_given_back_with_the_reason(office: Office, auditor: Auditor) -> None:
    held_by_an_ended_attempt(office)
    mend(auditor)
    assert [row.channel_held for row in office.rows_of_attempts()] == [False]
    why = "found by the auditor: its attempt had ended and still held a channel"
    assert told(office, "channel freed") == [why]


@pytest.mark.parametrize(
    ("by", "status"),
    [
        (alarm_with_nothing_planned, "exhausted"),
        (alarm_without_calls, "exhausted"),
        (alarm_that_was_acknowledged, "acknowledged"),
        (alarm_whose_call_was_answered_by_another_key, "exhausted"),
    ],
)
def test_an_alarm_comes_to_its_end(
    office: Office, auditor: Auditor, by: Callable[[Office], None], status: str
) -> None:
    by(office)
    mend(auditor)
    assert [row.status for row in office.rows(Alarm)] == [status]


def test_a_campaign_past_its_time_ends_with_its_calls(office: Office, auditor: Auditor) -> None:
    campaign_past_its_time(office)
    mend(auditor)
    assert [row.status for row in office.rows(Campaign)] == ["finished"]
    assert [row.state for row in office.rows(Call)] == ["expired"]


def test_reports_that_belong_to_nobody_are_orphans(office: Office, auditor: Auditor) -> None:
    report_of_a_pbx_that_is_gone(office)
    report_of_a_call_that_never_came(office)
    mend(auditor)
    assert office.dispositions() == ["orphan", "orphan"]


def test_a_call_with_uncounted_attempts_can_be_claimed_again(office: Office, auditor: Auditor) -> None:
    more_attempts_than_counted(office)
    mend(auditor)
    assert [row.attempts_made for row in office.rows(Call)] == [1]
    assert [office.attempt(key).ordinal for key in office.claim()] == [2]
