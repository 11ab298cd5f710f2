"""The PBX is asked for everything that is open, because reports may have been lost."""

import pytest

from dispatcher.store import inquiries
from dispatcher.store.tables import Inquiry
from tests.scripted import NUMBER, Office, make_office, ringing
from tests.upkeep.asked import OTHER, Keeping, live, pass_time, told


def demand(office: Office, because: str) -> None:
    with office.core.store.write() as tx:
        inquiries.demand(tx, "hq", office.clock(), because)


@pytest.fixture
def open_call(office: Office, pbx: Keeping) -> str:
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    office.take(ringing("1543289641.1"))
    office.clock.move(seconds=20)
    return attempt


def test_on_demand_every_open_call_is_asked_for_at_once(office: Office, pbx: Keeping, open_call: str) -> None:
    demand(office, "the PBX has started again")
    pass_time(office, 15)

    assert office.attempt(open_call).outcome == "unknown"
    assert told(office, open_call)[0].startswith("the PBX does not show it among its live calls")


def test_one_that_is_still_up_goes_on(office: Office, pbx: Keeping, open_call: str) -> None:
    pbx.live = [live()]
    demand(office, "the PBX has started again")
    pass_time(office, 15)

    assert office.attempt(open_call).phase == "up"


def test_one_that_was_dialled_afterwards_is_left_alone(office: Office, pbx: Keeping, open_call: str) -> None:
    demand(office, "the PBX has started again")
    office.clock.move(seconds=1)
    office.campaign(OTHER)
    [later] = office.dialled()
    pass_time(office, 15)

    assert office.attempt(later).phase == "up"


def test_a_demand_outlives_the_process_that_made_it(
    office: Office, pbx: Keeping, open_call: str, store_url: str
) -> None:
    demand(office, "a new login")
    other = make_office(store_url, clock=office.clock, driver=pbx)
    pass_time(other, 15)
    other.core.store.close()

    assert office.attempt(open_call).phase == "ended"
    [inquiry] = office.rows(Inquiry)
    assert (inquiry.wanted_at, inquiry.wanted_because) == (None, "")


def test_a_demand_while_nothing_is_open_asks_nothing(office: Office, pbx: Keeping) -> None:
    demand(office, "a new login")
    pass_time(office, 5)

    assert pbx.tokens == []
    assert [inquiry.wanted_at for inquiry in office.rows(Inquiry)] == [None]
