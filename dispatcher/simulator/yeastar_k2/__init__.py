"""Yeastar K2, API v2.0.0; S1000, newer S-Series and Cloud PBX speak it too."""

from dispatcher.simulator.yeastar_k2.pbx import YeastarK2

__all__ = ["YeastarK2"]
