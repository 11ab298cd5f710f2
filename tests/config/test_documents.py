"""The document and the example say what the settings are."""

import re
from pathlib import Path

from dispatcher.config import load
from dispatcher.config.keys import every_key
from dispatcher.config.problems import toml

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


def documented() -> dict[tuple[str, ...], str]:
    """Default by key, as the document has them."""
    found: dict[tuple[str, ...], str] = {}
    section: tuple[str, ...] = ()
    for line in DOCUMENT.splitlines():
        if heading := re.fullmatch(r"## `\[+([a-z.]+)\]+`", line):
            section = tuple(heading[1].split("."))
        elif row := re.match(r"\| `(\w+)` \| (.*?) \| \S", line):
            found[*section, row[1]] = row[2].strip("`")
    return found


def test_every_key_is_documented_with_its_default_and_no_other_is() -> None:
    expected = {}
    for path, field in every_key():
        default = field.get_default(call_default_factory=True)
        shown = "required" if field.is_required() else "none" if default is None else toml(default)
        expected[tuple(part for part in path if isinstance(part, str))] = shown
    assert documented() == expected


def test_every_section_says_how_it_is_overridden() -> None:
    named = set(re.findall(r"^Override: `DISPATCHER_([A-Z0-9_]+)__KEY`$", DOCUMENT, re.MULTILINE))
    assert named == {"__".join(str(part).upper() for part in path[:-1]) for path, _ in every_key()}


def test_the_example_loads_given_the_environment_that_it_names() -> None:
    example = ROOT / "dispatcher.example.toml"
    named = re.findall(r'_env = "(\w+)"', example.read_text(encoding="utf-8"))
    assert named
    settings = load(example, dict.fromkeys(named, "secret"))
    assert settings.pbx[0].secret() == "secret"
    assert settings.policy[0].default
