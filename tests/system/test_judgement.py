"""The judge: a good run passes, and every rule finds its own breach."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatcher.simulator import CallRecord, DialRecord, LogEntry, TrunkTally
from tests.system import judgement
from tests.system.judgement import Evidence, faults_of
from tests.system.losses import calls_with_losses
from tests.system.site import PREFIX
from tests.system.truth import Trouble

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
ANNE, BOB, CAROL = "31610000001", "31610000002", "31650000003"


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def placed(callid: str, number: str, started: float, **truth: Any) -> CallRecord:
    names = callid, f"o{callid}", "ivr", True, number, PREFIX + number, "1000", "SPS", ""
    made = CallRecord(*names, 1, started, START.timestamp() + started + 0.1)
    return replace(made, ended=started + 5, **{"cause": "completed", "cdr_status": "ANSWERED", **truth})


def dial(number: str, moment: float, callid: str = "", **answer: str) -> DialRecord:
    return DialRecord("ivr/dial_outbound", PREFIX + number, moment, moment, callid, **answer)


def entry(kind: str, moment: float, **data: Any) -> LogEntry:
    return LogEntry(kind, moment, START.timestamp() + moment, tuple(data.items()))


def report(event: str, callid: str, action: str, moment: float) -> LogEntry:
    return entry("report", moment, event=event, callid=callid, action=action)


def attempt(ordinal: int, callid: str | None, outcome: str, dialed: float, ended: float) -> dict[str, Any]:
    return {
        "ordinal": ordinal,
        "callid": callid,
        "outcome": outcome,
        "phase": "ended",
        "dialed_at": at(dialed),
        "ended_at": at(ended),
    }


def call(number: str, state: str, outcome: str, *attempts: dict[str, Any], **of: str) -> dict[str, Any]:
    owner = of or {"campaign_id": "c1"}
    return {
        "number": f"+{number}",
        "state": state,
        "outcome": outcome,
        "attempts": list(attempts),
        **owner,
    }


def a_good_run() -> Evidence:
    """Anne is busy, then presses 1; Bob hears it twice and does nothing; Carol answers an alarm."""
    alarm_call = call(CAROL, "delivered", "delivered", attempt(1, "3.1", "delivered", 10, 15), alarm_id="al1")
    key = [report(event, "1.2", "DTMF", 23) for event in ("made", "acknowledged")]
    return Evidence(
        placed=[
            placed("1.1", ANNE, 10, cause="486 Busy Here", cdr_status="BUSY"),
            placed("1.2", ANNE, 20, answered=21.0, keys="1"),
            placed("2.1", BOB, 10, answered=11.0),
            placed("2.2", BOB, 30, answered=31.0),
            placed("3.1", CAROL, 10, answered=12.0, keys="1"),
        ],
        dials=[
            dial(ANNE, 10, "1.1"),
            dial(ANNE, 20, "1.2"),
            dial(BOB, 10, "2.1"),
            dial(BOB, 30, "2.2"),
            dial(CAROL, 10, "3.1"),
        ],
        log=key,
        trunks=[TrunkTally("SPS", 2, peak=2)],
        overlaps=[],
        calls=[
            call(
                ANNE,
                "delivered",
                "delivered",
                attempt(1, "1.1", "busy", 10, 15),
                attempt(2, "1.2", "delivered", 20, 25),
            ),
            call(
                BOB,
                "failed",
                "not_heard",
                attempt(1, "2.1", "not_heard", 10, 15),
                attempt(2, "2.2", "not_heard", 30, 35),
            ),
            alarm_call,
        ],
        alarms=[{"id": "al1", "status": "acknowledged", "calls": [alarm_call]}],
        campaign_attempts=2,
    )


def test_a_good_run_has_no_fault() -> None:
    assert faults_of(a_good_run()) == []


def row(run: Evidence, place: int) -> dict[str, Any]:
    """A call of the run, as a mistake may change it."""
    call = run.calls[place]
    assert isinstance(call, dict)
    return call


def anne(run: Evidence) -> dict[str, Any]:
    return row(run, 0)


def bob(run: Evidence) -> dict[str, Any]:
    return row(run, 1)


def carol(run: Evidence) -> dict[str, Any]:
    return row(run, 2)


def over_the_limit(run: Evidence) -> Evidence:
    return replace(run, trunks=[TrunkTally("SPS", 2, peak=3)])


def found_it_full(run: Evidence) -> Evidence:
    return replace(run, trunks=[TrunkTally("SPS", 2, peak=2, over_limit=1)])


def left_active(run: Evidence) -> Evidence:
    bob(run)["state"] = "active"
    return run


def an_attempt_without_end(run: Evidence) -> Evidence:
    bob(run)["attempts"][1]["phase"] = "in_doubt"
    return run


def a_dial_too_many(run: Evidence) -> Evidence:
    return replace(run, dials=[*run.dials, dial(BOB, 40, response="lost_before")])


def a_dial_that_never_came(run: Evidence) -> Evidence:
    return replace(run, dials=run.dials[:-1])


def one_call_for_two_attempts(run: Evidence) -> Evidence:
    bob(run)["attempts"][1]["callid"] = "2.1"
    return replace(run, placed=[record for record in run.placed if record.callid != "2.2"])


def dialled_while_up(run: Evidence) -> Evidence:
    return replace(run, overlaps=[(BOB, "2.2", "2.1")], troubled=frozenset({Trouble.ANSWER_LOST}))


def an_alarm_dialled_while_up(run: Evidence) -> Evidence:
    return replace(run, overlaps=[(CAROL, "3.2", "3.1")])


def dialled_before_the_end(run: Evidence) -> Evidence:
    bob(run)["attempts"][0]["ended_at"] = at(31)
    return run


def dialled_again_in_doubt(run: Evidence) -> Evidence:
    """Bob's first call was answered, its reports got lost, and he was called again all the same."""
    bob(run)["attempts"][0]["outcome"] = "unknown"
    return replace(run, log=[*run.log, report("lost", "2.1", "ANSWERED", 11)])


