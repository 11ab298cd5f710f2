"""What keys do beside acknowledging, and that each does it once."""

from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.store import do_not_call
from tests.escalation.desk import ANN, BOB, CAT, open_desk, policy, step

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
        assert dict(desk.outcomes(alarm))[ANN] == "cancelled"


def test_a_key_resolves(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, BOB), keys=KEYS)) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.press(BOB, "6")
        desk.hang_up(BOB)

        assert desk.alarm(alarm).status == AlarmStatus.RESOLVED
        assert desk.waiting() == []


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
