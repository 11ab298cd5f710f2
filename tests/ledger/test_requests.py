"""What an alarm or a campaign asks for is read once, since it never changes."""

import pytest

from dispatcher.domain.retry import RetryRules
from dispatcher.domain.vocabulary import CallKind, DeliveredWhen, MessageKind, Outcome
from dispatcher.store import requests
from dispatcher.store.requests import Requests, rules_from
from tests.ledger.world import World


def test_alarms_and_campaigns_are_found_by_their_ids(world: World) -> None:
    alarm, campaign = world.alarm(summary="Boiler 3"), world.campaign(name="Drill", message_count=2)
    with world.store.read() as tx:
        found = Requests().of(tx, [(alarm, None), (None, campaign), (None, campaign)])
    assert set(found) == {alarm, campaign}
    assert (found[alarm].kind, found[alarm].label) == (CallKind.ALARM, "Boiler 3")
    assert found[alarm].delivered_when is DeliveredWhen.ACKNOWLEDGED
    assert (found[campaign].kind, found[campaign].message_count) == (CallKind.CAMPAIGN, 2)
    assert found[campaign].message_kind is MessageKind.IVR


def test_what_was_read_once_is_not_read_again(world: World) -> None:
    alarm, known = world.alarm(summary="Boiler 3"), Requests()
    with world.store.read() as tx:
        first = known.of(tx, [(alarm, None)])
    world.set("alarms", alarm, summary="changed")
    with world.store.read() as tx:
        assert known.of(tx, [(alarm, None)])[alarm] is first[alarm]


def test_more_requests_than_are_remembered_are_all_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_REMEMBERED", 2)
    alarms, known = [world.alarm() for _ in range(5)], Requests()
    for _ in range(2):
        with world.store.read() as tx:
            found = known.of(tx, [(alarm, None) for alarm in alarms])
        assert set(found) == set(alarms)


def test_retry_rules_are_read_as_they_were_asked_for() -> None:
    assert rules_from(None) == rules_from({}) == RetryRules()
    rules = rules_from({"max_attempts": 5, "busy": 30, "no_answer": 1.5})
    assert rules == RetryRules(5, {Outcome.BUSY: 30.0, Outcome.NO_ANSWER: 1.5})
