"""What the product says of its calls, held against Asterisk's own event log and against the phones.

The truth is what the phones did. The words are those of RFC 3261 and of ``dispatcher.domain.outcomes``,
written down a second time on purpose, so that one misreading can't pass on both sides. The channel limit is
judged by Asterisk's event log alone.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import inf
from typing import Any

from tests.asterisk.callees import CANCELLED
from tests.asterisk.phones import Taken
from tests.asterisk.records import Interval, most_at_once

ACK = "1"
BY_STATUS = {
    "404": "invalid_number",
    "480": "no_answer",
    "486": "busy",
    "503": "congestion",
    "603": "rejected",
}
SILENT_PEER = "unreachable"
"""The outcome of a call to whose INVITE nobody has said a word."""
FINAL = {"delivered", "failed", "cancelled", "expired"}
SKEW = 0.05
"""Seconds by which Asterisk may note a channel's making after its INVITE has gone out."""
UNCLEAR = 0.25
"""Seconds by which a phone's clock of a prompt may differ from Asterisk's."""
AROUND_A_CRASH = 5.0
"""Seconds; the time-out of a request, and what a busy machine takes between writing and sending it."""
Call = Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """A run that is over. ``calls`` are the API's, ``channels`` Asterisk's, ``taken`` the phones', by number.

    ``crashes`` are when Asterisk was killed. ``away`` says that it could not be reached at some time, so that
    attempts may have been begun that became no call.
    """

    calls: Sequence[Call]
    channels: Sequence[Interval]
    taken: Mapping[str, Sequence[Taken]]
    limit: int
    prompt_seconds: float = 0.8
    crashes: Sequence[float] = ()
    away: bool = False

    @cached_property
    def by_id(self) -> dict[str, Interval]:
        """Asterisk's channels by their ids."""
        return {channel.uniqueid: channel for channel in self.channels}

    def attempts(self) -> Iterator[tuple[Call, Call, Interval | None, Taken | None]]:
        """Each attempt with its call, its channel, and the phone's own view of it."""
        for call in self.calls:
            for attempt in call["attempts"]:
                channel = self.by_id.get(attempt["callid"] or "")
                yield call, attempt, channel, self._story(call, channel) if channel else None

    def _story(self, call: Call, channel: Interval) -> Taken | None:
        """What the phone did that was called in the channel's time."""
        until = inf if channel.end is None else channel.end
        stories = self.taken.get(call["number"].lstrip("+"), ())
        return next((one for one in stories if channel.begin - SKEW <= one.times[0] <= until), None)

    def was_struck(self, channel: Interval) -> bool:
        """Whether the channel ended by a crash."""
        return channel.end is None and any(crash >= channel.begin for crash in self.crashes)


def judge(evidence: Evidence) -> Counter[str]:
    """Hold everything against each other; the outcomes of the attempts, counted."""
    faults = [fault for rule in RULES for fault in rule(evidence)]
    assert not faults, "\n".join([f"{len(faults)} things are wrong:", *faults[:20]])
    return Counter(attempt["outcome"] for call in evidence.calls for attempt in call["attempts"])


def outcome_of(story: Taken) -> str:
    """What became of a call to somebody who is to press 1."""
    if story.answered:
        return "delivered" if ACK in story.keys else "not_heard"
    if story.refusal:
        return BY_STATUS[story.refusal]
    return "no_answer" if story.rang or CANCELLED in story.story else SILENT_PEER


def over_the_limit(evidence: Evidence) -> Iterator[str]:
    """Asterisk never had a channel more on the trunk than the trunk has."""
    most = most_at_once(evidence.channels, evidence.crashes)
    if most > evidence.limit:
        yield f"{most} channels were up at once, of {evidence.limit}"


def not_over(evidence: Evidence) -> Iterator[str]:
    """Every call is in a final state, every attempt has an outcome, every channel has gone."""
    for call in evidence.calls:
        if call["state"] not in FINAL:
            yield f"{call['number']} is still {call['state']}"
        for attempt in call["attempts"]:
            if attempt["outcome"] is None:
                yield f"{call['number']}: attempt {attempt['ordinal']} has no outcome"
    for channel in evidence.channels:
        if channel.end is None and not evidence.was_struck(channel):
            yield f"channel {channel.uniqueid} is still up"


