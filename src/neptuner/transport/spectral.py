"""Spectral conductivity from the virial-velocity correlation under a driving force.

Z. Fan et al., Phys. Rev. B 99, 064308 (2019): with J(omega) as shc.out has it, in angstrom eV/ps per unit of angular
frequency, kappa(omega) = 1602.177 J(omega) / (V T Fe) in W/m/K/THz, and its integral over omega / 2 pi is the
conductivity of the same run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

UNIT = 1602.177


@dataclass(frozen=True)
class Spectral:
    """Spectral conductivity of some runs."""

    omega: Floats
    """Angular frequency in rad/ps, ``(n_omega,)``."""
    mean: Floats
    """Over runs, in W/m/K/THz, ``(n_omega,)``."""
    error: Floats | None
    """Standard error from the spread of the runs, ``(n_omega,)``; None for one run."""
    cumulative: Floats
    """Conductivity in W/mK of the frequencies up to each one, ``(n_omega,)``."""
    integral: float
    """Of all frequencies, mean over runs, in W/mK."""
    integral_error: float | None
    """Standard error from the spread of the runs; None for one run."""
    run_integrals: tuple[float, ...]


def spectral_conductivity(current: Floats, volume: float, temperature: float, fe: float) -> Floats:
    """Convert a spectral heat current, ``(n_omega,)``, to W/m/K/THz.

    Parameters
    ----------
    current
        J(omega), the sum of both columns of shc.out.
    volume
        Of the atoms that the current is summed over, in cubic angstrom.
    temperature
        In kelvin.
    fe
        Component of the driving force along the current in 1/angstrom, with its sign.
    """
    conductivity: Floats = UNIT * current / (volume * temperature * fe)
    return conductivity


def spectral(omega: Floats, runs: Sequence[Floats]) -> Spectral:
    """Average the spectral conductivities of some runs and integrate them.

    The integral begins at zero frequency, where a spectrum is flat: it is even in frequency.

    Parameters
    ----------
    omega
        Angular frequency in rad/ps, ``(n_omega,)``, the same for all runs.
    runs
        Spectral conductivity of each run in W/m/K/THz, each ``(n_omega,)``.
    """
    kappas = np.array(runs)
    mean = kappas.mean(axis=0)
    integrals = np.array([_cumulative(omega, kappa)[-1] for kappa in kappas])
    several = len(kappas) > 1
    return Spectral(
        omega=omega,
        mean=mean,
        error=kappas.std(axis=0, ddof=1) / np.sqrt(len(kappas)) if several else None,
        cumulative=_cumulative(omega, mean),
        integral=float(integrals.mean()),
        integral_error=float(integrals.std(ddof=1) / np.sqrt(len(kappas))) if several else None,
        run_integrals=tuple(float(integral) for integral in integrals),
    )


def _cumulative(omega: Floats, kappa: Floats) -> Floats:
    steps = np.diff(omega) * (kappa[1:] + kappa[:-1]) / 2
    summed: Floats = np.concatenate([[omega[0] * kappa[0]], steps]).cumsum() / (2 * np.pi)
    return summed
