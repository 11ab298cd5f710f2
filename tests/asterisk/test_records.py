"""How the channel limit is read from Asterisk's channel event log."""

from tests.asterisk.records import Interval, Row, intervals, most_at_once


def row(kind: str, at: float, uniqueid: str, channel: str = "PJSIP/trunk-1") -> Row:
    return Row(kind, at, uniqueid, channel, "")


def test_a_channel_exists_from_its_making_to_its_removal() -> None:
    rows = [row("CHAN_START", 1.0, "a"), row("ANSWER", 2.0, "a"), row("CHAN_START", 3.0, "b")]
    rows += [row("CHAN_END", 4.0, "a"), row("CHAN_START", 3.0, "agent", "PJSIP/agents-1")]
    assert intervals(rows) == [Interval("a", 1.0, 4.0), Interval("b", 3.0, None)]


def test_channels_that_overlap_count_together() -> None:
    assert most_at_once([Interval("a", 1.0, 3.0), Interval("b", 2.0, 4.0), Interval("c", 3.5, 5.0)]) == 2


def test_a_channel_that_begins_as_another_ends_takes_its_place() -> None:
    assert most_at_once([Interval("a", 1.0, 3.0), Interval("b", 3.0, 4.0)]) == 1


def test_a_crash_ends_what_was_up() -> None:
    before_and_after = [Interval("a", 1.0, None), Interval("b", 5.0, 6.0)]
    assert most_at_once(before_and_after) == 2
    assert most_at_once(before_and_after, crashes=[3.0]) == 1
