"""Yeastar S-Series, API v1.1.0."""

from dispatcher.simulator.yeastar_s.pbx import YeastarS

__all__ = ["YeastarS"]
