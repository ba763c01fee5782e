"""Green-Kubo conductivity by STACIE, the stable autocorrelation integral estimator, where it is installed."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from neptuner.errors import InputError
from neptuner.transport.currents import Currents


@dataclass(frozen=True)
class Stacie:
    """Conductivity by a fit of the low-frequency part of the spectrum."""

    kappa: float
    """In W/mK."""
    standard_error: float
    """In W/mK."""
    model: str
    """STACIE's name of the function that was fitted."""
    frequencies: float
    """Effective number of frequencies in the fit."""
    correlation_time_ps: float | None
    """Slowest relaxation time, where the model has one."""


def available() -> bool:
    """Whether STACIE is installed."""
    return find_spec("stacie") is not None


def stacie(currents: Currents) -> Stacie:
    """Estimate the conductivity by STACIE.

    G. Toraman, D. Fauconnier and T. Verstraelen, J. Chem. Inf. Model. 65, 10445 (2025). It takes some ten seconds.
    The function fitted is a Lorentzian on a white background (a Pade function with a peak at zero frequency); where
    the spectrum has no such peak, the exponential of an even second-order polynomial.

    Parameters
    ----------
    currents
        Heat currents; all series are taken for independent.

    Raises
    ------
    InputError
        If STACIE is not installed, or finds no part of the spectrum that either function fits.
    """
    if not available():
        raise InputError("STACIE is not installed; `pip install 'neptuner[transport]'` brings it")
    from stacie import ExpPolyModel, LorentzModel, compute_spectrum

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # trial fits that fail are its daily bread
        spectrum = compute_spectrum(
            currents.series,
            prefactors=currents.conductivity_per_integral,
            timestep=currents.sample_ps,
            include_zero_freq=False,
        )
        for model in (LorentzModel(), ExpPolyModel(np.array([0, 2]))):
            if (found := _fit(spectrum, model)) is not None:
                return found
    raise InputError("STACIE finds no part of the spectrum of the heat current that it can fit; run longer")


def _fit(spectrum: Any, model: Any) -> Stacie | None:
    from stacie import estimate_acint

    try:
        result = estimate_acint(spectrum, model)
    except (ValueError, RuntimeError, ArithmeticError, np.linalg.LinAlgError):
        return None
    if not np.isfinite([result.acint, result.acint_std]).all():
        return None
    time = result.props.get("corrtime_exp")
    return Stacie(
        kappa=float(result.acint),
        standard_error=float(result.acint_std),
        model=str(model.name),
        frequencies=float(result.neff),
        correlation_time_ps=None if time is None else float(time),
    )
