"""Notification policies by their names: those of the configuration file, and those made through the API."""

from sqlalchemy import Connection, select

from dispatcher.config import Settings
from dispatcher.errors import Fault, Refused
from dispatcher.policies import PolicySpec
from dispatcher.store.tables import Policy, table

_policies = table(Policy)


def policy_named(tx: Connection, settings: Settings, name: str) -> PolicySpec:
    """The policy with this name; one of the configuration file goes first. Raises :class:`Refused`."""
    for policy in settings.policy:
        if policy.name == name:
            return policy
    document = tx.execute(select(_policies.c.document).where(_policies.c.name == name)).scalar()
    if document is not None:
        return PolicySpec.model_validate(document)
    known = ", ".join(names(tx, settings)) or "none"
    raise Refused(Fault(("policy",), f"there is no policy named {name!r}; there are: {known}"))


def names(tx: Connection, settings: Settings) -> list[str]:
    """The names of all policies, those of the configuration file first."""
    made = tx.execute(select(_policies.c.name).order_by(_policies.c.name)).scalars()
    return list(dict.fromkeys([*(policy.name for policy in settings.policy), *made]))
