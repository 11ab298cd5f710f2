"""How far, how well, until when: the figures that a campaign's owner looks at."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from dispatcher.core import Core
from dispatcher.intake.campaigns.progress import Progress, progress_of
from dispatcher.store import campaigns, contacts
from dispatcher.store.contacts import Contact
from dispatcher.store.ids import new_id
from dispatcher.store.tables import Attempt, Call, Campaign, table
from tests.cores import START, make_core

_calls, _attempts, _campaigns = table(Call), table(Attempt), table(Campaign)


@pytest.fixture
def core(store_url: str) -> Any:
    made = make_core(store_url)
    yield made
    made.store.close()


def a_campaign(core: Core, people: int, **columns: Any) -> str:
    asked = {
        "id": new_id(),
        "name": "Appointments",
        "message_kind": "ivr",
        "message_value": "6500",
        "delivered_when": "heard",
    }
    with core.store.write() as tx:
        campaigns.create(tx, START, asked | columns)
        contacts.add(
            tx, START, asked["id"], None, [Contact(f"+3161000{n:04d}", *[None] * 4) for n in range(people)]
        )
        tx.execute(update(_campaigns).values(status="running", started_at=START))
    return asked["id"]


def end(core: Core, campaign_id: str, number: int, outcome: str, at: datetime) -> None:
    """End ``number`` queued calls at their first attempt."""
    with core.store.write() as tx:
        queued = select(_calls.c.id).where(_calls.c.state == "queued").limit(number)
        for call_id in tx.execute(queued).scalars().all():
            state = "delivered" if outcome == "delivered" else "failed"
            changed = {"state": state, "outcome": outcome, "attempts_made": 1}
            tx.execute(update(_calls).where(_calls.c.id == call_id).values(**changed))
            row = {
                "id": new_id(),
                "call_id": call_id,
                "ordinal": 1,
                "pbx": "hq",
                "trunk": "SPS-6-36",
                "target_kind": "number",
                "digits_dialled": "1",
                "lane": campaign_id,
                "phase": "ended",
                "channel_held": False,
                "outcome": outcome,
                "claimed_at": at,
                "freed_at": at,
                "supervised": True,
                "cause_text": "",
                "recording": "",
                "leg": "",
                "taken_trunk": "",
                "seen": "",
            }
            tx.execute(insert(_attempts).values(row))


def look(core: Core, campaign_id: str, now: datetime) -> Progress:
    with core.store.read() as tx:
        row = campaigns.find(tx, campaign_id)
        return progress_of(tx, row, campaigns.standings(tx, [campaign_id])[campaign_id], now)


def test_nothing_has_happened_yet(core: Core) -> None:
    assert look(core, a_campaign(core, 3), START) == Progress(None, None, 0.0, None, None)


def test_shares_rate_and_end_follow_from_what_has_happened(core: Core) -> None:
    campaign_id = a_campaign(core, 40)
    end(core, campaign_id, 6, "delivered", START + timedelta(minutes=1))
    end(core, campaign_id, 2, "not_heard", START + timedelta(minutes=1))
    end(core, campaign_id, 2, "busy", START + timedelta(minutes=2))

    progress = look(core, campaign_id, START + timedelta(minutes=2))

    assert progress.delivered_share == 0.6
    assert progress.answered_share == 0.8
    assert progress.attempts_per_minute == 5.0
    assert progress.attempts_per_delivery == pytest.approx(10 / 6, abs=1e-4)
    # Thirty are left, at five a minute.
    assert progress.estimated_end == START + timedelta(minutes=8)


def test_only_the_last_minutes_count_for_the_rate(core: Core) -> None:
    campaign_id = a_campaign(core, 40)
    end(core, campaign_id, 10, "delivered", START + timedelta(minutes=1))

    assert look(core, campaign_id, START + timedelta(minutes=30)).attempts_per_minute == 0.0


def test_the_end_is_not_put_outside_the_calling_windows(core: Core) -> None:
    window = {"days": ["mon", "tue", "wed", "thu", "fri", "sat"], "from": "09:00", "to": "11:05"}
    campaign_id = a_campaign(core, 310, windows=[window], timezone="UTC")
    end(core, campaign_id, 10, "delivered", START + timedelta(minutes=1))

    progress = look(core, campaign_id, START + timedelta(minutes=5))

    # 300 at two a minute are 150 minutes; Saturday has 60 of them left, and then it is Monday.
    assert progress.attempts_per_minute == 2.0
    assert progress.estimated_end is not None
    assert progress.estimated_end.date() == datetime(2026, 11, 23, tzinfo=UTC).date()
    assert 9 <= progress.estimated_end.hour < 11


def test_a_campaign_that_stands_still_has_no_end_and_a_finished_one_has_its_own(core: Core) -> None:
    campaign_id = a_campaign(core, 10)
    end(core, campaign_id, 2, "delivered", START)
    for status, finished_at, estimated in (("paused", None, None), ("finished", START, START)):
        with core.store.write() as tx:
            tx.execute(update(_campaigns).values(status=status, finished_at=finished_at))
        assert look(core, campaign_id, START + timedelta(minutes=1)).estimated_end == estimated
