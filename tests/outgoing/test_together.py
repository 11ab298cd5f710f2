"""Many who write events and several who tell of them, all at once: each event is told exactly once."""

import random
import threading
from collections import Counter
from datetime import datetime

from dispatcher.clock import utc_now
from dispatcher.outgoing import FanOut
from dispatcher.store.events import Change, record
from tests.cores import SettableClock
from tests.outgoing.conftest import Desk, until
from tests.outgoing.receiver import Receiver

WRITERS = 4
EACH = 40


class RunningClock(SettableClock):
    def __call__(self) -> datetime:
        return utc_now()


class TakenBack(Exception):
    pass


def test_each_event_is_told_once(store_url: str, receiver: Receiver) -> None:
    desk = Desk(store_url, RunningClock())
    desk.webhook("desk", receiver.url, "trunk.*")
    committed: set[str] = set()
    guard = threading.Lock()

    def write(number: int) -> None:
        chance = random.Random(number)
        for each in range(EACH):
            name = f"{number}-{each}"
            try:
                with desk.store.write() as tx:
                    record(tx, utc_now(), [Change("trunk", f"hq/{name}", "down")])
                    # Others write meanwhile, on PostgreSQL, so that ids show out of order.
                    threading.Event().wait(chance.random() * 0.01)
                    if chance.random() < 0.1:
                        raise TakenBack
            except TakenBack:
                continue
            with guard:
                committed.add(name)

    tellers = [FanOut(desk.core) for _ in range(3)]
    threads = [threading.Thread(target=teller.run) for teller in tellers]
    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in (*threads, *writers):
        thread.start()
    for writer in writers:
        writer.join()
    until(lambda: len(desk.rows()) >= len(committed))
    for teller in tellers:
        teller.stop()
    for thread in threads:
        thread.join(20)
    told = Counter(row.body.partition('"name":"')[2].partition('"')[0] for row in desk.rows())
    desk.store.close()

    assert set(told) == committed
    assert set(told.values()) == {1}
