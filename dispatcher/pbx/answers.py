"""What is done with the answers of PBXs of every family."""

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxInDoubt

LONGEST_TEXT = 200


def clean(text: str) -> str:
    """A text without blanks around it, and without NULs, control characters and broken Unicode, which no
    database takes; cut where it is longer than anything that is meant.
    """
    stripped = text.strip()
    if not (stripped.isascii() and stripped.isprintable()):
        stripped = "".join(letter for letter in stripped if letter.isprintable()).strip()
    return stripped[:LONGEST_TEXT]


def unreadable(request: str, what: str) -> PbxInDoubt:
    """The error for an answer that came, but lacks what it must hold."""
    return PbxInDoubt(Reason.RESPONSE_UNREADABLE, f"{request}: the answer has {what}")
