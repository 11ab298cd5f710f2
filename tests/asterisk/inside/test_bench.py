"""The bench itself: each phone does what its number says, and both versions of Asterisk tell it alike."""

import pytest

from tests.asterisk.callees import CALLEES
from tests.asterisk.inside.conftest import Bench
from tests.asterisk.phones import number_of
from tests.asterisk.records import cdrs, cel, intervals, most_at_once

pytestmark = pytest.mark.timeout(300)

# Whether the message was played to its end, the key that was pressed, and the cause of the call's end in
# Asterisk 22 and in 16; where a callee hangs up in the prompt, 16 tells it now and then as 22 does.
STORIES: dict[str, tuple[bool, str, str, str]] = {
    "presses 1": (True, "1", "16", "16"),
    "presses 1 by INFO": (True, "1", "16", "16"),
    "hangs up early": (False, "", "0", "0 or 16"),
    "rings for ever": (False, "", "19", "0"),
    "is silent": (True, "", "16", "16"),
    "presses 9": (True, "9", "16", "16"),
    "presses 1 during the prompt": (False, "1", "16", "16"),
    "presses 1 and hangs up": (True, "1", "16", "16"),
    "hangs up with cause 16": (True, "", "16", "16"),
    "has early media": (True, "1", "16", "16"),
    "is not found": (False, "", "1", "1"),
    "is away": (False, "", "19", "19"),
    "is busy": (False, "", "17", "17"),
    "has a full trunk": (False, "", "34", "34"),
    "declines": (False, "", "21", "21"),
    "does not answer anything": (False, "", "19", "0"),
}
PLAYED, ENDED = "DispatcherPrompt", "DispatcherEnded"
LONGEST = 60.0


@pytest.mark.parametrize("version", ["newer", "older"])
def test_every_phone_does_what_its_number_says(request: pytest.FixtureRequest, version: str) -> None:
    bench: Bench = request.getfixturevalue(version)
    with bench.look() as ami:
        ids = {callee: f"{version}-{CALLEES[callee].code}" for callee in STORIES}
        for callee, channel_id in ids.items():
            channel = f"PJSIP/{number_of(callee, 9000)}@trunk"
            assert ami.originate(channel_id, channel, "dispatcher-ivr", "6500")["Response"] == "Success"
        ends = {"Hangup", "Cdr", "OriginateResponse", ENDED}
        ami.wait_for(lambda: all(ends <= set(ami.kinds_of(each)) for each in ids.values()), LONGEST)

        for callee, (played, key, cause, cause_of_older) in STORIES.items():
            events = ami.of(ids[callee])
            keys = [event["Digit"] for event in events if event["Event"] == "DTMFEnd"]
            causes = [event["Cause"] for event in events if event["Event"] == "Hangup"]
            expected = (cause if version == "newer" else cause_of_older).split(" or ")
            assert (PLAYED in ami.kinds_of(ids[callee]), "".join(keys)) == (played, key), callee
            assert len(causes) == 1, callee
            assert causes[0] in expected, callee
        assert ami.channels_up() == 0

    taken = bench.phones.taken()
    for callee, (_, key, _, _) in STORIES.items():
        [call] = taken[number_of(callee, 9000)]
        assert call.keys == key, callee
        assert call.rang == (CALLEES[callee].steps[0][0] in ("ring", "progress")), callee


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
    """The dialplan leaves in Asterisk's own database what became of a call."""
    with newer.look() as ami:
        for callee in ("presses 9", "is busy"):
            channel = f"PJSIP/{number_of(callee, 9200)}@trunk"
            ami.originate(f"missed-{CALLEES[callee].code}", channel, "dispatcher-ivr", "6500")
        ami.wait_for(
            lambda: {"Hangup"} <= set(ami.kinds_of("missed-0007")) & set(ami.kinds_of("missed-0486"))
        )
    kept = newer.asterisk.cli("database show dispatcher")
    pressed, busy = (
        next(line for line in kept.splitlines() if f"missed-{code}" in line) for code in ("0007", "0486")
    )
    assert "Up|16|1|9|" in pressed
    assert "|17|||" in busy
    assert "486" in busy


def test_asterisk_killed_leaves_no_record_and_comes_back(bench: Bench) -> None:
    with bench.look() as ami:
        ami.originate("killed", f"PJSIP/{number_of('keeps talking')}@trunk", "dispatcher-ivr", "6500")
        ami.wait_for(lambda: PLAYED in ami.kinds_of("killed"))
    bench.asterisk.kill()
    bench.asterisk.start()
    with bench.look() as ami:
        assert ami.channels_up() == 0
    assert cdrs(bench.asterisk.cdr_file) == []
