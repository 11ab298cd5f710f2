"""Who is called by a step: recipients sorted into lines, and those who can't be called."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from dispatcher.domain.vocabulary import DeliveredWhen
from dispatcher.errors import Refused
from dispatcher.escalation.lines import Lines, lines_of, lines_or_refused
from dispatcher.escalation.placing import Placing, Site
from dispatcher.escalation.recipients import Asked, Callee, Rules
from dispatcher.pbx.registry import CAPABILITIES
from dispatcher.policies import Mode
from dispatcher.requests import MessageSpec, Recipient
from dispatcher.store.engine import Store
from dispatcher.store.tables import Contact, ContactGroup, GroupMember, table
from tests.cores import START

IVR = MessageSpec(ivr="6500")
HEARD = DeliveredWhen.HEARD
RULES = Rules(Placing([Site("hq", "yeastar-s", CAPABILITIES["yeastar-s"], has_trunks=True)]), "NL")
OFFICE = Rules(Placing([Site("office", "axeos", CAPABILITIES["axeos"], has_trunks=True)]), "")
ASKED = Asked(IVR, HEARD)


@pytest.fixture
def tx(store_url: str) -> Iterator[Connection]:
    store = Store(store_url)
    with store.write() as connection:
        contact(connection, "ann", {"number": "+31612345678"}, {"extension": "1002"})
        contact(connection, "bob", {"number": "+31687654321"})
        connection.execute(insert(table(ContactGroup)).values(name="ops", **MADE, description=""))
        for position, name in enumerate(("ann", "bob")):
            connection.execute(
                insert(table(GroupMember)).values(group_name="ops", position=position, contact=name)
            )
        yield connection
    store.close()


MADE = {"created_at": START, "updated_at": START}


def contact(tx: Connection, name: str, *ways: dict[str, Any]) -> None:
    tx.execute(insert(table(Contact)).values(name=name, ways=list(ways), **MADE))


def sorted_out(tx: Connection, *to: Recipient, mode: Mode = Mode.PARALLEL, rules: Rules = RULES) -> Lines:
    return lines_of(tx, START, to, mode, ASKED, rules)


def values(found: Lines) -> list[list[str]]:
    return [[callee.value for callee in line] for line in found.lines]


def test_one_person_written_in_two_ways_is_called_once(tx: Connection) -> None:
    to = Recipient(number="+31611111111", name="Anna"), Recipient(number="0611111111")

    [[callee]] = sorted_out(tx, *to).lines

    assert callee == Callee(callee.kind, "+31611111111", None, "Anna")
    assert Callee.columns.fget is not None
    assert callee.columns["number"] == "+31611111111"
    assert callee.columns["extension"] is None


def test_a_contact_with_two_ways_is_one_line(tx: Connection) -> None:
    assert values(sorted_out(tx, Recipient(contact="ann"))) == [["+31612345678", "1002"]]


def test_a_group_is_its_people_at_the_same_time_or_one_after_the_other(tx: Connection) -> None:
    group = Recipient(group="ops")

    assert values(sorted_out(tx, group)) == [["+31612345678", "1002"], ["+31687654321"]]
    assert values(sorted_out(tx, group, mode=Mode.HUNT)) == [["+31612345678", "1002", "+31687654321"]]


def test_nobody_is_called_twice_however_often_they_are_named(tx: Connection) -> None:
    to = Recipient(contact="bob"), Recipient(group="ops"), Recipient(number="+31687654321")

    assert sorted(values(sorted_out(tx, *to))) == [["+31612345678", "1002"], ["+31687654321"]]


def test_every_recipient_that_cannot_be_called_is_named(tx: Connection) -> None:
    to = [Recipient(contact="zoe"), Recipient(number="+31612345678"), Recipient(user="ben")]

    with pytest.raises(Refused) as refused:
        lines_or_refused(tx, START, to, ASKED, RULES, ("policy", "to"))

    assert [fault.place for fault in refused.value.faults] == [
        ("policy", "to", 0, "contact"),
        ("policy", "to", 2, "user"),
    ]


def test_what_cannot_be_proven_of_some_is_said_once_beside_what_else_is_wrong(tx: Connection) -> None:
    to = [Recipient(user="anna"), Recipient(user="ben"), Recipient(contact="zoe")]

    with pytest.raises(Refused) as refused:
        lines_or_refused(tx, START, to, ASKED, OFFICE, ("to",))

    assert {fault.place for fault in refused.value.faults} == {("delivered_when",), ("to", 2, "contact")}


def test_a_policy_calls_those_who_can_be_called(tx: Connection) -> None:
    found = sorted_out(tx, Recipient(user="ben"), Recipient(contact="bob"))

    assert values(found) == [["+31687654321"]]
    assert [(one.index, one.recipient.value) for one in found.left_out] == [(0, "ben")]
