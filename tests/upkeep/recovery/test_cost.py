"""How much the PBX is asked, and how much not; and what people are shown of it."""

from datetime import timedelta
from itertools import pairwise

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.store import doubts
from tests.scripted import NUMBER, Office
from tests.upkeep.asked import Keeping, in_doubt, lose_answers, pass_time, row, told


def test_one_look_and_one_download_serve_all(office: Office, pbx: Keeping) -> None:
    lose_answers(office)
    office.campaign(*(f"3161234{place:04}" for place in range(20)))
    attempts = office.dialled()
    pbx.kept = [
        row(f"1.{place}", office.clock(), f"3161234{place:04}", CdrStatus.BUSY) for place in range(20)
    ]
    pass_time(office, 45)

    assert {office.attempt(attempt).outcome for attempt in attempts} == {"busy"}
    assert pbx.questions <= 7
    assert len(pbx.downloads) == 1


def test_records_are_downloaded_at_most_once_a_minute(office: Office, pbx: Keeping) -> None:
    for _ in range(20):
        in_doubt(office, number=f"3161234{office.clock.now.second:02}{office.clock.now.minute:02}")
        pass_time(office, 10)

    assert 2 <= len(pbx.downloads) <= 4


def test_a_pbx_that_does_not_answer_is_asked_less_and_less(office: Office, pbx: Keeping) -> None:
    asked = []

    def away(session: object) -> None:
        asked.append(office.clock())
        raise PbxInDoubt(Reason.TIMED_OUT, "no answer in time")

    attempt = in_doubt(office)
    pbx.on_request = away
    pass_time(office, 600)

    assert office.attempt(attempt).phase == "in_doubt"
    assert len(asked) < 20
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert max(pauses) <= timedelta(seconds=61)

    pbx.on_request = lambda session: None
    pass_time(office, 100)
    assert office.attempt(attempt).phase == "ended"


def test_records_that_can_not_be_had_are_not_waited_for_for_ever(
    office: Office, pbx: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PbxRefused(Reason.FAILED, "cdr/get_random: errno 20020")

    monkeypatch.setattr(pbx, "records", refuse)
    attempt = in_doubt(office)
    pass_time(office, 150)
    assert office.attempt(attempt).phase == "in_doubt"
    pass_time(office, 30)

    assert (office.attempt(attempt).phase, office.attempt(attempt).outcome) == ("ended", "unknown")
    assert "can't be fetched" in told(office, attempt)[-1]


def test_nothing_is_asked_while_nothing_is_in_question(office: Office, pbx: Keeping) -> None:
    office.campaign(NUMBER)
    office.dialled()
    pass_time(office, 50)

    assert pbx.tokens == ["token-1"]


def test_questions_are_shown_to_people(office: Office, pbx: Keeping) -> None:
    attempt = in_doubt(office)
    pass_time(office, 31)
    with office.core.store.read() as tx:
        told_now = doubts.told(tx, [attempt])

    assert told_now[attempt].next_step == "fetch"
    assert told_now[attempt].next_at == office.clock() + timedelta(seconds=9)
    assert told_now[attempt].because.startswith("timed_out")
