"""From facts to outcomes: what was answered, heard and acknowledged, and what became of the attempt.

Reports may come in any order, repeatedly or not at all. Order and repetition change nothing. A report
that is lost weakens the outcome and never turns it into a wrong one; it can at worst become:

==================  =======================================================================
with all reports    with some of them lost
==================  =======================================================================
``delivered``       ``not_heard`` (the prompt's end or the key is lost), ``unknown``,
                    ``voicemail`` (a box took the call, and only the CDR is left)
``not_heard``       ``unknown``
``voicemail``       ``not_heard`` (the CDR is lost), ``unknown``
``busy``            ``no_answer`` (by the CDR alone), ``unknown``
``no_answer``       ``busy`` (by the CDR alone), ``unknown``
``rejected``        ``no_answer`` or ``busy`` (by the CDR alone), ``unknown``
``invalid_number``  ``no_answer`` or ``busy`` (by the CDR alone), ``unknown``
``not_permitted``   ``no_answer`` or ``busy`` (by the CDR alone), ``unknown``
``congestion``      ``no_answer`` or ``busy`` (by the CDR alone), ``unknown``
``unreachable``     ``no_answer`` or ``busy`` (by the CDR alone), ``unknown``
``unknown``         ``unknown``
==================  =======================================================================

Besides, an outcome is not there yet while the report that ends the call is missing; the upkeep asks
the PBX then, and ends the attempt. An ``unknown`` of a call that was answered is never one that
:func:`may_have_been_reached` denies, nor a ``not_heard`` of a call whose end had to be asked for, so a
campaign does not call that person twice.

One report can be taken for another's: a CallFailed that does not name the callee is believed to be about
them until a sign shows that they took the call (see :attr:`Facts.has_failed_elsewhere`). It is wrong only
where such a call has gone on to somebody else, and its answer, its keys and its record are all lost.

``delivered`` is for good: whatever comes later, more facts never take it back.
"""

from dataclasses import dataclass

from dispatcher.domain.facts import Facts
from dispatcher.domain.reasons import Reason, meaning
from dispatcher.domain.reports import CdrStatus
from dispatcher.domain.vocabulary import DeliveredWhen, Outcome


@dataclass(frozen=True, slots=True)
class Terms:
    """What a call must show to count as delivered, and how far its trunk can be believed.

    Without answer supervision (an analog line) the PBX reports every call as answered at once
    (S-Series API v1.1.0 manual, "IVR alarm"), so only a key or the prompt's end proves anything.
    """

    delivered_when: DeliveredWhen
    ack_digits: str = ""
    answer_supervision: bool = True
    answer_digits: str = ""
    """Keys that acknowledge nothing, and by which a person answers all the same."""


def is_acknowledged(facts: Facts, terms: Terms) -> bool:
    """Whether one of the acknowledging keys was pressed, by itself or as a whole string with its ``#``."""
    return any(_is_one_of(text, terms.ack_digits) for _, text in facts.keys)


def _is_one_of(text: str, digits: str) -> bool:
    key = text.rstrip("#") or text
    return len(key) == 1 and key in digits


def is_replied(facts: Facts, terms: Terms) -> bool:
    """Whether a key was pressed by which a person says what is to become of the alarm, this way or that."""
    return any(_is_one_of(text, terms.ack_digits + terms.answer_digits) for _, text in facts.keys)


def is_heard(facts: Facts) -> bool:
    """Whether the prompt ended, or a key interrupted it: then it was heard at least in part.

    A prompt's end needs a sign beside it that the call was taken, since the manuals do not say
    whether one is sent for a call that nobody took. On a line without answer supervision the PBX
    gives that sign for every call, so there the prompt's end decides alone, although it may have
    been played to a phone that was still ringing; a key is the better proof on such a line.
    """
    return bool(facts.keys) or (facts.prompt_ended_at is not None and _was_taken(facts))


