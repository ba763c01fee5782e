"""Barostats: how the cell, and the positions with it, follow the pressure after each step.

Stochastic cell rescaling: Bernetti and Bussi, J. Chem. Phys. 153, 114107 (2020); both as in GPUMD
(``src/integrate/ensemble_npt_scr.cu``, ``ensemble_ber.cu``): velocities are not scaled with the cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neptuner.files.script import Ensemble
from neptuner.md.state import Floats, State, changed, random_numbers
from neptuner.units import BOLTZMANN, EV_PER_CUBIC_ANGSTROM_IN_GPA

_PURPOSE = 3

FROZEN_MODULUS = 2000.0
"""Moduli in gigapascal above this keep their component as it is."""

_VOIGT = ((0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1))
"""Rows and columns of xx yy zz yz xz xy."""


@dataclass(frozen=True, eq=False)
class Barostat:
    """Isotropic, of three lengths, or of the whole cell, by the number of targets."""

    pressures: Floats
    """``(1,)``, ``(3,)`` or ``(6,)`` in eV/angstrom^3."""
    rates: Floats
    """Strain in a step for a pressure off by one, as many, in angstrom^3/eV."""
    pbc: tuple[bool, bool, bool]
    stochastic: bool

    @classmethod
    def of(cls, ensemble: Ensemble, pbc: tuple[bool, bool, bool]) -> Barostat | None:
        """Make the barostat of an ensemble; None if it has none."""
        if not ensemble.pressures:
            return None
        moduli = np.array(ensemble.moduli)
        rates = EV_PER_CUBIC_ANGSTROM_IN_GPA / (3.0 * ensemble.p_coupling * moduli)
        rates[moduli > FROZEN_MODULUS] = 0.0
        pressures = np.array(ensemble.pressures) / EV_PER_CUBIC_ANGSTROM_IN_GPA
        return cls(pressures, rates, pbc, ensemble.kind == "npt_scr")

    def scale(self, state: State, target: float) -> State:
        """Strain cell and positions; ``target`` is the temperature in kelvin."""
        strain = self._strain(state, target)
        return changed(state, cell=state.cell @ strain.T, positions=state.positions @ strain.T)

    def _strain(self, state: State, target: float) -> Floats:
        """Matrix that multiplies column vectors, ``(3, 3)``."""
        pressure, noise = state.pressure, self._noise(state, target)
        if len(self.pressures) == 1:
            mean = float(np.trace(pressure)) / 3.0
            factor = 1.0 - self.rates[0] * (self.pressures[0] - mean) + noise[0, 0] / np.sqrt(3.0)
            return np.eye(3) * float(factor)
        if len(self.pressures) == 3:
            change = -self.rates * (self.pressures - np.diagonal(pressure)) + np.diagonal(noise)
            return np.diag(1.0 + np.where(self.pbc, change, 0.0))
        rates, targets = _symmetric(self.rates), _symmetric(self.pressures)
        strain: Floats = np.eye(3) - rates * (targets - pressure) + noise
        return strain

    def _noise(self, state: State, target: float) -> Floats:
        if not self.stochastic:
            return np.zeros((3, 3))
        rates = {1: np.full((3, 3), self.rates[0]), 3: np.diag(np.resize(self.rates, 3))}.get(len(self.rates))
        rates = _symmetric(self.rates) if rates is None else rates
        normal = random_numbers(state, _PURPOSE).standard_normal((3, 3))
        noise: Floats = np.sqrt(2.0 * rates * BOLTZMANN * target / state.volume) * normal
        return noise


def _symmetric(six: Floats) -> Floats:
    """Matrix of six components in GPUMD's order."""
    matrix = np.zeros((3, 3))
    matrix[_VOIGT], matrix[_VOIGT[::-1]] = six, six
    return matrix
