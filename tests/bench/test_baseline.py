"""The baseline does its job: a comparison with a broken one would mean nothing."""

import pytest

from bench.arithmetic import most_at_once
from bench.pbx import INSTANT, PbxPlan
from bench.plain import Plain
from bench.stand import Stand
from bench.systems import Progress, StoreKind
from bench.waiting import numbers, wait_for_outcomes
from tests.services import PostgresServer, RedisServer

CALLS = 12


@pytest.mark.slow
@pytest.mark.parametrize("store", list(StoreKind))
def test_every_call_gets_its_outcome_and_the_trunk_its_limit(
    store: StoreKind, redis_server: RedisServer, postgres_server: PostgresServer
) -> None:
    plan = PbxPlan(channels=3, timing={**INSTANT, "prompt": 0.1})
    with Stand({store}) as stand:
        with stand.run(store, plan, lambda place: Plain(place, channels=3, processes=1, threads=4)) as run:
            callees = numbers(CALLS)
            run.pbx.set_callees({callees[0]: "busy", callees[1]: "silent"})
            run.system.load(callees)
            run.system.go()
            progress = wait_for_outcomes(run, CALLS, 0, timeout=30)
            run.system.alarm(numbers(1, series=4)[0])
            alarmed = wait_for_outcomes(run, CALLS + 1, 0, timeout=30)
            spans, state = run.pbx.spans(), run.pbx.state()
    assert progress == Progress(open=0, delivered=CALLS - 2, ended=CALLS)
    assert alarmed == Progress(open=0, delivered=CALLS - 1, ended=CALLS + 1)
    assert len({span.number for span in spans}) == len(spans) == CALLS + 1
    assert most_at_once(spans) <= 3
    assert state["over_limit"] == 0
