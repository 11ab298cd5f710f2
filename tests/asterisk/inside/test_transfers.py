"""A call that was answered is put through by hand: the second phone really rings, and is talked to."""

import time
from collections.abc import Iterator

import pytest

from tests.asterisk.callees import ANSWERED, WAS_HUNG_UP
from tests.asterisk.inside.conftest import Bench, bench_of
from tests.asterisk.packages import NEWER, OLDER
from tests.asterisk.phones import Taken, number_of
from tests.asterisk.records import cel, intervals, most_at_once
from tests.asterisk.site import AsteriskSite
from tests.system.processes import wait_until

WAIT = 60.0
"""Seconds for things that take one on a machine at rest."""


@pytest.fixture(scope="module", params=[NEWER, OLDER], ids=["newer", "older"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench_of(request.param) as made:
        yield made


@pytest.fixture(scope="module")
def site(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsteriskSite]:
    folder = tmp_path_factory.mktemp("transfers")
    reached = {"hq": (bench.asterisk, bench.asterisk.port)}
    with AsteriskSite(folder, reached, f"sqlite:///{folder / 'dispatcher.db'}", channels=4) as made:
        made.start("up")
        yield made


def phone(bench: Bench, number: str) -> Taken | None:
    """What a phone did that was called once, or not at all."""
    taken = bench.phones.taken().get(number, [])
    assert len(taken) < 2
    return taken[0] if taken else None


def transfer_events(site: AsteriskSite, call: str) -> list[str]:
    timeline = site.get(f"/v1/calls/{call}")["timeline"]
    return [event["name"] for event in timeline if event["name"].startswith("transfer_")]


def call_up(site: AsteriskSite, number: str, delivered_when: str) -> str:
    """A campaign's one call, which somebody has answered and listens to, as the dispatcher knows it."""
    message = {"prompt": "dispatcher/long", "count": 20}
    campaign = site.load(
        [f"+{number}"], message=message, delivered_when=delivered_when, retry={"max_attempts": 1}
    )
    site.go(campaign)

    def is_answered() -> bool:
        calls = site.calls(campaign)
        return any(attempt["answered_at"] for call in calls for attempt in call["attempts"])

    wait_until(is_answered, WAIT, "the answer")
    return campaign


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("delivered_when", "outcome"), [("answered", "delivered"), ("acknowledged", "not_heard")]
)
def test_the_second_phone_is_reached_and_the_outcome_stays_right(
    site: AsteriskSite, bench: Bench, delivered_when: str, outcome: str
) -> None:
    index, began = (501 if delivered_when == "answered" else 502), time.time()
    first, second = number_of("keeps talking", index), number_of("is an agent", index)
    campaign = call_up(site, first, delivered_when)
    [call] = site.calls(campaign)
    assert phone(bench, second) is None
    site.post(f"/v1/calls/{call['id']}/transfer", {"to": f"+{second}"})

    def is_reached() -> bool:
        other = phone(bench, second)
        return other is not None and ANSWERED in other.story

    wait_until(is_reached, WAIT, "the second phone's answer")
    # It hangs up by itself after a while, and with that the first call is over.
    site.campaign_over(campaign, WAIT)
    site.idle(WAIT)
    wait_until(
        lambda: WAS_HUNG_UP in getattr(phone(bench, first), "story", ()), WAIT, "the first phone's end"
    )

    assert transfer_events(site, call["id"]) == ["transfer_asked", "transfer_sent", "transfer_done"]
    [call] = site.calls(campaign)
    [attempt] = call["attempts"]
    assert (attempt["outcome"], attempt["trunk"], attempt["digits"]) == (outcome, "trunk", None)
    channels = [one for one in intervals(cel(bench.asterisk.cel_file)) if one.begin > began]
    assert len(channels) == most_at_once(channels) == 2
    assert attempt["callid"] in {channel.uniqueid for channel in channels}


@pytest.mark.timeout(300)
def test_one_that_is_over_is_not_put_through(site: AsteriskSite) -> None:
    campaign = call_up(site, number_of("keeps talking", 503), "answered")
    [call] = site.calls(campaign)
    site.post(f"/v1/calls/{call['id']}/transfer", {"to": "1999"})
    # There is no such extension: Asterisk ends the call.
    site.campaign_over(campaign, WAIT)
    site.idle(WAIT)
    answer = site.http.post(f"/v1/calls/{call['id']}/transfer", json={"to": "1999"})
    assert (answer.status_code, answer.json()["detail"]) == (409, "the call is not up")
    [call] = site.calls(campaign)
    assert call["outcome"] == "delivered"
