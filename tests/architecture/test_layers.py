"""Imports point downward only: entrances → use cases → store, PBX drivers, metrics → domain."""

from pathlib import Path

import pytest

from tests.architecture.layers import Import, broken_rule, cycle, imports

ROOT = Path(__file__).parents[2]


def test_every_import_points_downward() -> None:
    found = imports(ROOT)
    assert found, "no import was read at all"
    broken = [f"{one}: {rule}" for one in found if (rule := broken_rule(one))]
    assert not broken, "\n".join(["imports against the layering:", *broken])


def test_no_two_parts_import_each_other() -> None:
    ring = cycle(imports(ROOT))
    assert not ring, " → ".join(ring)


@pytest.mark.parametrize(
    ("module", "target", "allowed"),
    [
        ("dispatcher.domain.outcome", "enum.StrEnum", True),
        ("dispatcher.domain.outcome", "dispatcher.domain.facts.Facts", True),
        ("dispatcher.domain.outcome", "httpx", False),
        ("dispatcher.domain.matchers", "re2", True),
        ("dispatcher.domain.outcome", "dispatcher.store.calls", False),
        ("dispatcher.store.calls", "dispatcher.domain.outcome", True),
        ("dispatcher.store.calls", "sqlalchemy.select", True),
        ("dispatcher.store.calls", "dispatcher.pbx.registry", False),
        ("dispatcher.store.schema", "migrations", False),
        ("dispatcher.pbx.registry", "dispatcher.store.calls", False),
        ("dispatcher.pbx.registry", "dispatcher.reports.receive", False),
        ("dispatcher.reports.receive", "dispatcher.store.reports", True),
        ("dispatcher.reports.receive", "dispatcher.dialer.dial", True),
        ("dispatcher.reports.receive", "dispatcher.api.app", False),
        ("dispatcher.pacer.plan", "workers.dial", False),
        ("dispatcher.api.app", "dispatcher.intake.alarms", True),
        ("dispatcher.cli.simulator", "dispatcher.simulator.app", True),
        ("dispatcher.api.app", "dispatcher.simulator.app", False),
        ("dispatcher.simulator.app", "dispatcher.simulator.callees", True),
        ("dispatcher.simulator.app", "dispatcher.domain.outcome", False),
        ("dispatcher.simulator.app", "dispatcher", True),
        ("dispatcher", "dispatcher.store.calls", False),
        ("workers.dial", "dispatcher.dialer.dial", True),
        ("workers.dial", "tests.services.redis", False),
        ("migrations.env", "dispatcher.store.tables", True),
        ("migrations.env", "dispatcher.api.app", False),
    ],
)
def test_the_rules_themselves(module: str, target: str, allowed: bool) -> None:
    rule = broken_rule(Import("a.py", 1, module, target))
    assert (rule is None) is allowed, rule


def test_imports_are_found_wherever_they_hide(tmp_path: Path) -> None:
    package = tmp_path / "dispatcher" / "store"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from . import calls\n")
    (package / "calls.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    import httpx\n"
        "def late():\n"
        "    from ..pbx import registry\n"
        "    from .tables import Call, Attempt\n"
    )
    assert [one.target for one in imports(tmp_path, ("dispatcher",))] == [
        "dispatcher.store.calls",
        "typing.TYPE_CHECKING",
        "httpx",
        "dispatcher.pbx.registry",
        "dispatcher.store.tables.Call",
        "dispatcher.store.tables.Attempt",
    ]


def test_a_ring_of_imports_is_named() -> None:
    ring = cycle(
        [
            Import("a.py", 1, "dispatcher.intake.alarms", "dispatcher.pacer.wake"),
            Import("b.py", 1, "dispatcher.pacer.wake", "dispatcher.dialer.dial"),
            Import("c.py", 1, "dispatcher.dialer.dial", "dispatcher.pacer.plan"),
        ]
    )
    assert ring == ["dispatcher.dialer", "dispatcher.pacer", "dispatcher.dialer"]
