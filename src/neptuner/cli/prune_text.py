"""What `neptuner prune` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

SHOWN = 4
"""Descriptors listed from either end."""

UNITS = {"energy": "meV/atom", "force": "meV/Å", "virial": "meV/atom"}


def prune_lines(result: dict[str, Any]) -> Iterator[str]:
    """Lines of text from what ``engines.pruning.prune`` returns."""
    if result["analysis"] is not None:
        yield from _analysis_lines(result["analysis"])
        yield ""
    before, after = result["before"], result["after"]
    yield f"{'':18s}{'before':>16s}{'after':>16s}"
    for name in ("n_max", "basis_size", "l_max", "neuron"):
        yield _row(name, *(" ".join(map(str, part[name])) for part in (before, after)))
    yield _row("parameters", *(f"{part['parameters']:,}" for part in (before, after)))
    if result["operations_ratio"] is not None:
        yield _row("operations", "1", f"{result['operations_ratio']:.3f}") + "   of an atom in molecular dynamics"
    for name, unit in UNITS.items():
        if f"rmse_{name}" in before:
            yield _error_row(f"{name} ({unit})", before[f"rmse_{name}"], after[f"rmse_{name}"])
    if result["operations_ratio"] is not None:
        yield f"errors: RMSE over {result['frames']:,} frames, {result['atoms']:,} atoms"


def _analysis_lines(analysis: dict[str, Any]) -> Iterator[str]:
    yield f"weights, over {analysis['atoms']:,} atoms"
    for layer in sorted({row["layer"] for row in analysis["neurons"]}):
        rows = [row for row in analysis["neurons"] if row["layer"] == layer]
        dead = ", ".join(f"{row['species']} {row['dead']}" for row in rows)
        label = "dead neurons" if layer == 1 else f"dead in layer {layer}"
        yield f"{label:18s}{dead} of {len(rows[0]['influence'])} (give less than 0.1 meV)"
    unused = ", ".join(f"{row['unused']} of {len(row['size'])} {row['kind']}" for row in analysis["basis"])
    yield f"{'unused basis f_k':18s}{unused}"
    components = sorted(analysis["components"], key=lambda row: -row["growth"])
    yield f"{'needed most':18s}{_components(components[:SHOWN])}"
    yield f"{'needed least':18s}{_components(components[-SHOWN:])}"
    yield ""
    yield f"{'each size alone':18s}{'now':>8s}{'within 1 %':>14s}{'within 5 %':>14s}   growth of any error"
    for row in analysis["sizes"]:
        yield f"{row['part']:18s}{row['now']:8d}{row['least']['1']:14d}{row['least']['5']:14d}"


def _components(rows: Sequence[dict[str, Any]]) -> str:
    return ", ".join(f"{row['kind']} n={row['n']} ({row['growth']:+.1f} %)" for row in rows)


def _row(name: str, before: str, after: str) -> str:
    return f"{name:18s}{before:>16s}{after:>16s}"


def _error_row(name: str, before: float, after: float) -> str:
    return _row(name, f"{1e3 * before:.2f}", f"{1e3 * after:.2f}") + f"   {100 * (after / before - 1):+.2f} %"
