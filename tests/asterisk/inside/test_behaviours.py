"""The real product calls every phone, over both versions of Asterisk: its exact outcome, and every fact."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.asterisk.callees import ANSWERED, CALLEES, WAS_HUNG_UP
from tests.asterisk.inside.conftest import Bench
from tests.asterisk.judgement import Evidence, judge, rang_wrongly
from tests.asterisk.phones import number_of
from tests.asterisk.records import cel, intervals
from tests.asterisk.site import AsteriskSite
from tests.system.processes import wait_until

pytestmark = pytest.mark.timeout(900)

VERSIONS = ["newer", "older"]
CHANNELS = 30
WAIT = 120.0
"""Seconds for things that take ten on a machine at rest."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to be said of a call to somebody who is to press 1."""

    outcome: str
    rang: bool = True
    answered: bool = True
    heard: bool = True
    digits: str | None = None


EXPECTED = {
    "presses 1": Expected("delivered", digits="1"),
    "presses 1 by INFO": Expected("delivered", digits="1"),
    "hangs up early": Expected("not_heard", heard=False),
    "rings for ever": Expected("no_answer", answered=False, heard=False),
    "answers late": Expected("delivered", digits="1"),
    "is silent": Expected("not_heard"),
    "presses 9": Expected("not_heard", digits="9"),
    "presses 1 during the prompt": Expected("delivered", heard=False, digits="1"),
    "presses 1 and hangs up": Expected("delivered", digits="1"),
    "hangs up with cause 16": Expected("not_heard"),
    "has early media": Expected("delivered", digits="1"),
    "is not found": Expected("invalid_number", rang=False, answered=False, heard=False),
    "is away": Expected("no_answer", rang=False, answered=False, heard=False),
    "is busy": Expected("busy", answered=False, heard=False),
    "has a full trunk": Expected("congestion", rang=False, answered=False, heard=False),
    "declines": Expected("rejected", answered=False, heard=False),
    "does not answer anything": Expected("unreachable", rang=False, answered=False, heard=False),
}
TROUBLES_THE_TRUNK = ("has a full trunk", "does not answer anything")
"""Outcomes that are the trunk's doing may stop it for the others: these go last, and would go on for ever."""


@pytest.fixture(scope="module")
def site(newer: Bench, older: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsteriskSite]:
    """One installation with both, so that both are at work at the same time."""
    folder = tmp_path_factory.mktemp("behaviours")
    pbxes = {"newer": newer.asterisk, "older": older.asterisk}
    reached = {name: (asterisk, asterisk.port) for name, asterisk in pbxes.items()}
    store = f"sqlite:///{folder / 'dispatcher.db'}"
    with AsteriskSite(folder, reached, store, channels=CHANNELS, ring=7.0) as made:
        made.start("up")
        yield made


@pytest.fixture(scope="module")
def called(site: AsteriskSite) -> dict[str, dict[str, dict[str, Any]]]:
    """Every phone's call by version and callee, all of them over."""
    ordinary = [callee for callee in EXPECTED if callee not in TROUBLES_THE_TRUNK]
    found: dict[str, dict[str, dict[str, Any]]] = {version: {} for version in VERSIONS}
    for callees in (ordinary, TROUBLES_THE_TRUNK):
        campaigns = {}
        for version in VERSIONS:
            numbers = [f"+{number_of(callee, VERSIONS.index(version))}" for callee in callees]
            campaigns[version] = site.load(numbers, trunks=[f"{version}/trunk"], retry={"max_attempts": 1})
            site.go(campaigns[version])
        for version, campaign in campaigns.items():
            if callees is TROUBLES_THE_TRUNK:
                _wait_for_first_outcomes(site, campaign)
                site.post(f"/v1/campaigns/{campaign}/cancel")
            site.campaign_over(campaign, WAIT)
            found[version] |= dict(zip(callees, site.calls(campaign), strict=True))
    return found


def _wait_for_first_outcomes(site: AsteriskSite, campaign: str) -> None:
    def all_have_one() -> bool:
        calls = site.calls(campaign)
        return all(call["attempts"] and call["attempts"][0]["outcome"] for call in calls)

    wait_until(all_have_one, WAIT, "first outcomes")


@pytest.mark.parametrize("callee", EXPECTED)
@pytest.mark.parametrize("version", VERSIONS)
def test_each_phone_gets_its_outcome(
    called: dict[str, dict[str, dict[str, Any]]], version: str, callee: str
) -> None:
    attempt = called[version][callee]["attempts"][0]
    told = Expected(
        attempt["outcome"],
        rang=attempt["ringing_at"] is not None,
        answered=attempt["answered_at"] is not None,
        heard=attempt["prompt_ended_at"] is not None,
        digits=attempt["digits"],
    )
    assert told == EXPECTED[callee], attempt
    assert (attempt["pbx"], attempt["trunk"], attempt["phase"]) == (version, "trunk", "ended")
    assert attempt["ended_at"]


