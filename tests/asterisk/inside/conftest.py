"""Asterisk in both versions, each with phones of its own, for all tests of this folder."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.asterisk.ami import Ami
from tests.asterisk.namespace import is_private
from tests.asterisk.packages import NEWER, OLDER, unpacked
from tests.asterisk.phones import Phones
from tests.asterisk.server import AsteriskServer


@dataclass(frozen=True, slots=True)
class Bench:
    """An Asterisk, the phones that it calls, and our own look at it."""

    asterisk: AsteriskServer
    phones: Phones

    def look(self) -> Ami:
        """A connection of our own to the manager interface."""
        return Ami(self.asterisk.port, "judge", self.asterisk.judge_secret)


@contextmanager
def bench_of(suite: str, more: Mapping[str, str] | None = None) -> Iterator[Bench]:
    """Asterisk of one suite, with ``more`` modules and their settings."""
    assert is_private(), "these tests run in a network namespace of their own"
    with Phones(unpacked(NEWER)) as phones:
        with AsteriskServer(unpacked(suite), phones.sip_port, more) as asterisk:
            yield Bench(asterisk, phones)


@pytest.fixture(scope="session")
def newer() -> Iterator[Bench]:
    """Asterisk 22."""
    with bench_of(NEWER) as bench:
        yield bench


@pytest.fixture(scope="session")
def older() -> Iterator[Bench]:
    """Asterisk 16."""
    with bench_of(OLDER) as bench:
        yield bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Asterisk 22, for this test alone."""
    with bench_of(NEWER) as made:
        yield made
