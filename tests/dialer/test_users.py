"""Calls to PBX users: their own phone rings first, and the dial request's answer says that they took it."""

import pytest

from dispatcher.domain.reports import Party, PartyKind, Report, ReportEvent
from dispatcher.domain.vocabulary import MessageKind, Phase, TargetKind
from dispatcher.pbx.protocol import Accepted, DialOrder, LiveCall, Message, Session
from tests.cores import set_attempt
from tests.scripted import BareDriver, Office, open_office

ANSWERED = Report(ReportEvent.ANSWERED, "originate", parties=(Party(PartyKind.EXTENSION, "anna"),))


class NamesCalls(BareDriver):
    """A PBX that shows single calls, and lists none."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: LiveCall | None = None

    def dial(self, session: Session, order: DialOrder) -> Accepted:
        return Accepted(super().dial(session, order).callid, (ANSWERED,))

    def live_call(self, session: Session, callid: str) -> LiveCall | None:
        return self.shown


@pytest.fixture
def driver() -> NamesCalls:
    return NamesCalls()


def test_a_user_is_dialled_by_name_and_delivered_when_they_pick_up(
    store_url: str, driver: NamesCalls
) -> None:
    with open_office(store_url, driver=driver) as office:
        office.alarm("anna", delivered_when="answered")
        [attempt] = office.dialled("")

        message = Message(MessageKind.IVR, "6500")
        assert driver.orders == [DialOrder(TargetKind.USER, "anna", message, callid=attempt)]
        row = office.attempt(attempt)
        assert (row.target_kind, row.digits_dialled, row.callid) == ("user", "anna", "1543289641.1")
        assert (row.phase, row.answered_at, row.outcome) == (Phase.UP, office.clock(), "delivered")
        assert row.channel_held
        assert office.call_of(attempt).state == "delivered"


def withdrawn(office: Office) -> str:
    office.alarm("anna")
    [attempt] = office.dialled("")
    set_attempt(office.core, attempt, hung_up_at=office.clock())
    return attempt


def test_a_users_call_is_ended_by_the_leg_that_the_pbx_shows(store_url: str, driver: NamesCalls) -> None:
    with open_office(store_url, driver=driver) as office:
        attempt = withdrawn(office)
        driver.shown = LiveCall("leg-1", "6500", "", PartyKind.EXTENSION, callid="1543289641.1")

        office.hang_up.hang_up(attempt)

        assert driver.hung_up == ["leg-1"]


def test_a_users_call_that_is_gone_is_not_ended_again(store_url: str, driver: NamesCalls) -> None:
    with open_office(store_url, driver=driver) as office:
        office.hang_up.hang_up(withdrawn(office))

        assert driver.hung_up == []
