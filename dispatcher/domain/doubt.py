"""An open call of which nobody knows whether it is up: what to ask the PBX next, and what its answers prove.

A call is *in question* when its dial request was not answered, when its reports have stopped, or when
reports may have been lost. The questions are always the same, the cheap one first:

1. the PBX's live calls, at once and then less and less often;
2. its call records, once the call is seen to be gone and its record must have been written.

What the answers prove:

=====================================================  ===============================================
answers                                                conclusion
=====================================================  ===============================================
the live calls show it                                  it is up; it keeps its channel
they do not, nor do the records that were fetched       it is over; what became of it nobody knows any
after any record of it was written                      more (``unknown``)
the same, of a call whose dial was never answered and   it was never placed
of which no sign was ever seen, at a PBX that is known
to show and to record such calls
a record that can only be its own                       whatever the record says
=====================================================  ===============================================

Pure: every time is an argument, and is the moment at which something was *known*.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

FIRST_LOOK = timedelta(seconds=2)
LONGEST_LOOK = timedelta(seconds=30)
"""The pause after a look at the live calls doubles from the one to the other."""

MOST_FAILED_LOOKS = 8
"""After so many looks for a call that the PBX answers with an error, it counts as not shown."""

JUST_PLACED = timedelta(seconds=5)
"""A call that was accepted so recently need not be in the list of live calls yet (inferred)."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long things take at a PBX.

    ``written``: from a call's end until its record is there for certain; no manual says it, and ten seconds
    is what receivers in the field wait. ``patience``: how long records that can't be fetched are waited for,
    before a call that is known to be over is closed without them.
    """

    written: timedelta = timedelta(seconds=10)
    patience: timedelta = timedelta(seconds=120)


class Step(StrEnum):
    """What is to be done next about a call in question."""

    LOOK = "look"
    """Ask whether it is among the live calls."""
    FETCH = "fetch"
    """Fetch the call records."""
    CLOSE = "close"
    """It is over."""
    NEVER_PLACED = "never_placed"
    """It was never placed, and that is certain."""


@dataclass(frozen=True, slots=True)
class Question:
    """One open call in question.

    ``settled_at`` is when the PBX has certainly acted on its dial request, if it ever does: only then can
    it be missed. ``is_placed`` says that the PBX answered the request, or that its callid is known in another
    way: whatever it is then asked for in vain, it was placed.
    ``can_be_seen`` says whether the PBX would show this very call while it is up, ``has_records``
    whether its records can be fetched at all.
    """

    since: datetime
    settled_at: datetime
    is_placed: bool
    can_be_seen: bool
    has_records: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What the PBX has answered so far about one call.

    ``absent_at`` is when an answer came that did not show it, to a question sent after it had settled and
    after it was last shown. ``records_at`` is when the newest download was asked for. ``perhaps`` says that
    a record in it may be this call's without being certainly so, ``vouched`` that both the list and the
    records are known to hold calls like this one.
    """

    looks: int = 0
    looked_at: datetime | None = None
    shown_at: datetime | None = None
    absent_at: datetime | None = None
    records_at: datetime | None = None
    perhaps: bool = False
    vouched: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """The next ``step``, not before ``at``, and ``why``, in plain words."""

    step: Step
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Look:
    """A question after the live calls: when it was ``sent`` and ``answered``, and what it ``shows``."""

    sent: datetime
    answered: datetime
    shows: bool


def after_look(question: Question, known: Known, look: Look) -> Known:
    """What is known after a look at the live calls.

    That a call is not shown means something only once it has settled, and only from the answer on: it may
    have ended while the list was being made.
    """
    absent = known.absent_at
    if look.shows:
        absent = None
    elif absent is None and look.sent >= question.settled_at:
        absent = look.answered
    return Known(
        looks=known.looks + 1,
        looked_at=look.answered,
        shown_at=look.answered if look.shows else known.shown_at,
        absent_at=absent,
        records_at=known.records_at,
        perhaps=known.perhaps,
        vouched=known.vouched,
    )


def after_failed_look(question: Question, known: Known, answered: datetime) -> Known:
    """What is known after the PBX, which answers otherwise, answered a look for this call with an error.

    Nothing, at first: it is asked again, less and less often. From :data:`MOST_FAILED_LOOKS` on, counted
    anew since it was last shown, the call counts as not shown.
    """
    was_shown = known.shown_at is not None and known.shown_at == known.looked_at
    looks = 1 if was_shown else known.looks + 1
    absent = known.absent_at
    if absent is None and looks >= MOST_FAILED_LOOKS and answered >= question.settled_at:
        absent = answered
    return replace(known, looks=looks, looked_at=answered, absent_at=absent)


def next_step(question: Question, known: Known, waits: Waits, now: datetime) -> Next:
    """What to do next about a call in question; a step whose time is over is due at once."""
    gone = known.absent_at if question.can_be_seen else question.settled_at
    if gone is None:
        return _look_again(question, known)
    if not question.has_records:
        return Next(Step.CLOSE, gone, f"{_gone(question)}; it keeps no records that could tell more")
    written = gone + waits.written
    if known.records_at is None or known.records_at < written:
        if now >= written + waits.patience:
            return Next(Step.CLOSE, now, f"{_gone(question)}, and its call record can't be fetched")
        return Next(Step.FETCH, written, f"{_gone(question)}; its call record is looked for")
    return _by_records(question, known)


def _look_again(question: Question, known: Known) -> Next:
    if known.looked_at is None:
        return Next(Step.LOOK, question.since, "the PBX's live calls are looked at")
    at = known.looked_at + pause_after(known.looks)
    if known.shown_at == known.looked_at:
        return Next(Step.LOOK, at, "the PBX shows it among its live calls")
    if known.looked_at >= question.settled_at:
        return Next(Step.LOOK, at, "the PBX answers the question after it with an error")
    # The first look that can miss it is worth making on time.
    at = min(at, max(question.settled_at, known.looked_at + FIRST_LOOK))
    return Next(Step.LOOK, at, "the PBX does not show it yet, but may still be about to place it")


def pause_after(looks: int) -> timedelta:
    """How long to wait after so many looks at the live calls."""
    doublings = min(max(looks, 1) - 1, 10)
    return min(FIRST_LOOK * int(2**doublings), LONGEST_LOOK)


def _by_records(question: Question, known: Known) -> Next:
    at = known.records_at or question.settled_at
    never_seen = not question.is_placed and known.shown_at is None
    if never_seen and question.can_be_seen and known.vouched and not known.perhaps:
        return Next(Step.NEVER_PLACED, at, "the PBX never showed it, and recorded calls like it, but not it")
    why = "a call record may be its own, but not certainly" if known.perhaps else "no call record is its own"
    return Next(Step.CLOSE, at, f"{_gone(question)}, and {why}")


def _gone(question: Question) -> str:
    return (
        "the PBX does not show it among its live calls" if question.can_be_seen else "the PBX can't show it"
    )
