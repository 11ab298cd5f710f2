"""Calls that somebody wants to put through to somebody else."""

from typing import Annotated

from pydantic import Field, StringConstraints
from sqlalchemy import select

from dispatcher.directory.numbers import e164
from dispatcher.domain.vocabulary import Phase, TargetKind
from dispatcher.errors import Fault, NotPossible, Refused, Unknown
from dispatcher.pbx.registry import CAPABILITIES
from dispatcher.requests import Schema
from dispatcher.store import transfers
from dispatcher.store.attempts import Case, lock_by_id
from dispatcher.store.tables import Attempt, Call, table
from dispatcher.store.transfers import Wanted
from dispatcher.work import Work

_calls, _attempts = table(Call), table(Attempt)


class TransferRequest(Schema):
    """Whom a call is put through to."""

    to: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True, max_length=40, pattern=r"^(\+[0-9][-0-9 ()./]*|[0-9*#]{1,20})$"
        ),
    ] = Field(
        examples=["1002", "+31687654321"],
        description="An extension of the call's PBX, or, with + and the country code, an outside number.",
    )

    def wanted(self) -> Wanted:
        """The target. Raises :class:`Refused`."""
        if not self.to.startswith("+"):
            return Wanted(TargetKind.EXTENSION, self.to)
        try:
            return Wanted(TargetKind.NUMBER, e164(self.to, ""))
        except ValueError as error:
            raise Refused(Fault(("to",), str(error))) from None


def put_through(work: Work, call_id: str, request: TransferRequest, by: str) -> None:
    """Ask for a call that was answered to be put through. What comes of it are events of the call.

    Raises :class:`Unknown`, :class:`NotPossible` unless somebody is on the line, and :class:`Refused` where
    the destination is none, or the PBX's family can't do it.
    """
    wanted = request.wanted()
    case = _case(work, call_id)
    pbx = next((pbx for pbx in work.core.settings.pbx if pbx.name == case.pbx), None)
    if pbx is None or case.target.kind not in CAPABILITIES[pbx.family].transfers:
        family = pbx.family if pbx is not None else "not configured any more"
        raise Refused(Fault(("to",), f"{case.pbx} ({family}) can't put such a call through"))
    if wanted.kind is TargetKind.NUMBER and not pbx.trunk:
        raise Refused(Fault(("to",), f"{case.pbx} has no trunk to an outside number"))
    transfers.ask(work.tx, work.now, case, wanted, by)
    work.aftermath.transfers.append(case.attempt_id)


def _case(work: Work, call_id: str) -> Case:
    """The attempt that is up, locked."""
    state = work.tx.execute(select(_calls.c.state).where(_calls.c.id == call_id)).scalar()
    if state is None:
        raise Unknown("call", call_id)
    up = select(_attempts.c.id).where(
        _attempts.c.call_id == call_id, _attempts.c.phase == Phase.UP, _attempts.c.channel_held
    )
    cases = lock_by_id(work.tx, work.core.ledger.requests, list(work.tx.execute(up).scalars()))
    case = next((case for case in cases if case.phase is Phase.UP), None)
    if case is None:
        raise NotPossible("the call is not up", state)
    facts = case.facts
    if facts.answered_at is None and facts.prompt_ended_at is None and not facts.keys:
        raise NotPossible("nobody has answered the call yet", state)
    if facts.hung_up_at is not None:
        raise NotPossible("the call is being ended", state)
    return case
