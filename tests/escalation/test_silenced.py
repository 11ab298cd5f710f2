"""What a silence does to an alarm that somebody has heard already, and to one that a person sends on."""

from datetime import timedelta

from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.escalation import silences
from dispatcher.escalation.advancing import go_on_at_once
from dispatcher.work import carry_out
from tests.escalation.desk import ANN, BOB, CAT, Desk, open_desk, policy, step

NORTH = [{"label": "site", "op": "=", "value": "north"}]
LABELS = {"site": "north"}


def silenced(desk: Desk, minutes: float = 30) -> None:
    until = desk.clock() + timedelta(minutes=minutes)
    carry_out(desk.core, lambda work: silences.create(work, NORTH, ends_at=until, by="ann"))
    desk.look()


def escalated(desk: Desk, alarm: str) -> None:
    assert carry_out(desk.core, lambda work: go_on_at_once(work, alarm, "ann"))
    desk.look()


def hears(desk: Desk, number: str) -> None:
    """The callee listens to the end, and hangs up."""
    desk.answer(number)
    desk._learn(number, prompt_ended_at=desk.clock())
    desk.hang_up(number)


def test_who_has_heard_an_alarm_is_not_called_again_after_a_silence(store_url: str) -> None:
    heard = policy(step(ANN, BOB), step(CAT), delivered_when="heard")
    with open_desk(store_url, heard) as desk:
        alarm = desk.raised(labels=LABELS)
        desk.ring()
        desk.busy(BOB)
        hears(desk, ANN)
        silenced(desk)
        assert desk.waiting() == [], "Bob is not called meanwhile"
        for _ in range(40):
            desk.wait(60)

        assert desk.waiting() == []
        assert desk.alarm(alarm).status == AlarmStatus.OPEN
        assert dict(desk.outcomes(alarm))[ANN] == "delivered"


def test_an_alarm_that_was_listened_to_goes_on_with_its_step_after_a_silence(store_url: str) -> None:
    steps = step(ANN, wait=60), step(BOB, wait=600), step(CAT)
    with open_desk(store_url, policy(*steps, retry={"max_attempts": 1})) as desk:
        alarm = desk.raised(labels=LABELS)
        desk.ring()
        desk.busy(ANN)
        assert desk.ring() == [BOB]
        hears(desk, BOB)
        assert desk.alarm(alarm).step == 2, "without a key it went on"
        silenced(desk)
        assert desk.waiting() == []
        desk.wait(30 * 60)
        assert desk.waiting() == [CAT]
        desk.ring()
        desk.busy(CAT)

        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED, "no more rounds than it had"


def test_an_alarm_that_nobody_has_heard_begins_anew_after_a_silence(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN, wait=60), step(BOB), retry={"max_attempts": 1})) as desk:
        desk.raised(labels=LABELS)
        desk.ring()
        desk.busy(ANN)
        assert desk.waiting() == [BOB]
        silenced(desk)
        desk.wait(30 * 60)

        assert desk.waiting() == [ANN]


def test_an_alarm_that_somebody_sends_on_is_not_quieted_again(store_url: str) -> None:
    steps = step(ANN, wait=60), step(BOB, wait=60), step(CAT)
    with open_desk(store_url, policy(*steps, retry={"max_attempts": 1})) as desk:
        silenced(desk, minutes=60)
        alarm = desk.raised(labels=LABELS)
        assert desk.waiting() == []
        escalated(desk, alarm)
        assert desk.ring() == [ANN]
        desk.busy(ANN)
        assert desk.ring() == [BOB], "the silence was known to who asked"
        desk.clock.move(seconds=1)
        silenced(desk, minutes=5)
        assert desk.alarm(alarm).held_why is not None, "a new one was not"


def test_a_greater_alarm_does_not_quiet_again_what_somebody_sends_on(store_url: str) -> None:
    greater = {"label": "alertname", "op": "=", "value": "SiteDown"}
    rule = {"source": [greater], "target": [greater | {"op": "!="}], "equal": ["site"]}
    with open_desk(store_url, policy(step(ANN, wait=60), step(BOB), retry={"max_attempts": 1})) as desk:
        carry_out(desk.core, lambda work: silences.put_inhibition(work, "site", rule))
        desk.raised(labels=LABELS | {"alertname": "SiteDown"}, to=[{"number": CAT}], message={"ivr": "6500"})
        alarm = desk.raised(labels=LABELS)
        assert desk.waiting() == [CAT]
        escalated(desk, alarm)
        desk.ring()
        desk.busy(ANN)

        assert desk.waiting() == [BOB]


def test_a_key_that_asks_to_go_on_goes_past_a_silence(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), step(BOB), keys={"4": "escalate"})) as desk:
        alarm = desk.raised(labels=LABELS)
        desk.ring()
        desk.answer(ANN)
        silenced(desk)
        assert desk.alarm(alarm).held_why is not None
        desk.press(ANN, "4")

        assert desk.alarm(alarm).held_why is None
        assert desk.waiting() != []


def test_a_key_in_a_call_that_a_silenced_alarm_has_left_does_not_acknowledge_it(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN))) as desk:
        quiet, loud = desk.raised(labels=LABELS), desk.raised(labels={"site": "south"})
        silenced(desk)
        desk.clock.move(seconds=1)
        assert desk.ring() == [ANN]
        desk.press(ANN, "1")

        assert desk.alarm(loud).status == AlarmStatus.ACKNOWLEDGED
        assert desk.alarm(quiet).status == AlarmStatus.OPEN
