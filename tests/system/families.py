"""The PBX families that a site can be made with: how each is simulated and configured, and what may get lost.

``FAMILIES`` are those whose trunks call numbers, as campaigns do; an Axeos calls its own users.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.system.truth import Trouble


@dataclass(frozen=True, slots=True)
class Family:
    """One family, with one way in which its reports come."""

    name: str
    simulated: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the simulated PBX."""
    configured: Mapping[str, str] = field(default_factory=dict)
    """Keys of its ``[[pbx]]``."""
    has_report_port: bool = False
    """Whether its reports are fetched from a port of their own."""
    troubled: frozenset[Trouble] = frozenset()
    """What may happen to any of its calls whenever something is broken."""

    @property
    def settings(self) -> dict[str, Any]:
        """All settings of the simulated PBX that make it one of this family."""
        return {"family": self.name, **self.simulated}

    def keys(self, report_port: int) -> str:
        """The lines of the configuration that make its PBX one of this family."""
        text = {"family": self.name, **self.configured}
        lines = [f'{key} = "{value}"' for key, value in text.items()]
        return "\n".join([*lines, f"report_port = {report_port}"] if self.has_report_port else lines)


YEASTAR_S = Family("yeastar-s")
YEASTAR_K2 = Family(
    "yeastar-k2",
    simulated={"report_transport": "tcp"},
    configured={"report_transport": "tcp"},
    has_report_port=True,
    # Over TCP nobody acknowledges a report, and nobody keeps one.
    troubled=frozenset({Trouble.REPORTS_LOST}),
)
YEASTAR_P = Family(
    "yeastar-p",
    configured={"report_transport": "websocket"},
    # What comes while the WebSocket is not open is lost.
    troubled=frozenset({Trouble.REPORTS_LOST}),
)
AXEOS = Family("axeos")

FAMILIES: Mapping[str, Family] = {family.name: family for family in (YEASTAR_S, YEASTAR_K2, YEASTAR_P)}
