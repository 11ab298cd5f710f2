"""The call back that says that an alarm is over; and who does not want to be called, and says so late."""

from typing import Any

from sqlalchemy import select

from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.store.tables import DoNotCall, table
from tests.escalation.desk import ANN, BOB, Desk, open_desk, policy, step

BACK = policy(step(ANN), resolved_message={"ivr": "6600"}, keys={"9": "opt_out", "4": "escalate"})
_listed = table(DoNotCall)


def told_and_resolved(desk: Desk, **more: Any) -> str:
    """An alarm that Ann has taken in hand, and that is resolved."""
    alarm = desk.raised(dedup_key="pump", **more)
    desk.ring()
    desk.press(ANN, "1")
    desk.hang_up(ANN)
    desk.clock.move(minutes=2)
    desk.raised(dedup_key="pump", status="resolved")
    return alarm


def opted_out(desk: Desk) -> list[str]:
    with desk.core.store.read() as tx:
        return list(tx.execute(select(_listed.c.number).where(_listed.c.alarms_too)).scalars())


def test_an_alarm_that_fires_anew_takes_the_call_back_back(store_url: str) -> None:
    with open_desk(store_url, BACK) as desk:
        over = told_and_resolved(desk)
        assert desk.waiting() == [ANN]
        anew = desk.raised(dedup_key="pump")

        assert desk.waiting() == [ANN], "for the alarm"
        assert dict(desk.outcomes(anew)) == {ANN: "queued"}
        assert [state for _, state in desk.outcomes(over)] == ["delivered", "cancelled"]


def test_the_next_episode_of_the_same_labels_takes_it_back_too(store_url: str) -> None:
    with open_desk(store_url, BACK) as desk:
        over = told_and_resolved(desk, labels={"alertname": "PumpDown", "site": "north"})
        desk.raised(dedup_key="other", labels={"alertname": "PumpDown", "site": "south"})
        assert desk.outcomes(over)[-1] == (ANN, "queued"), "another pump"
        desk.raised(dedup_key="pump@2", labels={"alertname": "PumpDown", "site": "north"})

        assert desk.outcomes(over)[-1] == (ANN, "cancelled")


def test_a_call_back_keeps_to_the_limits(store_url: str) -> None:
    with open_desk(store_url, BACK, alarms={"most_per_minute": 1}) as desk:
        desk.raised(dedup_key="pump")
        desk.ring()
        desk.press(ANN, "1")
        desk.hang_up(ANN)
        desk.raised(dedup_key="pump", status="resolved")
        assert desk.ring() == []
        desk.clock.move(minutes=1)

        assert desk.ring() == [ANN]


def test_who_opts_out_after_the_alarm_was_resolved_is_not_called_again(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), keys={"9": "opt_out"})) as desk:
        alarm = desk.raised(dedup_key="pump")
        desk.ring()
        desk.answer(ANN)
        desk.raised(dedup_key="pump", status="resolved")
        desk.press(ANN, "9")

        assert opted_out(desk) == [ANN]
        assert desk.alarm(alarm).status == AlarmStatus.RESOLVED
        assert desk.alarm(alarm).next_at is None


def test_who_opts_out_when_called_back_is_not_called_again(store_url: str) -> None:
    with open_desk(store_url, BACK) as desk:
        told_and_resolved(desk)
        desk.ring()
        desk.press(ANN, "9")

        assert opted_out(desk) == [ANN]


def test_other_keys_after_the_end_do_nothing(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), step(BOB), keys={"4": "escalate"})) as desk:
        alarm = desk.raised(dedup_key="pump")
        desk.ring()
        desk.answer(ANN)
        desk.raised(dedup_key="pump", status="resolved")
        desk.press(ANN, "4")

        assert desk.waiting() == []
        assert desk.alarm(alarm).status == AlarmStatus.RESOLVED
