"""``compute_msd`` and ``compute_rdf``: how far atoms go and how far apart they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neptuner.files.msd_out import Msd, format_msd
from neptuner.files.rdf_out import Rdf, format_rdf
from neptuner.files.script import ComputeMsd, ComputeRdf
from neptuner.kernels.images import full_cell
from neptuner.kernels.motion import count_pairs, square_displacements
from neptuner.md.measures.base import Context, Snapshot, chosen_atoms
from neptuner.md.state import State


class Displacements:
    """msd.out (GPUMD ``src/measure/msd.cu``): averages over atoms and time origins."""

    needs_virials = False

    def __init__(self, settings: ComputeMsd, context: Context) -> None:
        self.settings, self.context = settings, context
        self._atoms = chosen_atoms(context.system, settings.group)
        n, lags = len(context.system.masses[self._atoms]), settings.correlation_steps
        self._ring, self._sums, self._samples = np.zeros((lags, 3, n)), np.zeros((lags, 3)), 0

    def sample(self, number: int, state: State) -> None:
        """Add the squared displacements since all kept samples once there are enough of them."""
        if number % self.settings.sample:
            return
        row, lags = self._samples % self.settings.correlation_steps, self.settings.correlation_steps
        self._samples += 1
        now = np.ascontiguousarray(state.positions[self._atoms].T)
        self._ring[row] = now
        if self._samples >= lags:
            square_displacements(self._ring, now, self._sums, row)

    def finish(self, state: State) -> None:  # noqa: ARG002
        """Write displacements and their half slopes."""
        lags, n = self.settings.correlation_steps, self._ring.shape[2]
        origins = max(1, self._samples - lags + 1)
        dt = 1e-3 * self.settings.sample * self.context.run.time_step
        msd = self._sums / (n * origins)
        sdc = np.zeros_like(msd)
        sdc[1:] = 0.5 * np.diff(msd, axis=0) / dt
        self.context.outputs.append("msd.out", format_msd(Msd(time=dt * np.arange(float(lags)), msd=msd, sdc=sdc)))

    def snapshot(self) -> Snapshot:
        """Give ring and sums."""
        return {"ring": self._ring, "sums": self._sums, "samples": self._samples}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take them back."""
        self._ring, self._sums = np.array(snapshot["ring"]), np.array(snapshot["sums"])
        self._samples = int(snapshot["samples"])


class PairDistances:
    """rdf.out (GPUMD ``src/measure/rdf.cu``): of all pairs and of every pair of species that there is."""

    needs_virials = False

    def __init__(self, settings: ComputeRdf, context: Context) -> None:
        self.settings, self.context = settings, context
        n_types = len(context.elements)
        self._g, self._samples = np.zeros((settings.bins, n_types, n_types)), 0

    def sample(self, number: int, state: State) -> None:
        """Count the pairs of a state."""
        if number % self.settings.interval:
            return
        settings, system = self.settings, self.context.system
        counts = np.zeros(self._g.shape, np.int64)
        width = settings.cutoff / settings.bins
        cell = full_cell(state.cell, system.pbc)
        inverse = np.asarray(np.linalg.inv(cell), np.float64)
        count_pairs(state.positions, system.types, cell, inverse, np.array(system.pbc), width, counts)
        self._g += counts * state.volume
        self._samples += 1

    def finish(self, state: State) -> None:  # noqa: ARG002
        """Divide by what an ideal gas has and write."""
        settings, elements = self.settings, self.context.elements
        atoms = np.bincount(self.context.system.types, minlength=len(elements))
        width = settings.cutoff / settings.bins
        radius = width * (np.arange(float(settings.bins)) + 0.5)
        shell = 4.0 * np.pi * radius**2 * width * max(1, self._samples)
        present = np.flatnonzero(atoms)
        pairs = [(a, b) for k, a in enumerate(present) for b in present[k:]]
        columns = [self._g.sum(axis=(1, 2)) / (shell * atoms.sum() ** 2)]
        columns += [self._g[:, a, b] / (shell * atoms[a] * atoms[b]) for a, b in pairs]
        names = ("total", *(f"{elements[a]}-{elements[b]}" for a, b in pairs))
        self.context.outputs.append("rdf.out", format_rdf(Rdf(radius=radius, pairs=names, g=np.stack(columns, axis=1))))

    def snapshot(self) -> Snapshot:
        """Give the sums."""
        return {"g": self._g, "samples": self._samples}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take them back."""
        self._g, self._samples = np.array(snapshot["g"]), int(snapshot["samples"])
