"""From facts to outcomes: what was answered, heard and acknowledged, and what became of the attempt.

Losing reports weakens an outcome and never turns it into a wrong one. What a lost report costs:

============================  =====================================================================
lost                          the outcome then
============================  =====================================================================
ANSWERED                      unchanged: the prompt's end, a key or the CDR prove the answer
PlayPromptEnd                 ``not_heard`` when nothing else proves that the prompt was heard
DTMF                          ``not_heard`` when an acknowledgement was asked for
CallFailed                    by the CDR alone: ``busy``, ``no_answer``, else ``unknown``
NewCdr                        unchanged when answered or failed; ``unknown`` when nothing else came
everything                    ``unknown``
============================  =====================================================================
"""

from dataclasses import dataclass

from dispatcher.domain.facts import Facts
from dispatcher.domain.reasons import meaning
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


def is_acknowledged(facts: Facts, terms: Terms) -> bool:
    """Whether one of the acknowledging keys was pressed."""
    pressed = {text.rstrip("#") for _, text in facts.keys}
    return any(len(text) == 1 and text in terms.ack_digits for text in pressed)


def is_heard(facts: Facts) -> bool:
    """Whether the prompt ended, or a key interrupted it: then it was heard at least in part.

    While the call is up, a prompt's end needs a sign of an answer beside it, since the manuals do
    not say whether one is sent for a call that nobody took. Once the call has ended, it counts
    unless the PBX says that nobody answered.
    """
    if facts.keys:
        return True
    if facts.prompt_ended_at is None:
        return False
    return _says_answered(facts) or (facts.ended_at is not None and not _says_unanswered(facts))


def is_answered(facts: Facts, terms: Terms) -> bool:
    """Whether a person, or at least a machine, certainly picked up."""
    if is_heard(facts):
        return True
    return terms.answer_supervision and _says_answered(facts)


def _says_answered(facts: Facts) -> bool:
    by_cdr = facts.cdr_status is CdrStatus.ANSWERED and bool(facts.talk_seconds)
    return facts.answered_at is not None or by_cdr


def _says_unanswered(facts: Facts) -> bool:
    failed = facts.cause is not None
    by_cdr = facts.cdr_status not in (None, CdrStatus.ANSWERED)
    return (failed or by_cdr) and not _says_answered(facts)


def is_delivered(facts: Facts, terms: Terms) -> bool:
    """Whether the call has done what its request asked for."""
    match terms.delivered_when:
        case DeliveredWhen.ANSWERED:
            return is_answered(facts, terms)
        case DeliveredWhen.HEARD:
            return is_heard(facts)
        case DeliveredWhen.ACKNOWLEDGED:
            return is_acknowledged(facts, terms)


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
    if is_heard(facts) or _says_answered(facts):
        return Outcome.NOT_HEARD
    if facts.cause is not None and meaning(facts.cause).outcome is not Outcome.UNKNOWN:
        return meaning(facts.cause).outcome
    if facts.cdr_status is not None:
        return _BY_CDR.get(facts.cdr_status, Outcome.UNKNOWN)
    return Outcome.UNKNOWN


def may_have_been_reached(facts: Facts) -> bool:
    """Whether an ``unknown`` outcome leaves it open that the person answered.

    A CallFailed or a CDR that says anything but ANSWERED proves that nobody did.
    """
    return not _says_unanswered(facts)
