"""The people (and networks) at the other end: what each does when its phone is called.

A behaviour is chosen (a) by an explicit number, (b) else by the last four digits of the number, (c) else it
is the default. Codes that name a SIP status mean that status; the first digit of 1003, 1480, 1486 and 2503
tells how often the call goes wrong before the callee answers.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Behaviour(StrEnum):
    """What a callee does. The comment after each is its four-digit code."""

    KEY_1 = "key_1"  # 0001, 0002
    HANGS_UP_EARLY = "hangs_up_early"  # 0003
    RINGS_FOREVER = "rings_forever"  # 0004
    ANSWERS_LATE = "answers_late"  # 0005
    SILENT = "silent"  # 0006
    KEY_9 = "key_9"  # 0007
    KEY_1_DURING_PROMPT = "key_1_during_prompt"  # 0008
    KEY_1_THEN_HANGS_UP = "key_1_then_hangs_up"  # 0009
    HEARS_THEN_HANGS_UP = "hears_then_hangs_up"  # 0010, 0011
    HANGS_UP_AT_ONCE = "hangs_up_at_once"  # 0012
    KEY_1_ON_REPEAT = "key_1_on_repeat"  # 0013
    KEYS_CODE = "keys_code"  # 0014
    VOICEMAIL = "voicemail"  # 0020
    NO_RESPONSE = "no_response"  # 0000
    EARLY_MEDIA = "early_media"  # 0183
    NOT_FOUND = "not_found"  # 0404
    UNAVAILABLE = "unavailable"  # 0480
    ADDRESS_INCOMPLETE = "address_incomplete"  # 0484
    BUSY = "busy"  # 0486
    TERMINATED = "terminated"  # 0487
    TRUNK_REFUSES = "trunk_refuses"  # 0503
    DECLINES = "declines"  # 0603
    BAD_NUMBER = "bad_number"  # 0031
    DO_NOT_DISTURB = "do_not_disturb"  # 0032
    LINE_UNREACHABLE = "line_unreachable"  # 0033
    NOT_PERMITTED = "not_permitted"  # 0034
    BUSY_THEN_KEY_1 = "busy_then_key_1"  # 1486
    NO_ANSWER_THEN_KEY_1 = "no_answer_then_key_1"  # 1480
    EARLY_THEN_KEY_1 = "early_then_key_1"  # 1003
    TRUNK_REFUSES_TWICE = "trunk_refuses_twice"  # 2503


BEHAVIOUR_BY_SUFFIX: Mapping[str, Behaviour] = {
    "0000": Behaviour.NO_RESPONSE,
    "0001": Behaviour.KEY_1,
    "0002": Behaviour.KEY_1,
    "0003": Behaviour.HANGS_UP_EARLY,
    "0004": Behaviour.RINGS_FOREVER,
    "0005": Behaviour.ANSWERS_LATE,
    "0006": Behaviour.SILENT,
    "0007": Behaviour.KEY_9,
    "0008": Behaviour.KEY_1_DURING_PROMPT,
    "0009": Behaviour.KEY_1_THEN_HANGS_UP,
    "0010": Behaviour.HEARS_THEN_HANGS_UP,
    "0011": Behaviour.HEARS_THEN_HANGS_UP,
    "0012": Behaviour.HANGS_UP_AT_ONCE,
    "0013": Behaviour.KEY_1_ON_REPEAT,
    "0014": Behaviour.KEYS_CODE,
    "0020": Behaviour.VOICEMAIL,
    "0031": Behaviour.BAD_NUMBER,
    "0032": Behaviour.DO_NOT_DISTURB,
    "0033": Behaviour.LINE_UNREACHABLE,
    "0034": Behaviour.NOT_PERMITTED,
    "0183": Behaviour.EARLY_MEDIA,
    "0404": Behaviour.NOT_FOUND,
    "0480": Behaviour.UNAVAILABLE,
    "0484": Behaviour.ADDRESS_INCOMPLETE,
    "0486": Behaviour.BUSY,
    "0487": Behaviour.TERMINATED,
    "0503": Behaviour.TRUNK_REFUSES,
    "0603": Behaviour.DECLINES,
    "1003": Behaviour.EARLY_THEN_KEY_1,
    "1480": Behaviour.NO_ANSWER_THEN_KEY_1,
    "1486": Behaviour.BUSY_THEN_KEY_1,
    "2503": Behaviour.TRUNK_REFUSES_TWICE,
}


class Failure(StrEnum):
    """Why a call was not answered; each family has its own words for it."""

    NO_ANSWER = "no_answer"
    UNAVAILABLE = "unavailable"
    NOT_FOUND = "not_found"
    ADDRESS_INCOMPLETE = "address_incomplete"
    BUSY = "busy"
    TERMINATED = "terminated"
    HUNG_UP = "hung_up"
    TRUNK_REFUSES = "trunk_refuses"
    CONGESTION = "congestion"
    DECLINED = "declined"
    DO_NOT_DISTURB = "do_not_disturb"
    LINE_UNREACHABLE = "line_unreachable"
    NOT_PERMITTED = "not_permitted"


Status = Literal["ANSWERED", "NO ANSWER", "BUSY", "FAILED", "VOICEMAIL"]
Wait = Literal["none", "ring", "no_answer"]
Moment = Literal["at_once", "during", "after"]


@dataclass(frozen=True, slots=True)
class Script:
    """One call as the callee plays it.

    `refused` refuses the dial request itself, for its number. `failure` is why a call is not answered, after
    `wait`; `rings` tells whether the phone rang before. An answered call is listened to for `passes`
    full prompts (None: all), then at `moment` of the next stage the callee presses `keys` and/or hangs up.
    """

    refused: bool = False
    failure: Failure | None = None
    cdr_status: Status = "ANSWERED"
    rings: bool = True
    wait: Wait = "ring"
    ring_factor: float = 1.0
    passes: int | None = None
    moment: Moment = "after"
    keys: str = ""
    hangs_up: bool = False
    voicemail: bool = False

    @property
    def answers(self) -> bool:
        """A person (or a voicemail box) takes the call."""
        return self.failure is None and not self.refused


def _fails(reason: Failure, status: Status, *, rings: bool = False, wait: Wait = "none") -> Script:
    return Script(failure=reason, cdr_status=status, rings=rings, wait=wait)


SCRIPTS: Mapping[Behaviour, Script] = {
    Behaviour.KEY_1: Script(passes=1, keys="1"),
    Behaviour.HANGS_UP_EARLY: Script(passes=0, moment="during", hangs_up=True),
    Behaviour.RINGS_FOREVER: _fails(Failure.NO_ANSWER, "NO ANSWER", rings=True, wait="no_answer"),
    Behaviour.ANSWERS_LATE: Script(ring_factor=5.0),
    Behaviour.SILENT: Script(),
    Behaviour.KEY_9: Script(passes=1, keys="9"),
    Behaviour.KEY_1_DURING_PROMPT: Script(passes=0, moment="during", keys="1"),
    Behaviour.KEY_1_THEN_HANGS_UP: Script(passes=1, keys="1", hangs_up=True),
    Behaviour.HEARS_THEN_HANGS_UP: Script(passes=1, hangs_up=True),
    Behaviour.HANGS_UP_AT_ONCE: Script(passes=0, moment="at_once", hangs_up=True),
    Behaviour.KEY_1_ON_REPEAT: Script(passes=2, keys="1"),
    Behaviour.KEYS_CODE: Script(passes=1, keys="1234#"),
    Behaviour.VOICEMAIL: Script(cdr_status="VOICEMAIL", voicemail=True),
    Behaviour.NO_RESPONSE: _fails(Failure.NO_ANSWER, "NO ANSWER", wait="no_answer"),
    Behaviour.EARLY_MEDIA: _fails(Failure.UNAVAILABLE, "NO ANSWER", wait="no_answer"),
    Behaviour.NOT_FOUND: _fails(Failure.NOT_FOUND, "FAILED"),
    Behaviour.UNAVAILABLE: _fails(Failure.UNAVAILABLE, "NO ANSWER"),
    Behaviour.ADDRESS_INCOMPLETE: _fails(Failure.ADDRESS_INCOMPLETE, "FAILED"),
    Behaviour.BUSY: _fails(Failure.BUSY, "BUSY"),
    Behaviour.TERMINATED: _fails(Failure.TERMINATED, "NO ANSWER", rings=True, wait="ring"),
    Behaviour.TRUNK_REFUSES: _fails(Failure.TRUNK_REFUSES, "FAILED"),
    Behaviour.DECLINES: _fails(Failure.DECLINED, "NO ANSWER", rings=True, wait="ring"),
    Behaviour.BAD_NUMBER: Script(refused=True),
    Behaviour.DO_NOT_DISTURB: _fails(Failure.DO_NOT_DISTURB, "NO ANSWER"),
    Behaviour.LINE_UNREACHABLE: _fails(Failure.LINE_UNREACHABLE, "FAILED"),
    Behaviour.NOT_PERMITTED: _fails(Failure.NOT_PERMITTED, "FAILED"),
}
"""The script of every behaviour that is the same on each call."""

CHANGING: Mapping[Behaviour, tuple[int, Behaviour, Behaviour]] = {
    Behaviour.BUSY_THEN_KEY_1: (1, Behaviour.BUSY, Behaviour.KEY_1),
    Behaviour.NO_ANSWER_THEN_KEY_1: (1, Behaviour.RINGS_FOREVER, Behaviour.KEY_1),
    Behaviour.EARLY_THEN_KEY_1: (1, Behaviour.HANGS_UP_EARLY, Behaviour.KEY_1),
    Behaviour.TRUNK_REFUSES_TWICE: (2, Behaviour.TRUNK_REFUSES, Behaviour.KEY_1),
}
"""Behaviours that depend on how often the number was dialled: the first N times one, then the other."""


class CalleeBook:
    """Chooses a script for each dial, and counts the dials of each number."""

    def __init__(self, default: Behaviour, numbers: Mapping[str, Behaviour], *, by_suffix: bool) -> None:
        self.default = default
        self.numbers = dict(numbers)
        self.dials: Counter[str] = Counter()
        self._by_suffix = by_suffix

    def reset(self, default: Behaviour, numbers: Mapping[str, Behaviour]) -> None:
        """Start anew, with no dials counted."""
        self.default = default
        self.numbers = dict(numbers)
        self.dials.clear()

    def behaviour(self, number: str, *, external: bool = True) -> Behaviour:
        """The behaviour of a number as it stands; the four-digit codes are for external numbers only."""
        chosen = self.numbers.get(number)
        if chosen is None and external and self._by_suffix:
            chosen = BEHAVIOUR_BY_SUFFIX.get(number[-4:])
        return self.default if chosen is None else chosen

    def dial(
        self, number: str, *, external: bool = True, counted: bool = True
    ) -> tuple[Behaviour, Script, int]:
        """The number's behaviour, the script of this call, and how many dials it has had with this one.

        A dial that never reaches the callee, for want of a trunk, is not `counted`.
        """
        count = self.dials[number] + 1
        if counted:
            self.dials[number] = count
        behaviour = self.behaviour(number, external=external)
        changing = CHANGING.get(behaviour)
        if changing is None:
            return behaviour, SCRIPTS[behaviour], count
        times, first, then = changing
        return behaviour, SCRIPTS[first if count <= times else then], count
