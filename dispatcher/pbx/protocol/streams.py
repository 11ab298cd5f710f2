"""Optional: reports that are fetched from the PBX, and posted ones that are signed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one look at a stream of reports brought; no ``bodies`` when nothing came in time."""

    bodies: Sequence[bytes] = ()
    position: str = ""
    """Where to go on once the bodies are durable; empty where the family has no such place."""
    missed: bool = False
    """Whether reports between the last look and this one are lost for good."""


class ReportStream(Protocol):
    """An open stream of reports. One thread reads it; another may close it."""

    def read(self) -> Pulled:
        """Wait for reports, for some seconds at most.

        Raises :class:`~dispatcher.pbx.errors.PbxError` when the stream is broken and must be opened anew.
        """
        ...

    def close(self) -> None:
        """Break the stream off; a ``read`` that waits ends soon."""
        ...


@runtime_checkable
class PullsReports(Protocol):
    """Families whose reports may have to be fetched, where the PBX does not post them."""

    @property
    def pulls_reports(self) -> bool:
        """Whether this PBX, as it is configured, sends its reports over a stream of ours."""
        ...

    def open_reports(self, position: str) -> ReportStream:
        """Open the stream after ``position``, empty for the first time or where there is none.

        Raises :class:`~dispatcher.pbx.errors.PbxError`; ``Reason.CREDENTIALS_REFUSED`` is not to be
        tried again by itself.
        """
        ...


@runtime_checkable
class SignsReports(Protocol):
    """Families whose PBX signs the reports that it posts."""

    def is_genuine(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether a posted body is signed by this PBX; ``headers`` have their names in lower case."""
        ...
