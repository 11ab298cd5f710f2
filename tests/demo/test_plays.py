"""What is played over which family, and who takes part in it."""

from typing import Any

import pytest

from dispatcher.cli.demo import cast, users
from dispatcher.cli.demo.plays import play_for
from dispatcher.cli.demo.stage import Pace
from dispatcher.cli.demo.users import KINDS, UserStory, behaviours
from dispatcher.simulator import FAMILIES, Behaviour


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_its_play(family: str) -> None:
    usual = play_for(family, None, {})
    assert usual.size in (cast.USUAL, users.USUAL)
    assert bool(usual.campaign) == (family != "axeos")
    assert bool(usual.behaviours) == (family == "axeos")


@pytest.mark.parametrize(
    ("family", "size", "misbehave"),
    [
        ("yeastar-k2", 29, {}),
        ("yeastar-k2", 4001, {}),
        ("yeastar-k2", None, {"9999": "busy"}),
        ("yeastar-k2", None, {"0001": "asleep"}),
        ("axeos", 7, {}),
        ("axeos", 201, {}),
        ("axeos", None, {"0001": "busy"}),
    ],
)
def test_a_play_that_can_not_be(family: str, size: int | None, misbehave: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"people|CODE=BEHAVIOUR"):
        play_for(family, size, misbehave)


@pytest.mark.parametrize("count", [users.LEAST, 23, users.MOST])
def test_users_have_names_of_their_own_and_are_of_every_kind(count: int) -> None:
    people = users.users(count)
    assert len({user.name for user in people}) == len(people) == count
    assert {user.kind for user in people} == set(KINDS)


def test_users_of_a_kind_can_be_made_to_misbehave() -> None:
    people = users.users(16)
    wished = behaviours(people, {"busy": Behaviour.KEY_1})
    assert Behaviour.BUSY not in wished.values()
    assert len(wished) == 16


class Recorded:
    """Takes alarms in the place of the API."""

    def __init__(self) -> None:
        self.raised: list[dict[str, Any]] = []

    def post_once(self, path: str, body: dict[str, Any]) -> dict[str, str]:
        assert path == "/v1/alarms"
        self.raised.append(body)
        return {"id": f"alarm-{len(self.raised)}"}

    def close(self) -> None:
        pass


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    api = Recorded()
    monkeypatch.setattr("dispatcher.cli.demo.story.Api", lambda url: api)
    return api


@pytest.mark.parametrize("count", [8, 9, 24])
def test_every_user_is_called_by_one_alarm(recorded: Recorded, count: int) -> None:
    people = users.users(count)
    story = UserStory("http://127.0.0.1:1", people, Pace(1000.0, 1.0))
    story.run()
    assert story.told.is_whole, story.told.failed
    called = [entry["user"] for alarm in recorded.raised for entry in alarm["to"]]
    assert called == [user.name for user in people]
    assert all(alarm["delivered_when"] == "answered" for alarm in recorded.raised)
    assert [len(script.calls) for script in story.told.alarms.values()] == [
        len(alarm["to"]) for alarm in recorded.raised
    ]
    assert {script.status for script in story.told.alarms.values()} == {"open"}
