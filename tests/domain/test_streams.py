"""Since when a stream of reports is not read."""

from datetime import datetime, timedelta

import pytest

from dispatcher.domain.streams import unread_since
from tests.domain.reported import START as NOW


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


AHEAD = ago(-4)
LONG_AGO = ago(100_000)


@pytest.mark.parametrize(
    ("connected_at", "lost_at", "leased_until", "since"),
    [
        (ago(60), None, AHEAD, None),
        (None, None, None, LONG_AGO),
        (None, ago(5), AHEAD, LONG_AGO),
        (ago(60), ago(5), AHEAD, ago(5)),
        (ago(60), ago(5), None, ago(5)),
        (ago(60), None, ago(3), ago(3)),
        (ago(60), None, NOW, NOW),
        (ago(60), None, None, ago(60)),
    ],
    ids=[
        "it is read",
        "it was never opened",
        "it could not be opened",
        "it is lost, and somebody tries to open it",
        "its reader has ended in order",
        "its reader has died",
        "its reader's lease ends now",
        "its reader could not note its end",
    ],
)
def test_it_is_read_while_it_is_open_and_its_reader_lives(
    connected_at: datetime | None,
    lost_at: datetime | None,
    leased_until: datetime | None,
    since: datetime | None,
) -> None:
    known = {"connected_at": connected_at, "lost_at": lost_at, "leased_until": leased_until}
    assert unread_since(NOW, LONG_AGO, **known) == since
    # What was before this process began is nothing that it has waited for.
    assert unread_since(NOW, ago(1), **known) == (since and max(since, ago(1)))
