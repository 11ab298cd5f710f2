"""After the acknowledgement nobody's phone rings: wherever the second call is when the first one's key comes,
and when the process dies between the key's report and what follows from it.

Each test is one order of the two. What must hold in all of them: no dial request is sent after the key's
report has been entered, and what rings is ended.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import AlarmStatus, CallState
from dispatcher.intake import alarms
from dispatcher.intake.alarm_request import AlarmRequest
from dispatcher.pbx.errors import PbxInDoubt
from dispatcher.pbx.protocol import DialOrder
from dispatcher.store.tables import Alarm, Attempt, Call, table
from dispatcher.upkeep import sweeps
from dispatcher.work import carry_out
from tests.cores import PBX, TRUNK
from tests.scripted import answered, bye, key, make_office, ringing

ANN, BOB = "31611111111", "31622222222"
_alarms, _attempts, _calls = table(Alarm), table(Attempt), table(Call)
PLAIN = [PBX | {"trunk": [TRUNK | {"reserved_for_alarms": 0}]}]


class Race:
    """An alarm that calls Ann and Bob. Ann's phone is answered; Bob's call is where a test puts it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.office = make_office(url, pbx=PLAIN)
        request = AlarmRequest(
            summary="Boiler 3 over-pressure",
            to=[{"number": f"+{ANN}"}, {"number": f"+{BOB}"}],  # type: ignore[list-item]
            message={"ivr": "6500"},  # type: ignore[arg-type]
            delivered_when="acknowledged",  # type: ignore[arg-type]
        )
        self.alarm = carry_out(self.office.core, lambda work: alarms.take(work, request, "api")).alarm_id
        claimed = self.office.claim()
        self.ann, self.bob = sorted(claimed, key=lambda one: str(self.office.attempt(one).digits_dialled))
        self.office.dialer.dial(self.ann)
        self.callid = str(self.office.attempt(self.ann).callid)
        self.office.take(answered(self.callid, ANN))

    def key(self) -> bytes:
        """The report of Ann's key."""
        return key(self.callid, "1", ANN)

    def press(self) -> None:
        """Ann's key, as a process that lives takes it."""
        self.office.take(self.key())

    def press_and_die(self) -> None:
        """Ann's key is durable and answered, and the process dies before it enters it."""
        self.office.inbox.keep([self.office.incoming(self.key())])
        self.restart()

    def restart(self) -> None:
        """Another process at the same store; whatever the one before had not sent is lost."""
        old = self.office
        old.core.store.close()
        old.clock.move(seconds=1)
        self.office = make_office(self.url, old.clock, old.driver, pbx=PLAIN)

    def enter_left(self) -> None:
        """What a process does at its start, and its upkeep twice a second."""
        self.office.inbox.enter_left(timedelta(0))

    def dial_bob(self, on_the_way: Callable[[], None] = lambda: None) -> None:
        """Bob's dial message comes; ``on_the_way`` happens while the PBX has the request."""

        def answer(order: DialOrder) -> str:
            on_the_way()
            return "1543289641.77"

        self.office.driver.on_dial = answer
        self.office.dialer.dial(self.bob)

    def let_bob_ring(self) -> None:
        """Bob's phone rings, and the report of it comes."""
        self.dial_bob()
        self.office.take(ringing("1543289641.77", BOB))

    def hang_ups(self) -> None:
        """What the hang-up messages lead to, those that were lost with a process included."""
        self.office.clock.move(seconds=4)
        sweeps.resend_hang_ups(self.office.core)
        for attempt_id in dict.fromkeys(self.office.messages.hung_up):
            self.office.hang_up.hang_up(attempt_id)

    def wake_again(self) -> None:
        """What upkeep and the pacer do later: nobody may be dialled by it."""
        self.office.clock.move(seconds=10)
        sweeps.resend_wake_ups(self.office.core)
        for attempt_id, _ in self.office.messages.dialled:
            self.office.dialer.dial(attempt_id)
        for attempt_id in self.office.claim():
            self.office.dialer.dial(attempt_id)

    @property
    def dialled(self) -> list[str]:
        """The numbers that dial requests were sent for, in order."""
        return [order.digits for order in self.office.driver.orders]

    def check(self, *, dialled: bool) -> None:
        """Bob's call is withdrawn, and stays so; ``dialled``: his phone had begun to ring, and was ended."""
        self.hang_ups()
        self.wake_again()
        [alarm] = self.office.rows(Alarm, _alarms.c.id == self.alarm)
        assert (alarm.status, alarm.acknowledged_by) == (AlarmStatus.ACKNOWLEDGED, f"+{ANN}")
        call = self.office.call_of(self.bob)
        assert (call.state, call.outcome) == (CallState.CANCELLED, "cancelled")
        assert self.dialled == [ANN, *([BOB] if dialled else [])]
        assert self.office.driver.hung_up == ([f"leg-{BOB}"] if dialled else [])
        bob = self.office.attempt(self.bob)
        if not dialled:
            assert (bob.phase, bob.outcome, bob.channel_held) == ("ended", "cancelled", False)
            return
        self.office.take(bye("1543289641.77", BOB, f"leg-{BOB}"), bye("1543289641.77", BOB, "other"))
        bob = self.office.attempt(self.bob)
        assert (bob.phase, bob.channel_held, self.office.claim()) == ("ended", False, [])


