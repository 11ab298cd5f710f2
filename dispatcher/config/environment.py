"""What the environment adds to the file: overrides of any key, and secrets that the file only names."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from dispatcher.config.keys import Path, dotted, known_at
from dispatcher.config.problems import Problem
from dispatcher.config.settings import Settings

PREFIX = "dispatcher_"


class Overrides(EnvSettingsSource):
    """``DISPATCHER_SECTION__KEY`` and ``DISPATCHER_PBX__0__TRUNK__1__CHANNELS`` as nested values.

    Lists and tables can be given whole, as JSON. Variables without a double underscore are no overrides.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__(Settings)
        lowered = {name.lower(): value for name, value in environment.items()}
        self.env_vars = {
            name: value for name, value in lowered.items() if name.startswith(PREFIX) and "__" in name
        }

    def next_field(
        self, field: FieldInfo | Any | None, key: str, case_sensitive: bool | None = None
    ) -> FieldInfo | None:
        """The field that ``key`` leads to, where a number leads into a list."""
        annotation = field.annotation if isinstance(field, FieldInfo) else field
        if key.isdecimal() and get_origin(annotation) is list:
            item: FieldInfo | None = get_args(annotation)[0]
            return item
        return super().next_field(field, key, case_sensitive)

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """The value, read as JSON; what is no JSON is left for the schema to refuse at its place."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value

    def misfits(self) -> Iterator[Problem]:
        """Variables that would be passed over: of no section, or beside one that sets the whole."""
        sections = known_at(())
        for name in sorted(self.env_vars):
            path: Path = tuple(name.removeprefix(PREFIX).split("__"))
            if path[0] not in sections:
                yield Problem(path, "unknown section", f"The sections are {', '.join(sections)}")
            if any(other.startswith(f"{name}__") for other in self.env_vars):
                yield Problem(path, "stands beside variables that set parts of it", "Keep one or the other")


def overlay(data: dict[str, Any], changes: Mapping[str, Any], under: Path = ()) -> Iterator[Path | Problem]:
    """Put ``changes`` into ``data``; yields the paths that were overridden, and what could not be."""
    for name, value in changes.items():
        path = (*under, name)
        if isinstance(value, dict) and isinstance(data.get(name, {}), dict) and not _are_indexes(value):
            yield from overlay(data.setdefault(name, {}), value, path)
        elif isinstance(value, dict) and _are_indexes(value) and isinstance(data.get(name, []), list):
            yield from _overlay_list(data.setdefault(name, []), value, path)
        else:
            data[name] = value
            yield path


def _are_indexes(value: Mapping[str, Any]) -> bool:
    return bool(value) and all(name.isdecimal() for name in value)


def _overlay_list(items: list[Any], changes: Mapping[str, Any], under: Path) -> Iterator[Path | Problem]:
    for index, value in sorted((int(name), value) for name, value in changes.items()):
        path = (*under, index)
        if index > len(items):
            yield Problem(path, f"there is no {dotted((*under, index - 1))} before it", "Count from 0")
            continue
        if index == len(items):
            items.append({} if isinstance(value, dict) else value)
            yield path
        if isinstance(value, dict) and isinstance(items[index], dict):
            yield from overlay(items[index], value, path)
        else:
            items[index] = value
            yield path


_SECRETS: dict[str | int, dict[str, str]] = {
    "pbx": {"password": "unset", "webhook_secret": "unset", "cdr_url": "sqlite:////unset.db"},
    "api": {"token": "unset"},
    "audit": {"heartbeat_url": "https://unset.invalid"},
    "intake": {"secret": "unset"},
    "webhooks": {"callback_secret": f"whsec_{'unset' * 8}"},
}
"""By section: the keys that ``…_env`` can stand for, and what each holds while its variable is not set."""


def fill_secrets(data: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[Problem]:
    """Put in the secrets that ``password_env`` and the like name."""
    for table, path in _tables(data):
        for key, unset in _SECRETS[path[0]].items():
            yield from _fill(table, path, key, unset, environment)


def _fill(
    table: dict[str, Any], path: Path, key: str, unset: str, environment: Mapping[str, str]
) -> Iterator[Problem]:
    name = table.get(f"{key}_env")
    if not isinstance(name, str):
        return
    named = (*path, f"{key}_env")
    if key in table:
        yield Problem(named, f"stands beside {key}", "Keep one of the two", ((*path, key),))
    elif not environment.get(name):
        table[key] = unset
        mend = f"Set it, or write {key} in its place"
        yield Problem(named, f"the environment variable {name} is not set", mend, ((*path, key),))
    else:
        table[key] = environment[name]


def _tables(data: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Path]]:
    """The tables that may name a secret."""
    api = data.get("api")
    groups: list[tuple[Path, Any]] = [
        (("pbx",), data.get("pbx")),
        (("api", "key"), api.get("key") if isinstance(api, dict) else None),
    ]
    for path, items in groups:
        for index, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(item, dict):
                yield item, (*path, index)
    for section in ("audit", "webhooks"):
        found = data.get(section)
        if isinstance(found, dict):
            yield found, (section,)
    intake = data.get("intake")
    grafana = intake.get("grafana") if isinstance(intake, dict) else None
    if isinstance(grafana, dict):
        yield grafana, ("intake", "grafana")
