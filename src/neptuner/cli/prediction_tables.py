"""The tables that `neptuner predict` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table

NAMES = {"energy": "energy (meV/atom)", "force": "force (meV/Å)", "virial": "virial (meV/atom)"}
STATISTICS = ("rmse", "mae", "r2")
NOTHING = "-"


def prediction_tables(result: dict[str, Any]) -> Iterator[Table]:
    """Errors of the whole set, of its elements, of its cell sizes, and of its worst frames, as far as there are any."""
    yield _whole(result)
    if result["rmse_force"] is not None:
        yield _elements(result["by_element"])
    if len(result["by_size"]) > 1:
        yield _sizes(result["by_size"])
    if any(result["worst_frames"].values()):
        yield _worst(result["worst_frames"])


def _whole(result: dict[str, Any]) -> Table:
    table = _table("all", "RMSE", "MAE", "R2")
    for quantity, name in NAMES.items():
        table.add_row(name, *_cells(result, quantity))
    return table


def _elements(elements: dict[str, dict[str, Any]]) -> Table:
    table = _table("force on (meV/Å)", "RMSE", "MAE", "R2", "atoms")
    for symbol, row in elements.items():
        table.add_row(symbol, *_cells(row, "force"), f"{row['atoms']:,}")
    return table


def _sizes(sizes: list[dict[str, Any]]) -> Table:
    table = _table("RMSE by cell size", "energy", "force", "virial", "frames")
    for row in sizes:
        errors = (_milli(row[f"rmse_{quantity}"]) for quantity in NAMES)
        table.add_row(f"{row['atoms_per_frame']} atoms", *errors, f"{row['frames']:,}")
    return table


def _worst(worst: dict[str, list[dict[str, Any]]]) -> Table:
    table = _table("worst frames", "error", "frame", "atoms", "largest", "on atom")
    for quantity, name in NAMES.items():
        for place, row in enumerate(worst[quantity]):
            error = f"{1e3 * row['error']:+.2f}" if quantity == "energy" else _milli(row["error"])
            largest = (_milli(row["max"]), str(row["atom"])) if "max" in row else ()
            table.add_row("" if place else name, error, str(row["frame"]), str(row["atoms"]), *largest)
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(first, min_width=18, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True, min_width=9)
    return table


def _cells(row: dict[str, Any], quantity: str) -> list[str]:
    rmse, mae, r2 = (row[f"{statistic}_{quantity}"] for statistic in STATISTICS)
    return [_milli(rmse), _milli(mae), NOTHING if r2 is None else f"{r2:.5f}"]


def _milli(value: float | None) -> str:
    return NOTHING if value is None else f"{1e3 * value:.2f}"
