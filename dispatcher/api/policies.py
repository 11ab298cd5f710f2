"""``/v1/policies``: whom alarms call in which order, what they hear, and what their keys do."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from sqlalchemy import Connection

from dispatcher.api.answers import json_response, listed, removed
from dispatcher.api.auth import Operate, Read
from dispatcher.api.contacts import TAKEN
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import OnceDep
from dispatcher.api.paging import Listed, PageDep
from dispatcher.config import PolicySettings
from dispatcher.core import Core
from dispatcher.directory.uses import check_unused
from dispatcher.errors import existing
from dispatcher.escalation import policies
from dispatcher.policies import PolicySpec
from dispatcher.requests import Word
from dispatcher.work import Work

router = APIRouter(prefix="/v1/policies", tags=["policies"])

PolicyName = Annotated[Word, Path(description="The policy's name.", examples=["night-shift"])]
_OF_THE_FILE: dict[int | str, dict[str, Any]] = {
    409: {"description": "It is one of the configuration file and is changed there, or a heartbeat needs it."}
}
_EXAMPLE: JsonDict = {
    "steps": [
        {"to": [{"schedule": "duty"}], "wait": 300},
        {"to": [{"group": "ops"}], "mode": "hunt", "wait": 600},
        {"to": [{"contact": "manager"}]},
    ],
    "repeat": 1,
    "message": {"ivr": "6500"},
    "messages": [{"labels": {"site": "north"}, "message": {"prompt": "site-north+pressure-high"}}],
    "keys": {"4": "escalate", "6": "resolve", "7": "silence"},
    "severity": {
        "warning": {"windows": [{"days": ["mon", "tue"], "from": "08:00", "to": "17:00"}]},
        "info": "record",
    },
    "timezone": "Europe/Amsterdam",
    "remind_after": 1800,
    "group": {"by": ["site"], "wait": 30, "interval": 300},
}


class PolicyBody(PolicySpec):
    """A notification policy. Alarms keep it as it was when they were raised."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})


class NewPolicy(PolicyBody):
    """A policy, with its name."""

    name: Word = Field(examples=["night-shift"])


class PolicyView(BaseModel):
    """A policy, where it was written, and since when it is as it is."""

    name: str
    origin: Literal["api", "config"]
    policy: dict[str, Any] = Field(description="As it was written.", examples=[_EXAMPLE])
    created_at: datetime | None = None
    updated_at: datetime | None = None


@router.post("", status_code=201, response_model=PolicyView, responses=TAKEN)
def create_policy(asked: NewPolicy, once: OnceDep, client: Operate) -> Response:
    """Make a policy. What no configured PBX could do, and who does not exist, is refused by its place."""

    def do(work: Work) -> tuple[int, PolicyView]:
        policies.create(work, asked.name, asked, client.name)
        return 201, _viewed(work.core, work.tx, asked.name)

    return once.answer(do)


@router.get("", response_model=Listed[PolicyView])
def list_policies(core: CoreDep, _client: Read, page: PageDep) -> Response:
    """Policies made here, by name; the first page begins with those of the configuration file."""
    with core.store.read() as tx:
        rows, cursor = page.cut(policies.page(tx, page.limit + 1, page.after), lambda row: row.name)
    of_file = [_of_file(policy) for policy in core.settings.policy] if page.after is None else []
    items = of_file + [_of_row(row) for row in rows]
    return listed(items, cursor)


@router.get("/{name}", response_model=PolicyView)
def get_policy(name: PolicyName, core: CoreDep, _client: Read) -> Response:
    """One policy."""
    with core.store.read() as tx:
        return json_response(_viewed(core, tx, name))


@router.put("/{name}", response_model=PolicyView, responses={201: {"model": PolicyView}, **_OF_THE_FILE})
def put_policy(name: PolicyName, asked: PolicyBody, once: OnceDep, client: Operate) -> Response:
    """Replace a policy, or make it (201). Alarms that are under way go on by the old one."""

    def do(work: Work) -> tuple[int, PolicyView]:
        is_new = policies.put(work, name, asked, client.name)
        return 201 if is_new else 200, _viewed(work.core, work.tx, name)

    return once.answer(do)


@router.delete("/{name}", status_code=204, responses=_OF_THE_FILE)
def delete_policy(name: PolicyName, core: CoreDep, client: Operate) -> Response:
    """Delete a policy that no heartbeat needs.

    Alarms that are under way go on by it; those that name it from now on are refused.
    """

    def do(work: Work) -> None:
        check_unused(work.tx, core.settings, "policy", name, work.now)
        policies.remove(work, name, client.name)

    return removed(core, do)


def _viewed(core: Core, tx: Connection, name: str) -> PolicyView:
    for policy in core.settings.policy:
        if policy.name == name:
            return _of_file(policy)
    return _of_row(existing(policies.find(tx, name), "policy", name))


def _of_file(policy: PolicySettings) -> PolicyView:
    document = policy.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"name", "default"})
    return PolicyView(name=policy.name, origin="config", policy=document)


def _of_row(row: Any) -> PolicyView:
    return PolicyView(
        name=row.name,
        origin="api",
        policy=row.document,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
