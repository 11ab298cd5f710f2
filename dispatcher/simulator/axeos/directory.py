"""The users of the PBX and their phones, and the API's objects that name them."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class User:
    """A user with one personal phone."""

    name: str

    @property
    def uuid(self) -> str:
        """The user's unique identifier."""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.name}.users"))

    @property
    def phone(self) -> str:
        """The phone's unique identifier."""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.name}.phones"))

    def listed(self) -> dict[str, Any]:
        """The user as the list of users has it."""
        phone = {"type": "phone", "phone": self.phone, "personal": True}
        return {"uuid": self.uuid, "username": self.name, "full_name": self.name.title(), "phones": [phone]}

    def as_caller(self) -> dict[str, Any]:
        """The user as the caller of a call event."""
        return {"user_uuid": self.uuid, "phone_uuid": self.phone, "number": self.name, "name": self.name}


class Directory:
    """Finds users by name or identifier."""

    def __init__(self, names: Iterable[str]) -> None:
        self.users = [User(name) for name in names]
        self._by_name = {user.name: user for user in self.users}
        self._by_uuid = {user.uuid: user for user in self.users}

    def find(self, name: Any, identifier: Any) -> User | None:
        """The user of this name or identifier."""
        return self._by_uuid.get(str(identifier)) if identifier else self._by_name.get(str(name))
