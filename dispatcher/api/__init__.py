"""The HTTP API: a thin entrance to the use cases, with keys, problem documents and paging."""

from dispatcher.api.app import make_app

__all__ = ["make_app"]
