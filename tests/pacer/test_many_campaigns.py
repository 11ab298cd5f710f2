"""Hundreds of campaigns run at once: a pass asks only those that can get a channel, and shares as ever."""

from datetime import timedelta

from sqlalchemy import event, update

from dispatcher.store.tables import Call, Trunk, table
from tests.pacer.test_limits import held, pbx
from tests.scripted import TRUNK, Office, open_office

calls = table(Call)
MANY = 40


def statements_of_a_pass(office: Office) -> int:
    counted = [0]

    def count(*_: object) -> None:
        counted[0] += 1

    event.listen(office.core.store.engine, "before_cursor_execute", count)
    office.claim()
    event.remove(office.core.store.engine, "before_cursor_execute", count)
    return counted[0]


def campaigns(office: Office, of_each: int) -> list[str]:
    return [office.campaign(*(f"316{place:04}{call:04}" for call in range(of_each))) for place in range(MANY)]


def test_campaigns_whose_calls_are_all_later_cost_no_statement_each(store_url: str) -> None:
    with open_office(store_url) as office:
        campaigns(office, 1)
        with office.core.store.write() as tx:
            tx.execute(update(calls).values(due_at=office.clock() + timedelta(hours=1)))
        assert statements_of_a_pass(office) < MANY / 2


def test_no_more_campaigns_are_asked_than_there_are_channels_to_give(store_url: str) -> None:
    with open_office(store_url, pbx=pbx(3)) as office:
        campaigns(office, 2)
        assert statements_of_a_pass(office) < MANY / 2


def test_a_few_channels_are_shared_by_those_who_are_furthest_below_their_share(store_url: str) -> None:
    with open_office(store_url, pbx=pbx(6)) as office:
        change = update(table(Trunk)).where(table(Trunk).c.name == TRUNK)
        with office.core.store.write() as tx:
            tx.execute(change.values(channels=3))
        made = sorted(campaigns(office, 2))
        office.claim()
        assert held(office) == {(TRUNK, one): 1 for one in made[:3]}, "all are equally far: by their names"
        with office.core.store.write() as tx:
            tx.execute(change.values(channels=6))
        office.claim()
        assert held(office) == {(TRUNK, one): 1 for one in made[:6]}, "those that hold one come later"
