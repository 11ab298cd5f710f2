"""Expiry, the end of campaigns, and what is old."""

from datetime import timedelta

from sqlalchemy import update

from dispatcher.store.tables import (
    Alarm,
    Call,
    Campaign,
    Event,
    ForeignCall,
    IdempotencyKey,
    RawReport,
    table,
)
from dispatcher.upkeep import housekeeping
from tests.cores import START
from tests.scripted import NUMBER, Office, calls, posted, ringing, whole_call
from tests.store import rows

alarms = table(Alarm)


def states(office: Office, **where: str) -> list[str]:
    return [row.state for row in office.rows(Call, *(calls.c[name] == key for name, key in where.items()))]


def expiring(office: Office, **columns: object) -> None:
    with office.core.store.write() as tx:
        tx.execute(update(calls).values(expires_at=START + timedelta(minutes=1), **columns))


def test_a_queued_call_expires_and_its_alarm_with_it(office: Office) -> None:
    alarm = office.alarm(NUMBER)
    expiring(office)

    housekeeping.expire(office.core)
    assert states(office) == ["queued"]

    office.clock.move(minutes=1)
    housekeeping.expire(office.core)
    assert states(office) == ["expired"]
    assert [row.status for row in office.rows(Alarm, alarms.c.id == alarm)] == ["expired"]


def test_a_call_under_way_is_left_to_its_end(office: Office) -> None:
    office.campaign(NUMBER)
    expiring(office)
    [attempt] = office.dialled()

    office.clock.move(minutes=5)
    housekeeping.expire(office.core)
    assert states(office) == ["active"]

    office.take(*whole_call(office.attempt(attempt).callid))
    assert states(office) == ["delivered"]


def test_an_alarm_expires_once_nothing_is_under_way(office: Office) -> None:
    alarm = office.alarm(NUMBER, expires_at=START + timedelta(minutes=1), delivered_when="answered")
    [attempt] = office.dialled()
    office.clock.move(minutes=2)

    housekeeping.expire_alarms(office.core)
    assert [row.status for row in office.rows(Alarm, alarms.c.id == alarm)] == ["open"]

    office.take(ringing(office.attempt(attempt).callid))
    with office.core.store.write() as tx:
        tx.execute(update(calls).values(state="failed", outcome="busy"))
    housekeeping.expire_alarms(office.core)
    assert [row.status for row in office.rows(Alarm, alarms.c.id == alarm)] == ["expired"]


def test_a_campaign_is_finished_when_no_call_is_left(office: Office) -> None:
    campaign = office.campaign(NUMBER)
    [attempt] = office.dialled()
    housekeeping.finish_campaigns(office.core)
    assert [row.status for row in office.rows(Campaign)] == ["running"]

    office.take(*whole_call(office.attempt(attempt).callid))
    housekeeping.finish_campaigns(office.core)
    housekeeping.finish_campaigns(office.core)

    [row] = office.rows(Campaign)
    assert (row.status, row.finished_at) == ("finished", office.clock())
    told = [row for row in office.rows(Event) if row.campaign_id == campaign and row.subject == "campaign"]
    assert [row.name for row in told] == ["finished"]


def test_what_is_old_is_deleted_and_what_waits_is_kept(office: Office) -> None:
    office.campaign(NUMBER)

    def meanwhile(order: object) -> str:
        office.take(posted("PlayPromptEnd", "1.7"))
        return "1.1"

    office.driver.on_dial = meanwhile
    office.dialled()
    office.take(ringing("1.1"), posted("ALERT", "1.8"), b"{")
    with office.core.store.write() as tx:
        rows.add(tx, "foreign_calls", ended_at=office.clock())
        rows.add(tx, "idempotency_keys", created_at=office.clock())

    office.clock.move(days=29)
    housekeeping.prune(office.core)
    assert len(office.rows(RawReport)) == 4
    assert office.rows(IdempotencyKey) == []
    assert office.rows(ForeignCall) == []
    assert office.rows(Event) != []

    office.clock.move(days=2)
    housekeeping.prune(office.core)
    assert [row.disposition for row in office.rows(RawReport)] == ["pending"]

    office.clock.move(days=60)
    housekeeping.prune(office.core)
    assert office.rows(Event) == []


def test_a_call_of_others_that_is_up_is_never_pruned(office: Office) -> None:
    with office.core.store.write() as tx:
        rows.add(tx, "foreign_calls")

    office.clock.move(days=400)
    housekeeping.prune(office.core)

    assert len(office.rows(ForeignCall)) == 1
