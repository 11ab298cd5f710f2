"""Identifiers that any process can make by itself and that sort by their time of making."""

from uuid_utils import uuid7


def new_id() -> str:
    """A UUIDv7 as text."""
    return str(uuid7())
