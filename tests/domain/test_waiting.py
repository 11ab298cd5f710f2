"""What a call waits for, in plain words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatcher.domain.doubt import Step
from dispatcher.domain.pacing import REPORTS_GRACE, TrunkLoad
from dispatcher.domain.vocabulary import CallState, CampaignStatus, DeliveredWhen, Outcome, Phase
from dispatcher.domain.waiting import Asked, Dialled, Standing, Wanted, waiting_for

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=3, seconds=20)
TOMORROW = NOW + timedelta(hours=23)
FREE = Standing("hq", "SPS-6-36", TrunkLoad(channels=30))
RUNNING = Wanted(CampaignStatus.RUNNING)


def queued(
    *trunks: Standing,
    due_at: datetime = NOW,
    last_outcome: Outcome | None = None,
    campaign: Wanted | None = None,
) -> str | None:
    return waiting_for(
        CallState.QUEUED,
        now=NOW,
        due_at=due_at,
        last_outcome=last_outcome,
        campaign=campaign,
        trunks=trunks or [FREE],
    )


def on(**load: Any) -> Standing:
    return replace(FREE, load=replace(FREE.load, **load))


@pytest.mark.parametrize(
    "state", [CallState.DELIVERED, CallState.FAILED, CallState.CANCELLED, CallState.EXPIRED]
)
def test_a_call_that_has_ended_waits_for_nothing(state: CallState) -> None:
    assert waiting_for(state, now=NOW, due_at=SOON, trunks=[FREE]) is None


@pytest.mark.parametrize(
    ("due_at", "last_outcome", "words"),
    [
        (SOON, Outcome.BUSY, "the retry after busy at 10:03:20 UTC"),
        (SOON, Outcome.NO_ANSWER, "the retry after no answer at 10:03:20 UTC"),
        (TOMORROW, Outcome.BUSY, "the retry after busy at 2026-11-22 09:00:00 UTC"),
        (SOON, None, "its time, 10:03:20 UTC"),
        (NOW, Outcome.BUSY, "its turn: a channel is free on hq/SPS-6-36"),
    ],
)
def test_a_call_that_is_not_due_waits_for_its_time(
    due_at: datetime, last_outcome: Outcome | None, words: str
) -> None:
    assert queued(due_at=due_at, last_outcome=last_outcome) == words


@pytest.mark.parametrize(
    ("campaign", "words"),
    [
        (RUNNING, "its turn: a channel is free on hq/SPS-6-36"),
        (Wanted(CampaignStatus.DRAFT), "the campaign to be started; it is a draft"),
        (Wanted(CampaignStatus.PAUSED), "the campaign to be resumed; the campaign is paused"),
        (
            Wanted(CampaignStatus.PAUSED, paused_why="hq refused 3 calls in a row"),
            "the campaign to be resumed; the campaign is paused: hq refused 3 calls in a row",
        ),
        (Wanted(CampaignStatus.CANCELLED), "nothing more: the campaign is cancelled"),
        (Wanted(CampaignStatus.RUNNING, SOON), "the calling window, which opens at 10:03:20 UTC"),
        (
            Wanted(CampaignStatus.RUNNING, TOMORROW),
            "the calling window, which opens at 2026-11-22 09:00:00 UTC",
        ),
        (
            Wanted(CampaignStatus.RUNNING, None, 5, 5),
            "another call of the campaign to end: all 5 that it may have at once are up",
        ),
        (Wanted(CampaignStatus.RUNNING, None, 5, 4), "its turn: a channel is free on hq/SPS-6-36"),
    ],
)
def test_a_campaign_can_hold_its_calls(campaign: Wanted, words: str) -> None:
    assert queued(campaign=campaign) == words


def test_of_a_retry_and_a_window_the_later_counts() -> None:
    window = Wanted(CampaignStatus.RUNNING, SOON)

    assert queued(campaign=window, due_at=TOMORROW, last_outcome=Outcome.BUSY) == (
        "the retry after busy at 2026-11-22 09:00:00 UTC"
    )
    assert queued(campaign=window, due_at=NOW + timedelta(seconds=5), last_outcome=Outcome.BUSY) == (
        "the calling window, which opens at 10:03:20 UTC"
    )


UNREAD = "the reports of hq to be read, which nobody does now"
FULL = "a free channel: all 30 channels of hq/SPS-6-36 are in use"


@pytest.mark.parametrize(
    ("trunk", "words"),
    [
        (on(paused=True), "hq/SPS-6-36 to be resumed; it is paused"),
        (on(blocked_until=SOON), "the trunk hq/SPS-6-36, which is blocked until 10:03:20 UTC"),
        (on(campaigns=30), FULL),
        (on(alarms=6, campaigns=20, others=4), f"{FULL} (4 by others)"),
        (
            on(calls_per_second=2.5, next_slot_at=SOON),
            "the next call that hq/SPS-6-36 may start at 2.5 calls per second",
        ),
        (on(down="hq shows it as Failure"), "the trunk hq/SPS-6-36, which is down: hq shows it as Failure"),
        (on(blocked_until=NOW, trying=0), "its turn: a channel is free on hq/SPS-6-36"),
        (on(blocked_until=NOW), "its turn: a channel is free on hq/SPS-6-36"),
        (on(reserved=4, campaigns=26), "its turn: a channel is free on hq/SPS-6-36"),
        (on(unread_since=NOW), f"{UNREAD}; until 10:00:10 UTC at most"),
        (on(unread_since=NOW - REPORTS_GRACE), "its turn: a channel is free on hq/SPS-6-36"),
    ],
)
def test_a_trunk_can_hold_an_alarms_call(trunk: Standing, words: str) -> None:
    assert queued(trunk) == words


@pytest.mark.parametrize("since", [NOW, NOW - REPORTS_GRACE, NOW - timedelta(days=9)])
def test_a_campaigns_call_waits_until_reports_are_read(since: datetime) -> None:
    assert queued(on(unread_since=since), campaign=RUNNING) == UNREAD


def test_a_blocked_trunk_says_why() -> None:
    trunk = Standing(
        "hq", "X", TrunkLoad(channels=1, blocked_until=SOON), "5 failures in a row, the last: 503"
    )

    assert queued(trunk) == (
        "the trunk hq/X, which is blocked until 10:03:20 UTC after 5 failures in a row, the last: 503"
    )


def test_a_trunk_that_is_tried_out_says_so() -> None:
    trunk = Standing(
        "hq", "X", TrunkLoad(channels=9, alarms=1, trying=1), "5 failures in a row, the last: 503"
    )

    assert queued(trunk) == (
        "the outcome of the call that tries hq/X after 5 failures in a row, the last: 503"
    )


def test_channels_reserved_for_alarms_are_not_a_campaigns() -> None:
    trunk = on(reserved=4, campaigns=26)

    assert queued(trunk, campaign=RUNNING) == (
        "a free channel: the 4 free channels of hq/SPS-6-36 are reserved for alarms"
    )
    assert queued(on(reserved=4, alarms=2, campaigns=25), campaign=RUNNING) == (
        "its turn: a channel is free on hq/SPS-6-36"
    )


def test_with_several_trunks_each_obstacle_is_named_until_one_is_free() -> None:
    paused = Standing("north", "A", TrunkLoad(channels=2, paused=True))

    assert queued(paused, on(campaigns=30)) == f"north/A to be resumed; it is paused; or {FULL}"
    assert queued(paused, FREE) == "its turn: a channel is free on hq/SPS-6-36"


def test_without_any_trunk_that_is_said() -> None:
    assert (
        waiting_for(CallState.QUEUED, now=NOW, due_at=NOW) == "a trunk that may carry it; none is configured"
    )


def test_a_user_is_called_once_at_a_time() -> None:
    assert (
        waiting_for(CallState.QUEUED, now=NOW, due_at=NOW, is_phone_busy=True)
        == "the end of another call to the same phone, which rings for one at a time"
    )
    assert "the retry after busy" in str(
        waiting_for(
            CallState.QUEUED,
            now=NOW,
            due_at=NOW + timedelta(minutes=1),
            last_outcome=Outcome.BUSY,
            is_phone_busy=True,
        )
    )


def test_the_extensions_of_a_pbx_are_named_as_such() -> None:
    extensions = Standing("hq", "", TrunkLoad(channels=2, alarms=2))

    assert queued(extensions) == "a free channel: all 2 channels of the extensions of hq are in use"


SENT = "the answer to the dial request sent to hq at 10:00:00 UTC"


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (Dialled(Phase.CLAIMED, "hq", DeliveredWhen.HEARD), "a dial worker to send the dial request to hq"),
        (Dialled(Phase.DIALING, "hq", DeliveredWhen.HEARD, dialed_at=NOW), SENT),
        (
            Dialled(Phase.IN_DOUBT, "hq", DeliveredWhen.HEARD, dialed_at=NOW, doubt="timed_out: no answer"),
            f"{SENT}; the attempt is in doubt: timed_out: no answer",
        ),
        (
            Dialled(Phase.IN_DOUBT, "hq", DeliveredWhen.HEARD, dialed_at=NOW),
            f"{SENT}; the attempt is in doubt: its fate is not known yet",
        ),
        (
            Dialled(
                Phase.IN_DOUBT,
                "hq",
                DeliveredWhen.HEARD,
                dialed_at=NOW,
                doubt="timed_out: no answer",
                asked=Asked("the PBX does not show it", Step.FETCH, SOON),
            ),
            f"{SENT}; the attempt is in doubt: timed_out: no answer; the PBX does not show it;"
            " the PBX is asked for its call records at 10:03:20 UTC",
        ),
        (
            Dialled(Phase.UP, "hq", DeliveredWhen.HEARD, asked=Asked("", Step.LOOK, SOON)),
            "the callee to answer; the PBX is asked for its live calls at 10:03:20 UTC",
        ),
        (Dialled(Phase.UP, "hq", DeliveredWhen.HEARD), "the callee to answer"),
        (
            Dialled(Phase.UP, "hq", DeliveredWhen.HEARD, ringing_at=SOON),
            "the callee to answer; it has been ringing since 10:03:20 UTC",
        ),
        (
            Dialled(Phase.UP, "hq", DeliveredWhen.HEARD, ringing_at=NOW, answered_at=SOON),
            "the end of the prompt, since the answer at 10:03:20 UTC",
        ),
        (
            Dialled(Phase.UP, "hq", DeliveredWhen.ACKNOWLEDGED, "15", answered_at=SOON),
            "the key 1 or 5, since the answer at 10:03:20 UTC",
        ),
        (Dialled(Phase.ENDED, "hq", DeliveredWhen.HEARD), "the decision on its last attempt"),
        (None, "the decision on its last attempt"),
    ],
)
def test_a_call_under_way_says_what_comes_next(attempt: Dialled | None, words: str) -> None:
    assert waiting_for(CallState.ACTIVE, now=NOW, due_at=NOW, attempt=attempt) == words