@pytest.fixture
def race(store_url: str) -> Iterator[Race]:
    made = Race(store_url)
    yield made
    made.office.core.signals.close()
    made.office.core.store.close()


def test_the_key_comes_before_the_others_dial_has_begun(race: Race) -> None:
    race.press()
    race.dial_bob()

    race.check(dialled=False)


def test_the_key_comes_while_the_pbx_has_the_others_request(race: Race) -> None:
    race.dial_bob(on_the_way=race.press)
    assert race.office.messages.hung_up == [race.bob] * 2, "again, once the callid is known"
    race.office.take(ringing("1543289641.77", BOB))

    race.check(dialled=True)


def test_the_key_comes_while_the_others_phone_rings(race: Race) -> None:
    race.let_bob_ring()
    race.press()
    assert race.office.messages.hung_up == [race.bob]

    race.check(dialled=True)


def test_the_key_comes_while_the_others_request_is_on_its_way_and_its_answer_is_lost(race: Race) -> None:
    def lose(order: DialOrder) -> str:
        race.press()
        raise PbxInDoubt(Reason.CONNECTION_LOST, "the answer was lost")

    race.office.driver.on_dial = lose
    race.office.dialer.dial(race.bob)
    race.office.take(ringing("1543289641.77", BOB))

    race.check(dialled=True)


def test_the_process_dies_with_the_key_before_the_others_dial(race: Race) -> None:
    race.press_and_die()
    race.enter_left()
    race.dial_bob()

    race.check(dialled=False)


def test_the_process_dies_with_the_key_and_the_others_dial_comes_first(race: Race) -> None:
    """Another process than the one that received the key may dial meanwhile: then it is ended."""
    race.press_and_die()
    race.let_bob_ring()
    race.enter_left()

    race.check(dialled=True)


def test_the_process_dies_with_the_key_while_the_pbx_has_the_request(race: Race) -> None:
    """It was that process that dialled, too; the call's own report is what links it."""
    died = _begin_and_die(race)
    race.enter_left()
    died()
    race.office.take(ringing("1543289641.77", BOB))

    race.check(dialled=True)


def test_the_dial_of_a_dead_process_is_doubted_before_its_key_is_entered(race: Race) -> None:
    died = _begin_and_die(race)
    died()
    race.office.take(ringing("1543289641.77", BOB))
    race.enter_left()

    race.check(dialled=True)


def test_the_process_dies_with_the_key_while_the_others_phone_rings(race: Race) -> None:
    race.let_bob_ring()
    race.press_and_die()
    race.enter_left()

    race.check(dialled=True)


def test_the_process_dies_after_the_key_was_entered_and_before_it_hung_up(race: Race) -> None:
    race.let_bob_ring()
    race.press()
    race.restart()
    assert race.office.messages.hung_up == []

    race.check(dialled=True)


class _Died(BaseException):
    """The process ends here; nothing after it is carried out."""


def _begin_and_die(race: Race) -> Callable[[], None]:
    """Bob's dial request is sent, Ann's key becomes durable, and the process dies with both."""
    office = race.office

    def die(order: DialOrder) -> str:
        office.inbox.keep([office.incoming(race.key())])
        office.core.store.transact = dead  # type: ignore[method-assign]
        raise _Died

    def dead(work: Any) -> Any:
        raise _Died

    office.driver.on_dial = die
    with pytest.raises(_Died):
        office.dialer.dial(race.bob)
    race.restart()
    assert race.office.attempt(race.bob).phase == "dialing"

    def doubt() -> None:
        race.office.clock.move(seconds=60)
        sweeps.doubt_the_unanswered(race.office.core, {"hq": 5.0})

    return doubt
