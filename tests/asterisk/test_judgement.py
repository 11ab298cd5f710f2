"""Each rule of the judgement finds its own breach, and nothing else."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.asterisk.callees import ANSWERED, HUNG_UP, INVITED, KEY, REFUSED, RINGING, WAS_HUNG_UP
from tests.asterisk.judgement import RULES, Evidence, judge
from tests.asterisk.phones import Taken
from tests.asterisk.records import Interval

NUMBER = "31600000001"
AT = "2026-01-01T00:00:00Z"
ACKNOWLEDGED = Taken(
    NUMBER, [INVITED, RINGING, ANSWERED, f"{KEY} 1", WAS_HUNG_UP], [10.0, 10.0, 10.3, 11.8, 11.9]
)
BUSY = Taken(NUMBER, [INVITED, RINGING, f"{REFUSED} 486"], [10.0, 10.0, 10.5])
EARLY = Taken(NUMBER, [INVITED, RINGING, ANSWERED, HUNG_UP], [10.0, 10.0, 10.3, 10.7])
CHANNEL = Interval("a1", 10.0, 12.0)


def attempt(**changes: Any) -> dict[str, Any]:
    facts = {"answered_at": AT, "prompt_ended_at": AT, "digits": "1", "ended_at": AT, "ringing_at": AT}
    facts["dialed_at"] = AT
    return {"ordinal": 1, "callid": "a1", "outcome": "delivered", "cause": None, **facts, **changes}


def call(*attempts: dict[str, Any], state: str = "delivered") -> dict[str, Any]:
    return {"number": f"+{NUMBER}", "state": state, "attempts": list(attempts)}


GOOD = Evidence([call(attempt())], [CHANNEL], {NUMBER: [ACKNOWLEDGED]}, limit=1)
BUSY_FACTS = {"outcome": "busy", "answered_at": None, "prompt_ended_at": None, "digits": None}


def found(evidence: Evidence) -> set[str]:
    return {rule.__name__ for rule in RULES if list(rule(evidence))}


def test_a_good_run_has_no_faults() -> None:
    assert judge(GOOD) == {"delivered": 1}


@pytest.mark.parametrize(
    ("evidence", "rules"),
    [
        (replace(GOOD, limit=0), {"over_the_limit"}),
        (replace(GOOD, calls=[call(attempt(), state="active")]), {"not_over"}),
        (replace(GOOD, channels=[Interval("a1", 10.0, None)]), {"not_over"}),
        (
            replace(GOOD, channels=[CHANNEL, Interval("x", 20.0, 21.0)]),
            {"strangers"},
        ),
        (replace(GOOD, taken={NUMBER: [ACKNOWLEDGED, EARLY]}), {"dialled_too_often"}),
        (
            replace(GOOD, calls=[call(attempt(), attempt(callid="none", outcome="unreachable"))]),
            {"dialled_for_nothing"},
        ),
        (replace(GOOD, taken={NUMBER: [BUSY]}), {"wrong_outcomes", "wrong_facts"}),
        (replace(GOOD, calls=[call(attempt(outcome="not_heard"))]), {"wrong_outcomes"}),
        (replace(GOOD, calls=[call(attempt(digits=None))]), {"wrong_facts"}),
        (replace(GOOD, calls=[call(attempt(prompt_ended_at=None))]), {"wrong_facts"}),
        (
            Evidence(
                [call(attempt(), attempt(callid="a2"))],
                [CHANNEL, Interval("a2", 11.0, 13.0)],
                {NUMBER: [ACKNOWLEDGED, replace(ACKNOWLEDGED, times=[t + 1 for t in ACKNOWLEDGED.times])]},
                limit=2,
            ),
            {"dialled_while_up"},
        ),
    ],
)
def test_each_breach_is_found(evidence: Evidence, rules: set[str]) -> None:
    assert found(evidence) == rules


def test_a_refusal_is_read_by_its_status() -> None:
    good = replace(GOOD, calls=[call(attempt(**BUSY_FACTS))], taken={NUMBER: [BUSY]})
    assert not found(good)


def test_a_call_that_ends_before_the_prompt_was_not_heard() -> None:
    early = {"outcome": "not_heard", "prompt_ended_at": None, "digits": None}
    assert not found(replace(GOOD, calls=[call(attempt(**early))], taken={NUMBER: [EARLY]}))


def test_what_a_crash_struck_may_be_unknown_and_nothing_else() -> None:
    struck = replace(GOOD, channels=[Interval("a1", 10.0, None)], crashes=[11.0])
    assert not found(replace(struck, calls=[call(attempt(outcome="unknown"), state="failed")]))
    assert found(replace(struck, calls=[call(attempt(outcome="busy"))])) == {"wrong_outcomes"}


def test_while_asterisk_is_away_an_attempt_may_be_for_nothing() -> None:
    lost = attempt(callid="none", outcome="unreachable")
    assert not found(replace(GOOD, calls=[call(lost, attempt())], away=True))


def test_a_dial_on_its_way_when_asterisk_crashed_may_be_unknown() -> None:
    lost = call(attempt(), attempt(callid="none", outcome="unknown"))
    crash = datetime.fromisoformat(AT).timestamp() + 1
    assert not found(replace(GOOD, calls=[lost], crashes=[crash]))
    assert found(replace(GOOD, calls=[lost], crashes=[crash + 10])) == {"dialled_for_nothing"}
