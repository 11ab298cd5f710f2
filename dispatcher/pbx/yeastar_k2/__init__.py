"""Yeastar API v2.0.0: K2, S1000, newer S-Series and Cloud PBX."""

from dispatcher.pbx.yeastar_k2.driver import YeastarK2

__all__ = ["YeastarK2"]
