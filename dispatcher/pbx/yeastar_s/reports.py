"""Reports of API v1.1.0 (S-Series API v1.1.0 manual, 'API reports'), parsed."""

from collections.abc import Sequence

from dispatcher.domain.reports import Report
from dispatcher.pbx.yeastar.actions import ACTIONS, read_action
from dispatcher.pbx.yeastar.events import UNKNOWN
from dispatcher.pbx.yeastar.lenient import read_object

__all__ = ["REPORT_WORDS", "UNKNOWN", "parse"]

REPORT_WORDS: tuple[str, ...] = (*ACTIONS, UNKNOWN)


def parse(body: bytes) -> Sequence[Report]:
    """The reports in one pushed body; ``ValueError`` when it is no object, or has no action."""
    return read_action(read_object(body))
