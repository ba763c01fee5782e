"""What the figures need from trial directories: loss curves, predictions and weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.loss_out import read_loss_out
from neptuner.files.nep_txt import NepTxt, read_nep_txt
from neptuner.files.predictions import read_predictions
from neptuner.report.data import QUANTITIES, Configuration, Key, Results

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


@dataclass(frozen=True)
class Parity:
    """Force components of one run, ``(3 n,)`` in eV/angstrom."""

    split: str
    predicted: Array
    reference: Array

    @property
    def rmse(self) -> float:
        """Root-mean-square error of a component, in eV/angstrom."""
        return float(np.sqrt(np.mean((self.predicted - self.reference) ** 2)))


def loss_curves(results: Results, configuration: Configuration) -> dict[Key, Curve]:
    """Read the loss curves of every replicate; columns of zeros (no labels, no test set) are left out.

    Raises
    ------
    InputError
        A trial directory has no readable ``loss.out``.
    """
    tables = [read_loss_out(_existing(folder / "loss.out")) for folder in results.folders(configuration)]
    if not tables:
        raise InputError(f"no trial directory is named for {configuration.name}", path=results.folder)
    found: dict[Key, Curve] = {}
    for quantity in QUANTITIES:
        for split in ("train", "test"):
            columns = [np.asarray(getattr(t, f"{quantity}_{split}"), dtype=float) for t in tables]
            if all(np.any(column > 0) for column in columns):
                found[quantity, split] = _curve([np.asarray(t.steps, dtype=float) for t in tables], columns)
    return found


def force_parity(results: Results, configuration: Configuration) -> Parity:
    """Read the force predictions of the first replicate, of the test set or else of the training set.

    Raises
    ------
    InputError
        Neither ``force_test.out`` nor ``force_train.out`` can be read.
    """
    folder = _first_folder(results, configuration)
    split = "test" if (folder / "force_test.out").is_file() else "train"
    _existing(folder / f"force_{split}.out")
    predictions = read_predictions(folder, split)
    predicted = np.asarray(predictions.force, dtype=float).ravel()
    reference = np.asarray(predictions.force_reference, dtype=float).ravel()
    if predicted.size == 0:
        raise InputError("holds no forces", path=folder / f"force_{split}.out")
    return Parity(split, predicted, reference)


def weights(results: Results, configuration: Configuration) -> dict[str, Array]:
    """Read the weights of the first replicate's ``nep.txt``, by block.

    Raises
    ------
    InputError
        ``nep.txt`` cannot be read or is shorter than its header says.
    """
    path = _existing(_first_folder(results, configuration) / "nep.txt")
    return _split_weights(read_nep_txt(path), path)


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


def _curve(steps: Sequence[Array], columns: Sequence[Array]) -> Curve:
    """Join replicates where they have the same steps; otherwise the first stands for all."""
    same = all(np.array_equal(s, steps[0]) for s in steps)
    stack = np.stack(columns) if same else columns[0][None]
    # A restarted run may have rows without a test pass; zeros would draw a line to the floor.
    kept = np.all(stack > 0, axis=0)
    stack = stack[:, kept]
    return Curve(steps[0][kept], stack.mean(axis=0), stack.min(axis=0), stack.max(axis=0))


def _split_weights(model: NepTxt, path: Path) -> dict[str, Array]:
    values = np.asarray(model.values, dtype=float)
    pairs = len(model.elements) ** 2
    radial, angular = (pairs * (n + 1) * (k + 1) for n, k in zip(model.n_max, model.basis_size, strict=True))
    network = values.size - _descriptor_size(model) - radial - angular - 1
    if network <= 0:
        raise InputError(f"holds {values.size} numbers, fewer than its header asks for", path=path)
    start = network + 1
    parts = values[:network], values[start : start + radial], values[start + radial : start + radial + angular]
    return dict(zip(BLOCKS, parts, strict=True))


def _descriptor_size(model: NepTxt) -> int:
    order, *flags = model.l_max
    return int(model.n_max[0] + 1 + (model.n_max[1] + 1) * (order + sum(1 for f in flags if f)))


def _first_folder(results: Results, configuration: Configuration) -> Path:
    folders = results.folders(configuration)
    if not folders:
        raise InputError(f"no trial directory is named for {configuration.name}", path=results.folder)
    return folders[0]


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError("this file is missing", path=path)
    return path
