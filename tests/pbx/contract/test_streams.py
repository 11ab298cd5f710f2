"""Reports that are fetched, for every family that can have its reports fetched from its simulated PBX."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from dispatcher.domain.facts import Target
from dispatcher.domain.outcomes import outcome_of
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import ReportEvent
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.errors import PbxError, PbxRefused
from dispatcher.pbx.protocol import Driver, PullsReports, ReportStream
from dispatcher.simulator import Behaviour, Fault, Faults, StreamSettings
from dispatcher.simulator.settings import Separator
from tests.pbx.contract.conftest import PREFIX, Rig, rigs_of
from tests.pbx.contract.test_reports import ACKNOWLEDGED, OUTCOMES, gathered

NUMBER = "0612345678"
TARGET = Target(TargetKind.NUMBER, PREFIX + NUMBER, MessageKind.IVR)


TRANSPORTS = {"yeastar-k2": "tcp", "yeastar-p": "websocket"}
RECORDS = (b"NewCdr", b'"type":30012')
"""What tells the body of a call record, whatever else is wrong with it."""


class StreamRig(Rig):
    """A pair whose reports are fetched, and what was read."""

    def fetching(self, **changed: Any) -> tuple[Driver, PullsReports]:
        """A driver, twice: as the one that dials and as the one that opens streams."""
        way: dict[str, Any] = {"report_transport": TRANSPORTS[self.family]}
        if self.pbx.report_port:
            way["report_port"] = self.pbx.report_port
        driver = self.driver(**way, **changed)
        assert isinstance(driver, PullsReports)
        assert driver.pulls_reports
        return driver, driver


SEPARATORS: list[Separator] = ["none", "lf", "crlf", "random"]
STREAMS: dict[str, tuple[str, dict[str, Any]]] = {
    "yeastar-p": ("yeastar-p", {"stream": StreamSettings(chunked=True, seed=7)}),
    **{
        f"yeastar-k2-{separator}": (
            "yeastar-k2",
            {
                "report_transport": "tcp",
                "stream": StreamSettings(separator=separator, chunked=True, seed=7),
            },
        )
        for separator in SEPARATORS
    },
}


@pytest.fixture(params=STREAMS)
def streams(request: pytest.FixtureRequest) -> Iterator[StreamRig]:
    """Each PBX that lets its reports be fetched, cut at random places; the K2's with each separator."""
    family, settings = STREAMS[request.param]
    with rigs_of(StreamRig, family) as make:
        yield make(**settings)


def read(stream: ReportStream, until: float = 10.0) -> list[bytes]:
    """Every body up to the next call record."""
    found: list[bytes] = []
    deadline = time.monotonic() + until
    while time.monotonic() < deadline and not any(mark in body for body in found for mark in RECORDS):
        found += stream.read().bodies
    return found


def exhaust(stream: ReportStream) -> None:
    """Read what was still under way before the stream broke off, and then the break."""
    for _ in range(5):
        stream.read()


@pytest.mark.parametrize(
    "behaviour", [Behaviour.KEY_1, Behaviour.BUSY, Behaviour.HEARS_THEN_HANGS_UP, Behaviour.NOT_FOUND]
)
def test_fetched_reports_tell_what_posted_ones_do(streams: StreamRig, behaviour: Behaviour) -> None:
    driver, puller = streams.fetching()
    session = driver.login()
    stream = puller.open_reports("")
    assert stream.read().missed
    streams.pbx.set_callee(NUMBER, behaviour)
    callid = driver.dial(session, streams.order(NUMBER)).callid
    reports = [report for body in read(stream) for report in driver.parse(body)]
    stream.close()

    facts = gathered([report for report in reports if report.callid == callid], TARGET)
    assert outcome_of(facts, ACKNOWLEDGED) is OUTCOMES[behaviour]
    assert streams.bodies() == [], "nothing is posted beside"
    assert ("listen", "ok") in streams.observed


def test_malformed_reports_do_not_take_others_with_them(streams: StreamRig) -> None:
    driver, puller = streams.fetching()
    session = driver.login()
    stream = puller.open_reports("")
    streams.pbx.set_callee(NUMBER, Behaviour.KEY_1)
    streams.pbx.set_faults(Faults({Fault.MALFORMED_REPORT: 1.0}))
    callid = driver.dial(session, streams.order(NUMBER)).callid
    bodies = read(stream)
    stream.close()

    reports = [report for body in bodies for report in driver.parse(body)]
    assert outcome_of(gathered(reports, TARGET), ACKNOWLEDGED) is OUTCOMES[Behaviour.KEY_1]
    assert {report.callid for report in reports if report.event is not ReportEvent.OTHER} == {callid}


def test_a_stream_that_breaks_off_is_opened_anew_and_says_that_reports_are_missed(
    streams: StreamRig,
) -> None:
    driver, puller = streams.fetching()
    session = driver.login()
    stream = puller.open_reports("")
    assert stream.read().missed
    streams.pbx.page("stream", {"drop": True})
    with pytest.raises(PbxError):
        exhaust(stream)
    stream.close()

    driver.dial(session, streams.order(NUMBER))
    streams.pbx.wait_idle()
    stream = puller.open_reports("")
    assert stream.read().missed
    callid = driver.dial(session, streams.order(NUMBER)).callid
    reports = [report for body in read(stream) for report in driver.parse(body)]
    stream.close()
    assert {report.callid for report in reports if report.callid} == {callid}, "what was missed stays so"


def test_who_comes_back_after_a_restart_is_told_of_it(streams: StreamRig) -> None:
    if "BootUp" not in streams.driver().report_words:
        pytest.skip(f"{streams.family} does not tell of its restarts")
    driver, puller = streams.fetching()
    driver.login()
    stream = puller.open_reports("")
    streams.pbx.restart(boot_up=True)
    with pytest.raises(PbxError):
        exhaust(stream)
    stream.close()

    stream = puller.open_reports("")
    bodies = [*stream.read().bodies, *stream.read().bodies]
    stream.close()
    assert [report.event for body in bodies for report in driver.parse(body)] == [ReportEvent.BOOT]


def test_a_wrong_password_is_told_apart(streams: StreamRig) -> None:
    _, wrong = streams.fetching(password="guessed")
    with pytest.raises(PbxRefused) as refusal:
        wrong.open_reports("")

    assert refusal.value.reason is Reason.CREDENTIALS_REFUSED
    assert streams.observed[-1] == ("listen", "refused")


@pytest.mark.parametrize("family", TRANSPORTS)
def test_a_pbx_that_posts_its_reports_has_no_stream(family: str) -> None:
    with rigs_of(StreamRig, family) as make:
        driver = make().driver()
        assert isinstance(driver, PullsReports)
        assert not driver.pulls_reports