def dialled_again_after_nothing(run: Evidence) -> Evidence:
    """Bob's first dial got lost on its way, which nobody can know, and he was called again all the same."""
    bob(run)["attempts"][0].update(outcome="unknown", callid=None)
    dials = [dial(BOB, 10, response="lost_before") if d.callid == "2.1" else d for d in run.dials]
    return replace(run, placed=[r for r in run.placed if r.callid != "2.1"], dials=dials)


def dialled_after_delivery(run: Evidence) -> Evidence:
    """Anne's key was known before the attempt that comes after it was begun."""
    key = [report(event, "1.2", "DTMF", 19) for event in ("made", "acknowledged")]
    return replace(run, log=key)


def delivered_to_nobody(run: Evidence) -> Evidence:
    run.placed[1].keys = ""
    return run


def a_stronger_outcome(run: Evidence) -> Evidence:
    anne(run)["attempts"][0]["outcome"] = "rejected"
    return run


def a_weaker_outcome_although_all_reports_came(run: Evidence) -> Evidence:
    anne(run)["attempts"][0]["outcome"] = "no_answer"
    return run


def an_unknown_callid(run: Evidence) -> Evidence:
    anne(run)["attempts"][0]["callid"] = "9.9"
    return replace(run, placed=[record for record in run.placed if record.callid != "1.1"])


def anothers_call(run: Evidence) -> Evidence:
    run.placed[0].number = BOB
    return run


def unknown_without_a_reason(run: Evidence) -> Evidence:
    bob(run)["attempts"][1].update(callid=None, outcome="unknown")
    bob(run)["outcome"] = "unknown"
    return replace(run, placed=[record for record in run.placed if record.callid != "2.2"])


def a_call_nobody_knows(run: Evidence) -> Evidence:
    bob(run)["attempts"][1].update(callid=None, outcome="unknown")
    bob(run)["outcome"] = "unknown"
    return replace(run, troubled=frozenset({Trouble.ANSWER_LOST}))


def never_placed_though_it_was(run: Evidence) -> Evidence:
    """Bob's second call is said never to have been placed, and its reports were lost."""
    bob(run)["attempts"][1].update(callid=None, outcome="unreachable")
    bob(run)["outcome"] = "unreachable"
    lost = [report("lost", "2.2", "BYE", 35)]
    return replace(run, troubled=frozenset({Trouble.ANSWER_LOST, Trouble.PBX_AWAY}), log=[*run.log, *lost])


def failed_though_delivered(run: Evidence) -> Evidence:
    anne(run).update(state="failed")
    return run


def failed_in_another_way(run: Evidence) -> Evidence:
    bob(run)["outcome"] = "busy"
    return run


def given_up_early(run: Evidence) -> Evidence:
    return replace(run, campaign_attempts=3)


def called_too_often(run: Evidence) -> Evidence:
    return replace(run, campaign_attempts=1)


def an_open_alarm(run: Evidence) -> Evidence:
    return replace(run, alarms=[{**run.alarms[0], "status": "open"}])


def an_alarm_without_a_key(run: Evidence) -> Evidence:
    run.placed[4].keys = ""
    return run


def an_exhausted_alarm_whose_key_came(run: Evidence) -> Evidence:
    return replace(run, alarms=[{**run.alarms[0], "status": "exhausted"}])


