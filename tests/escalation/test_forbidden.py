"""Numbers that may not be called for alarms any more: what was planned to them goes on to somebody else."""

from collections.abc import Callable

import pytest
from sqlalchemy import insert

from dispatcher.directory import do_not_call
from dispatcher.directory.requests import DoNotCallSpec
from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.store.tables import DoNotCall, table
from dispatcher.work import carry_out
from tests.escalation.desk import ANN, BOB, CAT, Desk, open_desk, policy, step

BY_KEY = {"9": "opt_out"}
AGAIN = {"max_attempts": 3, "busy": 30, "not_heard": 30}


def forbid(desk: Desk, number: str, *, alarms_too: bool = True) -> None:
    asked = DoNotCallSpec(alarms_too=alarms_too, why="by letter")
    carry_out(desk.core, lambda work: do_not_call.put(work, number, asked, "ops"))
    desk.look()


def forbid_unseen(desk: Desk, number: str) -> None:
    """An entry that was made at the same time as a call, and did not see it."""
    row = {"number": number, "why": "", "source": "by hand", "alarms_too": True, "added_by": ""}
    with desk.core.store.write() as tx:
        tx.execute(insert(table(DoNotCall)).values(row | {"added_at": desk.clock()}))


def sweep(desk: Desk) -> None:
    do_not_call.sweep(desk.core)
    desk.look()


def test_a_call_that_waits_to_be_tried_again_is_taken_back(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), step(BOB), retry=AGAIN)) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.busy(ANN)
        forbid(desk, ANN)

        assert desk.ring() == [BOB], "at once"
        desk.wait(60)
        assert desk.ring() == []
        assert dict(desk.outcomes(alarm)) == {ANN: "cancelled", BOB: "active"}


def test_a_phone_that_rings_is_hung_up(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), step(BOB))) as desk:
        alarm = desk.raised()
        desk.ring()
        forbid(desk, ANN)

        assert dict(desk.outcomes(alarm)) == {ANN: "cancelled", BOB: "queued"}
        assert len(desk.core.messages.hung_up) == 1  # type: ignore[attr-defined]


def test_an_entry_for_campaigns_alone_leaves_alarms_as_they_are(store_url: str) -> None:
    with open_desk(store_url, policy(step(BOB, ANN, CAT, mode="hunt"), retry={"max_attempts": 1})) as desk:
        desk.raised()
        desk.ring()
        forbid(desk, BOB, alarms_too=False)
        forbid(desk, ANN, alarms_too=False)
        sweep(desk)
        desk.busy(BOB)

        assert desk.ring() == [ANN]


def test_the_next_of_a_hunt_is_passed_over(store_url: str) -> None:
    with open_desk(store_url, policy(step(BOB, ANN, CAT, mode="hunt"), retry={"max_attempts": 1})) as desk:
        desk.raised()
        desk.ring()
        forbid(desk, ANN)
        desk.busy(BOB)

        assert desk.ring() == [CAT]


def test_a_contact_is_called_by_their_other_way(store_url: str) -> None:
    with open_desk(store_url, policy({"to": [{"contact": "ann"}]}, retry=AGAIN)) as desk:
        desk.contact("ann", {"number": ANN}, {"number": CAT})
        desk.raised()
        desk.ring()
        desk.busy(ANN)
        forbid(desk, ANN)

        assert desk.ring() == [CAT]


def test_without_anybody_left_the_alarm_ends(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), retry=AGAIN)) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.busy(ANN)
        forbid(desk, ANN)

        assert desk.alarm(alarm).status == AlarmStatus.EXHAUSTED


def test_an_answered_call_goes_on_and_is_not_tried_again(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), step(BOB), retry=AGAIN)) as desk:
        alarm = desk.raised()
        desk.ring()
        desk.answer(ANN)
        forbid(desk, ANN)
        assert desk.ringing() == [ANN]
        desk.hang_up(ANN)
        desk.wait(30)
        assert desk.ring() == []
        sweep(desk)

        assert desk.ring() == [BOB]
        assert desk.alarm(alarm).status == AlarmStatus.OPEN


def test_a_call_that_came_with_the_entry_is_never_dialled(store_url: str) -> None:
    with open_desk(store_url, policy(step(ANN), step(BOB))) as desk:
        desk.raised()
        forbid_unseen(desk, ANN)
        assert desk.ring() == []
        sweep(desk)

        assert desk.ring() == [BOB]


def opts_out_of_another(desk: Desk) -> None:
    """Bob is rung first for the other alarm, Ann opts out in a call of hers meanwhile."""
    desk.raised(policy="other")
    desk.raised()
    assert desk.ring() == [ANN, BOB]
    desk.press(ANN, "9")
    desk.hang_up(ANN)
    desk.busy(BOB)


def opts_out_of_both(desk: Desk) -> None:
    """One call tells Ann of both alarms, and she opts out."""
    desk.raised(policy="shared")
    desk.raised()
    assert desk.ring() == [ANN]
    desk.press(ANN, "9")
    desk.hang_up(ANN)


@pytest.mark.parametrize("opts_out", [opts_out_of_another, opts_out_of_both])
def test_who_opts_out_by_a_key_is_not_called_for_other_alarms(
    opts_out: Callable[[Desk], None], store_url: str
) -> None:
    hunt = step(BOB, ANN, CAT, mode="hunt")
    other = {"name": "other", "steps": [hunt], "message": {"ivr": "6501"}, "retry": {"max_attempts": 1}}
    shared = policy(step(ANN, CAT, mode="hunt"), keys=BY_KEY) | {"name": "shared"}
    with open_desk(store_url, policy(step(ANN), keys=BY_KEY), other, shared) as desk:
        opts_out(desk)

        assert desk.ring() == [CAT]