def _was_taken(facts: Facts) -> bool:
    """Any sign that the call was taken: an answer, a BYE, which only a call that was up has, or the CDR."""
    if facts.answered_at is not None or facts.released_at is not None:
        return True
    return facts.cdr_status in (CdrStatus.ANSWERED, CdrStatus.VOICEMAIL)


def is_answered(facts: Facts, terms: Terms) -> bool:
    """Whether a person, or at least a machine, certainly picked up."""
    if is_heard(facts):
        return True
    return terms.answer_supervision and _says_answered(facts)


def _says_answered(facts: Facts) -> bool:
    by_cdr = facts.cdr_status is CdrStatus.ANSWERED and bool(facts.talk_seconds)
    return facts.answered_at is not None or by_cdr


def is_delivered(facts: Facts, terms: Terms) -> bool:
    """Whether the call has done what its request asked for."""
    match terms.delivered_when:
        case DeliveredWhen.ANSWERED:
            return is_answered(facts, terms)
        case DeliveredWhen.HEARD:
            return is_heard(facts)
        case DeliveredWhen.ACKNOWLEDGED:
            return is_replied(facts, terms)


_BY_CDR = {
    CdrStatus.VOICEMAIL: Outcome.VOICEMAIL,
    CdrStatus.BUSY: Outcome.BUSY,
    CdrStatus.NO_ANSWER: Outcome.NO_ANSWER,
}


def outcome_of(facts: Facts, terms: Terms) -> Outcome | None:
    """What became of the attempt, or None while it can still turn out well.

    ``delivered`` is certain as soon as it is proven, even while the call is up; everything else
    waits for the call's end. Pure: the same facts and terms always give the same outcome.
    """
    if is_delivered(facts, terms):
        return Outcome.DELIVERED
    if facts.ended_at is None:
        return None
    if facts.hung_up_at is not None:
        return Outcome.CANCELLED
    if facts.cdr_status is CdrStatus.VOICEMAIL and not facts.keys:
        return Outcome.VOICEMAIL
    if is_answered(facts, terms):
        return Outcome.NOT_HEARD
    cause = _cause_of(facts)
    if cause is not None and meaning(cause).outcome is not Outcome.UNKNOWN:
        return meaning(cause).outcome
    return _without_cause(facts)


def _cause_of(facts: Facts) -> Reason | None:
    """Why the call failed, as far as that says something of the callee.

    That it was never placed counts no more once anything has been heard of it.
    """
    if facts.has_failed_elsewhere:
        return None
    if facts.cause is not Reason.NEVER_PLACED:
        return facts.cause
    signs = (facts.ringing_at, facts.answered_at, facts.prompt_ended_at, facts.released_at, facts.cdr_at)
    return None if facts.keys or any(sign is not None for sign in signs) else facts.cause


def _without_cause(facts: Facts) -> Outcome:
    """The outcome of an undelivered call of which no report says why it failed."""
    if _says_answered(facts):
        return Outcome.NOT_HEARD
    if facts.cdr_status is None or facts.prompt_ended_at is not None:
        return Outcome.UNKNOWN
    return _BY_CDR.get(facts.cdr_status, Outcome.UNKNOWN)


def may_have_been_reached(facts: Facts) -> bool:
    """Whether an ``unknown`` or ``not_heard`` outcome leaves it open that the message was delivered.

    A CallFailed or a CDR that says anything but ANSWERED proves that nobody answered, unless there is a
    sign of the contrary. Of a call that was answered the reports say whether it was heard, but not when
    reports were missing and the call's end had to be asked for: the records tell neither keys nor the
    prompt's end.
    """
    if is_heard(facts) or _says_answered(facts):
        return facts.closed_at is not None and facts.released_at is None
    if facts.prompt_ended_at is not None:
        return True
    return _cause_of(facts) is None and facts.cdr_status in (None, CdrStatus.ANSWERED)
