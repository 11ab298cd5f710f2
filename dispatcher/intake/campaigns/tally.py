"""What became of the rows of an upload: good ones go on, bad ones are counted and listed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dispatcher.intake.campaigns.rows import BadRow, RawRow, Reader

MOST_ERRORS = 1_000
"""Bad rows that are listed; all are counted."""

Good = TypeVar("Good")


@dataclass(slots=True)
class Tally:
    """The rows of one upload, by what became of them."""

    accepted: int = 0
    invalid: int = 0
    errors: list[BadRow] = field(default_factory=list)

    def good_rows(self, reader: Reader, check: Callable[[RawRow], Good | BadRow]) -> Iterator[Good]:
        """The rows that stand the check; the others are noted here."""
        for row in reader:
            checked = row if isinstance(row, BadRow) else check(row)
            if isinstance(checked, BadRow):
                self._refuse(checked)
            else:
                yield checked

    def counts(self) -> dict[str, int]:
        """The rows by what became of them."""
        return {"accepted": self.accepted, "invalid": self.invalid}

    def document(self) -> dict[str, Any]:
        """As an upload is answered."""
        return {
            **self.counts(),
            "errors": [error.document() for error in self.errors],
            "errors_truncated": self.invalid > len(self.errors),
        }

    def _refuse(self, row: BadRow) -> None:
        self.invalid += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(row)
