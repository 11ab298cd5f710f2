"""A campaign that the PBX refuses for how it is set up pauses itself, and loses nobody by it."""

import pytest
from sqlalchemy import select

from dispatcher.domain.reasons import OF_THE_SET_UP, Reason, meaning
from dispatcher.domain.vocabulary import Outcome
from dispatcher.intake.campaigns import lifecycle
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import DialOrder
from dispatcher.store.tables import Call, Campaign, Event
from dispatcher.upkeep.housekeeping import finish_campaigns
from dispatcher.upkeep.misconfigured import pause_misconfigured
from dispatcher.work import carry_out
from tests.scripted import Office, calls, whole_call

NUMBERS = [f"3161234{place:04}" for place in range(1, 6)]
WHY = "hq refused 3 calls in a row, the last with errno 10012 (the IVR does not exist)"


def refusing(office: Office, reason: Reason = Reason.IVR_UNKNOWN, *, but: str = "") -> None:
    """The PBX refuses every call, but for those to one number."""

    def answer(order: DialOrder) -> str:
        if but and order.digits.endswith(but):
            return f"1543289641.{len(office.driver.orders)}"
        raise PbxRefused(reason, "errno 10012 (the IVR does not exist)")

    office.driver.on_dial = answer


def states(office: Office) -> list[str]:
    with office.core.store.read() as tx:
        return list(tx.execute(select(calls.c.state).order_by(calls.c.number)).scalars())


def status(office: Office) -> tuple[str, str]:
    [row] = office.rows(Campaign)
    return row.status, row.paused_why


def test_it_pauses_with_the_reason_and_its_calls_go_back_into_the_queue(office: Office) -> None:
    campaign = office.campaign(*NUMBERS, retry={"max_attempts": 1})
    refusing(office)
    office.clock.move(seconds=1)
    office.dialled()
    assert states(office) == ["failed"] * 5

    pause_misconfigured(office.core)

    assert status(office) == ("paused", WHY)
    assert states(office) == ["queued"] * 5
    assert {row.attempts_spent for row in office.rows(Call)} == {0}
    causes = {row.subject: row.cause for row in office.rows(Event) if row.name in ("paused", "queued")}
    assert causes["campaign"] == f"paused by itself: {WHY}"
    assert causes["call"] == "nobody was called: the PBX refused it for how it is set up"
    assert campaign


def test_what_was_under_way_is_put_back_too(office: Office) -> None:
    office.campaign(*NUMBERS)
    refusing(office)
    office.clock.move(seconds=1)
    claimed = office.claim()
    for attempt in claimed[:3]:
        office.dialer.dial(attempt)
    pause_misconfigured(office.core)
    for attempt in claimed[3:]:
        office.dialer.dial(attempt)
    assert sorted(states(office)) == ["failed", "failed", "queued", "queued", "queued"]

    pause_misconfigured(office.core)
    assert states(office) == ["queued"] * 5


def test_after_the_mend_and_a_resume_everybody_is_called(office: Office) -> None:
    campaign = office.campaign(*NUMBERS[:3], retry={"max_attempts": 1})
    refusing(office)
    office.clock.move(seconds=1)
    office.dialled()
    pause_misconfigured(office.core)

    office.driver.on_dial = lambda order: f"1543289641.{len(office.driver.orders)}"
    carry_out(office.core, lambda work: lifecycle.resume(work, campaign, "test"))
    assert status(office) == ("running", "")
    office.clock.move(seconds=1)
    for attempt in office.dialled():
        row = office.attempt(attempt)
        office.take(*whole_call(row.callid, row.digits_dialled))
    pause_misconfigured(office.core)
    finish_campaigns(office.core)

    assert states(office) == ["delivered"] * 3
    assert status(office) == ("finished", "")


def test_resumed_without_a_mend_it_pauses_again(office: Office) -> None:
    campaign = office.campaign(*NUMBERS)
    refusing(office)
    for _ in range(2):
        office.clock.move(seconds=1)
        office.dialled()
        pause_misconfigured(office.core)
        assert status(office) == ("paused", WHY)
        carry_out(office.core, lambda work: lifecycle.resume(work, campaign, "test"))
        pause_misconfigured(office.core)
        assert status(office) == ("running", ""), "what was refused before the resume does not count"


@pytest.mark.parametrize("numbers", [NUMBERS[:2], NUMBERS[:3]])
def test_fewer_than_three_in_a_row_are_no_reason(office: Office, numbers: list[str]) -> None:
    office.campaign(*numbers)
    refusing(office, but="0003")
    office.clock.move(seconds=1)
    for attempt in office.dialled():
        row = office.attempt(attempt)
        if row.callid:
            office.take(*whole_call(row.callid, row.digits_dialled))

    pause_misconfigured(office.core)

    assert status(office) == ("running", "")
    assert states(office).count("failed") == 2


@pytest.mark.parametrize("reason", [Reason.NOT_PERMITTED, Reason.INVALID_NUMBER, Reason.CONGESTION])
def test_refusals_that_have_to_do_with_the_number_or_the_trunk_do_not_pause(
    office: Office, reason: Reason
) -> None:
    office.campaign(*NUMBERS)
    refusing(office, reason)
    office.clock.move(seconds=1)
    office.dialled()

    pause_misconfigured(office.core)

    assert status(office) == ("running", "")


def test_a_campaign_that_people_have_paused_is_left_alone(office: Office) -> None:
    campaign = office.campaign(*NUMBERS)
    refusing(office)
    office.clock.move(seconds=1)
    office.dialled()
    carry_out(office.core, lambda work: lifecycle.pause(work, campaign, "test"))

    pause_misconfigured(office.core)

    assert status(office) == ("paused", "")
    assert states(office) == ["failed"] * 5


def test_every_such_reason_would_end_a_call_as_not_permitted() -> None:
    assert {meaning(reason).outcome for reason in OF_THE_SET_UP} == {Outcome.NOT_PERMITTED}
