"""``compute_shc``: virial-velocity correlation and spectral heat current (GPUMD ``src/measure/shc.cu``).

Fan et al., Phys. Rev. B 99, 064308 (2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neptuner.files.script import ComputeShc
from neptuner.files.shc_out import Shc, format_shc
from neptuner.kernels.motion import correlate_rows
from neptuner.md.measures.base import Context, Snapshot, chosen_atoms
from neptuner.md.state import State
from neptuner.units import FEMTOSECONDS_PER_UNIT

_PARTS = ((0, 1), (2,))
"""Velocity components of the in-plane and the out-of-plane part."""


class SpectralHeatCurrent:
    """Correlates the virials of atoms with their velocities at earlier and later times."""

    needs_virials = True

    def __init__(self, settings: ComputeShc, context: Context) -> None:
        self.settings, self.context = settings, context
        self._atoms = chosen_atoms(context.system, settings.group)
        n, lags = len(context.system.masses[self._atoms]), settings.correlation_steps
        self._velocities = [np.zeros((lags, n * len(part))) for part in _PARTS]
        self._virials = [np.zeros((lags, n * len(part))) for part in _PARTS]
        self._earlier, self._later = np.zeros((2, lags)), np.zeros((2, lags))
        self._samples = 0

    def sample(self, number: int, state: State) -> None:
        """Add the products with all kept samples once there are enough of them."""
        if number % self.settings.sample:
            return
        assert state.site.virials is not None
        row, lags = self._samples % self.settings.correlation_steps, self.settings.correlation_steps
        self._samples += 1
        virials = state.site.virials[self._atoms, self.settings.direction, :]
        velocities = state.velocities[self._atoms]
        for k, part in enumerate(_PARTS):
            virial, velocity = virials[:, part].T.ravel(), velocities[:, part].T.ravel()
            self._virials[k][row], self._velocities[k][row] = virial, velocity
            if self._samples >= lags:
                correlate_rows(self._velocities[k], virial, self._earlier[k], row)
                correlate_rows(self._virials[k], velocity, self._later[k], row)

    def finish(self, state: State) -> None:  # noqa: ARG002
        """Write correlations and spectrum."""
        self.context.outputs.append("shc.out", format_shc(self.spectrum()))

    def spectrum(self) -> Shc:
        """Average, window and transform what was summed."""
        settings, lags = self.settings, self.settings.correlation_steps
        origins = max(1, self._samples - lags + 1)
        dt = 1e-3 * settings.sample * self.context.run.time_step
        scale = 1e3 / FEMTOSECONDS_PER_UNIT / origins
        k = scale * np.concatenate([self._earlier[:, :0:-1], self._later], axis=1)
        time = dt * np.arange(1.0 - lags, lags)
        k = k * 0.5 * (np.cos(np.pi * np.arange(1 - lags, lags) / lags) + 1.0)
        omega = settings.max_omega / max(1, settings.num_omega) * np.arange(1.0, settings.num_omega + 1)
        j = 2.0 * dt * k @ np.cos(np.outer(time, omega))
        return Shc(time=time, k_in=k[0], k_out=k[1], omega=omega, j_in=j[0], j_out=j[1])

    def snapshot(self) -> Snapshot:
        """Give rings and sums."""
        rings = {f"velocities{k}": ring for k, ring in enumerate(self._velocities)}
        rings |= {f"virials{k}": ring for k, ring in enumerate(self._virials)}
        return rings | {"earlier": self._earlier, "later": self._later, "samples": self._samples}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take them back."""
        self._velocities = [np.array(snapshot[f"velocities{k}"]) for k in range(2)]
        self._virials = [np.array(snapshot[f"virials{k}"]) for k in range(2)]
        self._earlier, self._later = np.array(snapshot["earlier"]), np.array(snapshot["later"])
        self._samples = int(snapshot["samples"])
