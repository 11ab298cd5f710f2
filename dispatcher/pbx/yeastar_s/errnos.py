"""The error codes of API v1.1.0: those that v2.0.0 keeps, and no others."""

from dispatcher.pbx.yeastar.errnos import ERRNOS

__all__ = ["ERRNOS"]
