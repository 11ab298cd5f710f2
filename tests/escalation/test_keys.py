"""What keys do beside acknowledging, and that each does it once."""

from typing import Any

import pytest
from sqlalchemy import select

from dispatcher.audit.owners import ALARMS_WITHOUT_PLAN
from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.store import do_not_call
from dispatcher.store.tables import Attempt, Call, table
from tests.cores import accept, claim, learn
from tests.escalation.desk import ANN, BOB, CAT, Desk, open_desk, policy, step

_attempts, _calls = table(Attempt), table(Call)

KEYS = {"4": "escalate", "6": "resolve", "7": "silence", "9": "opt_out", "*": "repeat"}


def test_a_key_goes_on_to_the_next_step_and_its_caller_is_left_alone(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=600), step(BOB, wait=600), step(CAT), keys=KEYS)) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.press(ANN, "4")
        desk.hang_up(ANN)

        assert desk.ring() == [BOB]
        desk.look()
        assert desk.waiting() == [], "the same key does not go on twice"
        assert desk.story(alarm) == ["raised", "key_escalate", "escalated"]
        assert dict(desk.outcomes(alarm))[ANN] == "delivered", "Ann was reached, and has answered"


def test_who_hands_the_alarm_on_is_left_alone_by_their_other_ways(store_url: str) -> None:
    steps = {"to": [{"contact": "ann"}], "wait": 600}, {"to": [{"contact": "ann"}, {"number": BOB}]}
    with open_desk(store_url, policy(*steps, keys=KEYS)) as desk:
        desk.contact("ann", {"number": ANN}, {"number": CAT})
        alarm = desk.raised()
        desk.ring()
        desk.press(ANN, "4")
        desk.hang_up(ANN)

        assert desk.ring() == [BOB]
        desk.wait(3600)
        assert desk.waiting() == []
        assert "left_out" in desk.story(alarm)


def test_who_hands_the_alarm_on_is_called_again_in_the_next_round(store_url: str) -> None:
    steps = step(ANN, wait=600), step(ANN, BOB, wait=60)
    with open_desk(store_url, policy(*steps, keys=KEYS, repeat=1, retry={"max_attempts": 1})) as desk:
        desk.raised()
        desk.ring()
        desk.press(ANN, "4")
        desk.hang_up(ANN)
        assert desk.ring() == [BOB]
        desk.busy(BOB)
        desk.wait(60)

        assert desk.ring() == [ANN]


def test_a_call_that_waits_since_before_the_key_is_withdrawn(store_url: str) -> None:
    steps = step(ANN, wait=40), step(ANN, BOB, wait=40), step(CAT)
    with open_desk(store_url, policy(*steps, keys=KEYS)) as desk:
        desk.raised()
        desk.ring()
        desk.wait(40)
        assert sorted(desk.waiting()) == [ANN, BOB]
        desk.press(ANN, "4")
        desk.hang_up(ANN)

        assert desk.ring() == [BOB, CAT]


def test_a_step_of_those_alone_who_have_handed_the_alarm_on_is_passed_over(store_url: str) -> None:
    steps = step(ANN, wait=600), step(ANN, wait=600), step(BOB)
    with open_desk(store_url, policy(*steps, keys=KEYS)) as desk:
        desk.raised()
        desk.ring()
        desk.press(ANN, "4")
        desk.hang_up(ANN)

        assert desk.ring() == [BOB]


def test_a_key_resolves(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, BOB), keys=KEYS)) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.press(BOB, "6")
        desk.hang_up(BOB)

        assert desk.alarm(alarm).status == AlarmStatus.RESOLVED
        assert desk.waiting() == []
        assert dict(desk.outcomes(alarm)) == {ANN: "cancelled", BOB: "delivered"}


def test_a_key_keeps_the_source_quiet_for_a_while(store_url: str) -> None:
    quiet = policy(step(ANN, BOB), keys=KEYS, silence_for=1800)
    with open_desk(store_url, quiet) as desk:
        alarm = desk.raised(labels={"site": "north"})
        desk.ring()
        desk.press(ANN, "7")
        desk.hang_up(ANN)
        desk.wait(1799)
        assert desk.waiting() == []
        assert "silenced by" in desk.alarm(alarm).held_why
        desk.wait(1)

        assert sorted(desk.waiting()) == [ANN, BOB]
        assert desk.alarm(alarm).status == AlarmStatus.OPEN


