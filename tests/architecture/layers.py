"""The layering of the code, as a map that can be read, and the reader of imports that checks it."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Each unit may import the layers below its own, and nothing of another layer. A unit is a package or module
# right under `dispatcher`, or one of the two packages beside it.
DOMAIN = "domain"
INFRASTRUCTURE = "store, PBX drivers, metrics"
USE_CASE = "use cases"
ENTRANCE = "entrances"

LAYERS: dict[str, frozenset[str]] = {
    ENTRANCE: frozenset({"workers", "dispatcher.api", "dispatcher.cli", "dispatcher.__main__"}),
    # Whatever is named in no other layer is a use case: dispatcher.intake, .pacer, .dialer, .reports, …
    USE_CASE: frozenset(),
    INFRASTRUCTURE: frozenset({"dispatcher.store", "dispatcher.pbx", "dispatcher.metrics", "migrations"}),
    DOMAIN: frozenset({"dispatcher.domain"}),
}
ORDER = list(LAYERS)

# Within a layer: siblings of the infrastructure know nothing of each other; migrations alone know the tables.
STRANGERS = frozenset({INFRASTRUCTURE})
RELATED = frozenset({("migrations", "dispatcher.store")})

# The simulated PBX shares nothing with the rest, so that one misreading of a manual can't pass on both sides.
SIMULATOR = "dispatcher.simulator"
SIMULATOR_IMPORTERS = frozenset({"dispatcher.cli", SIMULATOR})

STDLIB = sys.stdlib_module_names
# What the domain computes with: no input, no output, no clock.
PURE = frozenset({"re2"})
OURS = frozenset({"dispatcher", "workers", "migrations", "tests", "bench"})


@dataclass(frozen=True)
class Import:
    """One module imported by one file of ours."""

    file: str
    line: int
    module: str
    target: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.target}"


def imports(root: Path, packages: tuple[str, ...] = ("dispatcher", "workers", "migrations")) -> list[Import]:
    """Every import in the packages, those inside functions and type-checking blocks included."""
    found: list[Import] = []
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            module = ".".join(parts[:-1] if is_package else parts)
            tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
            for line, target in _targets(tree, module, is_package):
                found.append(Import(str(path.relative_to(root)), line, module, target))
    return found


def _targets(tree: ast.AST, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module, is_package)
            for name in node.names:
                yield node.lineno, f"{base}.{name.name}"


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if node.level == 0:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join([*parts, node.module] if node.module else parts)


def unit(module: str) -> str:
    """`dispatcher.store.calls` is of the unit `dispatcher.store`; `workers.dial` of `workers`."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "dispatcher" else parts[0]


def layer(name: str) -> str:
    """The layer of a unit."""
    return next((layer for layer, units in LAYERS.items() if name in units), USE_CASE)


def broken_rule(found: Import) -> str | None:
    """Which rule an import breaks, in words; None if it breaks none."""
    top = found.target.partition(".")[0]
    importer, imported = unit(found.module), unit(found.target)
    if importer == "dispatcher.domain" and top not in OURS:
        return None if top in STDLIB | PURE else "the domain knows pure functions only"
    if top not in OURS or importer == imported or _is_bare_package(found):
        return None
    if top in {"tests", "bench"}:
        return "the product knows nothing of its tests and benchmarks"
    if importer == SIMULATOR:
        return "the simulator knows nothing of the dispatcher"
    if imported == SIMULATOR:
        return None if importer in SIMULATOR_IMPORTERS else "only the command line may run the simulator"
    if importer == "dispatcher":
        return "the root package is imported by every part, so it imports none"
    return _against_the_order(importer, imported)


def _against_the_order(importer: str, imported: str) -> str | None:
    above, below = layer(importer), layer(imported)
    if ORDER.index(above) > ORDER.index(below):
        return f"{above} may not import {below}"
    if above == below and above in STRANGERS and (importer, imported) not in RELATED:
        return f"{above} are siblings that do not know each other"
    return None


def _is_bare_package(found: Import) -> bool:
    """`import dispatcher`, or a plain name such as `__version__` of it: not an import of any unit."""
    package, _, name = found.target.partition(".")
    return package == "dispatcher" and (not name or name.startswith("__version"))


def cycle(found: list[Import]) -> list[str]:
    """Units that import each other in a ring, in the ring's order; empty if there is none."""
    graph: dict[str, set[str]] = {}
    for one in found:
        importer, imported = unit(one.module), unit(one.target)
        if imported.partition(".")[0] in OURS and importer != imported:
            graph.setdefault(importer, set()).add(imported)
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for following in sorted(graph.get(name, ())):
            ring = walk(following, [*path, name])
            if ring:
                return ring
        done.add(name)
        return []

    return next((ring for name in sorted(graph) if (ring := walk(name, []))), [])
