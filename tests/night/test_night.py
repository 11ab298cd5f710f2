"""A night with two thousand alerts, held against a simple model of who should have been called when."""

from collections.abc import Iterator

import pytest

from dispatcher.domain.vocabulary import AlarmStatus
from tests.night.model import Expected, Turn, expected
from tests.night.product import Product, Rung
from tests.night.script import SEED, Night, make

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def night() -> Night:
    return make(SEED)


@pytest.fixture(scope="module")
def product(night: Night, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    from dispatcher.store import schema

    url = f"sqlite:///{tmp_path_factory.mktemp('night')}/night.db"
    schema.upgrade(url)
    made = Product(url, night)
    made.run()
    yield made
    made.close()


@pytest.fixture(scope="module")
def rung(product: Product) -> dict[str, list[Rung]]:
    return product.rung()


def wrong(one: Expected, rang: list[Rung]) -> list[str]:
    """What is wrong with the calls for one alert, in words."""
    over_at = one.alert.over_at
    allowed = {turn.person.number for turn in one.turns}
    found = []
    for ring in rang:
        if ring.number not in allowed:
            found.append(f"{ring.number} was rung at {ring.at}, and is not to be")
        if over_at is not None and ring.at > over_at:
            found.append(f"{ring.number} was rung at {ring.at}, after its end")
    for turn in one.turns:
        found += _wrong_with(turn, [ring for ring in rang if ring.number == turn.person.number], one)
    return found


def _wrong_with(turn: Turn, rang: list[Rung], one: Expected) -> list[str]:
    over_at, name = one.alert.over_at, turn.person.name
    if not rang:
        may_be_over = over_at is not None and over_at <= turn.latest
        return [] if may_be_over else [f"{name} was not rung until {turn.latest}"]
    first = rang[0].at
    if first < turn.earliest:
        return [f"{name} was rung at {first}, before {turn.earliest}"]
    if first > turn.latest:
        return [f"{name} was rung at {first}, later than {turn.latest}"]
    return []


def test_everybody_was_called_who_should_have_been_and_nobody_else(
    night: Night, rung: dict[str, list[Rung]]
) -> None:
    problems = {
        one.alert: found for key, one in expected(night).items() if (found := wrong(one, rung.get(key, [])))
    }

    assert problems == {}


def test_every_alarm_came_to_its_end(night: Night, product: Product) -> None:
    alarms = product.alarms()
    assert len(alarms) == len(night.alerts), "an alarm for each episode, however often it was told"
    for key, one in expected(night).items():
        status = alarms[key].status
        if one.alert.over_at is not None:
            assert status == AlarmStatus.RESOLVED
        elif one.alert.severity == "info":
            assert status == AlarmStatus.OPEN
        else:
            assert status == AlarmStatus.ACKNOWLEDGED, one


def test_nobodys_phone_rang_while_it_was_in_a_call(product: Product) -> None:
    assert product.overlaps == []


def test_many_alerts_are_few_calls(product: Product, rung: dict[str, list[Rung]]) -> None:
    """Although in the east hardly anybody picks up, so that everybody there is called again and again."""
    told = sum(len({ring.number for ring in rings}) for rings in rung.values())
    assert product.calls() < told / 2


def test_no_alarm_called_anybody_after_it_was_acknowledged(
    product: Product, rung: dict[str, list[Rung]]
) -> None:
    alarms = product.alarms()
    late = [
        (key, ring)
        for key, rings in rung.items()
        for ring in rings
        if alarms[key].acknowledged_at is not None and ring.at > alarms[key].acknowledged_at
    ]

    assert late == []
