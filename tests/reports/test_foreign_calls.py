"""People phone too: their calls take channels from what may be dialled."""

import pytest

from dispatcher.store import trunks
from tests.cores import PBX, TRUNK
from tests.scripted import (
    NUMBER,
    Office,
    answered,
    bye,
    failed,
    inbound,
    inside,
    make_office,
    outside,
    posted,
    record,
    ringing,
)

THEIRS = "31699999999"


def others(office: Office) -> int:
    """Channels that the trunk's row shows as taken by others."""
    with office.core.store.read() as tx:
        return next(load.others for row, load in trunks.loads(tx, office.clock()) if row.name == "SPS-6-36")


def by_hand(callid: str, number: str = THEIRS) -> bytes:
    """Somebody at extension 1005 calls out."""
    return posted("ALERT", callid, inside("1005"), outside(number, caller="1005"))


def test_a_call_that_is_not_ours_takes_a_channel_until_its_record(office: Office) -> None:
    office.take(by_hand("1.1"), answered("1.1", THEIRS))
    assert others(office) == 1

    office.take(record("1.1", THEIRS, caller="1005"))
    assert others(office) == 0


def test_it_ends_with_the_bye_of_its_second_leg(office: Office) -> None:
    office.take(by_hand("1.1"), bye("1.1", THEIRS))
    assert others(office) == 1

    office.take(posted("BYE", "1.1", inside("1005"), outside(THEIRS)))
    assert others(office) == 0


def test_a_bye_that_is_repeated_is_not_the_other_legs(office: Office) -> None:
    """The PBX repeats a report whose 200 it has not seen; the other leg still holds the channel."""
    office.take(by_hand("1.1"), *[posted("BYE", "1.1", inside("1005"), outside(THEIRS))] * 3)
    assert others(office) == 1

    office.take(bye("1.1", THEIRS))
    assert others(office) == 0


def test_it_ends_with_its_failure(office: Office) -> None:
    office.take(by_hand("1.1"), failed("1.1", THEIRS))

    assert others(office) == 0


@pytest.mark.parametrize("late", [by_hand("1.1"), answered("1.1", THEIRS), bye("1.1", THEIRS)])
def test_a_late_report_does_not_bring_it_back(office: Office, late: bytes) -> None:
    office.take(by_hand("1.1"), record("1.1", THEIRS, caller="1005"))

    office.take(late)

    assert others(office) == 0


def test_a_record_without_any_earlier_report_takes_nothing(office: Office) -> None:
    office.take(record("1.1", THEIRS, caller="1005"))

    assert others(office) == 0


def test_a_trunk_that_is_not_configured_is_nobodys_concern(office: Office) -> None:
    office.take(ringing("1.1", THEIRS, trunk="another"))

    assert office.dispositions() == ["foreign"]
    assert others(office) == 0


def test_their_calls_leave_fewer_channels_to_ours(store_url: str) -> None:
    office = make_office(
        store_url, pbx=[PBX | {"trunk": [TRUNK | {"channels": 5, "reserved_for_alarms": 0}]}]
    )
    office.take(by_hand("1.1"), by_hand("1.2"), posted("RING", "1.3", inbound("31655555555", "1.3")))
    office.campaign(*(f"3161234{number:04d}" for number in range(10)))

    assert len(office.claim()) == 2

    office.take(record("1.1", THEIRS, caller="1005"))
    assert len(office.claim()) == 1
    office.core.store.close()


def test_a_caller_who_hides_is_counted_at_once_however_many_dials_are_under_way(office: Office) -> None:
    """An inbound call's report may name no number; no call of ours comes in, so there is no doubt."""
    office.campaign(NUMBER)

    def meanwhile(order: object) -> str:
        office.take(posted("RING", "1.3", inbound("", "1.3")))
        assert office.dispositions() == ["foreign"]
        assert others(office) == 1
        return "1543289641.1"

    office.driver.on_dial = meanwhile
    office.dialled()


def test_our_own_call_is_never_counted_as_theirs(office: Office) -> None:
    office.campaign(NUMBER)

    def meanwhile(order: object) -> str:
        office.take(ringing("1543289641.1"), answered("1543289641.1"))
        return "1543289641.1"

    office.driver.on_dial = meanwhile
    office.dialled()

    assert others(office) == 0
