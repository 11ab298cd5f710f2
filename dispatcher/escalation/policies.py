"""Notification policies: those of the configuration file, and those made, changed and deleted at run time."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from dispatcher.config import Settings
from dispatcher.directory.resolving import known
from dispatcher.directory.trail import note
from dispatcher.domain.vocabulary import DeliveredWhen, Kept, MessageKind
from dispatcher.errors import Clash, Fault, Place, Refused, existing
from dispatcher.escalation.menus import faults_of_messages
from dispatcher.escalation.recipients import Asked, Rules, faults_of_message, uncallable
from dispatcher.policies import PolicySpec
from dispatcher.requests import MessageSpec, Recipient
from dispatcher.store.tables import Policy, table
from dispatcher.work import Work

_policies = table(Policy)


def policy_named(tx: Connection, settings: Settings, name: str) -> PolicySpec:
    """The policy with this name; one of the configuration file goes first. Raises :class:`Refused`."""
    for policy in settings.policy:
        if policy.name == name:
            return policy
    document = tx.execute(select(_policies.c.document).where(_policies.c.name == name)).scalar()
    if document is not None:
        return PolicySpec.model_validate(document)
    listed = ", ".join(names(tx, settings)) or "none"
    raise Refused(Fault(("policy",), f"there is no policy named {name!r}; there are: {listed}"))


def names(tx: Connection, settings: Settings) -> list[str]:
    """The names of all policies, those of the configuration file first."""
    made = tx.execute(select(_policies.c.name).order_by(_policies.c.name)).scalars()
    return list(dict.fromkeys([*(policy.name for policy in settings.policy), *made]))


def find(tx: Connection, name: str, *, lock: bool = False) -> Row[Any] | None:
    """The row of a policy that was made at run time, or None."""
    query = select(_policies).where(_policies.c.name == name)
    return tx.execute(query.with_for_update() if lock else query).one_or_none()


def page(tx: Connection, limit: int, after: str | None) -> Sequence[Row[Any]]:
    """At most ``limit`` policies made at run time in the order of their names, those after ``after``."""
    query = select(_policies).order_by(_policies.c.name).limit(limit)
    return tx.execute(query if after is None else query.where(_policies.c.name > after)).all()


def create(work: Work, name: str, asked: PolicySpec, by: str = "") -> None:
    """Make a policy. Raises :class:`Refused`, and :class:`Clash` when the name is taken."""
    _check(work, asked)
    if name in names(work.tx, work.core.settings):
        raise Clash(f"there is a policy named {name!r} already; change it with PUT")
    _add(work, name, asked)
    note(work, Kept.POLICY, name, by, after=_document(asked))


def put(work: Work, name: str, asked: PolicySpec, by: str = "") -> bool:
    """Make or replace a policy; returns whether it is new. Alarms that are under way keep the old one.

    Raises :class:`Refused`, and :class:`Clash` for one of the configuration file.
    """
    _check_changeable(work, name)
    _check(work, asked)
    row = find(work.tx, name, lock=True)
    if row is None:
        _add(work, name, asked)
    else:
        values = {"document": _document(asked), "updated_at": work.now}
        work.tx.execute(update(_policies).where(_policies.c.name == name).values(values))
    note(work, Kept.POLICY, name, by, before=row.document if row else None, after=_document(asked))
    return row is None


def remove(work: Work, name: str, by: str = "") -> None:
    """Delete a policy; alarms that are under way keep what it said.

    Raises :class:`Unknown`, and :class:`Clash` for one of the configuration file.
    """
    _check_changeable(work, name)
    row = existing(find(work.tx, name, lock=True), "policy", name)
    work.tx.execute(delete(_policies).where(_policies.c.name == name))
    note(work, Kept.POLICY, name, by, before=row.document)


def usual_proof(message: MessageSpec, to: Sequence[Recipient], *, has_keys: bool) -> DeliveredWhen:
    """What counts as delivered where nobody says it: the most that can be proven of such calls."""
    if message.kind in (MessageKind.QUEUE, MessageKind.RING_GROUP):
        return DeliveredWhen.ANSWERED
    if has_keys:
        return DeliveredWhen.ACKNOWLEDGED
    return DeliveredWhen.ANSWERED if only_users(to) else DeliveredWhen.HEARD


def only_users(to: Sequence[Recipient]) -> bool:
    """Whether all of them are users of a PBX, of whose calls less can be proven."""
    return all(recipient.kind == "user" for recipient in to)


def has_keys(policy: PolicySpec, to: Sequence[Recipient]) -> bool:
    """Whether the policy asks for a key. Its usual key is no wish where only users are called."""
    return bool(policy.acknowledging) and ("ack_digits" in policy.model_fields_set or not only_users(to))


def proof_of(policy: PolicySpec) -> DeliveredWhen:
    """What counts as delivered for an alarm that takes everything from ``policy``."""
    if policy.delivered_when is not None:
        return policy.delivered_when
    to = policy.all_steps[0].to
    return usual_proof(policy.message, to, has_keys=has_keys(policy, to))


def faults_of(policy: PolicySpec, rules: Rules) -> list[Fault]:
    """What no configured PBX could do of what the policy asks, as far as it names numbers and the like."""
    proof, faults = proof_of(policy), []
    for number, step in enumerate(policy.all_steps):
        place: Place = ("to",) if policy.to else ("steps", number, "to")
        for message in [step.message] if step.message else [policy.message, *_other_messages(policy)]:
            asked = Asked(message, proof)
            faults += [
                *faults_of_message(asked),
                *(one.fault(place) for one in uncallable(step.to, asked, rules)),
            ]
    return list(dict.fromkeys(faults))


def _other_messages(policy: PolicySpec) -> list[MessageSpec]:
    return [rule.message for rule in policy.messages]


def _check(work: Work, asked: PolicySpec) -> None:
    faults = faults_of(asked, Rules.of(work.core.settings))
    for number, step in enumerate(asked.all_steps):
        place: Place = ("to",) if asked.to else ("steps", number, "to")
        faults += known(work.tx, step.to, place)
    faults += faults_of_messages(work.tx, work.now, work.core.settings, asked)
    if faults:
        raise Refused(*faults)


def _check_changeable(work: Work, name: str) -> None:
    if any(policy.name == name for policy in work.core.settings.policy):
        raise Clash(f"the policy {name!r} is one of the configuration file; change it there")


def _add(work: Work, name: str, asked: PolicySpec) -> None:
    made = {"created_at": work.now, "updated_at": work.now}
    work.tx.execute(insert(_policies).values(name=name, document=_document(asked), **made))


def _document(asked: PolicySpec) -> dict[str, Any]:
    return asked.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"name"})
