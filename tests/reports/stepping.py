"""Threads that run one SQL statement at a time, in an order that a test chooses."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Engine, create_engine, event, text

_PATIENCE = 20.0


class Stepper:
    """Stops registered threads before each statement and each commit, and lets them on step by step.

    A thread that waits for a lock of the other is stepped over: the database says so itself.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._watch = create_engine(engine.url, isolation_level="AUTOCOMMIT", pool_size=1)
        self._changed = threading.Condition()
        self._names: dict[int, str] = {}
        self._permits: dict[str, int] = {}
        self._at_gate: set[str] = set()
        self._finished: set[str] = set()
        self.steps: dict[str, int] = {}
        event.listen(engine, "before_cursor_execute", self._on_statement)
        event.listen(engine, "commit", self._on_commit)

    def close(self) -> None:
        event.remove(self._engine, "before_cursor_execute", self._on_statement)
        event.remove(self._engine, "commit", self._on_commit)
        self._watch.dispose()

    def join(self, name: str) -> None:
        """From here on the calling thread stops before each statement."""
        with self._changed:
            self._names[threading.get_ident()] = name
            self._permits[name], self.steps[name] = 0, 0
        self._stop_here()

    def leave(self) -> None:
        """The calling thread has done its work."""
        with self._changed:
            self._finished.add(self._names.pop(threading.get_ident()))
            self._changed.notify_all()

    def play(self, schedule: Iterable[tuple[str, int]], names: tuple[str, ...]) -> None:
        """Run so many steps of this one, so many of that one; then each to its end, in turns of one step."""
        for name in names:
            self._wait_until(lambda name=name: name in self._at_gate | self._finished)  # type: ignore[misc]
        for name, count in schedule:
            for _ in range(count):
                if not self._step(name):
                    break
        until = time.monotonic() + _PATIENCE
        while not self._finished.issuperset(names):
            assert time.monotonic() < until, "the threads do not come to an end"
            for name in names:
                while self._step(name):
                    pass
        self._finished.clear()

    def _step(self, name: str) -> bool:
        """One step; False when the thread has finished, or waits for a lock."""
        with self._changed:
            if name in self._finished:
                return False
            if name in self._at_gate:
                self._at_gate.discard(name)
                self._permits[name] += 1
                self.steps[name] += 1
                self._changed.notify_all()
        until = time.monotonic() + _PATIENCE
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: name in self._at_gate | self._finished, timeout=0.02):
                    return name not in self._finished
            if self._somebody_waits_for_a_lock():
                return False
            assert time.monotonic() < until, f"{name} neither goes on nor waits for a lock"

    def _somebody_waits_for_a_lock(self) -> bool:
        query = text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        with self._watch.connect() as connection:
            return bool(connection.execute(query).scalar_one())

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, timeout=_PATIENCE), "a thread never came"

    def _on_statement(self, *_: Any) -> None:
        self._stop_here()

    def _on_commit(self, _: Any) -> None:
        self._stop_here()

    def _stop_here(self) -> None:
        name = self._names.get(threading.get_ident())
        if name is None:
            return
        with self._changed:
            self._at_gate.add(name)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._permits[name] > 0, timeout=_PATIENCE), name
            self._permits[name] -= 1