BREACHES: list[tuple[Callable[[Evidence], Evidence], str]] = [
    (over_the_limit, "2 channels taken (peak 3)"),
    (found_it_full, "1 calls found its 2 channels taken"),
    (left_active, "is still active"),
    (an_attempt_without_end, "attempt 2 has not ended"),
    (a_dial_too_many, "dialled 3 times in 2 attempts"),
    (a_dial_that_never_came, "dialled 0 times only, in 1 attempts"),
    (one_call_for_two_attempts, "callid 2.1 belongs to 2 attempts"),
    (dialled_while_up, "2.2 was dialled while 2.1 was up"),
    (an_alarm_dialled_while_up, "3.2 was dialled while 3.1 was up"),
    (dialled_before_the_end, "attempt 2 was dialled before the last had ended"),
    (dialled_again_in_doubt, "after an attempt that may have been heard"),
    (dialled_again_after_nothing, "after an attempt that may have been heard"),
    (dialled_after_delivery, "dialled 1.000 s after it was delivered"),
    (delivered_to_nobody, "attempt 2 is delivered, not one of ['not_heard']"),
    (a_stronger_outcome, "attempt 1 is rejected, not one of ['busy']"),
    (a_weaker_outcome_although_all_reports_came, "attempt 1 is no_answer, not one of ['busy']"),
    (an_unknown_callid, "the PBX knows no call 9.9"),
    (anothers_call, "1.1 was a call to +31610000002"),
    (unknown_without_a_reason, "attempt 2 is unknown, not one of []"),
    (a_call_nobody_knows, "no attempt knows the call 2.2"),
    (never_placed_though_it_was, "attempt 2 is unreachable, not one of ['unknown']"),
    (failed_though_delivered, "is failed with the attempts"),
    (failed_in_another_way, "failed as busy with the attempts"),
    (given_up_early, "given up after ['not_heard', 'not_heard'], of 3 attempts"),
    (called_too_often, "2 attempts of 1"),
    (an_open_alarm, "alarm al1 is open"),
    (an_alarm_without_a_key, "counts as acknowledged, but nobody pressed 1"),
    (an_exhausted_alarm_whose_key_came, "counts as exhausted, but the key was pressed"),
]


@pytest.mark.parametrize(("breach", "said"), BREACHES, ids=[breach.__name__ for breach, _ in BREACHES])
def test_each_breach_is_found(breach: Callable[[Evidence], Evidence], said: str) -> None:
    faults = faults_of(breach(a_good_run()))
    assert any(said in fault for fault in faults), faults


def test_every_rule_has_a_breach_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any one of the rules a breach goes unnoticed, so none is idle or said twice."""
    for rule in judgement.RULES:
        others = [other for other in judgement.RULES if other is not rule]
        monkeypatch.setattr(judgement, "RULES", others)
        unseen = [
            breach.__name__
            for breach, said in BREACHES
            if not any(said in fault for fault in faults_of(breach(a_good_run())))
        ]
        assert unseen, rule.__name__
        monkeypatch.undo()


def test_lost_reports_excuse_a_weaker_outcome() -> None:
    run = a_weaker_outcome_although_all_reports_came(a_good_run())
    assert faults_of(replace(run, log=[*run.log, report("lost", "1.1", "CallFailed", 12)])) == []


def test_an_alarm_may_call_again_while_a_lost_call_is_up() -> None:
    run = an_alarm_dialled_while_up(a_good_run())
    assert faults_of(replace(run, troubled=frozenset({Trouble.ANSWER_LOST}))) == []


def test_a_lost_dial_leaves_an_unknown_attempt_without_a_call() -> None:
    run = unknown_without_a_reason(a_good_run())
    dials = [dial(BOB, 30, response="lost_before") if d.callid == "2.2" else d for d in run.dials]
    assert faults_of(replace(run, dials=dials)) == []


@pytest.mark.parametrize(
    ("log", "lost"),
    [
        ([report("made", "1", "BYE", 1), report("acknowledged", "1", "BYE", 2)], set()),
        ([report("made", "1", "BYE", 1)], {"1"}),
        ([report("made", "1", "BYE", 1), report("lost", "1", "BYE", 1)], {"1"}),
        ([report("made", "1", "BYE", 1), report("dropped", "1", "BYE", 1)], {"1"}),
        ([report("made", "1", "BYE", 1), report("given_up", "1", "BYE", 1)], {"1"}),
        # Sent twice and acknowledged twice, while another of its kind is on its way.
        (
            [
                *(report("acknowledged", "1", "BYE", 1) for _ in range(2)),
                report("made", "1", "BYE", 2),
            ],
            {"1"},
        ),
        ([entry("call_start", 1, callid="1"), entry("restart", 2)], {"1"}),
        ([entry("call_start", 1, callid="1"), entry("call_end", 2, callid="1"), entry("restart", 3)], {"1"}),
        ([entry("call_start", 1, callid="1"), entry("call_end", 2, callid="1"), entry("restart", 9)], set()),
        ([report("made", "1", "BYE", 1), entry("restart", 9)], {"1"}),
    ],
)
def test_which_calls_have_lost_reports(log: list[LogEntry], lost: set[str]) -> None:
    assert calls_with_losses(log) == lost