@pytest.mark.parametrize("version", VERSIONS)
def test_asterisk_and_the_phones_tell_the_same(
    request: pytest.FixtureRequest, called: dict[str, dict[str, dict[str, Any]]], version: str
) -> None:
    bench: Bench = request.getfixturevalue(version)
    calls = list(called[version].values())
    mine = {attempt["callid"] for call in calls for attempt in call["attempts"]}
    evidence = Evidence(
        calls=calls,
        channels=[one for one in intervals(cel(bench.asterisk.cel_file)) if one.uniqueid in mine],
        taken={
            call["number"].lstrip("+"): bench.phones.taken()[call["number"].lstrip("+")] for call in calls
        },
        limit=CHANNELS,
    )
    judge(evidence)
    assert not list(rang_wrongly(evidence))
    assert not {one for one in evidence.channels if one.end is None}


@pytest.mark.parametrize("version", VERSIONS)
def test_an_alarm_is_acknowledged_by_a_key(site: AsteriskSite, called: object, version: str) -> None:
    number = f"+{number_of('presses 1', 100 + VERSIONS.index(version))}"
    alarm = site.alarm_over(site.raise_alarm(number), WAIT)
    assert alarm["status"] == "acknowledged"


def test_joined_prompts_are_played_as_often_as_asked(
    request: pytest.FixtureRequest, site: AsteriskSite, called: object
) -> None:
    """0.4 and 0.8 seconds, twice: who hangs up after 1.5 has heard the first round alone."""
    callees = ["is silent", "hangs up with cause 16", "hangs up early"]
    message = {"prompt": "dispatcher/site+dispatcher/alarm", "count": 2}
    campaign = site.load(
        [f"+{number_of(callee, 200)}" for callee in callees],
        message=message,
        delivered_when="heard",
        trunks=["newer/trunk"],
        retry={"max_attempts": 1},
    )
    bench: Bench = request.getfixturevalue("newer")
    with bench.look() as ami:
        site.go(campaign)
        site.campaign_over(campaign, WAIT)
        site.idle(WAIT)
        calls = site.calls(campaign)
        rounds = ami.kinds_of(calls[0]["attempts"][0]["callid"]).count("DispatcherPrompt")
    assert [call["outcome"] for call in calls] == ["delivered", "delivered", "not_heard"]
    assert rounds == 2
    [listener] = bench.phones.taken()[number_of("is silent", 200)]
    assert listener.listened > 2 * (0.4 + 0.8) + 5 - 0.7


def test_a_queue_connects_whoever_answers_with_an_agent(
    request: pytest.FixtureRequest, site: AsteriskSite, called: object
) -> None:
    campaign = site.load(
        [f"+{number_of('keeps talking', 300)}"],
        message={"queue": "6400"},
        delivered_when="answered",
        trunks=["newer/trunk"],
        retry={"max_attempts": 1},
    )
    site.go(campaign)
    site.campaign_over(campaign, WAIT)
    site.idle(WAIT)
    [call] = site.calls(campaign)
    assert call["outcome"] == "delivered"
    bench: Bench = request.getfixturevalue("newer")
    [agent] = bench.phones.taken()[f"7999000{CALLEES['is an agent'].code}"]
    assert ANSWERED in agent.story


def test_a_call_that_is_cancelled_is_hung_up(
    request: pytest.FixtureRequest, site: AsteriskSite, called: object
) -> None:
    long = {"prompt": "dispatcher/long", "count": 20}
    number = number_of("keeps talking", 400)
    campaign = site.load([f"+{number}"], message=long, trunks=["newer/trunk"])
    bench: Bench = request.getfixturevalue("newer")
    with bench.look() as ami:
        site.go(campaign)
        ami.wait_for(lambda: any(event.get("ChannelStateDesc") == "Up" for event in ami.events))
        [call] = site.calls(campaign)
        site.post(f"/v1/calls/{call['id']}/cancel")
        site.campaign_over(campaign, WAIT)
        site.idle(WAIT)
        assert ami.channels_up() == 0
    [phone] = bench.phones.taken()[number]
    assert WAS_HUNG_UP in phone.story


def test_an_ivr_that_asterisk_has_not_is_refused(site: AsteriskSite, called: object) -> None:
    """As soon as the product has asked Asterisk for its IVRs, which it does now and then."""
    body = {"name": "test", "message": {"ivr": "6666"}, "trunks": ["newer/trunk"]}

    def is_refused() -> bool:
        answer = site.http.post("/v1/campaigns", json=body)
        return answer.status_code == 422 and "6666" in answer.text

    wait_until(is_refused, 2 * WAIT, "the refusal", every=1.0)
