"""Conductivity without force errors: extrapolated from several sizes of them.

Errors of a machine-learned potential's forces scatter phonons and lower the conductivity. X. Wu et al., J. Chem. Phys.
161, 014103 (2024), arXiv:2401.11427, add random forces on purpose by a Langevin thermostat, whose variance in a
component is

    sigma_L^2 = 2 k_B T m / (tau dt)

to the potential's own error (the RMSE of a force component): sigma^2 = sigma_mlp^2 + sigma_L^2, and follow kappa(sigma)
on a straight line to sigma = 0. W. Zhou et al., Mater. Today Phys. 50, 101638 (2025), arXiv:2411.04769, take a second
order where the conductivity is high. The points may also be models of different force RMSE: an approximation, since
their errors are no random noise and differ in more than their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.transport.intervals import interval
from neptuner.transport.least_squares import Fit, fit_powers
from neptuner.units import BOLTZMANN, FEMTOSECONDS_PER_UNIT

Floats = NDArray[np.float64]

_POOR = 0.05


@dataclass(frozen=True)
class Extrapolation:
    """Polynomial kappa(sigma) = c0 + c1 sigma + ... fitted to points with errors."""

    sigma: Floats
    """Force errors in eV/angstrom, ``(n,)``."""
    kappa: Floats
    """In W/mK, ``(n,)``."""
    error: Floats
    """Standard errors of `kappa` in W/mK, ``(n,)``."""
    order: int
    kappa_zero: float
    """At zero force error, in W/mK."""
    standard_error: float
    """Of `kappa_zero`; enlarged where the fit is poor."""
    interval: tuple[float, float]
    """95 % interval of `kappa_zero`."""
    coefficients: Floats
    """c0, c1, ..., ``(order + 1,)``."""
    covariance: Floats
    """Of the coefficients, ``(order + 1, order + 1)``; enlarged where the fit is poor."""
    chi2: float
    p_value: float | None
    """Probability of at least as bad a fit; None where there are as many points as coefficients."""
    warnings: tuple[str, ...]

    def curve(self, sigma: Floats) -> tuple[Floats, Floats]:
        """Value of the fit and its standard error at some force errors, each ``(n,)``."""
        powers = np.vander(sigma, self.order + 1, increasing=True)
        return powers @ self.coefficients, np.sqrt(np.einsum("ni,ij,nj->n", powers, self.covariance, powers))


def langevin_force_error(mass: float, temperature: float, coupling_fs: float, time_step_fs: float) -> float:
    """Standard deviation in eV/angstrom of a component of the random force of a Langevin thermostat.

    Parameters
    ----------
    mass
        Mean mass of the atoms in atomic mass units.
    temperature
        In kelvin.
    coupling_fs
        Relaxation time in femtoseconds: the number after both temperatures of ``nvt_lan``, times the time step.
    time_step_fs
        In femtoseconds.
    """
    times = coupling_fs * time_step_fs / FEMTOSECONDS_PER_UNIT**2
    return float(np.sqrt(2 * BOLTZMANN * temperature * mass / times))


def total_force_error(potential: float, langevin: float) -> float:
    """Total of a potential's force error and that of a thermostat, which are independent, in eV/angstrom."""
    return float(np.hypot(potential, langevin))


def extrapolate(
    sigma: Sequence[float] | Floats,
    kappa: Sequence[float] | Floats,
    kappa_error: Sequence[float] | Floats,
    order: int = 1,
) -> Extrapolation:
    """Extrapolate conductivities to zero force error by a weighted fit of a polynomial.

    A fit that is poor (p < 0.05) has its errors enlarged by the root of chi-square over the degrees of freedom.

    Parameters
    ----------
    sigma
        Total force error of each point in eV/angstrom, ``(n,)``.
    kappa, kappa_error
        Conductivity and its standard error in W/mK, ``(n,)``.
    order
        1 (a line) or 2.

    Raises
    ------
    InputError
        For another order, fewer than ``order + 1`` different force errors, or errors that are not above zero.
    """
    force, value, error = (np.asarray(column, dtype=np.float64) for column in (sigma, kappa, kappa_error))
    _check(force, error, order)
    fit = fit_powers(force, value, error, range(order + 1))
    poor = fit.p_value is not None and fit.p_value < _POOR
    covariance = fit.covariance * (fit.chi2 / fit.degrees_of_freedom if poor else 1.0)
    zero, zero_error = float(fit.coefficients[0]), float(np.sqrt(covariance[0, 0]))
    return Extrapolation(
        sigma=force,
        kappa=value,
        error=error,
        order=order,
        kappa_zero=zero,
        standard_error=zero_error,
        interval=interval(zero, zero_error, fit.degrees_of_freedom if poor else np.inf),
        coefficients=fit.coefficients,
        covariance=covariance,
        chi2=fit.chi2,
        p_value=fit.p_value,
        warnings=tuple(_warnings(force, fit, poor)),
    )


def _check(force: Floats, error: Floats, order: int) -> None:
    if order not in (1, 2):
        raise InputError(f"the order of the extrapolation is {order}, expected 1 or 2")
    if not np.all(np.isfinite(error) & (error > 0)) or not np.all(np.isfinite(force) & (force > 0)):
        raise InputError("an extrapolation needs force errors and standard errors of the conductivity above zero")
    if (distinct := len(np.unique(force))) < order + 1:
        raise InputError(
            f"found {distinct} different force errors, expected {order + 1} or more to extrapolate with order {order}"
        )


def _warnings(force: Floats, fit: Fit, poor: bool) -> list[str]:
    said = []
    if poor:
        said.append(
            f"the points do not lie on the fit (chi-square {fit.chi2:.1f}, probability {fit.p_value:.2g}): its errors"
            " are enlarged; more than the force error differs between them"
        )
    if fit.p_value is None:
        said.append("as many points as coefficients: nothing tells whether the fit is right")
    if force.min() > np.ptp(force):
        said.append(
            f"the extrapolation to zero goes further ({force.min():.3g} eV/\u00c5) than the force errors span"
            f" ({np.ptp(force):.3g} eV/\u00c5)"
        )
    if fit.coefficients[1] > 0:
        said.append("the conductivity rises with the force error, against expectation: noise, or another difference")
    return said
