"""Contacts and groups as rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from dispatcher.store.new_rows import add_if_new
from dispatcher.store.tables import Contact, ContactGroup, GroupMember, table

_contacts = table(Contact)
_groups = table(ContactGroup)
_members = table(GroupMember)


def find_contact(tx: Connection, name: str, *, lock: bool = False) -> Row[Any] | None:
    """A contact's row, or None; ``lock`` keeps it as it is until the transaction ends."""
    query = select(_contacts).where(_contacts.c.name == name)
    return tx.execute(query.with_for_update() if lock else query).one_or_none()


def contacts(tx: Connection, names: Iterable[str], *, lock: bool = False) -> dict[str, Row[Any]]:
    """Those of the contacts that exist, by name; ``lock`` keeps them there until the transaction ends."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    query = select(_contacts).where(_contacts.c.name.in_(wanted)).order_by(_contacts.c.name)
    rows = tx.execute(query.with_for_update(read=True) if lock else query)
    return {row.name: row for row in rows}


def contacts_page(tx: Connection, limit: int, after: str | None, search: str | None) -> Sequence[Row[Any]]:
    """At most ``limit`` contacts in the order of their names, those after ``after``."""
    query = select(_contacts).order_by(_contacts.c.name).limit(limit)
    if after is not None:
        query = query.where(_contacts.c.name > after)
    if search:
        pattern = _like(search)
        names = [func.lower(column).like(pattern, escape="\\") for column in _searched()]
        query = query.where(or_(*names))
    return tx.execute(query).all()


def _searched() -> tuple[Any, Any]:
    return _contacts.c.name, _contacts.c.full_name


def _like(text: str) -> str:
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return f"%{text.lower()}%"


def known_as(tx: Connection, words: Iterable[str]) -> dict[str, str]:
    """Which contact each of ``words``, in lower case, means: its name, else its full name or e-mail address.

    ``details.email`` is where a contact's address stands. A word that may mean several means none.
    """
    wanted = set(words)
    if not wanted:
        return {}
    exact: dict[str, set[str]] = {}
    loose: dict[str, set[str]] = {}
    for row in tx.execute(select(_contacts.c.name, _contacts.c.full_name, _contacts.c.details)):
        exact.setdefault(row.name.casefold(), set()).add(row.name)
        for word in (row.full_name, (row.details or {}).get("email")):
            if isinstance(word, str):
                loose.setdefault(word.casefold(), set()).add(row.name)
    meant = {word: exact.get(word) or loose.get(word) or set() for word in wanted}
    return {word: next(iter(names)) for word, names in meant.items() if len(names) == 1}


def add_contact(tx: Connection, row: Mapping[str, Any]) -> bool:
    """Write a new contact; False when the name is taken."""
    return add_if_new(tx, _contacts, row)


def change_contact(tx: Connection, name: str, values: Mapping[str, Any]) -> None:
    """Change a contact's columns."""
    tx.execute(update(_contacts).where(_contacts.c.name == name).values(values))


def remove_contact(tx: Connection, name: str) -> None:
    """Delete a contact that nothing refers to."""
    tx.execute(delete(_contacts).where(_contacts.c.name == name))


def find_group(tx: Connection, name: str, *, lock: bool = False) -> Row[Any] | None:
    """A group's row, or None; ``lock`` keeps it as it is until the transaction ends."""
    query = select(_groups).where(_groups.c.name == name)
    return tx.execute(query.with_for_update() if lock else query).one_or_none()


def groups_page(tx: Connection, limit: int, after: str | None) -> Sequence[Row[Any]]:
    """At most ``limit`` groups in the order of their names, those after ``after``."""
    query = select(_groups).order_by(_groups.c.name).limit(limit)
    return tx.execute(query if after is None else query.where(_groups.c.name > after)).all()


def members(tx: Connection, groups: Iterable[str]) -> dict[str, list[str]]:
    """The contacts of each of the groups that exist, in order; a group may be empty."""
    wanted = sorted(set(groups))
    if not wanted:
        return {}
    found: dict[str, list[str]] = {
        name: [] for name in tx.execute(select(_groups.c.name).where(_groups.c.name.in_(wanted))).scalars()
    }
    query = select(_members).where(_members.c.group_name.in_(list(found))).order_by(_members.c.position)
    for row in tx.execute(query):
        found[row.group_name].append(row.contact)
    return found


def groups_with(tx: Connection, contact: str) -> list[str]:
    """The names of the groups that a contact is in."""
    query = select(_members.c.group_name).where(_members.c.contact == contact).distinct()
    return sorted(tx.execute(query).scalars())


def add_group(tx: Connection, row: Mapping[str, Any]) -> bool:
    """Write a new group, without members; False when the name is taken."""
    return add_if_new(tx, _groups, row)


def change_group(tx: Connection, name: str, values: Mapping[str, Any]) -> None:
    """Change a group's columns."""
    tx.execute(update(_groups).where(_groups.c.name == name).values(values))


def set_members(tx: Connection, group: str, names: Sequence[str]) -> None:
    """Make ``names`` the group's members, in this order."""
    tx.execute(delete(_members).where(_members.c.group_name == group))
    if names:
        rows = [{"group_name": group, "position": place, "contact": name} for place, name in enumerate(names)]
        tx.execute(insert(_members), rows)


def remove_group(tx: Connection, name: str) -> None:
    """Delete a group; its members stay contacts."""
    tx.execute(delete(_groups).where(_groups.c.name == name))


def some_names(tx: Connection, kind: str, limit: int) -> list[str]:
    """The first names of the contacts or groups that exist, for messages to people."""
    column = {"contact": _contacts.c.name, "group": _groups.c.name}[kind]
    return list(tx.execute(select(column).order_by(column).limit(limit)).scalars())
