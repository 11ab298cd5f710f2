"""A sign of life that comes in the very moment in which the silence is noticed."""

import threading

from tests.heartbeats.conftest import House


def test_whichever_comes_first_the_sign_wins(house: House) -> None:
    house.create(every=60, grace=0)
    house.hear()
    raised = 0
    for _ in range(15):
        for _ in range(31):
            house.clock.move(seconds=2)
            house.hearing.beat()
        start = threading.Barrier(2)

        def sign(start: threading.Barrier = start) -> None:
            start.wait()
            house.hear()

        def look(start: threading.Barrier = start) -> None:
            start.wait()
            house.sweep.look()

        both = [threading.Thread(target=work) for work in (sign, look)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        house.sweep.look()
        assert house.row().status == "up"
        assert set(house.statuses()) <= {"resolved"}
        raised = len(house.statuses())
    assert raised <= 15