def strangers(evidence: Evidence) -> Iterator[str]:
    """Every channel is one attempt's, and no two attempts have the same."""
    owners = Counter(attempt["callid"] for call in evidence.calls for attempt in call["attempts"])
    for channel in evidence.channels:
        if owners[channel.uniqueid] != 1:
            yield f"channel {channel.uniqueid} belongs to {owners[channel.uniqueid]} attempts"


def dialled_too_often(evidence: Evidence) -> Iterator[str]:
    """The phones of a number were called once for each channel, and for no other reason."""
    recorded: Counter[str] = Counter()
    for call in evidence.calls:
        channels = [attempt for attempt in call["attempts"] if attempt["callid"] in evidence.by_id]
        recorded[call["number"].lstrip("+")] += len(channels)
    for number in recorded.keys() | evidence.taken.keys():
        came = len(evidence.taken.get(number, ()))
        # What a crash struck at once may never have left Asterisk.
        if came > recorded[number] or (came < recorded[number] and not evidence.crashes):
            yield f"{number} was called {came} times, in {recorded[number]} attempts that had a channel"


def dialled_for_nothing(evidence: Evidence) -> Iterator[str]:
    """An attempt without a channel is one that found Asterisk away, and says so.

    Of a dial that was on its way when Asterisk crashed nobody knows whether it became a call.
    """
    for call, attempt, channel, _ in evidence.attempts():
        allowed = {"unreachable", "cancelled"} if evidence.away else set()
        if any(abs(_seconds(attempt["dialed_at"]) - crash) < AROUND_A_CRASH for crash in evidence.crashes):
            allowed.add("unknown")
        if channel is None and attempt["outcome"] not in allowed:
            yield f"{call['number']}: attempt {attempt['ordinal']} ({attempt['outcome']}) has no channel"


def _seconds(at: str | None) -> float:
    return datetime.fromisoformat(at).timestamp() if at else inf


def wrong_outcomes(evidence: Evidence) -> Iterator[str]:
    """Each attempt's outcome is the phone's own; of calls that a crash struck it may be less."""
    for call, attempt, channel, story in evidence.attempts():
        if channel is None or story is None:
            continue
        right = {outcome_of(story)}
        if evidence.was_struck(channel):
            right |= {"unknown", "not_heard"} if story.answered else {"unknown"}
        if attempt["outcome"] not in right:
            told = f"{attempt['outcome']} ({attempt['cause']})"
            yield f"{call['number']}: attempt {attempt['ordinal']} is {told}, not {right}: {story.story}"


def wrong_facts(evidence: Evidence) -> Iterator[str]:
    """What was answered, heard and pressed is what the phone did, for every call that had its end."""
    for call, attempt, channel, story in evidence.attempts():
        if channel is None or story is None or evidence.was_struck(channel):
            continue
        told = {
            "answered": attempt["answered_at"] is not None,
            "digits": attempt["digits"] or "",
            "ended": attempt["ended_at"] is not None,
        }
        true = {"answered": story.answered, "digits": story.keys, "ended": True}
        if abs(story.listened - evidence.prompt_seconds) > UNCLEAR:
            told["heard"] = attempt["prompt_ended_at"] is not None
            true["heard"] = story.listened > evidence.prompt_seconds
        if told != true:
            yield f"{call['number']}: attempt {attempt['ordinal']} is said to be {told}, and was {true}"


def dialled_while_up(evidence: Evidence) -> Iterator[str]:
    """No number was called while an earlier call to it was up."""
    by_number: dict[str, list[Interval]] = defaultdict(list)
    for call, _, channel, _ in evidence.attempts():
        if channel is not None:
            by_number[call["number"]].append(channel)
    for number, channels in by_number.items():
        if most_at_once(channels, evidence.crashes) > 1:
            yield f"{number} was called while an earlier call to it was up"


RULES = (
    over_the_limit,
    not_over,
    strangers,
    dialled_too_often,
    dialled_for_nothing,
    wrong_outcomes,
    wrong_facts,
    dialled_while_up,
)


def rang_wrongly(evidence: Evidence) -> Iterable[str]:
    """That a phone rang is told of those that did, where every event was read as it came."""
    for call, attempt, _, story in evidence.attempts():
        if story is not None and (attempt["ringing_at"] is not None) != story.rang:
            yield f"{call['number']}: rang {attempt['ringing_at']}: {story.story}"
