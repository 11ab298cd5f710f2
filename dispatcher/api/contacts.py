"""``/v1/contacts``: people, with the ways to reach them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from sqlalchemy import Connection

from dispatcher.api.answers import json_response, paged, removed
from dispatcher.api.auth import Operate, Read
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import OnceDep
from dispatcher.api.paging import Listed, PageDep
from dispatcher.api.views.directory import ContactView, contact_view
from dispatcher.directory import contacts
from dispatcher.directory.requests import ContactSpec, Name, NewContact
from dispatcher.errors import existing
from dispatcher.store import people
from dispatcher.work import Work

router = APIRouter(prefix="/v1/contacts", tags=["contacts and groups"])

ContactName = Annotated[Name, Path(description="The contact's name.", examples=["anna"])]
IN_USE: dict[int | str, dict[str, Any]] = {409: {"description": "It is in use; `detail` says by what."}}
TAKEN: dict[int | str, dict[str, Any]] = {409: {"description": "The name is taken."}}


@router.post("", status_code=201, response_model=ContactView, responses=TAKEN)
def create_contact(asked: NewContact, once: OnceDep, client: Operate) -> Response:
    """Make a contact. Numbers without a country code are of `alarms.region`; they are kept in E.164."""

    def do(work: Work) -> tuple[int, ContactView]:
        contacts.create_contact(work, asked, client.name)
        return 201, _viewed(work.tx, asked.name)

    return once.answer(do)


@router.get("", response_model=Listed[ContactView])
def list_contacts(
    core: CoreDep,
    _client: Read,
    page: PageDep,
    search: Annotated[str | None, Query(max_length=100, description="Part of the name or full name.")] = None,
) -> Response:
    """Contacts, by name."""
    with core.store.read() as tx:
        rows = people.contacts_page(tx, page.limit + 1, page.after, search)
    return paged(page, rows, lambda row: row.name, contact_view)


@router.get("/{name}", response_model=ContactView)
def get_contact(name: ContactName, core: CoreDep, _client: Read) -> Response:
    """One contact."""
    with core.store.read() as tx:
        return json_response(_viewed(tx, name))


@router.put("/{name}", response_model=ContactView, responses={201: {"model": ContactView}})
def put_contact(name: ContactName, asked: ContactSpec, once: OnceDep, client: Operate) -> Response:
    """Replace a contact, or make it (201). What is left out goes back to its default."""

    def do(work: Work) -> tuple[int, ContactView]:
        is_new = contacts.put_contact(work, name, asked, client.name)
        return 201 if is_new else 200, _viewed(work.tx, name)

    return once.answer(do)


@router.delete("/{name}", status_code=204, responses=IN_USE)
def delete_contact(name: ContactName, core: CoreDep, client: Operate) -> Response:
    """Delete a contact. Not while a group, a schedule, an override or a policy names it (409)."""
    return removed(core, lambda work: contacts.remove_contact(work, name, client.name))


def _viewed(tx: Connection, name: str) -> ContactView:
    return contact_view(existing(people.find_contact(tx, name), "contact", name))
