"""Whether the reports of a PBX are read: what the doctor finds, and what the metrics show."""

import pytest

from dispatcher.api.gauges import Gauges
from dispatcher.cli.doctor.findings import Finding, Result
from dispatcher.cli.doctor.streams import check_stream_of
from dispatcher.domain.reasons import Reason
from dispatcher.leases import LEASE
from tests.listener.conftest import Desk, refuse, until


def found(desk: Desk) -> Finding:
    return check_stream_of(desk.office.pbxes["hq"], desk.office.core.store, desk.office.clock())


def shown(desk: Desk) -> float:
    with desk.office.core.store.read() as tx:
        gauges = {gauge.name: gauge for gauge in Gauges().read(desk.office.core, tx)}
    return gauges["dispatcher_report_stream_up"].values["hq",]


def test_a_stream_that_is_read(desk: Desk) -> None:
    assert shown(desk) == 0
    desk.start()
    until(desk.up)

    assert shown(desk) == 1
    finding = found(desk)
    assert finding.result is Result.OK
    assert "since 2026-11-21 10:00:00 UTC" in finding.detail
    assert desk.driver.tries == 1, "a stream that is read is not opened a second time"


def test_a_stream_whose_reader_died(desk: Desk) -> None:
    desk.start()
    until(desk.up)
    desk.die()
    desk.office.clock.move(seconds=LEASE.total_seconds() + 1)

    assert shown(desk) == 0


def test_a_stream_that_nobody_reads_is_tried(desk: Desk) -> None:
    finding = found(desk)

    assert finding.result is Result.OK
    assert "nobody does now" in finding.detail
    assert desk.driver.streams[0].is_closed.is_set()


def test_a_stream_that_can_not_be_opened(desk: Desk) -> None:
    desk.driver.on_open = refuse(Reason.PBX_AWAY)
    finding = found(desk)

    assert finding.result is Result.FAIL
    assert finding.detail == "the PBX's words"
    assert finding.mend


def test_a_stream_that_is_tried_in_vain(desk: Desk) -> None:
    desk.driver.on_open = refuse(Reason.PBX_AWAY)
    desk.start()
    until(lambda: desk.row.problem)
    tries = desk.driver.tries
    finding = found(desk)

    assert finding.result is Result.FAIL
    assert "a process tries to read them, in vain" in finding.detail
    assert desk.driver.tries - tries <= 1, "the doctor leaves it to the process"
    assert shown(desk) == 0


@pytest.mark.parametrize("reason", [Reason.CREDENTIALS_REFUSED, Reason.LOCKED_OUT])
def test_a_refused_password_is_tried_by_the_doctor_once(desk: Desk, reason: Reason) -> None:
    desk.driver.on_open = refuse(reason)
    for _ in range(4):
        finding = found(desk)
        assert finding.result is Result.FAIL
        assert "the PBX's words" in finding.detail
        assert "ten minutes" in finding.mend

    assert desk.driver.tries == 1
    assert "the PBX's password" not in str(finding)
