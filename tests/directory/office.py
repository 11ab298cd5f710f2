"""Contacts, groups, schedules and forbidden numbers of a small office, written straight into the store."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dispatcher.directory.resolving import Resolved, people
from dispatcher.requests import Recipient
from dispatcher.store import do_not_call, schedules
from dispatcher.store import people as store_people
from dispatcher.store.engine import Store
from dispatcher.store.ids import new_id

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
"""A Saturday, 11:00 in Amsterdam."""

MADE = {"created_at": NOW, "updated_at": NOW}

WEEKLY = {"members": ["anna", "bob"], "starts": "2026-11-16", "hand_over": "08:00"}
"""Anna's week is that of ``NOW``."""


@dataclass
class Office:
    """What is in the store; every method is a transaction."""

    store: Store

    def contact(self, name: str, *ways: dict[str, Any], **columns: Any) -> None:
        row = {"name": name, "ways": list(ways), **MADE, **columns}
        with self.store.write() as tx:
            store_people.add_contact(tx, row)

    def group(self, name: str, *members: str) -> None:
        with self.store.write() as tx:
            store_people.add_group(
                tx, {"name": name, "description": "", "created_at": NOW, "updated_at": NOW}
            )
            store_people.set_members(tx, name, members)

    def schedule(self, name: str, *layers: dict[str, Any], **columns: Any) -> None:
        row = {
            "name": name,
            "description": "",
            "timezone": "Europe/Amsterdam",
            "layers": list(layers),
            "calendar_problem": "",
            **MADE,
            **columns,
        }
        with self.store.write() as tx:
            schedules.add(tx, row)

    def override(self, schedule: str, contact: str, hours: float, instead_of: str | None = None) -> None:
        row = {
            "id": new_id(),
            "schedule": schedule,
            "contact": contact,
            "instead_of": instead_of,
            "starts_at": NOW - timedelta(hours=1),
            "ends_at": NOW + timedelta(hours=hours),
            "why": "",
            "created_by": "",
            "created_at": NOW,
        }
        with self.store.write() as tx:
            schedules.add_override(tx, row)

    def forbid(self, number: str, **columns: Any) -> None:
        row = {
            "number": number,
            "why": "",
            "source": "by hand",
            "alarms_too": False,
            "added_by": "",
            "added_at": NOW,
            "expires_at": None,
            **columns,
        }
        with self.store.write() as tx:
            do_not_call.put(tx, [row])

    def resolve(self, *recipients: dict[str, Any], now: datetime = NOW, region: str = "NL") -> Resolved:
        with self.store.read() as tx:
            return people(tx, [Recipient(**one) for one in recipients], now, region)

    def called(self, *recipients: dict[str, Any], now: datetime = NOW) -> list[str]:
        """The values of the ways of everybody, in order, each person's joined by a slash."""
        found = self.resolve(*recipients, now=now)
        return ["/".join(way.value for way in person.ways) for person in found.people]
