"""``compute_hnemd`` and ``compute_hac``: heat transport from the heat current."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from neptuner.files.atomic import write_bytes
from neptuner.files.hac_out import Hac, format_hac
from neptuner.files.kappa_out import format_kappa_row
from neptuner.files.script import ComputeHac, ComputeHnemd
from neptuner.md.measures.base import Context, Snapshot, heat_current
from neptuner.md.state import Floats, State
from neptuner.units import BOLTZMANN, FEMTOSECONDS_PER_UNIT, KAPPA_UNIT


class DrivenConductivity:
    """Rows of kappa.out (GPUMD ``src/measure/hnemd_kappa.cu``): means over an interval, of the potential part only."""

    needs_virials = True

    def __init__(self, settings: ComputeHnemd, context: Context) -> None:
        self.settings, self.context = settings, context
        self._sum = np.zeros(5)

    def sample(self, number: int, state: State) -> None:
        """Add a heat current; append a row at the end of an interval."""
        self._sum += heat_current(state)
        if number % self.settings.interval:
            return
        field = float(np.linalg.norm(self.settings.force))
        temperature = self.context.run.target_temperature or state.temperature
        mean = self._sum / self.settings.interval
        with np.errstate(divide="ignore", invalid="ignore"):
            row = KAPPA_UNIT * mean / (state.volume * temperature * field)
        self.context.outputs.append("kappa.out", format_kappa_row(row))
        self._sum = np.zeros(5)

    def finish(self, state: State) -> None:
        """Do nothing: GPUMD drops an unfinished interval."""

    def snapshot(self) -> Snapshot:
        """Give the sum of the interval."""
        return {"sum": self._sum}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take it back."""
        self._sum = np.array(snapshot["sum"])


class HeatAutocorrelation:
    """hac.out (GPUMD ``src/measure/hac.cu``), and the heat current itself in heat_current.npz."""

    needs_virials = True

    def __init__(self, settings: ComputeHac, context: Context) -> None:
        self.settings, self.context = settings, context
        self._currents = np.zeros((context.run.steps // settings.sample, 5))
        self._temperatures: float = 0.0
        self._volumes: float = 0.0
        self._count = 0

    def sample(self, number: int, state: State) -> None:
        """Keep a heat current."""
        if number % self.settings.sample == 0:
            self._currents[self._count] = heat_current(state)
            self._temperatures += state.temperature
            self._volumes += state.volume
            self._count += 1

    def finish(self, state: State) -> None:
        """Correlate, integrate and write."""
        settings, run = self.settings, self.context.run
        currents, dt = self._currents[: self._count], settings.sample * run.time_step
        temperature = run.target_temperature or self._temperatures / max(1, self._count)
        hac = autocorrelation(currents, min(settings.correlation_steps, self._count))
        factor = KAPPA_UNIT * dt / FEMTOSECONDS_PER_UNIT / (BOLTZMANN * temperature**2 * state.volume)
        rtc = np.zeros_like(hac)
        rtc[1:] = factor * np.cumsum(0.5 * (hac[1:] + hac[:-1]), axis=0)
        self.context.outputs.append("hac.out", format_hac(_thinned(hac, rtc, settings.output, 1e-3 * dt)))
        self._write_currents(currents, 1e-3 * dt, temperature)

    def _write_currents(self, currents: Floats, dt_ps: float, temperature: float) -> None:
        content = io.BytesIO()
        np.savez(
            content,
            current=np.stack(
                [currents[:, 0] + currents[:, 1], currents[:, 2] + currents[:, 3], currents[:, 4]], axis=1
            ),
            dt_ps=dt_ps,
            volume=self._volumes / max(1, self._count),
            temperature=temperature,
        )
        write_bytes(self.context.outputs.folder / "heat_current.npz", content.getvalue())

    def snapshot(self) -> Snapshot:
        """Give what was kept."""
        sums = np.array([self._temperatures, self._volumes])
        return {"currents": self._currents[: self._count], "sums": sums}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take it back."""
        self._count = len(snapshot["currents"])
        self._currents[: self._count] = snapshot["currents"]
        self._temperatures, self._volumes = map(float, snapshot["sums"])


def autocorrelation(currents: Floats, lags: int) -> Floats:
    """Correlate each part with its whole component at every lag, ``(lags, 5)``; no mean is taken off.

    Parameters
    ----------
    currents
        ``(n_samples, 5)`` of :func:`~neptuner.md.measures.base.heat_current`.
    lags
        Number of lags, at most ``n_samples``.
    """
    n = len(currents)
    whole = currents.copy()
    whole[:, 0] = whole[:, 1] = currents[:, 0] + currents[:, 1]
    whole[:, 2] = whole[:, 3] = currents[:, 2] + currents[:, 3]
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.conj(np.fft.rfft(currents, size, axis=0)) * np.fft.rfft(whole, size, axis=0)
    sums = np.fft.irfft(spectrum, size, axis=0)[:lags]
    correlations: Floats = sums / (n - np.arange(lags))[:, None]
    return correlations


def _thinned(hac: Floats, rtc: Floats, output: int, dt_ps: float) -> Hac:
    """Means over groups of lags; what does not fill a group is dropped."""
    rows = len(hac) // output
    groups = (np.arange(float(rows)) * output + 0.5 * output) * dt_ps

    def means(values: Floats) -> Floats:
        grouped: Floats = values[: rows * output].reshape(rows, output, 5).mean(axis=1)
        return grouped

    return Hac(time=groups, hac=means(hac), rtc=means(rtc))
