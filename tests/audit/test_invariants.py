"""Each invariant is broken by hand in the database, found at the second look, and mended where it can be."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from dispatcher.audit import INVARIANTS, Auditor
from dispatcher.domain.vocabulary import Phase
from dispatcher.upkeep import CountWriter
from tests.audit.breaking import (
    active_alone,
    alarm_on_a_trunk_that_fails_each_call,
    alarm_that_nobody_looked_at,
    alarm_that_was_acknowledged,
    alarm_while_the_pbx_is_away,
    alarm_while_the_trunk_is_paused,
    alarm_with_nothing_planned,
    alarm_without_calls,
    attempt_that_ended_by_itself,
    attempts_with_a_gap,
    campaign_on_a_trunk_that_is_gone,
    campaign_past_its_time,
    campaign_with_nothing_left,
    change,
    delivered_before_its_redial_was_sent,
    doubted_for_ever,
    failed_while_dialled,
    findings,
    forgotten_alarm,
    forgotten_campaign,
    forgotten_redial,
    held_by_an_ended_attempt,
    held_for_ever,
    in_question_for_ever,
    more_attempts_than_counted,
    never_answered,
    never_ended,
    never_hung_up,
    never_sent,
    no_api,
    no_worker,
    queued_while_dialled,
    report_of_a_call_that_never_came,
    report_of_a_pbx_that_is_gone,
    reports_that_nobody_entered,
    too_many_on_a_trunk,
    up,
)
from tests.cores import set_attempt
from tests.scripted import Office, calls, ringing


@dataclass(frozen=True)
class Broken:
    """One way of breaking an invariant by hand."""

    name: str
    by: Callable[[Office], None]
    number: int = 1
    mended: int = 0


BROKEN = (
    Broken("active_call_without_attempt", active_alone, mended=1),
    Broken("active_call_without_attempt", attempt_that_ended_by_itself, mended=1),
    Broken("queued_call_with_attempt", queued_while_dialled, mended=1),
    Broken("ended_call_still_dialled", failed_while_dialled, mended=1),
    Broken("ended_call_still_dialled", delivered_before_its_redial_was_sent, mended=1),
    Broken("attempt_past_its_step", never_sent),
    Broken("attempt_past_its_step", never_answered),
    Broken("attempt_past_its_step", doubted_for_ever),
    Broken("attempt_past_its_step", in_question_for_ever),
    Broken("attempt_past_its_step", never_ended),
    Broken("attempt_past_its_step", never_hung_up),
    Broken("channel_without_owner", held_by_an_ended_attempt, mended=1),
    Broken("channel_overdue", held_for_ever),
    Broken("alarm_without_plan", alarm_with_nothing_planned, mended=1),
    Broken("alarm_without_plan", alarm_without_calls, mended=1),
    Broken("alarm_without_plan", alarm_that_was_acknowledged, mended=1),
    Broken("alarm_overlooked", alarm_that_nobody_looked_at),
    Broken("campaign_without_end", campaign_with_nothing_left, mended=1),
    Broken("campaign_without_end", campaign_past_its_time, mended=1),
    Broken("campaign_without_trunk", campaign_on_a_trunk_that_is_gone),
    Broken("report_unlinked", report_of_a_call_that_never_came, mended=1),
    Broken("report_unlinked", report_of_a_pbx_that_is_gone, mended=1),
    Broken("report_not_entered", reports_that_nobody_entered, mended=1),
    Broken("due_call_not_dialled", forgotten_alarm, number=2),
    Broken("due_call_not_dialled", forgotten_campaign),
    Broken("due_call_not_dialled", forgotten_redial),
    Broken("trunk_over_limit", too_many_on_a_trunk),
    Broken("alarm_call_waits", alarm_while_the_pbx_is_away),
    Broken("alarm_call_waits", alarm_while_the_trunk_is_paused),
    Broken("alarm_call_waits", alarm_on_a_trunk_that_fails_each_call),
    Broken("nobody_dials", no_worker),
    Broken("heartbeats_not_heard", no_api),
    Broken("attempts_miscounted", attempts_with_a_gap),
    Broken("attempts_miscounted", more_attempts_than_counted, mended=1),
)


def expected(broken: Broken) -> dict[str, int]:
    return {broken.name: broken.number}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda one: f"{one.name}-{one.by.__name__}")
def test_what_is_broken_is_found_at_the_second_look_and_mended_where_it_can_be(
    office: Office, auditor: Auditor, broken: Broken
) -> None:
    broken.by(office)

    assert not auditor.pass_once()
    assert findings(office) == {}, "one look alone proves nothing"
    assert not auditor.pass_once()
    assert findings(office) == expected(broken)

    CountWriter(office.core).write()
    mended = {(broken.name,): broken.mended} if broken.mended else {}
    assert office.counted("dispatcher_audit_mended_total") == mended
    assert auditor.pass_once() is bool(broken.mended)
    assert findings(office) == ({} if broken.mended else expected(broken))


def test_every_invariant_is_broken_here() -> None:
    assert {one.name for one in INVARIANTS} == {broken.name for broken in BROKEN}
    assert all(one.words and one.advice for one in INVARIANTS)


def test_all_is_clean_on_an_ordinary_day(office: Office, auditor: Auditor) -> None:
    """Calls in every state in which they are for a while, alarms that were heard, campaigns that wait."""
    office.alarm("31612340001", "1002", delivered_when="answered")
    change(office, calls, calls.c.number == "+31612340001", state="delivered", outcome="delivered")
    [one, *_] = up(office, "31612340002", "31612340003", "31612340004")
    set_attempt(office.core, office.dialled("")[0], phase=Phase.IN_DOUBT, doubted_at=office.clock())
    office.take(ringing(office.attempt(one).callid, "31612340002"))
    office.campaign("31612340005", status="paused")
    office.campaign("31612340006", windows=[{"days": ["mon"], "from": "09:00", "to": "10:00"}],
                    timezone="UTC")  # fmt: skip
    office.clock.move(seconds=61)

    assert auditor.pass_once()
    assert auditor.pass_once()
    assert findings(office) == {}
