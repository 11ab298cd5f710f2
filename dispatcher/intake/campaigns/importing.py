"""Adding contacts to a campaign: good rows are queued, bad ones listed, each number called once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from dispatcher.core import Core
from dispatcher.domain.vocabulary import CampaignStatus
from dispatcher.errors import NotPossible, Unknown
from dispatcher.intake.campaigns.contacts import Checker
from dispatcher.intake.campaigns.numbers import Zones
from dispatcher.intake.campaigns.requests import RECIPIENT
from dispatcher.intake.campaigns.rows import Reader
from dispatcher.intake.campaigns.tally import Tally
from dispatcher.signals import Topic
from dispatcher.store import campaigns, contacts, do_not_call, events
from dispatcher.store.contacts import Contact
from dispatcher.store.engine import is_outage
from dispatcher.store.events import Change
from dispatcher.work import Work

BATCH = 2_000
"""Rows that one transaction adds: alarms never wait long for the store."""

BATCH_CHARACTERS = 1_000_000
"""Of rows with long texts fewer are held and added at once."""


class Interrupted(Exception):
    """The database went away within an upload; ``imported`` says what had been added by then."""

    def __init__(self, imported: "Imported") -> None:
        super().__init__(f"{imported.accepted} rows had been added")
        self.imported = imported


@dataclass(slots=True)
class Imported(Tally):
    """What became of the contacts of one upload."""

    duplicate: int = 0
    do_not_call: int = 0

    def counts(self) -> dict[str, int]:
        """The rows by what became of them."""
        return {
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "do_not_call": self.do_not_call,
            "invalid": self.invalid,
        }


def check_open(core: Core, campaign_id: str) -> Any:
    """The campaign's row, when it takes contacts; else raises ``Unknown`` or ``NotPossible``."""
    with core.store.read() as tx:
        return _open(tx, campaign_id, core.clock())


def _open(tx: Connection, campaign_id: str, now: datetime, *, lock: bool = False) -> Any:
    row = campaigns.find(tx, campaign_id, lock=lock)
    if row is None:
        raise Unknown("campaign", campaign_id)
    if row.status not in campaigns.TAKES_CONTACTS:
        raise NotPossible(f"a {row.status} campaign takes no more contacts; make a new one", row.status)
    if row.expires_at is not None and row.expires_at <= now:
        raise NotPossible("the campaign's time is over (expires_at); make a new one", row.status)
    return row


def import_contacts(core: Core, campaign_id: str, reader: Reader) -> Imported:
    """Add the rows, a batch a transaction. :func:`note_import` ends it.

    A number that the campaign has already counts as a duplicate, so an upload that was interrupted
    can be sent again as it is: nobody is called twice, and nobody left out. Raises ``NotPossible`` when
    the campaign ends meanwhile, and :class:`Interrupted` when the database goes away after some rows.
    """
    row = check_open(core, campaign_id)
    now = core.clock()
    goes_by_callee = row.timezone == RECIPIENT
    checker = Checker(row.region, Zones(campaigns.windows_from(row.windows) if goes_by_callee else (), now))
    imported = Imported()
    for batch in _batches(reader, checker, imported):
        status = _add(core, campaign_id, batch, imported)
        if status is CampaignStatus.RUNNING:
            core.signals.send(Topic.PACER)
    return imported


def _batches(reader: Reader, checker: Checker, imported: Imported) -> Iterator[list[Contact]]:
    """The good rows, as many at a time as one transaction adds; the bad ones are noted."""
    batch: list[Contact] = []
    begun = reader.position
    for contact in imported.good_rows(reader, checker.check):
        batch.append(contact)
        if len(batch) >= BATCH or reader.position - begun >= BATCH_CHARACTERS:
            yield batch
            batch, begun = [], reader.position
    if batch:
        yield batch


def _add(core: Core, campaign_id: str, batch: list[Contact], imported: Imported) -> CampaignStatus:
    now = core.clock()

    def add(tx: Connection) -> tuple[int, int, CampaignStatus]:
        row = _open(tx, campaign_id, now, lock=True)
        forbidden = do_not_call.blocked(tx, (one.number for one in batch), now, alarms=False)
        allowed = [one for one in batch if one.number not in forbidden]
        added = contacts.add(tx, now, campaign_id, row.expires_at, allowed)
        return added, len(batch) - len(allowed), CampaignStatus(row.status)

    try:
        added, left_out, status = core.store.transact(add)
    except NotPossible as error:
        told = (
            f"{error} ({imported.accepted} rows had been added before)" if imported.accepted else str(error)
        )
        raise NotPossible(told, error.status) from None
    except Exception as error:
        if imported.accepted and is_outage(error):
            raise Interrupted(imported) from error
        raise
    imported.accepted += added
    imported.do_not_call += left_out
    imported.duplicate += len(batch) - left_out - added
    return status


def note_import(work: Work, campaign_id: str, imported: Imported) -> None:
    """Write the event row of an upload."""
    counts = imported.counts()
    told = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items() if number)
    change = Change(
        "campaign",
        campaign_id,
        "contacts_added",
        cause=told or "no rows",
        campaign_id=campaign_id,
        data=dict(counts),
    )
    events.record(work.tx, work.now, [change])
    work.aftermath.due = True
