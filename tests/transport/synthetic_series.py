"""Random processes whose variance of the mean and autocorrelation integral are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]


def white(rng: np.random.Generator, n_series: int, n: int, mean: float = 0.0) -> Floats:
    return mean + rng.normal(size=(n_series, n))


def ornstein_uhlenbeck(rng: np.random.Generator, n_series: int, n: int, decay: float) -> Floats:
    """Unit variance, autocorrelation ``decay ** lag``: an Ornstein-Uhlenbeck process at equal intervals."""
    noise = np.sqrt(1 - decay**2) * rng.normal(size=(n_series, n))
    noise[:, 0] /= np.sqrt(1 - decay**2)
    return lfilter([1.0], [1.0, -decay], noise, axis=1)


def ornstein_uhlenbeck_spectrum(decay: float) -> float:
    """Power at zero frequency: the sum of the autocorrelation over all lags."""
    return (1 + decay) / (1 - decay)


def oscillating(rng: np.random.Generator, n_series: int, n: int, radius: float, angle: float) -> Floats:
    """AR(2) with poles ``radius exp(+-i angle)``, driven by unit noise, in its stationary state."""
    warm = int(10 / (1 - radius))
    noise = rng.normal(size=(n_series, n + warm))
    return lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], noise, axis=1)[:, warm:]


def oscillating_spectrum(radius: float, angle: float) -> float:
    """Power at zero frequency."""
    return 1 / (1 - 2 * radius * np.cos(angle) + radius**2) ** 2


def running_integrals(series: Floats, lags: int, interval: float) -> tuple[Floats, Floats]:
    """Lags ``(lags,)`` and integral of the autocorrelation of each series up to them, ``(n_series, lags)``."""
    n = series.shape[1]
    size = 1 << (2 * n - 1).bit_length()
    power = np.abs(np.fft.rfft(series, size, axis=1)) ** 2
    correlation = np.fft.irfft(power, size, axis=1)[:, :lags] / (n - np.arange(lags))
    integral = np.zeros_like(correlation)
    integral[:, 1:] = interval * np.cumsum(0.5 * (correlation[:, 1:] + correlation[:, :-1]), axis=1)
    return interval * np.arange(lags), integral
