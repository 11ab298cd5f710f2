"""Reports that nobody read: every open call is asked for instead."""

import pytest
from sqlalchemy.exc import OperationalError

from dispatcher.listener import holding
from tests.listener.conftest import Desk, until
from tests.scripted import ringing


def test_without_positions_every_opening_demands_that_the_pbx_is_asked(desk: Desk) -> None:
    """What a PBX sends over TCP while nobody is connected is lost (FACTS on API v2.0.0, TCP push)."""
    desk.driver.begins_with_a_gap = True
    desk.start()
    until(lambda: desk.driver.streams and desk.stream(1).reads > 1)
    assert desk.demanded() == "its reports were not read from 10:00:00 UTC on"
    assert desk.demanded() == ""
    desk.office.clock.move(minutes=3)
    desk.stream(1).cut()

    desk.stream(2)
    until(desk.up)
    assert desk.demanded() == "its reports were not read from 10:03:00 UTC on"


def test_with_a_position_only_a_gap_demands_it(desk: Desk) -> None:
    desk.start()
    desk.stream(1).put(position="16")
    until(lambda: desk.row.position == "16")
    assert desk.demanded()
    desk.stream(1).cut()
    desk.stream(2).put(ringing("1543289641.9"), position="17")
    until(lambda: desk.row.position == "17")
    assert desk.demanded() == ""

    desk.stream(2).put(ringing("1543289641.10"), position="3", missed=True)
    until(lambda: desk.row.position == "3")
    assert desk.demanded() == "reports were lost"


def test_a_gap_and_the_position_behind_it_are_kept_together(
    desk: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away in the middle of the demand, and the process stops: the gap is met again."""

    def away(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("gone"))

    desk.start()
    desk.stream(1).put(position="16")
    until(lambda: desk.row.position == "16")
    assert desk.demanded()
    with monkeypatch.context() as outage:
        outage.setattr(holding.inquiries, "demand", away)
        desk.stream(1).put(ringing("1543289641.9"), position="3", missed=True)
        until(desk.office.dispositions)
        desk.stop()
    assert desk.row.position == "16"
    assert desk.demanded() == ""

    other.start()
    assert other.stream(2).position == "16"
    other.stream(2).put(ringing("1543289641.9"), position="3", missed=True)
    until(lambda: other.row.position == "3")
    assert other.demanded() == "reports were lost"
