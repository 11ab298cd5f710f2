"""The keys that the settings know, found by their path: ``("pbx", 0, "trunk", 1, "channels")``."""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dispatcher.config.settings import Settings

Path = tuple[str | int, ...]


def dotted(path: Path) -> str:
    """The path as people write it: ``pbx[0].trunk[1].channels``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def variable(path: Path) -> str:
    """The environment variable that overrides the key at ``path``."""
    return "DISPATCHER_" + "__".join(str(part).upper() for part in path)


def models_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a key's values, or the items of its list, are made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for item in get_args(annotation) if (found := models_in(item))), None)


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields by the names that they have in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def field_at(path: Path) -> FieldInfo | None:
    """The field that a path leads to, or None; an item of a list leads to the list's field."""
    model: type[BaseModel] | None = Settings
    field: FieldInfo | None = None
    for part in path:
        if isinstance(part, int):
            continue
        field = fields_of(model).get(part) if model is not None else None
        if field is None:
            return None
        model = models_in(field.annotation)
    return field


def known_at(path: Path) -> list[str]:
    """The keys that the table at ``path`` may have."""
    field = field_at(path)
    model = models_in(field.annotation) if field is not None else Settings if not path else None
    return list(fields_of(model)) if model is not None else []


def is_list(field: FieldInfo) -> bool:
    """Whether the key holds a list."""
    return _has(list, field.annotation)


def _has(kind: type, annotation: Any) -> bool:
    return get_origin(annotation) is kind or any(_has(kind, item) for item in get_args(annotation))


def every_key(
    model: type[BaseModel] = Settings, under: Path = (), shown: set[type[BaseModel]] | None = None
) -> Iterator[tuple[Path, FieldInfo]]:
    """Every key that holds a value, with its field; lists of tables have the index 0.

    A table whose keys have been given already, nearer to the root, is given as one key.
    """
    shown = set() if shown is None else shown
    tables: dict[str, type[BaseModel]] = {}
    for name, field in fields_of(model).items():
        inner = None if _has(dict, field.annotation) else models_in(field.annotation)
        if inner is None or inner in shown:
            yield (*under, name), field
        else:
            shown.add(inner)
            tables[name] = inner
    for name, inner in tables.items():
        place = (*under, name, 0) if is_list(fields_of(model)[name]) else (*under, name)
        yield from every_key(inner, place, shown)
