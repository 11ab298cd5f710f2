"""Streams that can't be opened: how often it is tried again, and when not at all."""

import logging
import random

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.listener import listener
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.sessions import LOCKOUT, Pbx
from dispatcher.store.tables import ReportStreamState
from tests.listener.conftest import Desk, refuse, until
from tests.scripted import account_of


@pytest.mark.parametrize("error", [PbxRefused(Reason.PBX_AWAY, "none"), PbxInDoubt(Reason.TIMED_OUT, "none")])
def test_a_pbx_that_is_away_is_tried_again(
    desk: Desk, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        if desk.driver.tries < 6:
            raise error

    desk.driver.on_open = away
    desk.start()
    until(lambda: desk.row.problem)
    assert not desk.up()

    desk.stream(1)
    until(desk.up)
    assert desk.row.problem == ""
    assert caplog.text.count("can't be read") == 1


def test_the_pauses_grow(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(random, "uniform", lambda low, high: 1.0)
    waits: list[float] = []

    def away() -> None:
        raise PbxRefused(Reason.PBX_AWAY, "none")

    desk.driver.on_open = away
    desk.start()
    assert desk.listener is not None
    real = desk.listener._stopping.wait

    def wait(seconds: float | None = None) -> bool:
        waits.append(seconds or 0.0)
        return real(seconds)

    monkeypatch.setattr(desk.listener._stopping, "wait", wait)
    until(lambda: waits.count(0.1) > 2)
    assert waits == sorted(waits)


def test_a_refused_password_is_tried_once_by_all_processes(desk: Desk, other: Desk) -> None:
    desk.driver.on_open = refuse(Reason.CREDENTIALS_REFUSED)
    desk.start()
    until(lambda: desk.row.refused_account)
    desk.stop()
    assert desk.row.refused_account
    desk.office.clock.move(hours=1)
    other.start()
    until(lambda: other.listener is not None and other.listener.trouble)

    assert desk.driver.tries == 1


def test_a_changed_password_is_tried(desk: Desk, other: Desk) -> None:
    desk.driver.on_open = refuse(Reason.CREDENTIALS_REFUSED)
    desk.start()
    until(lambda: desk.row.refused_account)
    desk.stop()

    desk.driver.on_open = lambda: None
    changed = account_of(other.office.core.settings.pbx[0], "a new password")
    other.office.pbxes["hq"] = Pbx(changed, other.driver)
    other.start()
    other.stream(1)
    until(lambda: other.row.refused_account is None)


def test_a_password_that_was_refused_at_the_login_is_not_tried_here(desk: Desk) -> None:
    desk.driver.on_login = refuse(Reason.CREDENTIALS_REFUSED)
    with pytest.raises(PbxRefused):
        desk.office.sessions.use("hq", lambda driver, session: None)
    desk.start()
    until(lambda: desk.listener is not None and desk.listener.trouble)

    assert desk.driver.tries == 0


def test_a_lock_out_is_waited_for(desk: Desk) -> None:
    desk.driver.on_open = refuse(Reason.LOCKED_OUT)
    desk.start()
    until(lambda: desk.row.retry_at is not None)
    desk.driver.on_open = lambda: None
    desk.office.clock.move(seconds=LOCKOUT.total_seconds() - 60)
    assert desk.driver.tries == 1

    desk.office.clock.move(seconds=61)
    desk.stream(1)


def test_no_password_is_logged_or_kept(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    desk.driver.on_open = refuse(Reason.CREDENTIALS_REFUSED)
    desk.start()
    until(lambda: desk.row.problem)

    assert "the PBX's password" not in caplog.text
    assert "the PBX's password" not in str(desk.office.rows(ReportStreamState))
