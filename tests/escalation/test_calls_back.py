"""The call back that says that an alarm is over; and who does not want to be called, and says so late."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.intake import by_hand
from dispatcher.store.tables import DoNotCall, table
from dispatcher.work import carry_out
from tests.escalation.desk import ANN, BOB, CAT, Desk, open_desk, policy, step

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


def test_a_phone_that_rings_to_say_that_it_is_over_is_hung_up_when_it_is_not(store_url: str) -> None:
    with open_desk(store_url, BACK | {"retry": {"max_attempts": 3, "busy": 30}}) as desk:
        over = told_and_resolved(desk)
        assert desk.ring() == [ANN]
        anew = desk.raised(dedup_key="pump")
        assert desk.outcomes(over)[-1] == (ANN, "cancelled")
        assert len(desk.core.messages.hung_up) == 1  # type: ignore[attr-defined]
        desk.busy(ANN)
        desk.wait(3)

        assert desk.ring() == [ANN], "for the alarm"
        assert desk.outcomes(anew) == [(ANN, "active")]
        desk.busy(ANN)
        desk.wait(60)
        assert desk.ring() == [ANN]
        assert desk.outcomes(over)[-1] == (ANN, "cancelled"), "for good"


def test_who_is_just_hearing_that_it_is_over_is_not_told_so_again(store_url: str) -> None:
    with open_desk(store_url, BACK | {"retry": {"max_attempts": 3, "not_heard": 30}}) as desk:
        over = told_and_resolved(desk)
        desk.ring()
        desk.answer(ANN)
        desk.raised(dedup_key="pump")
        assert desk.outcomes(over)[-1] == (ANN, "active"), "it goes on to its end"
        desk.hang_up(ANN)

        assert desk.outcomes(over)[-1] == (ANN, "cancelled")


def test_another_alarm_of_one_call_back_is_told_all_the_same(store_url: str) -> None:
    with open_desk(store_url, BACK) as desk:
        desk.raised(dedup_key="pump")
        other = desk.raised(dedup_key="boiler")
        desk.ring()
        desk.press(ANN, "1")
        desk.hang_up(ANN)
        desk.clock.move(minutes=2)
        for key in ("pump", "boiler"):
            desk.raised(dedup_key=key, status="resolved")
        desk.ring()
        desk.raised(dedup_key="pump")

        assert desk.outcomes(other)[-1] == (ANN, "active")


def test_another_alarm_without_a_key_leaves_the_call_back_alone(store_url: str) -> None:
    with open_desk(store_url, BACK) as desk:
        over = desk.raised()
        desk.ring()
        desk.press(ANN, "1")
        desk.hang_up(ANN)
        carry_out(desk.core, lambda work: by_hand.resolve(work, over, "bob"))
        desk.raised(summary="Quite another thing")

        assert desk.outcomes(over)[-1] == (ANN, "queued")


def test_who_resolves_it_in_a_call_is_not_called_back(store_url: str) -> None:
    back = policy(
        {"to": [{"contact": "ann"}], "wait": 60},
        {"to": [{"contact": "ann"}, {"number": BOB}]},
        retry={"max_attempts": 1},
        resolved_message={"ivr": "6600"},
        keys={"6": "resolve"},
        delivered_when="acknowledged",
    )
    with open_desk(store_url, back) as desk:
        desk.contact("ann", {"number": ANN}, {"number": CAT})
        desk.raised()
        desk.ring()
        desk.answer(ANN)
        desk.hang_up(ANN)
        assert desk.ring() == [CAT], "her other phone"
        desk.wait(60)
        assert desk.ring() == [ANN, BOB]
        desk.answer(BOB)
        desk.press(CAT, "6")
        desk.hang_up(CAT)
        desk.hang_up(BOB)

        assert desk.waiting() == [BOB]


def test_a_call_back_waits_for_the_hours_of_its_severity(store_url: str) -> None:
    days = ["mon", "tue", "wed", "thu", "fri"]
    office = {"windows": [{"days": days, "from": "08:00", "to": "17:00"}]}
    with open_desk(store_url, BACK | {"severity": {"warning": office}}) as desk:
        desk.clock.now = datetime(2026, 11, 20, 16, 50, tzinfo=UTC)
        told_and_resolved(desk, severity="warning")
        assert desk.ring() == [ANN], "on a Friday at 16:52"
        desk.hear(ANN)
        desk.hang_up(ANN)
        desk.raised(dedup_key="pump", severity="warning")
        desk.wait(2)
        desk.ring()
        desk.press(ANN, "1")
        desk.hang_up(ANN)
        desk.wait(10 * 3600)
        desk.raised(dedup_key="pump", severity="warning", status="resolved")
        assert desk.ring() == [], "on a Saturday at night"
        desk.clock.now = datetime(2026, 11, 23, 7, 59, tzinfo=UTC)
        assert desk.ring() == []
        desk.clock.move(minutes=1)

        assert desk.ring() == [ANN], "on Monday at 08:00"


def test_who_was_not_told_of_an_alarm_is_not_told_of_its_end(store_url: str) -> None:
    with open_desk(store_url, BACK | {"retry": {"max_attempts": 3, "not_heard": 60}}) as desk:
        desk.raised(dedup_key="pump")
        desk.ring()
        desk.answer(ANN)
        desk.hang_up(ANN)
        desk.clock.move(seconds=10)
        unheard = desk.raised(dedup_key="boiler")
        assert len(desk.outcomes(unheard)) == 1, "it joins the call that is to be tried again"
        desk.raised(dedup_key="boiler", status="resolved")

        assert len(desk.outcomes(unheard)) == 1
        assert desk.waiting() == [ANN], "for the pump"
