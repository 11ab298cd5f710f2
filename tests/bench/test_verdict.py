"""The soak's judge: every rule lets a good round pass and finds its own breach."""

from collections.abc import Callable
from typing import Any

import pytest

from bench.verdict import Evidence, faults_of

NUMBER = "31610000001"
Change = Callable[[dict[str, Any]], None]


def call(callid: str, started: float, *, keys: str = "", number: str = NUMBER) -> dict[str, Any]:
    return {"callid": callid, "number": number, "started": started, "keys": keys}


def key_report(callid: str, at: float, event: str = "acknowledged") -> dict[str, Any]:
    return {"kind": "report", "event": event, "action": "DTMF", "callid": callid, "at": at}


def attempt(callid: str | None, outcome: str) -> dict[str, Any]:
    return {"id": f"a-{callid}", "callid": callid, "outcome": outcome}


def a_good_round() -> dict[str, Any]:
    """Nobody pressed a key on the first call, somebody did on the second."""
    return {
        "calls": [call("1.1", 10), call("1.3", 20, keys="1")],
        "log": [{"kind": "login", "at": 1}, key_report("1.3", 21)],
        "state": {
            "trunks": [{"name": "SPS", "channels": 2, "peak": 2, "over_limit": 0}],
            "overlaps": [],
        },
        "attempts": {NUMBER: [attempt("1.1", "not_heard"), attempt("1.3", "delivered")]},
    }


def test_a_good_round_has_no_fault() -> None:
    assert faults_of(Evidence(**a_good_round())) == []


def over_the_limit(found: dict[str, Any]) -> None:
    found["state"]["trunks"][0]["over_limit"] = 1


def two_dials_for_one_attempt(found: dict[str, Any]) -> None:
    found["calls"].append(call("1.9", 5))


def one_callid_for_two_attempts(found: dict[str, Any]) -> None:
    found["attempts"][NUMBER].append(attempt("1.1", "not_heard"))


def dialled_while_up(found: dict[str, Any]) -> None:
    found["state"]["overlaps"] = [[NUMBER, "1.3", "1.1"]]


def dialled_after_delivery(found: dict[str, Any]) -> None:
    found["calls"][0]["keys"] = "1"
    found["log"].append(key_report("1.1", 12))


def delivered_to_nobody(found: dict[str, Any]) -> None:
    found["calls"][1]["keys"] = ""


def anothers_call(found: dict[str, Any]) -> None:
    found["calls"][1]["number"] = "31610000002"


@pytest.mark.parametrize(
    ("breach", "said"),
    [
        (over_the_limit, "channels taken"),
        (two_dials_for_one_attempt, "dialled 3 times in 2 attempts"),
        (one_callid_for_two_attempts, "belongs to 2 attempts"),
        (dialled_while_up, "was dialled while 1.1 was up"),
        (dialled_after_delivery, "was dialled 8.00 s after 1.1 was delivered"),
        (delivered_to_nobody, "nobody pressed 1"),
        (anothers_call, "was a call to 31610000002"),
    ],
)
def test_each_breach_is_found(breach: Change, said: str) -> None:
    found = a_good_round()
    breach(found)
    faults = faults_of(Evidence(**found))
    assert len(faults) == 1
    assert said in faults[0]


def test_a_lost_report_excuses_the_next_dial() -> None:
    found = a_good_round()
    found["calls"][0]["keys"] = "1"
    found["log"].append(key_report("1.1", 12, event="lost"))
    assert faults_of(Evidence(**found)) == []


def test_a_report_that_comes_with_the_dial_excuses_it() -> None:
    found = a_good_round()
    found["calls"][0]["keys"] = "1"
    found["log"].append(key_report("1.1", 19.9))
    assert faults_of(Evidence(**found)) == []


def test_alarms_may_call_a_number_that_a_campaign_does_not() -> None:
    found = a_good_round()
    found["calls"].append(call("2.1", 15, number="31650000001", keys="1"))
    found["state"]["overlaps"] = [["31650000001", "2.1", "2.0"]]
    assert faults_of(Evidence(**found)) == []
