"""What can go wrong between a driver and its PBX.

PbxError
 ├─ PbxRefused    the PBX answered, and said no: certainly nothing was done
 └─ PbxInDoubt    nobody knows whether the PBX acted on the request

Whether a refusal is permanent or not is said by its reason: ``meaning(error.reason).nature``.
"""

from dispatcher.domain.reasons import Reason


class PbxError(Exception):
    """A request to a PBX that did not succeed.

    ``reason`` is from the closed set, ``detail`` is for people and never holds a token or password.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class PbxRefused(PbxError):
    """The request had no effect: the PBX refused it, or could not be reached at all."""


class PbxInDoubt(PbxError):
    """The request may have had its effect: it was sent, and no readable answer came back."""
