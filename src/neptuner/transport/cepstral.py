"""Green-Kubo conductivity from the spectrum of the heat current: cepstral analysis.

The conductivity is the power spectrum of the heat current at zero frequency. Its logarithm is smooth and the noise of
a periodogram's logarithm is additive with a known variance, so that a short cosine series of it has the spectrum
without most of the noise: L. Ercole, A. Marcolongo and S. Baroni, Sci. Rep. 7, 15835 (2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

from neptuner.errors import InputError
from neptuner.transport.currents import Currents

Floats = NDArray[np.float64]

_FEWEST_BINS = 64
_FEW_COEFFICIENTS = 8
_SAFETY = 2


@dataclass(frozen=True)
class Cepstral:
    """Conductivity from a cosine series of the logarithm of the spectrum."""

    kappa: float
    """In W/mK."""
    standard_error: float
    """In W/mK; `kappa` times `log_error`."""
    log_error: float
    """Standard error of the logarithm of `kappa`, which is what is normally distributed."""
    interval: tuple[float, float]
    """95 % interval in W/mK, never below zero."""
    coefficients: int
    """Cepstral coefficients that were kept."""
    max_frequency: float
    """End of the part of the spectrum that was used, in THz (cycles per picosecond)."""
    bins: int
    """Frequencies in it."""


def cepstral(currents: Currents, max_frequency: float | None = None) -> Cepstral:
    """Estimate the conductivity and its error from a single pass over the spectrum.

    Kept are twice as many coefficients as Akaike's criterion takes: that criterion makes the error small over all
    frequencies, and what it leaves away, noise elsewhere, adds up at zero frequency to a bias. The part of the
    spectrum used is halved until it needs no more than 8 coefficients (before doubling), or would have fewer than 64
    frequencies; peaks above it have no influence. For processes with a known integral the intervals so found have
    the coverage they state (tests/transport).

    Parameters
    ----------
    currents
        Heat currents; all series are taken for independent.
    max_frequency
        End of the part of the spectrum to use, in THz, instead of finding it.

    Raises
    ------
    InputError
        For series too short to have a spectrum of 64 frequencies, or without any fluctuation.
    """
    power = _periodogram(currents)
    n_series = len(currents.series)
    if max_frequency is None:
        bins, chosen = _find_window(power, n_series)
    else:
        spacing = 1 / (currents.series.shape[1] * currents.sample_ps)
        bins = min(len(power) - 1, max(_FEWEST_BINS, round(max_frequency / spacing)))
        chosen = _akaike(_cepstrum(power[: bins + 1], n_series), n_series)
    coefficients = min(_SAFETY * chosen, bins - 2)
    cepstrum = _cepstrum(power[: bins + 1], n_series)
    logarithm = float(cepstrum[0] + 2 * cepstrum[1:coefficients].sum())
    log_error = float(np.sqrt(polygamma(1, n_series) * (4 * coefficients - 2) / (2 * bins)))
    kappa = currents.conductivity_per_integral * float(np.exp(logarithm)) / 2
    return Cepstral(
        kappa=kappa,
        standard_error=kappa * log_error,
        log_error=log_error,
        interval=(kappa * float(np.exp(-1.96 * log_error)), kappa * float(np.exp(1.96 * log_error))),
        coefficients=coefficients,
        max_frequency=bins / (currents.series.shape[1] * currents.sample_ps),
        bins=bins,
    )


def _periodogram(currents: Currents) -> Floats:
    """Two-sided power spectrum averaged over series, at frequencies from zero on, ``(n_samples // 2 + 1,)``."""
    n_samples = currents.series.shape[1]
    if n_samples < 2 * _FEWEST_BINS:
        raise InputError(
            f"the heat current has {n_samples} samples, expected {2 * _FEWEST_BINS} or more; run longer or sample more"
        )
    centred = currents.series - currents.series.mean(axis=1, keepdims=True)
    power: Floats = np.mean(np.abs(np.fft.rfft(centred, axis=1)) ** 2, axis=0) * currents.sample_ps / n_samples
    power[0] = power[1]  # taken away with the mean
    if not np.all(np.isfinite(power) & (power > 0)):
        raise InputError("the heat current does not fluctuate or is not finite; is the run broken?")
    return power


def _find_window(power: Floats, n_series: int) -> tuple[int, int]:
    """Frequencies of the part of the spectrum to use and Akaike's number of coefficients for it."""
    bins = len(power) - 1
    while True:
        chosen = _akaike(_cepstrum(power[: bins + 1], n_series), n_series)
        if chosen <= _FEW_COEFFICIENTS or bins // 2 < _FEWEST_BINS:
            return bins, chosen
        bins //= 2


def _cepstrum(power: Floats, n_series: int) -> Floats:
    """Cosine coefficients of the logarithm of the spectrum without its bias, ``(n_bins + 1,)``."""
    logarithm = np.log(power) - (digamma(n_series) - np.log(n_series))
    whole_period = np.concatenate([logarithm, logarithm[-2:0:-1]])
    coefficients: Floats = np.fft.rfft(whole_period).real / len(whole_period)
    return coefficients


def _akaike(cepstrum: Floats, n_series: int) -> int:
    """Number of coefficients with the smallest Akaike information."""
    tails = np.cumsum(cepstrum[::-1] ** 2)[::-1]
    numbers = np.arange(1, len(cepstrum) - 2)
    information = 2 * (len(cepstrum) - 1) / polygamma(1, n_series) * tails[numbers] + 2 * numbers
    return int(numbers[np.argmin(information)])