def test_a_key_opts_out(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, BOB, wait=60), step(ANN, CAT), keys=KEYS)) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.press(ANN, "9")
        desk.hang_up(ANN)
        desk.wait(60)

        assert desk.ring() == [CAT]
        assert "left_out" in desk.story(alarm)
        with desk.core.store.read() as tx:
            assert do_not_call.blocked(tx, [ANN], desk.clock(), alarms=True)


def test_a_key_without_a_meaning_changes_nothing(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=60), step(BOB), keys=KEYS)) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.press(ANN, "*")

        assert desk.story(alarm) == ["raised", "key_repeat"]
        assert desk.alarm(alarm).status == AlarmStatus.OPEN
        desk.wait(60)
        assert desk.waiting() == [BOB]


def test_a_key_after_the_acknowledgement_opens_nothing_again(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, BOB), keys=KEYS, remind_after=1800)) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.answer(BOB)
        desk.press(ANN, "1")
        desk.press(BOB, "4")

        assert desk.alarm(alarm).status == AlarmStatus.ACKNOWLEDGED
        assert desk.waiting() == []
        assert (desk.alarm(alarm).next_at - desk.clock()).total_seconds() == 1800


def test_a_message_has_keys_of_its_own(store_url: str) -> None:
    rule = {"labels": {"site": "north"}, "message": {"ivr": "6501"}, "keys": {"5": "resolve"}}
    with open_desk(store_url, policy(step(ANN), keys=KEYS, messages=[rule])) as desk:
        north, south = desk.raised(labels={"site": "north"}), desk.raised(labels={"site": "south"})
        for _ in range(2):
            desk.ring()
            desk.press(ANN, "5")
            desk.hang_up(ANN)

        assert desk.alarm(north).status == AlarmStatus.RESOLVED
        assert desk.alarm(south).status == AlarmStatus.OPEN


def test_a_key_of_an_attempt_before_an_alarm_joined_its_call_is_not_for_that_alarm(store_url: str) -> None:
    retried = policy(step(ANN), keys=KEYS, retry={"max_attempts": 2, "not_heard": 25})
    with open_desk(store_url, retried) as desk:
        first = desk.raised()
        desk.ring()
        desk.press(ANN, "*")
        desk.hang_up(ANN)
        desk.wait(1)
        second = desk.raised()
        desk.look()
        assert desk.story(second) == ["raised"]

        desk.wait(25)
        assert desk.ring() == [ANN]
        desk.press(ANN, "*")
        assert desk.story(second) == ["raised", "key_repeat"], "it has been told by now"
        assert desk.story(first) == ["raised", "key_repeat", "key_repeat"]


def attempts_of(desk: Desk) -> list[tuple[str | None, str | None]]:
    """The outcomes of all attempts, and of their calls."""
    query = select(_attempts.c.outcome, _calls.c.outcome).join(_calls, _calls.c.id == _attempts.c.call_id)
    with desk.core.store.read() as tx:
        return [tuple(row) for row in tx.execute(query.order_by(_attempts.c.id))]


@pytest.mark.parametrize("key", ["4", "6", "7"])
def test_whoever_answers_by_a_key_has_been_reached(store_url: str, key: str) -> None:
    with open_desk(store_url, policy(step(ANN), step(BOB), keys=KEYS)) as desk:
        desk.raised()
        desk.ring()
        desk.press(ANN, key)
        desk.hang_up(ANN)

        assert attempts_of(desk) == [("delivered", "delivered")]


@pytest.mark.parametrize("key", ["9", "*", "5"])
def test_a_key_that_answers_nothing_leaves_the_call_as_it_is(store_url: str, key: str) -> None:
    with open_desk(store_url, policy(step(ANN), keys=KEYS, retry={"max_attempts": 1})) as desk:
        desk.raised()
        desk.ring()
        desk.press(ANN, key)
        desk.hang_up(ANN)

        [(attempt, call)] = attempts_of(desk)
        assert (attempt, call) == ("not_heard", "not_heard")


def test_a_key_that_is_told_after_the_calls_end_counts_all_the_same(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), keys=KEYS)) as desk:
        alarm = desk.raised()
        [attempt] = claim(desk.core)
        accept(desk.core, attempt, "1543289641.1")
        desk.hang_up(ANN)
        learn(desk.core, attempt, keys=frozenset({(1, "6")}))
        desk.look()

        assert desk.alarm(alarm).status == AlarmStatus.RESOLVED
        assert attempts_of(desk) == [("delivered", "delivered")]


