"""What looks like a fault and is none."""

from datetime import timedelta
from typing import Any

import pytest

from dispatcher.audit import Auditor
from dispatcher.store import streams
from dispatcher.store.tables import Doubt, table
from tests.audit.breaking import (
    change,
    findings,
    forgotten_campaign,
    held_for_ever,
    in_question_for_ever,
    too_many_on_a_trunk,
    trunks,
)
from tests.cores import set_attempt
from tests.scripted import NUMBER, TRUNK, Office, calls
from tests.store import rows


def found(office: Office, auditor: Auditor) -> dict[str, int]:
    auditor.pass_once()
    auditor.pass_once()
    return findings(office)


def test_a_limit_that_was_lowered_under_the_calls_that_are_up(office: Office, auditor: Auditor) -> None:
    too_many_on_a_trunk(office)
    with office.core.store.write() as tx:
        rows.add(tx, "events", id=None, subject="trunk", subject_id=f"hq/{TRUNK}", name="changed",
                 at=office.clock())  # fmt: skip
    assert found(office, auditor) == {}


@pytest.mark.parametrize(
    "columns",
    [
        {"paused": True},
        {"pbx_usable": False, "checked_at": True},
        {"channels": 0},
        {"blocked_until": True},
        {"next_slot_at": True, "calls_per_second": 1.0},
        {"last_claim_at": True},
    ],
    ids=lambda columns: next(iter(columns)),
)
def test_a_trunk_that_can_not_carry_it(office: Office, auditor: Auditor, columns: dict[str, Any]) -> None:
    forgotten_campaign(office)
    later = office.clock() + timedelta(seconds=5)
    values = {name: later if name.endswith(("until", "_at")) else to for name, to in columns.items()}
    change(office, trunks, **values | ({"reserved_for_alarms": 0} if "channels" in columns else {}))
    assert found(office, auditor) == {}


def test_a_pbx_that_is_away(office: Office, auditor: Auditor) -> None:
    forgotten_campaign(office)
    with office.core.store.write() as tx:
        rows.add(tx, "pbx_sessions", problem="pbx_away: no connection")
    assert found(office, auditor) == {}


def test_a_pbx_whose_reports_are_not_read(office: Office, auditor: Auditor) -> None:
    forgotten_campaign(office)
    with office.core.store.write() as tx:
        streams.sync(tx, ["hq"])
    assert found(office, auditor) == {}


def test_channels_that_are_kept_for_alarms(office: Office, auditor: Auditor) -> None:
    forgotten_campaign(office)
    change(office, trunks, trunks.c.name == TRUNK, reserved_for_alarms=30)
    assert found(office, auditor) == {}


def test_a_callee_whose_window_is_closed(office: Office, auditor: Auditor) -> None:
    office.campaign(NUMBER, windows=[{"days": ["mon"], "from": "09:00", "to": "10:00"}],
                    timezone="recipient")  # fmt: skip
    change(office, calls, timezone="Europe/Amsterdam")
    office.clock.move(seconds=61)
    assert found(office, auditor) == {}


def test_a_campaign_that_may_have_no_more_calls_at_once(office: Office, auditor: Auditor) -> None:
    office.campaign("31612340001", "31612340002", max_concurrent=1)
    assert len(office.dialled()) == 1
    office.clock.move(seconds=61)
    assert found(office, auditor) == {}


def test_a_long_call_that_the_pbx_still_shows(office: Office, auditor: Auditor) -> None:
    held_for_ever(office)
    [attempt] = office.rows_of_attempts()
    shown = office.clock() - timedelta(seconds=30)
    with office.core.store.write() as tx:
        rows.add(tx, "doubts", attempt_id=attempt.id, shown_at=shown)
    assert found(office, auditor) == {}


def test_a_call_of_another_pbx(office: Office, auditor: Auditor) -> None:
    forgotten_campaign(office)
    change(office, calls, pbx="branch")
    assert found(office, auditor) == {}


def test_a_message_that_this_pbx_can_not_play(office: Office, auditor: Auditor) -> None:
    office.alarm(NUMBER, message_kind="prompt", message_value="a", message_count=2)
    office.campaign("31612340002", message_kind="prompt", message_value="a", message_count=2)
    office.clock.move(seconds=61)
    assert found(office, auditor) == {}


def test_a_user_whose_phone_is_in_use(office: Office, auditor: Auditor) -> None:
    office.alarm(NUMBER, "1002")
    user = {"number": None, "extension": None, "pbx_user": "alice", "pbx": "hq"}
    change(office, calls, calls.c.extension == "1002", **user)
    [attempt] = office.dialled()
    set_attempt(office.core, attempt, target_kind="user", digits_dialled="alice", trunk="")
    office.clock.move(seconds=61)
    assert found(office, auditor) == {}


def test_a_callee_whom_another_alarm_is_just_being_told(office: Office, auditor: Auditor) -> None:
    office.alarm(NUMBER)
    change(office, calls, callee=f"+{NUMBER}")
    assert len(office.dialled()) == 1
    office.alarm(NUMBER)
    change(office, calls, callee=f"+{NUMBER}")
    office.clock.move(seconds=61)
    assert office.claim() == []
    assert found(office, auditor) == {}


def test_a_call_whose_time_is_over(office: Office, auditor: Auditor) -> None:
    office.alarm(NUMBER)
    change(office, calls, expires_at=office.clock() + timedelta(seconds=10))
    office.clock.move(seconds=61)
    assert found(office, auditor) == {}


def test_a_call_in_question_that_the_pbx_has_shown(office: Office, auditor: Auditor) -> None:
    in_question_for_ever(office)
    assert found(office, auditor) == {"attempt_past_its_step": 1}
    change(office, table(Doubt), shown_at=office.clock())
    assert found(office, auditor) == {}
