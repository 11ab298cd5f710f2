"""A small world of alarms, campaigns, calls and attempts, in a real store."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select, update

from dispatcher.domain.facts import NOTHING, Facts, join
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.pacing import ALARMS
from dispatcher.domain.reports import Report
from dispatcher.domain.vocabulary import CallState, Phase
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.entry import Ledger, News
from dispatcher.metrics.counting import Count
from dispatcher.store.attempts import Case, lock_by_id
from dispatcher.store.engine import Store
from dispatcher.store.requests import Requests
from dispatcher.store.tables import Alarm, Attempt, Call, Campaign, Event, Trunk, table
from tests.domain.reported import NUMBER, TRUNK
from tests.store.rows import NOW, add

SETTLE = timedelta(seconds=2)
OTHER_TRUNK = "GSM-1"
Told = Facts | Sequence[Report]

_TABLES = {name: table(model) for name, model in
           {"alarms": Alarm, "attempts": Attempt, "calls": Call, "campaigns": Campaign}.items()}  # fmt: skip


@dataclass
class World:
    """What happens to attempts is told to the ledger with :meth:`tell`, one transaction at a time."""

    store: Store
    now: datetime = NOW
    ledger: Ledger = field(
        default_factory=lambda: Ledger(
            Requests(), SETTLE, frozenset({("hq", TRUNK), ("hq", OTHER_TRUNK), ("branch", TRUNK)})
        )
    )
    counted: dict[tuple[str, str], float] = field(default_factory=dict)
    _numbers: count = field(default_factory=lambda: count(1))

    # Given.

    def alarm(self, **changed: Any) -> str:
        """An open alarm, to be acknowledged with the key 1 within three attempts a call."""
        key = changed.setdefault("id", f"alarm-{next(self._numbers)}")
        plain = {"retry": None, "dedup_key": None, "expires_at": None}
        with self.store.write() as tx:
            add(tx, "alarms", **plain | changed)
        return key

    def campaign(self, **changed: Any) -> str:
        """A running campaign that wants its message to be heard."""
        key = changed.setdefault("id", f"campaign-{next(self._numbers)}")
        with self.store.write() as tx:
            add(tx, "campaigns", **{"delivered_when": "heard", "ack_digits": "", "retry": None} | changed)
        return key

    def call(self, *, alarm: str | None = None, campaign: str | None = None, **changed: Any) -> str:
        """A queued call of an alarm or a campaign."""
        place = next(self._numbers)
        key = f"call-{place:03}"
        plain = {"number": f"+316{place:08}", "state": "queued", "due_at": self.now, "created_at": self.now}
        with self.store.write() as tx:
            add(tx, "calls", **plain | changed, id=key, alarm_id=alarm, campaign_id=campaign)
            if alarm is not None:
                add(tx, "pages", id=key, alarm_id=alarm, call_id=key, state="calling")
        return key

    def trunk(self, name: str = TRUNK, **changed: Any) -> None:
        """A trunk of ten channels."""
        with self.store.write() as tx:
            add(tx, "trunks", **{"name": name, "channels": 10} | changed)

    def dial(self, call_id: str, *, phase: Phase = Phase.UP, **changed: Any) -> str:
        """A new attempt of a call, that far into its dial."""
        row = self.row("calls", call_id)
        ordinal = row.attempts_made + 1
        key = f"{call_id}-attempt-{ordinal}"
        lane = ALARMS if row.alarm_id else row.campaign_id
        callid = f"1547396927.{next(self._numbers)}" if phase is Phase.UP else None
        plain = {"digits_dialled": NUMBER, "keys": None, "claimed_at": self.now}
        with self.store.write() as tx:
            tx.execute(
                update(_TABLES["calls"])
                .where(_TABLES["calls"].c.id == call_id)
                .values(state=CallState.ACTIVE, attempts_made=ordinal)
            )
            add(
                tx,
                "attempts",
                **plain | changed,
                id=key,
                call_id=call_id,
                ordinal=ordinal,
                lane=lane,
                phase=phase,
                callid=callid,
            )
        return key

    def set(self, name: str, key: str, **values: Any) -> None:
        """Change a row behind the ledger's back."""
        with self.store.write() as tx:
            tx.execute(update(_TABLES[name]).where(_TABLES[name].c.id == key).values(**values))

    # When.

    def tell(self, attempt_id: str, told: Told, *more: tuple[str, Told]) -> Aftermath:
        """Enter facts or reports of one attempt, and of ``more`` attempts in the same transaction."""
        by_id = dict([(attempt_id, told), *more])
        counting = Count()
        with self.store.write() as tx:
            cases = {case.attempt_id: case for case in lock_by_id(tx, self.ledger.requests, by_id)}
            news = [News(cases[key], self._facts(cases[key], what)) for key, what in by_id.items()]
            aftermath = self.ledger.enter(tx, self.now, news, counting)
        for series, by in counting.increments.items():
            self.counted[series] = self.counted.get(series, 0) + by
        return aftermath

    def _facts(self, case: Case, told: Told) -> Facts:
        if isinstance(told, Facts):
            return told
        facts = NOTHING
        for report in told:
            facts = join(facts, facts_of(report, case.target, self.now))
        return facts

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    # Then.

    def row(self, name: str, key: str) -> Any:
        """A row of ``alarms``, ``campaigns``, ``calls`` or ``attempts``."""
        with self.store.read() as tx:
            return tx.execute(select(_TABLES[name]).where(_TABLES[name].c.id == key)).one()

    def state(self, call_id: str) -> tuple[str, str | None]:
        """A call's state and outcome."""
        row = self.row("calls", call_id)
        return row.state, row.outcome

    def seconds_to_redial(self, call_id: str) -> float:
        """How long a queued call has to wait."""
        row = self.row("calls", call_id)
        assert row.state == CallState.QUEUED
        return (row.due_at - self.now).total_seconds()

    def used(self, call_id: str) -> tuple[int, int]:
        """The attempts that a call has spent, and its free failures in a row."""
        row = self.row("calls", call_id)
        return row.attempts_spent, row.free_failures

    def status(self, alarm_id: str) -> str:
        """An alarm's status."""
        return str(self.row("alarms", alarm_id).status)

    def story(self, subject_id: str) -> list[tuple[str, str]]:
        """The events of one call or alarm in order: what happened, and why."""
        events = table(Event)
        query = select(events.c.name, events.c.cause).where(events.c.subject_id == subject_id)
        with self.store.read() as tx:
            return [tuple(row) for row in tx.execute(query.order_by(events.c.id))]

    def trunk_row(self, name: str = TRUNK) -> Any:
        """A trunk's row."""
        trunks = table(Trunk)
        with self.store.read() as tx:
            return tx.execute(select(trunks).where(trunks.c.pbx == "hq", trunks.c.name == name)).one()
