"""The heat current of equilibrium runs, sampled in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.units import BOLTZMANN, FEMTOSECONDS_PER_UNIT, KAPPA_UNIT

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Currents:
    """Independent series of one component of the heat current: runs, or runs times equivalent directions."""

    series: Floats
    """Not divided by the volume, in eV sqrt(eV/u), ``(n_series, n_samples)``."""
    sample_ps: float
    """Time between two samples in picoseconds."""
    volume: float
    """In cubic angstrom."""
    temperature: float
    """In kelvin."""

    @property
    def time_ps(self) -> float:
        """Length of all series together in picoseconds."""
        return self.series.size * self.sample_ps

    @property
    def conductivity_per_integral(self) -> float:
        """Conductivity in W/mK for an autocorrelation integral, from lag 0 on, of one (eV^3/u) ps.

        Green and Kubo: kappa = 1 / (k_B T^2 V) times the integral of <J(0) J(t)>.
        """
        unit = KAPPA_UNIT * 1000 / FEMTOSECONDS_PER_UNIT
        return unit / (BOLTZMANN * self.temperature**2 * self.volume)
