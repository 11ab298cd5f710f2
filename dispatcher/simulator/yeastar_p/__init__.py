"""A simulated Yeastar P-Series: OpenAPI v1.0."""

from dispatcher.simulator.yeastar_p.pbx import YeastarP

__all__ = ["YeastarP"]
