"""Two ways to fail people: nobody calls who should have, and calling again who has been reached."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.escalation import silences
from dispatcher.store.tables import Alarm, table
from dispatcher.upkeep import housekeeping
from dispatcher.work import carry_out
from tests.cores import accept, claim, learn
from tests.escalation.desk import ANN, BOB, CAT, open_desk, policy, step

ONCE = {"max_attempts": 1}


def test_a_later_step_joins_the_call_that_waits_for_its_retry_since_an_earlier_one(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=60), step(ANN, BOB), retry={"busy": 600})) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.busy(ANN)
        desk.wait(60)

        assert desk.ring() == [ANN, BOB]
        desk.press(ANN, "1")
        assert desk.alarm(alarm).status == AlarmStatus.ACKNOWLEDGED
        [told] = [page for page in desk.pages(alarm) if page.number == ANN and page.call_id]
        assert (told.step, told.called_at) == (1, desk.clock() - timedelta(seconds=60)), "with its first try"
        assert desk.waiting() == []


def test_the_next_in_line_joins_their_own_call_of_an_earlier_step(store_url: str) -> None:
    hunted = policy(step(BOB, wait=60), step(ANN, BOB, mode="hunt"), retry={"max_attempts": 2, "busy": 600})
    with open_desk(store_url, hunted) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.busy(BOB)
        desk.wait(60)
        assert desk.ring() == [ANN]
        desk.busy(ANN)
        desk.clock.move(seconds=600)
        assert desk.ring() == [ANN, BOB]
        desk.busy(ANN)

        assert desk.alarm(alarm).status == AlarmStatus.OPEN


def test_a_reminder_has_the_rounds_of_the_policy_and_ends_in_vain_like_the_first_time(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), remind_after=1800, retry=ONCE)) as desk:
        alarm = desk.raised()
        for _ in range(3):
            assert desk.ring() == [ANN]
            desk.press(ANN, "1")
            desk.hang_up(ANN)
            desk.wait(1800)
        assert desk.ring() == [ANN]
        desk.busy(ANN)

        assert desk.waiting() == []
        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED


def test_of_two_keys_at_once_neither_is_lost(store_url: str) -> None:
    keyed = policy(step(ANN, BOB, wait=600), step(CAT), keys={"4": "escalate", "*": "repeat", "6": "resolve"})
    with open_desk(store_url, keyed) as desk:
        desk.raised()
        desk.ring()
        desk.presses(ANN, "4*")
        assert desk.ring() == [CAT]


def test_who_acknowledges_may_still_resolve_or_silence(store_url: str) -> None:
    keyed = policy(step(ANN, BOB), keys={"6": "resolve", "7": "silence"}, remind_after=1800)
    with open_desk(store_url, keyed) as desk:
        first = desk.raised(labels={"site": "north", "source": "pumps"})
        desk.ring()
        desk.presses(ANN, "17")
        desk.hang_up(ANN)
        desk.hang_up(BOB)
        assert desk.alarm(first).status == AlarmStatus.ACKNOWLEDGED
        again = desk.raised(labels={"site": "north", "source": "pumps"})
        assert "silenced by" in desk.alarm(again).held_why
        other = desk.raised(labels={"site": "south"})
        desk.ring()
        desk.presses(BOB, "16")
        assert desk.alarm(other).status == AlarmStatus.RESOLVED


def test_a_key_that_goes_on_does_so_where_hearing_was_enough(store_url: str) -> None:
    heard = policy(step(ANN, wait=600), step(BOB), keys={"4": "escalate"}, delivered_when="heard", retry=ONCE)
    with open_desk(store_url, heard) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.press(ANN, "4")
        desk.hang_up(ANN)
        assert desk.ring() == [BOB]
        desk.busy(BOB)

        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED


def test_who_hears_it_after_the_next_step_has_begun_ends_the_escalation(store_url: str) -> None:
    heard = policy(step(ANN, wait=60), step(BOB, wait=60), step(CAT), delivered_when="answered")
    with open_desk(store_url, heard) as desk:
        desk.raised()
        desk.ring()
        desk.wait(60)
        desk.answer(ANN)
        desk.hang_up(ANN)
        desk.wait(60)

        assert desk.waiting() == [BOB]


def test_a_hunt_goes_on_after_the_next_step_has_begun(store_url: str) -> None:
    hunted = policy(step(ANN, CAT, mode="hunt", wait=60), step(BOB), retry=ONCE)
    with open_desk(store_url, hunted) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.wait(60)
        assert desk.ring() == [BOB]
        desk.busy(BOB)
        assert desk.alarm(alarm).status == AlarmStatus.OPEN
        desk.busy(ANN)
        assert desk.ring() == [CAT]
        desk.busy(CAT)

        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED


def test_what_was_raised_while_the_phone_rang_is_told_together_with_the_first_when_nobody_answered(
    store_url: str,
) -> None:
    with open_desk(store_url, policy(step(ANN), retry={"max_attempts": 2, "busy": 60})) as desk:
        first = desk.raised()
        desk.ring()
        second, third = desk.raised(), desk.raised()
        desk.busy(ANN)
        assert desk.waiting() == [ANN, ANN]
        assert desk.ring() == [ANN]
        assert desk.waiting() == [], "the retry of the first is part of it"
        desk.busy(ANN)
        assert desk.waiting() == [ANN], "all are owed two attempts from now on"
        desk.clock.move(seconds=60)
        assert desk.ring() == [ANN]
        desk.press(ANN, "1")

        assert {desk.alarm(alarm).status for alarm in (first, second, third)} == {AlarmStatus.ACKNOWLEDGED}
        assert desk.outcomes(first) == [(ANN, "cancelled"), (ANN, "delivered")]


def test_the_gathered_calls_in_vain_end_every_alarm_of_theirs(store_url: str) -> None:
    with open_desk(
        store_url, policy(step(ANN, wait=600), step(BOB), retry={"max_attempts": 2, "busy": 60})
    ) as desk:
        alarms = [desk.raised()]
        desk.ring()
        alarms.append(desk.raised())
        desk.busy(ANN)
        desk.ring()
        desk.busy(ANN)
        desk.wait(60)
        desk.ring()
        desk.busy(ANN)

        assert desk.ring() == [BOB]
        assert all(desk.story(alarm).count("escalated") == 1 for alarm in alarms)


def test_a_gathered_call_has_time_for_as_long_as_any_of_its_alarms(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), retry={"max_attempts": 5, "busy": 60})) as desk:
        desk.raised(expires_at=desk.clock() + timedelta(seconds=90))
        desk.ring()
        desk.raised(expires_at=desk.clock() + timedelta(seconds=300))
        desk.busy(ANN)
        desk.clock.move(seconds=60)
        assert desk.ring() == [ANN]
        desk.busy(ANN)
        desk.clock.move(seconds=60)

        assert desk.ring() == [ANN]


def test_a_reminder_keeps_to_silences(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), remind_after=1800)) as desk:
        alarm = desk.raised(labels={"site": "north"})
        desk.ring()
        desk.press(ANN, "1")
        desk.hang_up(ANN)
        north = [{"label": "site", "op": "=", "value": "north"}]
        until = desk.clock() + timedelta(hours=1)
        carry_out(desk.core, lambda work: silences.create(work, north, ends_at=until, by="ann"))
        desk.wait(1800)
        assert desk.waiting() == []
        assert desk.alarm(alarm).status == AlarmStatus.OPEN
        desk.wait(1800)

        assert desk.ring() == [ANN]


def test_nobody_is_reminded_after_the_alarms_time(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), remind_after=1800, expires_after=900.0)) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.press(ANN, "1")
        desk.hang_up(ANN)
        desk.wait(1800)

        assert desk.waiting() == []
        assert desk.alarm(alarm).status == AlarmStatus.ACKNOWLEDGED


def test_a_telephone_that_is_somebodys_first_way_rings_at_once_whoever_else_has_it(store_url: str) -> None:
    both = {"to": [{"contact": "ann"}, {"contact": "control room"}]}
    with open_desk(store_url, policy(both, retry=ONCE)) as desk:
        desk.contact("ann", {"number": ANN}, {"number": CAT})
        desk.contact("control room", {"number": CAT})
        desk.raised()

        assert desk.ring() == [ANN, CAT]


def test_an_alarm_of_an_earlier_release_keeps_the_calls_that_it_began_with(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN))) as desk:
        alarm = desk.raised(labels={"site": "north"})
        with desk.core.store.write() as tx:
            alarms = table(Alarm)
            tx.execute(update(alarms).where(alarms.c.id == alarm).values(plan=None, next_at=None))
        north = [{"label": "site", "op": "=", "value": "north"}]
        until = desk.clock() + timedelta(hours=1)
        carry_out(desk.core, lambda work: silences.create(work, north, ends_at=until, by="ann"))
        desk.look()

        assert desk.waiting() == [ANN]


def test_who_wants_no_calls_is_not_told_of_the_end_either(store_url: str) -> None:
    keyed = policy(step(ANN, BOB), keys={"9": "opt_out"}, resolved_message={"ivr": "6600"})
    with open_desk(store_url, keyed) as desk:
        desk.raised(dedup_key="b")
        desk.ring()
        desk.press(ANN, "9")
        desk.hang_up(ANN)
        desk.press(BOB, "1")
        desk.hang_up(BOB)
        desk.raised(dedup_key="b", status="resolved")

        assert desk.ring() == [BOB]


def test_a_number_that_is_asked_for_rings_at_once_although_a_contact_has_it_as_their_second(
    store_url: str,
) -> None:
    both = {"to": [{"contact": "ann"}, {"number": CAT}]}
    with open_desk(store_url, policy(both, retry=ONCE)) as desk:
        desk.contact("ann", {"number": ANN}, {"number": CAT})
        desk.raised()

        assert desk.ring() == [ANN, CAT]


def test_a_repeat_that_is_graver_calls_at_once_what_was_to_wait(store_url: str) -> None:
    monday = {"windows": [{"days": ["mon"], "from": "08:00", "to": "17:00"}]}
    routed = policy(step(ANN), severity={"warning": monday, "info": "record"})
    with open_desk(store_url, routed) as desk:  # It is Saturday.
        alarm = desk.raised(dedup_key="disk", severity="info")
        assert desk.raised(dedup_key="disk", severity="warning") == alarm
        desk.look()
        assert desk.waiting() == []
        assert "wait for their hours" in desk.alarm(alarm).held_why
        desk.raised(dedup_key="disk", severity="critical")
        desk.look()

        assert desk.ring() == [ANN]
        desk.raised(dedup_key="disk", severity="info")
        desk.look()
        assert desk.ringing() == [ANN]


def test_a_call_that_is_joined_at_the_moment_of_its_expiry_goes_on(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_desk(store_url, policy(step(ANN))) as desk:
        desk.raised(expires_at=desk.clock() + timedelta(seconds=60))
        desk.clock.move(seconds=60)
        joined: list[str] = []
        write = desk.core.store.write

        def join_first() -> Any:
            if not joined:
                joined.append("")
                joined[0] = desk.raised()
            return write()

        monkeypatch.setattr(desk.core.store, "write", join_first)
        housekeeping.expire(desk.core)

        assert desk.ring() == [ANN]
        assert desk.alarm(joined[0]).status == AlarmStatus.OPEN


def test_who_is_still_to_be_called_is_called_although_the_alarm_was_lost_sight_of(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, BOB, mode="hunt"), retry=ONCE)) as desk:
        alarm = desk.raised()
        desk.ring()
        alarms = table(Alarm)
        with desk.core.store.write() as tx:
            tx.execute(update(alarms).where(alarms.c.id == alarm).values(next_at=None))
        desk.busy(ANN)

        assert desk.ring() == [BOB]
        desk.busy(BOB)
        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED


def test_a_late_proof_of_an_attempt_says_nothing_of_who_joined_the_call_after_it(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), delivered_when="answered")) as desk:
        first = desk.raised()
        [attempt] = claim(desk.core)
        accept(desk.core, attempt, "1543289641.900")
        desk.hang_up(ANN)
        assert desk.waiting() == [ANN]
        desk.clock.move(seconds=5)
        second = desk.raised()
        assert desk.ring() == [ANN]
        learn(desk.core, attempt, answered_at=desk.clock() - timedelta(seconds=9))
        desk.look()
        assert desk.outcomes(first) == [(ANN, "delivered")]
        assert desk.outcomes(second) == [(ANN, "queued")]
        desk.hang_up(ANN)

        assert desk.ring() == [ANN]


def test_who_wants_no_calls_gets_none_for_another_alarm_either(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=600), step(BOB), keys={"9": "opt_out"})) as desk:
        desk.raised()
        desk.ring()
        other = desk.raised(message={"ivr": "6501"})
        assert desk.waiting() == [ANN]
        desk.press(ANN, "9")
        desk.hang_up(ANN)

        assert desk.ring() == [BOB]
        assert dict(desk.outcomes(other)) == {ANN: "cancelled", BOB: "queued"}


@pytest.mark.parametrize(
    "steps",
    [[step(ANN, wait=40)], [step(ANN, wait=40), step(ANN, wait=40)], [step(ANN, wait=40), step(CAT, ANN)]],
)
def test_who_hears_it_to_the_end_while_a_later_call_waits_is_not_rung_again(
    store_url: str, steps: list[dict[str, Any]]
) -> None:
    with open_desk(store_url, policy(*steps, delivered_when="heard", repeat=1)) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.wait(40)
        assert ANN in desk.waiting(), "her phone still rings for the first"
        desk.hear(ANN)
        assert ANN not in desk.waiting()
        desk.hang_up(ANN)
        desk.wait(3600)

        assert ANN not in desk.ring()
        assert desk.alarm(alarm).status == AlarmStatus.OPEN


def test_who_has_heard_it_is_not_rung_by_a_step_that_names_them_otherwise(store_url: str) -> None:
    steps = {"to": [{"contact": "ann"}], "wait": 40}, step(BOB)
    with open_desk(store_url, policy(*steps, delivered_when="heard", retry=ONCE)) as desk:
        desk.contact("ann", {"number": ANN}, {"number": BOB})
        alarm = desk.raised()
        desk.ring()
        desk.busy(ANN)
        assert desk.ring() == [BOB]
        desk.wait(40)
        assert desk.waiting() == [BOB]
        desk.hear(BOB)

        assert desk.waiting() == []
        assert [page.state for page in desk.pages(alarm)] == ["calling", "calling", "ended"]