def test_whoever_escalates_the_last_step_has_not_taken_the_alarm_in_hand(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), keys=KEYS)) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.press(ANN, "4")
        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED
        assert desk.alarm(alarm).acknowledged_at is None
        desk.presses(ANN, "41")

        assert desk.alarm(alarm).status == AlarmStatus.ACKNOWLEDGED, "on second thoughts"


def test_alarms_whose_keys_differ_are_not_told_by_one_call(store_url: str) -> None:
    other = policy(step(ANN)) | {"name": "day"}
    with open_desk(store_url, policy(step(ANN), keys=KEYS), other) as desk:
        night, day = desk.raised(), desk.raised(policy="day")
        desk.ring()
        desk.press(ANN, "6")
        desk.hang_up(ANN)

        assert desk.alarm(night).status == AlarmStatus.RESOLVED
        assert desk.alarm(day).status == AlarmStatus.OPEN
        assert desk.ring() == [ANN], "the key said nothing about the other"


GRAVER: tuple[dict[str, Any], ...] = (
    {"severity": ["critical"], "message": {"ivr": "6599"}, "keys": {"5": "resolve"}},
    {"severity": ["critical"], "message": {"ivr": "6599"}, "keys": {}},
)


@pytest.mark.parametrize("rule", GRAVER, ids=["other keys", "no keys"])
@pytest.mark.parametrize("is_shared", [False, True], ids=["alone", "shared"])
def test_a_key_that_a_graver_repeat_has_taken_away_leaves_the_alarm_to_its_next_people(
    store_url: str, rule: dict[str, Any], is_shared: bool
) -> None:
    """Ann hears of a warning; while she listens it becomes critical, whose keys are others."""
    steps = step(ANN, wait=600), step(BOB, wait=600)
    with open_desk(store_url, policy(*steps, keys={"4": "escalate"}, messages=[rule])) as desk:
        if is_shared:
            desk.raised(severity="warning", dedup_key="other")
        alarm = desk.raised(severity="warning", dedup_key="boiler")
        assert desk.ring() == [ANN]
        desk.answer(ANN)
        desk.raised(severity="critical", dedup_key="boiler")
        desk.press(ANN, "4")
        desk.hang_up(ANN)
        called = desk.ring()
        for _ in range(30):
            desk.wait(30)
            called += desk.ring()

        assert BOB in called
        assert desk.alarm(alarm).acknowledged_at is None
        with desk.core.store.read() as tx:
            assert tx.execute(ALARMS_WITHOUT_PLAN).all() == []


def test_whoever_hands_an_alarm_on_is_called_again_in_the_next_round(store_url: str) -> None:
    steps = step(BOB, wait=60), step(ANN, wait=60)
    once = {"keys": {"4": "escalate"}, "repeat": 1, "retry": {"max_attempts": 1}}
    with open_desk(store_url, policy(*steps, **once)) as desk:
        desk.raised()
        assert desk.ring() == [BOB]
        desk.busy(BOB)
        desk.wait(2)
        assert desk.ring() == [ANN]
        desk.press(ANN, "4")
        desk.hang_up(ANN)
        desk.wait(2)
        assert desk.ring() == [BOB], "her key has begun the next round"
        desk.busy(BOB)
        desk.wait(5)

        assert desk.ring() == [ANN]


def test_an_alarm_that_gets_graver_has_the_keys_of_the_call_that_it_joins(store_url: str) -> None:
    rule = {"severity": ["critical"], "message": {"ivr": "6599"}, "keys": {"6": "resolve"}}
    plan = policy(step(ANN, wait=60), step(BOB), keys={"4": "escalate"}, messages=[rule])
    with open_desk(store_url, plan) as desk:
        first = desk.raised(dedup_key="first", severity="critical")
        desk.wait(1)
        second = desk.raised(dedup_key="second", severity="warning")
        desk.wait(1)
        desk.raised(dedup_key="second", severity="critical")
        desk.wait(4)
        assert desk.ring() == [ANN]
        desk.press(ANN, "6")
        desk.hang_up(ANN)
        desk.wait(2)

        assert [desk.alarm(alarm).status for alarm in (first, second)] == ["resolved", "resolved"]
        assert desk.waiting() == []
