"""The channel limit is never exceeded, not by one, by any number of pacers; alarms go first."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import Connection, func, select

from dispatcher.pacer.claim import claim
from dispatcher.store.tables import ForeignCall, Trunk, table
from tests.cores import PBX, TRUNK, set_attempt
from tests.scripted import Office, attempts, calls, make_office, open_office, posted, record, whole_call
from tests.store import rows

foreign, trunk = table(ForeignCall), table(Trunk)


def numbers(count: int, start: int = 0) -> list[str]:
    return [f"3161{number:07d}" for number in range(start, start + count)]


def pbx(
    channels: int, *more: dict[str, object], reserved: int = 0, **trunk: object
) -> list[dict[str, object]]:
    one = {"name": "SPS-6-36", "channels": channels, "reserved_for_alarms": reserved, **trunk}
    return [PBX | {"trunk": [one, *more]}]


def held(office: Office) -> Counter[tuple[str, str]]:
    """Channels held, by trunk and lane."""
    query = select(attempts.c.trunk, attempts.c.lane, func.count()).where(attempts.c.channel_held)
    with office.core.store.read() as tx:
        found = tx.execute(query.group_by(attempts.c.trunk, attempts.c.lane)).all()
    return Counter({(trunk, lane): count for trunk, lane, count in found})


def end(office: Office, attempt_id: str) -> None:
    """What the fact that ends a call does to its channel."""
    set_attempt(
        office.core, attempt_id, phase="ended", outcome="busy", channel_held=False, freed_at=office.clock()
    )


def at_once(offices: list[Office], per_office: int, work: Callable[[Office], object]) -> None:
    """Run ``work(office)`` in many threads that start together."""
    start = threading.Barrier(len(offices) * per_office)
    failures: list[BaseException] = []

    def run(office: Office) -> None:
        try:
            start.wait(timeout=20)
            work(office)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(office,)) for office in offices for _ in range(per_office)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=100)
    assert failures == []


def test_many_pacers_in_two_processes_never_give_out_too_many(store_url: str) -> None:
    """Ten pacers claim and end calls as fast as they can; a watcher counts all the while."""
    with open_office(store_url, pbx=pbx(5)) as office:
        other = make_office(store_url, clock=office.clock, driver=office.driver, pbx=pbx(5))
        office.campaign(*numbers(200))
        seen: list[int] = []

        def pace(there: Office) -> None:
            for _ in range(12):
                claimed = there.claim()
                seen.append(sum(held(there).values()))
                for attempt in claimed:
                    end(there, attempt)

        at_once([office, other], 5, pace)
        other.core.store.close()

        assert max(seen) <= 5
        made = office.rows_of_attempts()
        assert len(made) == len({row.call_id for row in made})
        assert len(made) >= 12


def test_one_claim_fills_exactly_what_is_free(store_url: str) -> None:
    with open_office(store_url, pbx=pbx(5)) as office:
        office.campaign(*numbers(9))
        claimed = office.claim()
        assert (len(claimed), office.claim()) == (5, [])

        end(office, claimed[0])
        end(office, claimed[1])
        assert len(office.claim()) == 2


@pytest.mark.parametrize("phase", ["claimed", "dialing", "in_doubt", "up"])
def test_a_channel_is_held_in_every_phase_until_the_end(store_url: str, phase: str) -> None:
    with open_office(store_url, pbx=pbx(1)) as office:
        office.campaign(*numbers(2))
        [attempt] = office.claim()

        set_attempt(office.core, attempt, phase=phase)
        assert office.claim() == []

        end(office, attempt)
        assert len(office.claim()) == 1


def test_calls_of_others_count_even_beyond_the_limit(store_url: str) -> None:
    with open_office(store_url, pbx=pbx(3)) as office:
        office.campaign(*numbers(9))
        with office.core.store.write() as tx:
            for place in range(5):
                rows.add(tx, "foreign_calls", callid=f"1.{place}")

        assert office.claim() == []

        with office.core.store.write() as tx:
            tx.execute(foreign.update().where(foreign.c.callid < "1.3").values(ended_at=office.clock()))
        assert len(office.claim()) == 1


def test_a_call_that_took_another_trunk_is_counted_there(store_url: str) -> None:
    second = {"name": "backup", "channels": 2}
    with open_office(store_url, pbx=pbx(2, second)) as office:
        office.campaign(*numbers(6))
        first, _ = office.dialled()
        row = office.attempt(first)
        outbound = {"from": "6500", "to": row.digits_dialled, "trunk": "backup", "outboundid": "1.9"}
        office.take(posted("ALERT", row.callid, {"outbound": outbound}))

        assert office.attempt(first).trunk == "backup"
        assert len(office.claim("backup")) == 1
        assert len(office.claim()) == 1


def test_alarms_take_reserved_channels_and_go_before_campaigns(store_url: str) -> None:
    with open_office(store_url, pbx=pbx(6, reserved=2)) as office:
        campaign = office.campaign(*numbers(20), priority=9)
        assert len(office.claim()) == 4

        office.alarm(*numbers(3, 100))
        assert len(office.claim()) == 2
        assert held(office) == {("SPS-6-36", campaign): 4, ("SPS-6-36", "alarms"): 2}

        of_campaign = [row.id for row in office.rows_of_attempts() if row.lane == campaign]
        end(office, of_campaign[0])
        [attempt] = office.claim()
        assert office.attempt(attempt).lane == "alarms"

        end(
            office,
            next(row.id for row in office.rows_of_attempts() if row.lane == campaign and row.channel_held),
        )
        assert len(office.claim()) == 1


def test_what_alarms_hold_already_is_no_longer_kept_for_them(store_url: str) -> None:
    with open_office(store_url, pbx=pbx(6, reserved=2)) as office:
        office.alarm(*numbers(2, 100))
        office.campaign(*numbers(20))

        assert Counter(office.attempt(attempt).lane == "alarms" for attempt in office.claim()) == {
            True: 2,
            False: 4,
        }


def test_a_higher_priority_goes_first_and_equal_ones_share(store_url: str) -> None:
    with open_office(store_url, pbx=pbx(6)) as office:
        low = office.campaign(*numbers(20), priority=1)
        one = office.campaign(*numbers(4, 100), priority=5, weight=1)
        two = office.campaign(*numbers(20, 200), priority=5, weight=3)
        office.claim()

        assert held(office) == {("SPS-6-36", one): 1, ("SPS-6-36", two): 5}
        assert held(office)["SPS-6-36", low] == 0


def test_a_low_priority_gets_what_a_high_one_leaves(store_url: str) -> None:
    with open_office(store_url, pbx=pbx(6)) as office:
        low = office.campaign(*numbers(20), priority=1)
        high = office.campaign(*numbers(4, 100), priority=9)
        office.claim()

        assert held(office) == {("SPS-6-36", high): 4, ("SPS-6-36", low): 2}


def test_a_campaigns_own_limit_holds_over_two_trunks_and_many_pacers(store_url: str) -> None:
    second = {"name": "backup", "channels": 20}
    with open_office(store_url, pbx=pbx(20, second)) as office:
        other = make_office(store_url, clock=office.clock, driver=office.driver, pbx=pbx(20, second))
        office.campaign(*numbers(60), max_concurrent=3)
        seen: list[int] = []

        def pace(there: Office) -> None:
            for place in range(8):
                claimed = there.claim("backup" if (place + threading.get_ident()) % 2 else "SPS-6-36")
                seen.append(sum(held(there).values()))
                for attempt in claimed:
                    there.core.store.transact(lambda tx, attempt=attempt: finish(tx, attempt))  # type: ignore[misc]

        at_once([office, other], 4, pace)
        other.core.store.close()

        assert max(seen) == 3


def finish(tx: Connection, attempt_id: str) -> None:
    """End an attempt together with its call, so that the campaign has room again."""
    of_attempt = select(attempts.c.call_id).where(attempts.c.id == attempt_id).scalar_subquery()
    tx.execute(calls.update().where(calls.c.id == of_attempt).values(state="failed", outcome="busy"))
    ended = attempts.update().where(attempts.c.id == attempt_id)
    tx.execute(ended.values(phase="ended", outcome="busy", channel_held=False))


def test_two_pacers_never_claim_one_call_on_two_trunks(store_url: str) -> None:
    second = {"name": "backup", "channels": 20}
    with open_office(store_url, pbx=pbx(20, second)) as office:
        other = make_office(store_url, clock=office.clock, driver=office.driver, pbx=pbx(20, second))
        office.campaign(*numbers(30))

        at_once([office, other], 2, lambda there: (there.claim(), there.claim("backup")))
        other.core.store.close()

        made = office.rows_of_attempts()
        assert len(made) == len({row.call_id for row in made}) == 30


def test_a_call_rate_is_kept_to_over_time(store_url: str) -> None:
    """Five a second: in no second do more than five and the burst of one begin."""
    with open_office(store_url, pbx=pbx(1000, calls_per_second=5.0)) as office:
        office.campaign(*numbers(100))
        times = []
        for _ in range(250):
            office.clock.move(seconds=0.02)
            times += [office.clock()] * len(office.claim())

        assert len(times) == pytest.approx(25, abs=1)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert min(gaps).total_seconds() >= 0.2


def test_calls_that_only_the_rate_holds_up_go_out_as_soon_as_it_allows(store_url: str) -> None:
    with open_office(store_url, pbx=pbx(1000, calls_per_second=20.0)) as office:
        office.campaign(*numbers(4))
        line = office.lines["hq", "SPS-6-36"]
        claimed = office.core.store.transact(lambda tx: claim(tx, office.clock(), line))

        assert claimed.total == 2
        assert claimed.wake_at == office.clock() + timedelta(seconds=0.05)
        office.clock.move(seconds=0.05)
        assert len(office.claim()) == 1


def test_a_call_rate_holds_for_many_pacers_at_once(store_url: str) -> None:
    with open_office(store_url, pbx=pbx(1000, calls_per_second=5.0)) as office:
        office.campaign(*numbers(100))

        at_once([office], 6, lambda there: [there.claim() for _ in range(5)])

        assert len(office.rows_of_attempts()) == 1


def test_alarms_wait_for_the_rate_but_not_behind_campaigns(store_url: str) -> None:
    with open_office(store_url, pbx=pbx(1000, calls_per_second=5.0)) as office:
        office.campaign(*numbers(100), priority=9)
        office.claim()
        office.alarm(*numbers(1, 500))
        assert office.claim() == []

        office.clock.move(seconds=0.2)
        [attempt] = office.claim()
        assert office.attempt(attempt).lane == "alarms"


def test_extensions_have_a_line_of_their_own(store_url: str) -> None:
    internal = [PBX | {"internal_channels": 2, "trunk": [TRUNK | {"channels": 1, "reserved_for_alarms": 0}]}]
    with open_office(store_url, pbx=internal) as office:
        office.alarm("1001", "1002", "1003", *numbers(2))

        assert len(office.claim("")) == 2
        assert len(office.claim()) == 1
        assert {(row.trunk, row.target_kind) for row in office.rows_of_attempts()} == {
            ("", "extension"),
            ("SPS-6-36", "number"),
        }


def test_a_users_phone_rings_for_one_call_at_a_time(store_url: str) -> None:
    internal = [PBX | {"internal_channels": 5, "trunk": [TRUNK | {"channels": 1, "reserved_for_alarms": 0}]}]
    with open_office(store_url, pbx=internal) as office:
        office.alarm("anna")
        office.alarm("anna")
        office.alarm("anna", "ben", "1002")

        first = office.claim("")
        assert {(row.target_kind, row.digits_dialled) for row in office.rows_of_attempts()} == {
            ("user", "anna"),
            ("user", "ben"),
            ("extension", "1002"),
        }
        assert office.claim("") == []

        for attempt in first:
            end(office, attempt)
        [second] = office.claim("")
        assert office.attempt(second).digits_dialled == "anna"


def test_a_user_with_many_alarms_does_not_hold_up_others(store_url: str) -> None:
    internal = [PBX | {"internal_channels": 2, "trunk": [TRUNK | {"channels": 1, "reserved_for_alarms": 0}]}]
    with open_office(store_url, pbx=internal) as office:
        for _ in range(3):
            office.alarm("anna")
        office.clock.move(seconds=1)
        office.alarm("ben")
        line = office.lines["hq", ""]
        claimed = office.core.store.transact(lambda tx: claim(tx, office.clock(), line))

        assert len(claimed.alarms) == 1
        assert claimed.wake_at == office.clock()
        [attempt] = office.claim("")
        assert office.attempt(attempt).digits_dialled == "ben"


def test_a_paused_trunk_gives_nothing_out_and_a_smaller_one_waits(store_url: str) -> None:
    with open_office(store_url, pbx=pbx(5)) as office:

        def change(**columns: object) -> None:
            with office.core.store.write() as tx:
                tx.execute(trunk.update().where(trunk.c.name == "SPS-6-36").values(**columns))

        office.campaign(*numbers(20))
        change(paused=True)
        assert office.claim() == []

        change(paused=False, channels=3)
        assert len(office.claim()) == 3
        change(channels=1)
        for row in office.rows_of_attempts()[:2]:
            end(office, row.id)
        assert office.claim() == []

        change(channels=2)
        assert len(office.claim()) == 1


def test_a_channel_that_a_call_gives_back_goes_to_the_next(store_url: str) -> None:
    """The time from the freeing to the next dial is measured."""
    with open_office(store_url, pbx=pbx(1)) as office:
        office.campaign(*numbers(2))
        [first] = office.dialled()
        row = office.attempt(first)
        office.clock.move(seconds=10)
        office.take(*whole_call(row.callid, row.digits_dialled))

        office.clock.move(milliseconds=15)
        [second] = office.dialled()

        assert office.attempt(second).slot_freed_at == office.attempt(first).freed_at
        counted = office.counted("dispatcher_slot_turnaround_seconds_sum")
        assert counted[()] == pytest.approx(0.015)
        office.take(record(office.attempt(second).callid, office.attempt(second).digits_dialled))
        assert sum(held(office).values()) == 0
