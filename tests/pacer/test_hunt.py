"""Several trunks that can carry a call: the first that can start it now takes it, the next takes over."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, TargetKind
from dispatcher.lines import Line
from dispatcher.pacer import Pacer
from dispatcher.pacer.claim import LEFT_TO_OTHERS, Claimed, claim
from dispatcher.pbx.protocol import Capabilities
from dispatcher.runtime.wiring import lines_of
from dispatcher.store.tables import Attempt, Call, ForeignCall, Trunk, table
from tests.cores import PBX, learn, settings_for
from tests.scripted import Office, open_office, posted
from tests.store import rows

attempts, calls, trunks = table(Attempt), table(Call), table(Trunk)
FIRST, SECOND, THIRD = ("hq", "first"), ("hq", "second"), ("north", "third")
SITE = [
    PBX
    | {
        "trunk": [
            {"name": "first", "channels": 4, "reserved_for_alarms": 1},
            {"name": "second", "channels": 4},
        ]
    },
    PBX | {"name": "north", "trunk": [{"name": "third", "channels": 4}]},
]
IVR_ONLY = Capabilities(
    frozenset({(MessageKind.IVR, TargetKind.NUMBER)}),
    frozenset({(DeliveredWhen.ANSWERED, TargetKind.NUMBER)}),
)


@pytest.fixture
def site(store_url: str) -> Iterator[Office]:
    """Two PBXs with three trunks of four channels, in their order."""
    with open_office(store_url, pbx=SITE) as office:
        for place, key in enumerate((FIRST, SECOND, THIRD), start=1):
            office.lines[key] = replace(office.lines[key], rank=place)
        yield office


def numbers(count: int, start: int = 0) -> list[str]:
    return [f"3161{number:07d}" for number in range(start, start + count)]


def claims(office: Office, line: tuple[str, str]) -> Claimed:
    """One claim of one line, with all others in view."""
    lines = list(office.lines.values())
    return office.core.store.transact(lambda tx: claim(tx, office.clock(), office.lines[line], lines))


def all_pace(office: Office) -> Counter[str]:
    """One pass of a pacer over every line; the channels held by trunk."""
    Pacer(office.core, sorted(office.lines.values(), key=lambda line: line.rank)).pass_once()
    return held(office)


def held(office: Office) -> Counter[str]:
    return Counter(row.trunk for row in office.rows(Attempt, attempts.c.channel_held))


def change(office: Office, name: str, **columns: Any) -> None:
    with office.core.store.write() as tx:
        tx.execute(update(trunks).where(trunks.c.name == name).values(**columns))


def test_the_first_trunk_is_filled_before_the_next(site: Office) -> None:
    site.campaign(*numbers(9))

    assert all_pace(site) == {"first": 3, "second": 4, "third": 2}


def test_a_later_trunk_leaves_calls_to_an_earlier_one_and_looks_again(site: Office) -> None:
    site.campaign(*numbers(2))

    claimed = claims(site, SECOND)

    assert claimed.total == 0
    assert claimed.wake_at == site.clock() + LEFT_TO_OTHERS
    assert claims(site, FIRST).total == 2


def test_it_takes_what_is_beyond_the_others_room(site: Office) -> None:
    site.campaign(*numbers(5))

    assert claims(site, SECOND).total == 2
    assert claims(site, FIRST).total == 3


@pytest.mark.parametrize(
    "columns",
    [
        {"paused": True},
        {"channels": 0},
        {"pbx_usable": False, "pbx_status": "Failure"},
        {"failures_in_row": 5, "blocked": 10},
        {"calls_per_second": 1.0, "next_slot": 1},
    ],
    ids=["paused", "full", "down", "blocked", "rate"],
)
def test_the_next_takes_over_from_one_that_can_not(site: Office, columns: dict[str, Any]) -> None:
    now = site.clock()
    values = {"checked_at": now} | columns
    if seconds := values.pop("blocked", 0):
        values["blocked_until"] = now + timedelta(seconds=seconds)
    if seconds := values.pop("next_slot", 0):
        values["next_slot_at"] = now + timedelta(seconds=seconds)
    change(site, "first", **values)
    site.campaign(*numbers(2))
    site.alarm(*numbers(1, 100))

    assert all_pace(site) == {"second": 3}


def test_calls_of_others_fill_a_trunk_too(site: Office) -> None:
    with site.core.store.write() as tx:
        for place in range(4):
            rows.add(tx, "foreign_calls", callid=f"9.{place}", trunk="first", since=site.clock())
    assert len(site.rows(ForeignCall)) == 4
    site.campaign(*numbers(2))

    assert all_pace(site) == {"second": 2}


def test_another_pbx_takes_over_when_one_is_away(site: Office) -> None:
    with site.core.store.write() as tx:
        rows.add(tx, "pbx_sessions", pbx="hq", token="t", problem="no connection")
    site.campaign(*numbers(2))
    site.alarm("1002")

    assert all_pace(site) == {"third": 2}


def test_a_campaigns_own_list_is_its_order(site: Office) -> None:
    site.campaign(*numbers(5), trunks=["north/third", "hq/first"])

    assert claims(site, FIRST).total == 1
    assert claims(site, SECOND).total == 0
    assert claims(site, THIRD).total == 4


def test_trunks_of_one_rank_share(site: Office) -> None:
    for key in (FIRST, SECOND, THIRD):
        site.lines[key] = replace(site.lines[key], rank=1)
    site.campaign(*numbers(3))

    assert claims(site, THIRD).total == 3


def test_alarms_hunt_as_well_and_use_the_reserved_channels_first(site: Office) -> None:
    site.campaign(*numbers(20))
    all_pace(site)
    site.alarm(*numbers(1, 100))
    assert claims(site, THIRD).total == 0

    [attempt] = claims(site, FIRST).alarms
    assert site.attempt(attempt).trunk == "first"


def test_a_call_of_one_pbx_waits_for_no_other(site: Office) -> None:
    site.campaign(*numbers(2))
    with site.core.store.write() as tx:
        tx.execute(update(calls).values(pbx="north"))

    assert claims(site, THIRD).total == 2


def failed_on(office: Office, line: tuple[str, str]) -> str:
    """A call that a trunk could not put through, due again; its id."""
    [attempt] = claims(office, line).campaigns
    office.dialer.dial(attempt)
    row = office.attempt(attempt)
    # The reports of this family name the trunk.
    office.take(
        posted(
            "CallFailed",
            row.callid,
            reason="503 Service Unavailable",
            outbound={"from": "6500", "to": row.digits_dialled, "trunk": line[1], "outboundid": "1.2"},
        )
    )
    office.clock.move(seconds=10)
    return str(row.call_id)


def test_what_a_trunk_failed_goes_to_another_and_costs_no_attempt(site: Office) -> None:
    site.campaign(*numbers(1))
    call = failed_on(site, FIRST)

    assert claims(site, FIRST).total == 0
    [attempt] = claims(site, SECOND).campaigns
    assert site.attempt(attempt).call_id == call
    assert site.call_of(attempt).attempts_spent == 0


def test_what_a_trunk_failed_comes_back_to_it_when_no_other_can(site: Office) -> None:
    site.campaign(*numbers(1))
    failed_on(site, FIRST)
    for name in ("second", "third"):
        change(site, name, paused=True)

    assert claims(site, FIRST).total == 1


def test_a_pbx_that_can_not_place_a_message_does_not_claim_it(site: Office) -> None:
    for key in (FIRST, SECOND):
        site.lines[key] = replace(site.lines[key], abilities=IVR_ONLY)
    site.campaign(*numbers(1), message_kind="prompt", delivered_when="answered")
    site.campaign(*numbers(1, 10), message_kind="ivr", delivered_when="acknowledged")
    site.alarm(*numbers(1, 20), message_kind="prompt", delivered_when="answered")
    site.alarm(*numbers(1, 30), message_kind="ivr", delivered_when="acknowledged")
    ivr = site.alarm(*numbers(1, 40), message_kind="ivr", delivered_when="answered")

    [attempt] = claims(site, FIRST).alarms
    assert site.call_of(attempt).alarm_id == ivr
    assert claims(site, SECOND).total == 0
    assert claims(site, THIRD).total == 4


def test_a_line_that_hunts_alone_leaves_nothing(site: Office) -> None:
    site.campaign(*numbers(2))
    line: Line = site.lines[THIRD]

    assert site.core.store.transact(lambda tx: claim(tx, site.clock(), line)).total == 2


def test_over_many_passes_every_call_is_dialled_and_no_trunk_exceeded(site: Office) -> None:
    """Trunks fail and come back; each call ends, and fails at times by a trunk's own doing."""
    site.campaign(*numbers(40), retry={"max_attempts": 1})
    peak: Counter[str] = Counter()
    for turn in range(60):
        change(site, "first", paused=turn % 7 == 3)
        peak |= all_pace(site)
        for row in site.rows(Attempt, attempts.c.channel_held)[:5]:
            is_the_trunks = (turn + int(row.digits_dialled)) % 6 == 0
            cause = Reason.CONGESTION if is_the_trunks else Reason.INVALID_NUMBER
            learn(site.core, row.id, failed_at=site.clock(), cause=cause)
        site.clock.move(seconds=20)

    assert not site.rows(Call, calls.c.state.in_(["queued", "active"]))
    assert peak == {"first": 3, "second": 4, "third": 4}
    assert {row.attempts_spent for row in site.rows(Call)} == {1}


def test_lines_come_in_their_hunt_order_and_know_what_their_pbx_can() -> None:
    trunks = [{"name": "last", "channels": 1, "hunt": 9}, {"name": "first", "channels": 1}]
    north = PBX | {"name": "north", "trunk": [{"name": "shares", "channels": 1, "hunt": 2}]}
    settings = settings_for("sqlite:///nothing.db", pbx=[PBX | {"trunk": trunks}, north])

    lines = lines_of(settings)

    assert [(line.key, line.rank) for line in lines if not line.is_internal] == [
        ("hq/first", 2),
        ("north/shares", 2),
        ("hq/last", 9),
    ]
    assert [line.pbx for line in lines if line.is_internal] == ["hq", "north"]
    assert lines[0].places("ivr", 1, "acknowledged")
