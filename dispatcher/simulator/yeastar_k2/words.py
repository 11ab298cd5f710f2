"""The K2's words for how a call ended."""

from collections.abc import Mapping

from dispatcher.simulator.settings import CdrWords

RECORD_STATUS: Mapping[CdrWords, Mapping[str, str]] = {
    "sample": {"FAILED": "NO ANSWER"},
    "english": {"FAILED": "NO ANSWERED", "NO ANSWER": "NO ANSWERED"},
    "chinese": {"FAILED": "NO ANSWER", "ANSWERED": "ANSWERD"},
}
"""The tables know four words only, so a call that failed for another reason than busy was not answered."""
