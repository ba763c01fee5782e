"""What the figures need from trial directories: loss curves and weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.loss_out import read_loss_out, read_validation_out
from neptuner.files.nep_txt import NepTxt, count_descriptors, read_nep_txt
from neptuner.report.data import QUANTITIES, Configuration, Key, Results, Run

Array = NDArray[np.float64]

BLOCKS = ("network", "radial c", "angular c")


@dataclass(frozen=True)
class Curve:
    """A loss against the steps, over the replicates of a configuration; each array ``(rows,)``."""

    steps: Array
    mean: Array
    low: Array
    high: Array
    """In eV/atom or eV/angstrom."""


def loss_curves(results: Results, configuration: Configuration) -> dict[Key, Curve]:
    """Read the loss curves of every replicate; columns of zeros (no labels, no test set) are left out.

    Raises
    ------
    InputError
        A trial directory has no readable ``loss.out``, or an unreadable ``validation.out``.
    """
    folders = _folders(results, configuration)
    tables = [read_loss_out(folder / "loss.out") for folder in folders]
    steps = [t.steps.astype(float) for t in tables]
    found: dict[Key, Curve] = {}
    for quantity in QUANTITIES:
        for split in ("train", "test"):
            _add_curve(found, (quantity, split), steps, [getattr(t, f"{quantity}_{split}") for t in tables])
    if all((folder / "validation.out").is_file() for folder in folders):
        rows = [read_validation_out(folder / "validation.out") for folder in folders]
        for quantity in QUANTITIES:
            columns = [getattr(r, quantity) for r in rows]
            _add_curve(found, (quantity, "validation"), [r.steps.astype(float) for r in rows], columns)
    return found


def run_curve(results: Results, run: Run, key: Key) -> Curve | None:
    """Read one loss curve of one training, finished or not; None where it has none.

    Raises
    ------
    InputError
        The file of its curve cannot be read.
    """
    if run.directory is None:
        return None
    folder, (quantity, split) = results.folder / run.directory, key
    if split == "validation":
        rows = read_validation_out(folder / "validation.out")
        steps, loss = rows.steps, getattr(rows, quantity)
    else:
        table = read_loss_out(folder / "loss.out")
        steps, loss = table.steps, getattr(table, f"{quantity}_{split}")
    found: dict[Key, Curve] = {}
    _add_curve(found, key, [steps.astype(float)], [loss])
    return found.get(key)


def weights(results: Results, configuration: Configuration) -> dict[str, Array]:
    """Read the weights of the first replicate's ``nep.txt``, by block.

    Raises
    ------
    InputError
        ``nep.txt`` cannot be read.
    """
    return split_weights(read_nep_txt(_folders(results, configuration)[0] / "nep.txt"))


def split_weights(model: NepTxt) -> dict[str, Array]:
    """Return the weights of the network and the radial and angular expansion coefficients of a model."""
    types = len(model.elements)
    radial, angular = (types**2 * (n + 1) * (k + 1) for n, k in zip(model.n_max, model.basis_size, strict=True))
    flexible = model.zbl is not None and not any(model.zbl[:2])
    after = count_descriptors(model) + (10 * types * (types + 1) // 2 if flexible else 0)
    # The one number between network and coefficients is the common output bias, an energy and no weight.
    start = model.values.size - after - radial - angular
    parts = np.split(model.values, [start - 1, start, start + radial, start + radial + angular])
    return {"network": parts[0], "radial c": parts[2], "angular c": parts[3]}


def convergence(curve: Curve) -> float | None:
    """Return how fast a loss still falls at its end, in per cent per 1000 steps (positive: falling).

    A straight line through the last fifth of the rows (at least five) gives the slope; None with fewer.
    """
    rows = max(5, len(curve.steps) // 5)
    if len(curve.steps) < rows:
        return None
    steps, loss = curve.steps[-rows:], curve.mean[-rows:]
    centred = steps - steps.mean()
    slope = float(centred @ loss / (centred @ centred))
    return -100.0 * 1000.0 * slope / float(loss.mean())


def _add_curve(found: dict[Key, Curve], key: Key, steps: Sequence[Array], columns: Sequence[Array]) -> None:
    """Join replicates where they have the same steps; otherwise the first stands for all."""
    same = all(np.array_equal(s, steps[0]) for s in steps)
    stack = np.stack(columns) if same else columns[0][None]
    # Zero means missing, and would draw a line to the floor of a logarithmic axis.
    kept = np.all(stack > 0, axis=0)
    if kept.any():
        stack = stack[:, kept]
        found[key] = Curve(steps[0][kept], stack.mean(axis=0), stack.min(axis=0), stack.max(axis=0))


def _folders(results: Results, configuration: Configuration) -> list[Path]:
    folders = results.folders(configuration)
    if not folders:
        raise InputError(f"names no trial directory for {configuration.name}", path=results.folder / "results.json")
    return folders
