"""The architecture, enforced: imports go downwards only, without cycles, and only kernels know Numba."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import neptuner

ROOT = Path(neptuner.__file__).parent
RANK = {
    "errors": 0, "units": 0, "signals": 0, "machine": 0, "files": 1, "potential": 2, "kernels": 3,
    "training": 4, "md": 4, "transport": 4, "engines": 5, "launch": 5, "study": 6, "audit": 6, "report": 7, "live": 7,
    "cli": 8, "__main__": 9,
}  # fmt: skip


def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = ("neptuner", *path.relative_to(ROOT).with_suffix("").parts)
        found[".".join(parts).removesuffix(".__init__")] = ast.parse(path.read_text())
    return found


def imported(node: ast.Module | ast.stmt, known: set[str], deep: bool) -> set[str]:
    """Names of modules that a module imports, at its top level or anywhere."""
    names: set[str] = set()
    for statement in ast.walk(node) if deep else node.body:
        if isinstance(statement, ast.Import):
            names |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            assert statement.level == 0, "imports are absolute"
            for alias in statement.names:
                full = f"{statement.module}.{alias.name}"
                names.add(full if full in known else str(statement.module))
    return names


def layer(name: str) -> int:
    """Rank of a module; the package itself is above everything."""
    parts = name.split(".")
    return RANK[parts[1]] if len(parts) > 1 else 10


def test_every_part_of_the_package_has_a_layer() -> None:
    assert {name.split(".")[1] for name in modules() if "." in name} <= RANK.keys()


def test_imports_go_downwards_only() -> None:
    known = modules()
    wrong = [
        f"{name} imports {target}"
        for name, tree in known.items()
        if name != "neptuner"
        for target in imported(tree, set(known), deep=True)
        if target.startswith("neptuner.") and layer(target) > layer(name)
    ]
    assert wrong == []


def test_there_are_no_import_cycles() -> None:
    known = modules()
    graph = {name: imported(tree, set(known), deep=False) & set(known) - {name} for name, tree in known.items()}
    order = list(TopologicalSorter(graph).static_order())
    assert len(order) >= len(known)


def test_only_kernels_know_numba() -> None:
    users = {
        name
        for name, tree in modules().items()
        if any(target.split(".")[0] == "numba" for target in imported(tree, set(), deep=True))
    }
    assert users == {"neptuner.kernels.compile", "neptuner.kernels.vectors"}
