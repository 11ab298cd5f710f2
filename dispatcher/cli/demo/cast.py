"""Who is called in the demo, what each does, and what must become of each call.

The last four digits of a number choose what its callee does on the simulated PBX; its README lists them.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dispatcher.simulator import Behaviour

MAX_ATTEMPTS = 3
LEAST, USUAL, MOST = 30, 200, 4000
"""So many people at least, for every kind to be among them; without a wish; at most, for want of numbers."""

FIRST_NAMES = (
    *("Anna", "Bram", "Carla", "Dirk", "Eva", "Fons", "Greta"),
    *("Henk", "Ida", "Jan", "Kim", "Lars", "Mia"),
)
_LAST_NAMES = (
    "Bakker",
    "de Boer",
    "Dekker",
    "Hendriks",
    "Jansen",
    "de Jong",
    "Kok",
    "Smit",
    "Visser",
    "de Wit",
    "Vos",
)


@dataclass(frozen=True, slots=True)
class Expected:
    """How a call must end. ``outcome`` None: whatever it was when the call was withdrawn."""

    state: str
    outcome: str | None
    least: int = 0
    most: int = MAX_ATTEMPTS

    def deviation(self, call: dict[str, Any]) -> str | None:
        """What is otherwise with a call as the API shows it, or None."""
        attempts = len(call["attempts"])
        same = call["state"] == self.state and (self.outcome is None or call["outcome"] == self.outcome)
        if same and self.least <= attempts <= self.most:
            return None
        waits = f", waiting for {call['waiting_for']}" if call["waiting_for"] else ""
        return f"expected {self}, got {_told(call['state'], call['outcome'], attempts)}{waits}"

    def __str__(self) -> str:
        times = str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
        return _told(self.state, self.outcome, times)


def _told(state: str, outcome: str | None, attempts: int | str) -> str:
    how = f" ({outcome})" if outcome not in (None, state) else ""
    return f"{state}{how} after {attempts} attempt{'' if attempts in (1, '1') else 's'}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of callee: the code that chooses it, who it is, its share of 200, and its calls' end."""

    code: str
    title: str
    share: int
    expected: Expected


def _delivered(after: int = 1) -> Expected:
    return Expected("delivered", "delivered", after, after)


def _failed(outcome: str, after: int) -> Expected:
    return Expected("failed", outcome, after, after)


KINDS = (
    Kind("0001", "hears it all, presses 1", 60, _delivered()),
    Kind("0010", "hears it all, hangs up", 30, _delivered()),
    Kind("0008", "presses 1 during the prompt", 18, _delivered()),
    Kind("0006", "hears every repeat, silent", 12, _delivered()),
    Kind("0009", "presses 1 and hangs up", 10, _delivered()),
    Kind("0007", "presses another key", 6, _delivered()),
    Kind("0020", "voicemail hears it", 5, _delivered()),
    Kind("1486", "busy, then answers", 14, _delivered(2)),
    Kind("1003", "hangs up early, then hears it", 9, _delivered(2)),
    Kind("1480", "no answer, then answers", 6, _delivered(2)),
    Kind("2503", "trunk refuses twice, then answers", 3, _delivered(3)),
    Kind("0404", "wrong number", 8, _failed("invalid_number", 1)),
    Kind("0031", "number refused by the PBX", 4, _failed("invalid_number", 1)),
    Kind("0034", "not allowed to be dialled", 1, _failed("not_permitted", 1)),
    Kind("0486", "always busy", 4, _failed("busy", MAX_ATTEMPTS)),
    Kind("0004", "never answers", 3, _failed("no_answer", MAX_ATTEMPTS)),
    Kind("0003", "always hangs up early", 3, _failed("not_heard", MAX_ATTEMPTS)),
    Kind("0032", "do not disturb", 1, _failed("rejected", MAX_ATTEMPTS)),
    Kind("0503", "trunk always refuses", 3, Expected("expired", "congestion", 2, 6)),
)
"""Every kind of callee of the campaign. Failures of the trunk cost none of the callee's attempts."""


@dataclass(frozen=True, slots=True)
class Callee:
    """One person of the campaign."""

    number: str
    name: str
    reference: str
    kind: Kind


def contacts(people: Iterable[Callee]) -> bytes:
    """The people as the CSV that is uploaded."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("number", "name", "external_id", "kind"))
    rows.writerows((person.number, person.name, person.reference, person.kind.title) for person in people)
    return text.getvalue().encode()


def callees(count: int, kinds: Sequence[Kind] = KINDS) -> list[Callee]:
    """So many people, every kind among them in its share, the kinds well mixed.

    Who takes longest comes early, and the trunk's refusals lie apart, as they do in life: a row of
    them alone would say that the trunk is down.
    """
    people = []
    for place, kind in enumerate(_mixed(count, kinds)):
        family, first = divmod(place, len(FIRST_NAMES))
        name = f"{FIRST_NAMES[first]} {_LAST_NAMES[family % len(_LAST_NAMES)]}"
        people.append(Callee(f"+316{1001 + place}{kind.code}", name, f"W-{place + 1:04d}", kind))
    return people


def _mixed(count: int, kinds: Sequence[Kind]) -> list[Kind]:
    """Each kind at even distances, beginning early for those of which there are few."""
    places: list[tuple[float, int, Kind]] = []
    for index, (kind, number) in enumerate(_numbers(count, kinds)):
        step = count / max(number, 10) if kind.expected.state != "expired" else count / 25
        places += [
            (step * (repeat + (index + 1) / (len(kinds) + 1)), index, kind) for repeat in range(number)
        ]
    return [kind for _, _, kind in sorted(places, key=lambda item: item[:2])]


def _numbers(count: int, kinds: Sequence[Kind]) -> Iterator[tuple[Kind, int]]:
    """How many of each kind: its share, but one at least; the first kind makes up the difference."""
    whole = sum(kind.share for kind in kinds)
    others = [(kind, max(1, round(kind.share * count / whole))) for kind in kinds[1:]]
    yield kinds[0], count - sum(number for _, number in others)
    yield from others


def misbehaving(people: list[Callee], wishes: dict[str, Behaviour]) -> dict[str, Behaviour]:
    """What single numbers do otherwise than their kind: for showing that the demo would notice."""
    return {person.number[1:]: wishes[person.kind.code] for person in people if person.kind.code in wishes}
