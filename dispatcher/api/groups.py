"""``/v1/groups``: several contacts under one name."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response
from sqlalchemy import Connection

from dispatcher.api.answers import json_response, listed, removed
from dispatcher.api.auth import Operate, Read
from dispatcher.api.contacts import IN_USE, TAKEN
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import OnceDep
from dispatcher.api.paging import Listed, PageDep
from dispatcher.api.views.directory import GroupView, group_view
from dispatcher.directory import contacts
from dispatcher.directory.requests import ContactGroupSpec, Name, NewContactGroup
from dispatcher.errors import existing
from dispatcher.store import people
from dispatcher.work import Work

router = APIRouter(prefix="/v1/groups", tags=["contacts and groups"])

GroupName = Annotated[Name, Path(description="The group's name.", examples=["ops"])]


@router.post("", status_code=201, response_model=GroupView, responses=TAKEN)
def create_group(asked: NewContactGroup, once: OnceDep, client: Operate) -> Response:
    """Make a group. Its members must exist."""

    def do(work: Work) -> tuple[int, GroupView]:
        contacts.create_group(work, asked, client.name)
        return 201, _viewed(work.tx, asked.name)

    return once.answer(do)


@router.get("", response_model=Listed[GroupView])
def list_groups(core: CoreDep, _client: Read, page: PageDep) -> Response:
    """Groups, by name."""
    with core.store.read() as tx:
        kept, cursor = page.cut(people.groups_page(tx, page.limit + 1, page.after), lambda row: row.name)
        members = people.members(tx, [row.name for row in kept])
    items = [group_view(row, members[row.name]) for row in kept]
    return listed(items, cursor)


@router.get("/{name}", response_model=GroupView)
def get_group(name: GroupName, core: CoreDep, _client: Read) -> Response:
    """One group."""
    with core.store.read() as tx:
        return json_response(_viewed(tx, name))


@router.put("/{name}", response_model=GroupView, responses={201: {"model": GroupView}})
def put_group(name: GroupName, asked: ContactGroupSpec, once: OnceDep, client: Operate) -> Response:
    """Replace a group, or make it (201)."""

    def do(work: Work) -> tuple[int, GroupView]:
        is_new = contacts.put_group(work, name, asked, client.name)
        return 201 if is_new else 200, _viewed(work.tx, name)

    return once.answer(do)


@router.delete("/{name}", status_code=204, responses=IN_USE)
def delete_group(name: GroupName, core: CoreDep, client: Operate) -> Response:
    """Delete a group; its members stay contacts. Not while a policy names it (409)."""
    return removed(core, lambda work: contacts.remove_group(work, name, client.name))


def _viewed(tx: Connection, name: str) -> GroupView:
    row = existing(people.find_group(tx, name), "group", name)
    return group_view(row, people.members(tx, [name])[name])
