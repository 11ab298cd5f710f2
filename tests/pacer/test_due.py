"""Which calls may start: due ones, of running campaigns, inside their windows, before their expiry."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dispatcher.lines import Line
from dispatcher.pacer.claim import claim
from dispatcher.store.tables import Trunk, table
from tests.cores import PBX, START
from tests.scripted import NUMBER, Office, at, calls, open_office

MORNING = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "09:00", "to": "11:00"}]


def set_calls(office: Office, **columns: object) -> None:
    with office.core.store.write() as tx:
        tx.execute(update(calls).values(**columns))


def wake_at(office: Office) -> object:
    """When the pacer looks again by itself."""
    return office.core.store.transact(
        lambda tx: claim(tx, office.clock(), office.lines["hq", "SPS-6-36"])
    ).wake_at


def test_a_call_starts_when_it_is_due(office: Office) -> None:
    office.campaign(NUMBER)
    set_calls(office, due_at=START + timedelta(seconds=30))
    assert office.claim() == []

    office.clock.move(seconds=30)
    assert len(office.claim()) == 1


@pytest.mark.parametrize("status", ["draft", "paused", "finished", "cancelled"])
def test_only_running_campaigns_call(office: Office, status: str) -> None:
    office.campaign(NUMBER, status=status)

    assert office.claim() == []


def test_an_expired_call_does_not_start(office: Office) -> None:
    office.campaign(NUMBER)
    set_calls(office, expires_at=START)

    assert office.claim() == []


def test_an_expired_campaign_does_not_start_calls(office: Office) -> None:
    office.campaign(NUMBER, expires_at=START)

    assert office.claim() == []


def test_a_campaign_uses_the_trunks_it_names(store_url: str) -> None:
    trunks = [{"name": "SPS-6-36", "channels": 5}, {"name": "backup", "channels": 5}]
    with open_office(store_url, pbx=[PBX | {"trunk": trunks}]) as office:
        office.campaign(NUMBER, trunks=["hq/backup"])

        assert office.claim() == []
        assert len(office.claim("backup")) == 1


def test_the_earliest_due_call_goes_first(office: Office) -> None:
    office.campaign("31612340001")
    office.clock.move(seconds=-60)
    office.campaign("31612340002")
    office.clock.move(seconds=60)
    alarm_late = office.alarm("31612340003")
    office.clock.move(seconds=-30)
    alarm_early = office.alarm("31612340004")
    office.clock.move(seconds=30)

    claimed = [office.call_of(attempt) for attempt in office.claim()]

    assert [call.alarm_id for call in claimed[:2]] == [alarm_early, alarm_late]


def test_who_is_due_again_goes_before_who_was_never_dialled(office: Office) -> None:
    campaign = office.campaign("31612340001", "31612340002", "31612340003")
    with office.core.store.write() as tx:
        busy = tx.execute(select(calls.c.id).where(calls.c.number.like("%0003"))).scalar_one()
        later = office.clock() + timedelta(seconds=30)
        tx.execute(update(calls).where(calls.c.id == busy).values(attempts_made=1, due_at=later))
        tx.execute(update(table(Trunk)).values(channels=1, reserved_for_alarms=0))

    office.clock.move(seconds=29)
    assert [office.call_of(attempt).attempts_made for attempt in office.claim()] == [1]
    with office.core.store.write() as tx:
        tx.execute(update(table(Trunk)).values(channels=2))
    office.clock.move(seconds=1)
    claimed = [office.call_of(attempt) for attempt in office.claim()]

    assert [call.id for call in claimed] == [busy]
    assert claimed[0].campaign_id == campaign


def test_a_campaign_waits_for_its_window_in_its_own_zone(office: Office) -> None:
    """09:00 to 11:00 in Amsterdam is 08:00 to 10:00 UTC in November."""
    office.campaign(NUMBER, "31612340001", windows=MORNING, timezone="Europe/Amsterdam")
    set_calls(office, due_at=at(7))

    office.clock.now = at(7, 59)
    assert office.claim() == []
    assert wake_at(office) == at(8)

    office.clock.now = at(8)
    assert len(office.claim()) == 2


def test_after_its_window_it_waits_for_the_next_day(office: Office) -> None:
    office.campaign(NUMBER, windows=MORNING, timezone="Europe/Amsterdam")

    office.clock.now = at(10)
    assert office.claim() == []
    assert wake_at(office) == at(8) + timedelta(days=1)


def test_each_callee_is_rung_in_a_window_of_their_own_zone(office: Office) -> None:
    """At 08:30 UTC it is 09:30 in Amsterdam, 08:30 in London and 03:30 in New York."""
    zones = {
        "31612340001": "Europe/Amsterdam",
        "442079460000": "Europe/London",
        "12125550100": "America/New_York",
    }
    office.campaign(*zones, windows=MORNING, timezone="recipient")
    for number, zone in zones.items():
        with office.core.store.write() as tx:
            tx.execute(update(calls).where(calls.c.number == f"+{number}").values(timezone=zone))

    def rung() -> list[str]:
        return [office.attempt(attempt).digits_dialled for attempt in office.claim()]

    office.clock.now = at(8, 30)
    set_calls(office, due_at=office.clock())
    assert rung() == ["31612340001"]

    office.clock.now = at(9)
    assert rung() == ["442079460000"]

    office.clock.now = at(14)
    assert rung() == ["12125550100"]


def test_callees_asleep_do_not_keep_those_awake_waiting(store_url: str) -> None:
    """More calls outside their window than there are channels, all due before the one inside."""
    with open_office(store_url, pbx=[PBX | {"trunk": [{"name": "SPS-6-36", "channels": 2}]}]) as office:
        office.clock.now = at(8, 30)
        office.campaign(*(f"1212555{n:04d}" for n in range(7)), NUMBER, windows=MORNING, timezone="recipient")
        set_calls(office, timezone="America/New_York")
        with office.core.store.write() as tx:
            tx.execute(
                update(calls)
                .where(calls.c.number == f"+{NUMBER}")
                .values(timezone="Europe/Amsterdam", due_at=office.clock() - timedelta(seconds=1))
            )
            tx.execute(
                update(calls)
                .where(calls.c.number != f"+{NUMBER}")
                .values(due_at=office.clock() - timedelta(seconds=9))
            )

        claimed = []
        for _ in range(5):
            claimed += office.claim()

        assert [office.attempt(attempt).digits_dialled for attempt in claimed] == [NUMBER]


def test_alarms_know_no_window(office: Office) -> None:
    office.clock.now = at(3)
    office.campaign("31612340001", windows=MORNING, timezone="UTC")
    office.alarm(NUMBER)

    assert [office.attempt(attempt).lane for attempt in office.claim()] == ["alarms"]


def test_nothing_is_claimed_on_a_line_that_is_not_known(office: Office) -> None:
    office.campaign(NUMBER)
    line = Line("hq", "no such trunk", 5)

    assert office.core.store.transact(lambda tx: claim(tx, office.clock(), line)).total == 0
