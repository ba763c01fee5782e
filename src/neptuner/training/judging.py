"""Errors of a model over all frames of a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.engine import Batch, Outputs, Prepared, evaluate
from neptuner.kernels.weights import weights_of
from neptuner.potential.model import Model
from neptuner.training.dataset import Dataset, Labels
from neptuner.training.loss import Errors, errors

Floats = NDArray[np.float64]


def whole_set_errors(model: Model, data: Dataset, threads: int) -> Errors:
    """Errors of a model, without energy offsets, over all frames of a set."""
    batch, labels = data.batch()
    return errors(_outputs(model, data.prepared, batch, threads), labels, batch)


def fit_bias(
    model: Model, prepared: Prepared, batch: Batch, labels: Labels, weight: Floats, threads: int
) -> tuple[Model, Errors]:
    """Shift the common bias so that the weighted mean error of the energies per atom vanishes.

    Parameters
    ----------
    model
        The model; it stays as it is.
    prepared, batch, labels
        Frames to fit to.
    weight
        Of each frame, ``(n_frames,)``.
    threads
        Number of threads.

    Returns
    -------
    The shifted model and its errors.
    """
    outputs = _outputs(model, prepared, batch, threads)
    atoms = batch.atoms_per_frame
    shift = float(np.sum(weight * (outputs.energy - labels.energy) / atoms) / max(weight.sum(), 1e-300))
    shifted = replace(model, values=model.values.copy())
    shifted.parameters.bias[0] += shift
    outputs.energy[:] -= shift * atoms
    return shifted, errors(outputs, labels, batch)


def _outputs(model: Model, prepared: Prepared, batch: Batch, threads: int) -> Outputs:
    return evaluate(prepared, weights_of(model, prepared.dtype), batch, threads)
