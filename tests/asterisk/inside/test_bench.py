"""The bench itself: each phone does what its number says, and both versions of Asterisk tell it alike."""

import pytest

from tests.asterisk.callees import CALLEES
from tests.asterisk.inside.conftest import Bench
from tests.asterisk.phones import number_of
from tests.asterisk.records import cdrs, cel, intervals, most_at_once

# What the dialplan tells of each, the key that was pressed, the cause of the end in Asterisk 22 and in 16.
PLAYED, KEY = "DispatcherPrompt", "DispatcherKey"
STORIES: dict[str, tuple[list[str], str, str, str]] = {
    "presses 1": ([PLAYED, KEY], "1", "16", "16"),
    "presses 1 by INFO": ([PLAYED, KEY], "1", "16", "16"),
    "hangs up early": ([], "", "0", "16"),
    "rings for ever": ([], "", "19", "0"),
    "is silent": ([PLAYED], "", "16", "16"),
    "presses 9": ([PLAYED, KEY], "9", "16", "16"),
    "presses 1 during the prompt": ([KEY], "1", "16", "16"),
    "presses 1 and hangs up": ([PLAYED, KEY], "1", "16", "16"),
    "hangs up with cause 16": ([PLAYED], "", "16", "16"),
    "has early media": ([PLAYED, KEY], "1", "16", "16"),
    "is not found": ([], "", "1", "1"),
    "is away": ([], "", "19", "19"),
    "is busy": ([], "", "17", "17"),
    "has a full trunk": ([], "", "34", "34"),
    "declines": ([], "", "21", "21"),
    "does not answer anything": ([], "", "19", "0"),
}
LONGEST = 12.0


@pytest.mark.parametrize("version", ["newer", "older"])
def test_every_phone_does_what_its_number_says(request: pytest.FixtureRequest, version: str) -> None:
    bench: Bench = request.getfixturevalue(version)
    with bench.look() as ami:
        ids = {callee: f"{version}-{CALLEES[callee].code}" for callee in STORIES}
        for callee, channel_id in ids.items():
            channel = f"PJSIP/{number_of(callee, 9000)}@trunk"
            assert ami.originate(channel_id, channel, "dispatcher-ivr", "6500")["Response"] == "Success"
        ends = {"Hangup", "Cdr", "OriginateResponse"}
        ami.wait_for(lambda: all(ends <= set(ami.kinds_of(each)) for each in ids.values()), LONGEST)

        for callee, (told, key, cause, cause_of_older) in STORIES.items():
            events = ami.of(ids[callee])
            kinds = [kind for kind in ami.kinds_of(ids[callee]) if kind in (PLAYED, KEY)]
            keys = "".join(event.get("Key", "") for event in events)
            causes = [event["Cause"] for event in events if event["Event"] == "Hangup"]
            expected = [cause if version == "newer" else cause_of_older]
            assert (kinds, keys, causes) == (told, key, expected), callee
        assert ami.channels_up() == 0

    taken = bench.phones.taken()
    for callee, (_, key, _, _) in STORIES.items():
        [call] = taken[number_of(callee, 9000)]
        assert call.keys == key, callee
        assert call.rang == ("ring" in {step[0] for step in CALLEES[callee].steps}), callee


def test_asterisk_writes_down_every_call_and_when_it_was_up(newer: Bench) -> None:
    with newer.look() as ami:
        for index in range(4):
            channel = f"PJSIP/{number_of('is busy', 9100 + index)}@trunk"
            ami.originate(f"written-{index}", channel, "dispatcher-ivr", "6500")
        ami.wait_for(lambda: all("Cdr" in ami.kinds_of(f"written-{index}") for index in range(4)))

    records = [
        record for record in cdrs(newer.asterisk.cdr_file) if record["uniqueid"].startswith("written-")
    ]
    assert [record["disposition"] for record in records] == ["BUSY"] * 4
    existing = [one for one in intervals(cel(newer.asterisk.cel_file)) if one.uniqueid.startswith("written-")]
    assert most_at_once(existing) == 4


def test_a_lost_client_finds_what_it_missed(newer: Bench) -> None:
    """The dialplan leaves in Asterisk's own database what became of a call that somebody answered."""
    with newer.look() as ami:
        ami.originate("missed-0001", f"PJSIP/{number_of('presses 9', 9200)}@trunk", "dispatcher-ivr", "6500")
        ami.wait_for(lambda: "Hangup" in ami.kinds_of("missed-0001"))
        [found] = [row["Val"] for row in ami.listed("DBGet", Family="dispatcher", Key="0001") if "Val" in row]
    assert found == "missed-0001|1|9|16"


def test_asterisk_killed_leaves_no_record_and_comes_back(bench: Bench) -> None:
    with bench.look() as ami:
        ami.originate("killed", f"PJSIP/{number_of('keeps talking')}@trunk", "dispatcher-ivr", "6500")
        ami.wait_for(lambda: PLAYED in ami.kinds_of("killed"))
    bench.asterisk.kill()
    bench.asterisk.start()
    with bench.look() as ami:
        assert ami.channels_up() == 0
    assert cdrs(bench.asterisk.cdr_file) == []
