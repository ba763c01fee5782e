"""A potential as molecular dynamics wants it: parameters, tables of its settings, and the repulsion of close pairs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.block_energy import Terms, terms_of
from neptuner.kernels.training_weights import TrainingWeights, training_weights
from neptuner.kernels.weights import weights_of
from neptuner.potential.model import Model
from neptuner.potential.zbl import zbl_table

Array = NDArray[np.floating]


class SiteWeights(NamedTuple):
    """Parameters and tables of a potential."""

    series: TrainingWeights
    terms: Terms
    zbl: Array
    """``potential.zbl.zbl_table``, or nothing."""

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Precision of all work on pairs."""
        return self.series.c_radial.dtype


def site_weights(model: Model, dtype: type[np.floating]) -> SiteWeights:
    """Lay out a potential."""
    settings = model.settings
    table = np.zeros((0, 0, 12)) if settings.zbl is None else zbl_table(settings.zbl, settings.elements)
    return SiteWeights(training_weights(weights_of(model, dtype)), terms_of(settings, dtype), table.astype(dtype))


def reaches(weights: SiteWeights) -> NDArray[np.float64]:
    """Radial and angular cutoffs in angstrom, ``(2, n_types, n_types)``, a rounding error larger than the kernels'."""
    cutoffs: NDArray[np.float64] = (1.0 + 1e-6) / weights.terms.inverse_cutoff.astype(np.float64)
    return cutoffs
