"""Yeastar S-Series (also K2, S1000 and Cloud PBX of the 1.x era), API v1.1.0."""

from dispatcher.pbx.yeastar_s.driver import YeastarS

__all__ = ["YeastarS"]
