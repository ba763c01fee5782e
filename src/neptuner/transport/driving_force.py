"""Driving-force scan: how far conductivity stays linear in the driving force, and which force to take.

The response to a driving force Fe is odd in it, so that kappa = <J> / (T V Fe) is even: kappa = k0 + a Fe^2 is the
first correction to the conductivity k0 of linear response. The statistical error goes as 1/Fe, the bias as Fe^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.transport.intervals import two_sided
from neptuner.transport.least_squares import fit_powers

Floats = NDArray[np.float64]

SIGNIFICANCE = 0.05
"""Probability below which the quadratic term is called significant."""
_POOR = 0.01
_TOLERATED = 0.02
"""Bias that is tolerated where it is more than half of the statistical error, as a part of k0."""


@dataclass(frozen=True)
class Scan:
    """Fit of kappa = k0 + a Fe^2 to the conductivities at several driving forces."""

    fe: Floats
    """Distinct absolute values in 1/angstrom, ascending, ``(n,)``."""
    kappa: Floats
    """In W/mK, ``(n,)``."""
    error: Floats
    """Standard errors in W/mK, ``(n,)``."""
    k0: float
    """Conductivity at zero force in W/mK."""
    k0_error: float
    coefficient: float
    """a, in W/mK angstrom^2."""
    coefficient_error: float
    covariance: float
    """Of k0 and a."""
    constant: float
    """Weighted mean, the value if there is no dependence on the force, in W/mK."""
    constant_error: float
    p_value: float
    """Probability of at least as large a quadratic term without any dependence on the force."""
    fit_p_value: float | None
    """Probability of at least as bad a fit; None for two forces."""
    linear: bool
    """Whether the quadratic term is within its error."""
    recommended_fe: float
    """In 1/angstrom; at most the largest tested."""
    verdict: str


def scan(
    fe: Sequence[float] | Floats,
    kappa: Sequence[float] | Floats,
    error: Sequence[float] | Floats,
    degrees_of_freedom: float = np.inf,
) -> Scan:
    """Fit a driving-force scan.

    Parameters
    ----------
    fe
        Driving forces in 1/angstrom, ``(n,)``; only the absolute value matters.
    kappa, error
        Conductivities and their standard errors in W/mK, ``(n,)``.
    degrees_of_freedom
        Of the errors together, if they were estimated from few runs.

    Raises
    ------
    InputError
        For fewer than two different forces or errors that are not positive numbers.
    """
    force, value, sigma = (np.asarray(column, dtype=np.float64) for column in (fe, kappa, error))
    force = np.abs(force)
    if len(np.unique(force)) < 2:
        raise InputError(f"found {len(np.unique(force))} different driving force, expected two or more for a scan")
    if not np.all(np.isfinite(sigma) & (sigma > 0)):
        raise InputError("a driving-force scan needs a standard error, above zero, at every force; run longer")
    order = np.argsort(force, kind="stable")
    force, value, sigma = force[order], value[order], sigma[order]
    fit = fit_powers(force, value, sigma, (0, 2))
    (k0, a), (k0_error, a_error) = fit.coefficients.tolist(), np.sqrt(np.diag(fit.covariance)).tolist()
    weights = 1 / sigma**2
    p_value = two_sided(a / a_error, degrees_of_freedom)
    linear = p_value >= SIGNIFICANCE
    recommended = _recommended(force, sigma, k0, abs(a) + a_error)
    return Scan(
        fe=force,
        kappa=value,
        error=sigma,
        k0=k0,
        k0_error=k0_error,
        coefficient=a,
        coefficient_error=a_error,
        covariance=float(fit.covariance[0, 1]),
        constant=float(np.average(value, weights=weights)),
        constant_error=float(1 / np.sqrt(weights.sum())),
        p_value=p_value,
        fit_p_value=fit.p_value,
        linear=linear,
        recommended_fe=recommended,
        verdict=_verdict(force, sigma, a, linear, recommended) + _quality(fit.p_value),
    )


def _recommended(force: Floats, sigma: Floats, k0: float, bound: float) -> float:
    """Largest force, up to the largest tested, whose bias is small against its error or against k0."""
    noise = float(np.median(sigma * force))
    against_error = (noise / 2 / bound) ** (1 / 3)
    against_value = np.sqrt(_TOLERATED * abs(k0) / bound)
    return float(min(force[-1], max(against_error, against_value)))


def _verdict(force: Floats, sigma: Floats, a: float, linear: bool, recommended: float) -> str:
    if linear:
        said = f"linear within errors up to Fe = {force[-1]:.3g}/\u00c5"
    else:
        safe = force[abs(a) * force**2 <= sigma]
        said = f"not linear beyond Fe = {safe[-1]:.3g}/\u00c5" if len(safe) else "not linear at any force tested"
    if recommended < force[0]:
        return f"{said}; the bias is small only below Fe = {recommended:.2g}/\u00c5: test a smaller force"
    return f"{said}; recommended: Fe = {recommended:.3g}/\u00c5"


def _quality(p_value: float | None) -> str:
    if p_value is None or p_value >= _POOR:
        return ""
    return f"; but the points do not lie on k0 + a Fe^2 (probability {p_value:.2g})"
