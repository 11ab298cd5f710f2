"""Calls, their answers and their reports all at once, in any order, more than once, in two processes."""

import random
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxInDoubt
from dispatcher.pbx.protocol import DialOrder
from dispatcher.store.tables import Event, table
from tests.cores import PBX
from tests.scripted import make_office, open_office, whole_call

events = table(Event)
CALLS = 60


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_the_order_every_report_is_applied_once(store_url: str, seed: int) -> None:
    """Each report is posted twice, to either process, shuffled, from the moment the PBX has the call.

    One answer in six is lost, so those attempts are found by their number.
    """
    dice, guard = random.Random(seed), threading.Lock()
    wide = [PBX | {"trunk": [{"name": "SPS-6-36", "channels": CALLS}]}]
    posts: list[Future[None]] = []
    with open_office(store_url, pbx=wide) as office, ThreadPoolExecutor(8) as receivers:
        other = make_office(store_url, clock=office.clock, driver=office.driver, pbx=wide)

        def answer(order: DialOrder) -> str:
            callid = f"1543289641.{order.digits}"
            bodies = whole_call(callid, order.digits) * 2
            with guard:
                dice.shuffle(bodies)
                there = [dice.choice((office, other)) for _ in bodies]
                is_lost = dice.random() < 1 / 6
            for receiver, body in zip(there, bodies, strict=True):
                posts.append(receivers.submit(receiver.take, body))
            if is_lost:
                raise PbxInDoubt(Reason.CONNECTION_LOST, "cut")
            return callid

        office.driver.on_dial = answer
        office.campaign(*(f"3161{number:07d}" for number in range(CALLS)))
        claimed = office.claim()
        assert len(claimed) == CALLS

        with ThreadPoolExecutor(8) as workers:
            list(workers.map(other.dialer.dial, claimed))
        for post in posts:
            post.result(timeout=60)
        office.inbox.revisit("hq")
        other.core.store.close()

        assert office.reports_by_disposition() == {"applied": CALLS * 5, "duplicate": CALLS * 5}
        rows = office.rows_of_attempts()
        assert {(row.phase, row.outcome, row.channel_held) for row in rows} == {("ended", "delivered", False)}
        assert {row.callid for row in rows} == {f"1543289641.{row.digits_dialled}" for row in rows}
        # An attempt is counted once, by its first outcome, which a record before the key makes a weaker one.
        assert sum(office.counted("dispatcher_attempts_total").values()) == CALLS
        assert office.counted("dispatcher_calls_total") == {("campaign", "delivered"): CALLS}
        delivered = office.rows(Event, events.c.subject == "call", events.c.name == "delivered")
        assert len(delivered) == CALLS
