"""Call records, fetched afterwards, for every family that keeps them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dispatcher.domain.facts import Target
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.reports import CdrStatus, ReportEvent
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import Driver, KeepsRecords, Session
from dispatcher.simulator import Behaviour, Fault
from tests.pbx.contract.conftest import Rig
from tests.pbx.contract.test_capabilities import lacks

NUMBER = "0612345678"
HOUR = timedelta(hours=1)


def asked(rig: Rig, zone: str = "") -> tuple[KeepsRecords, Session]:
    """A driver that knows the PBX's time zone, and its session."""
    driver: Driver = rig.driver(timezone=ZoneInfo(zone or rig.pbx.settings.timezone))
    if not isinstance(driver, KeepsRecords):
        lacks(driver)
    return driver, driver.login()


def dialled(rig: Rig, session: Session, behaviour: Behaviour) -> str:
    """A call to somebody who does this, over and done with."""
    driver: Driver = rig.driver()
    rig.pbx.set_callee(NUMBER, behaviour)
    callid = driver.dial(session, rig.order(NUMBER)).callid
    rig.pbx.wait_idle()
    return callid


def around() -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return now - HOUR, now + HOUR


def test_the_record_of_a_call_says_how_it_went(rig: Rig) -> None:
    driver, session = asked(rig)
    before = datetime.now(UTC)
    callid = dialled(rig, session, Behaviour.KEY_1)
    found = driver.records(session, *around())

    (report,) = [report for report in found if report.callid == callid]
    assert (report.event, report.cdr and report.cdr.status) == (ReportEvent.CDR, CdrStatus.ANSWERED)
    assert report.cdr is not None
    assert report.cdr.began is not None
    assert abs(report.cdr.began - before) < timedelta(seconds=5)
    facts = facts_of(report, Target(TargetKind.NUMBER, NUMBER, MessageKind.IVR), before)
    assert facts.cdr_status is CdrStatus.ANSWERED
    assert facts.talk_seconds
    assert facts.ended_at == before
    assert (facts.prompt_ended_at, facts.keys, facts.cause) == (None, frozenset(), None)
    assert ("records", "ok") in rig.observed


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [(Behaviour.BUSY, CdrStatus.BUSY), (Behaviour.RINGS_FOREVER, CdrStatus.NO_ANSWER)],
)
def test_a_call_that_nobody_took_has_its_record(rig: Rig, behaviour: Behaviour, status: CdrStatus) -> None:
    driver, session = asked(rig)
    callid = dialled(rig, session, behaviour)

    assert [report.cdr.status for report in driver.records(session, *around()) if report.cdr] == [status], (
        callid
    )


def test_no_calls_are_no_records_and_no_error(rig: Rig) -> None:
    driver, session = asked(rig)

    assert list(driver.records(session, *around())) == []


def test_only_calls_of_the_time_are_asked_for(rig: Rig) -> None:
    driver, session = asked(rig)
    dialled(rig, session, Behaviour.BUSY)
    since, until = around()

    assert list(driver.records(session, since - 5 * HOUR, until - 5 * HOUR)) == []
    assert len(driver.records(session, since - 5 * HOUR, until)) == 1


def test_several_rows_of_one_call_are_all_there(rig: Rig) -> None:
    driver, session = asked(rig)
    rig.pbx.arm(Fault.EXTRA_CDR)
    callid = dialled(rig, session, Behaviour.KEY_1)

    assert [report.callid for report in driver.records(session, *around())] == [callid, callid]


def test_each_download_has_a_ticket_of_its_own(rig: Rig) -> None:
    driver, session = asked(rig)
    callid = dialled(rig, session, Behaviour.BUSY)

    for _ in range(3):
        assert [report.callid for report in driver.records(session, *around())] == [callid]


def test_a_token_that_is_gone_is_refused_and_not_taken_for_no_records(rig: Rig) -> None:
    driver, session = asked(rig)
    rig.pbx.expire_tokens()

    with pytest.raises(PbxRefused) as refusal:
        driver.records(session, *around())
    assert refusal.value.reason.name == "TOKEN_INVALID"
