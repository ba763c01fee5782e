"""Green-Kubo conductivity from running integrals of heat current autocorrelations, with a cut-off found from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.transport.intervals import interval
from neptuner.transport.planning import green_kubo_relative_error

Floats = NDArray[np.float64]

_PLATEAU = 1.5
_RATIO = 1.15
_REACH = 4.0
_SIGNIFICANT = 2.0
_SAFETY = 2.0
_FEWEST_ROWS = 20


@dataclass(frozen=True)
class Correlations:
    """Heat current autocorrelations of independent series: runs, or runs times equivalent directions."""

    time: Floats
    """Correlation times in picoseconds, equidistant, ``(n_times,)``."""
    integral: Floats
    """Conductivity integrated up to each time in W/mK, ``(n_series, n_times)``."""
    duration_ps: float
    """Length of the heat current that each series is the autocorrelation of, in picoseconds."""


@dataclass(frozen=True)
class GreenKubo:
    """Conductivity from equilibrium fluctuations; in W/mK."""

    kappa: float
    standard_error: float
    """From the spread of the series where there are three or more, else the predicted one."""
    error_from: Literal["series", "prediction"]
    degrees_of_freedom: float
    interval: tuple[float, float]
    """95 % interval."""
    predicted_error: float
    """From the length of the data and of the integral alone."""
    cutoff_ps: float
    """Correlation time from which on the running integral is averaged."""
    plateau_ps: tuple[float, float]
    """Begin and end of the part of the running integral that is averaged."""
    window_ps: float
    """Effective half-width of the integral's window in correlation time."""
    later_cutoff_ps: float
    """Four times the cut-off, or as late as the correlations go; the same as the cut-off if they end there."""
    later_kappa: float
    """Conductivity with that cut-off."""
    later_error: float
    """Its standard error. Correlations too weak and slow to be seen at the cut-off are in this value, and twice the
    noise is."""
    n_series: int
    time: Floats
    """Correlation times in picoseconds, ``(n_times,)``."""
    running: Floats
    """Running integral, mean over series, ``(n_times,)``."""
    running_error: Floats
    """Its standard error: from the spread of three or more series, else predicted, ``(n_times,)``."""
    warnings: tuple[str, ...]


def green_kubo(correlations: Correlations) -> GreenKubo:
    """Average the running integrals of some series over a plateau that begins where the correlation has decayed.

    Sought is the first time t at which the mean of the running integral over [t, 1.5 t] differs from that over [t', 1.5
    t'] by no more than two of its predicted standard errors, for every t' up to 4 t. At that time what is left of the
    correlation has only just drowned in noise, so that the integral goes to twice it; there the bias is small against
    the error. What decays more slowly and is too small to be seen is left out there: the value with a later cut-off,
    which has twice the error, holds it. The prediction is that of a spectral window: see
    :func:`neptuner.transport.planning.green_kubo_relative_error`. It depends on no fixed time, and integrates over
    oscillations as over a plain decay.

    Parameters
    ----------
    correlations
        At least one series of at least 20 times.

    Raises
    ------
    InputError
        If there are fewer.
    """
    time, integral = correlations.time, correlations.integral
    if len(time) < _FEWEST_ROWS:
        raise InputError(f"the autocorrelation has {len(time)} times, expected {_FEWEST_ROWS} or more")
    n_series, total_ps = len(integral), correlations.duration_ps * len(integral)
    mean = integral.mean(axis=0)
    starts, plateaus = _plateaus(time, mean)
    wanted = _SAFETY * float(starts[_first_stable(starts, plateaus, total_ps)])
    cutoff = min(wanted, longest := float(starts[-1]))
    later = max(cutoff, min(_REACH * cutoff, longest))
    chosen = slice(*_window(time, cutoff))
    kappa, error, predicted = _mean_over_plateau(correlations, cutoff)
    several = n_series >= 3
    degrees = n_series - 1.0 if several else np.inf
    later_kappa, later_error, _ = _mean_over_plateau(correlations, later)
    return GreenKubo(
        kappa=kappa,
        standard_error=error,
        error_from="series" if several else "prediction",
        degrees_of_freedom=degrees,
        interval=interval(kappa, error, degrees),
        predicted_error=predicted,
        cutoff_ps=cutoff,
        plateau_ps=(float(time[chosen][0]), float(time[chosen][-1])),
        window_ps=_overlap(cutoff, cutoff),
        later_cutoff_ps=later,
        later_kappa=later_kappa,
        later_error=later_error,
        n_series=n_series,
        time=time,
        running=mean,
        running_error=_running_error(correlations, kappa),
        warnings=tuple(_warnings(wanted, longest, cutoff, correlations.duration_ps)),
    )


def _mean_over_plateau(correlations: Correlations, cutoff: float) -> tuple[float, float, float]:
    """Conductivity with a cut-off, its standard error, and the predicted one, used where series are few."""
    n_series, total_ps = len(correlations.integral), correlations.duration_ps * len(correlations.integral)
    values = correlations.integral[:, slice(*_window(correlations.time, cutoff))].mean(axis=1)
    kappa = float(values.mean())
    predicted = abs(kappa) * green_kubo_relative_error(_overlap(cutoff, cutoff), total_ps)
    error = float(values.std(ddof=1) / np.sqrt(n_series)) if n_series >= 3 else predicted
    return kappa, error, predicted


def _running_error(correlations: Correlations, kappa: float) -> Floats:
    """Standard error of the mean running integral at each time, ``(n_times,)``."""
    n_series = len(correlations.integral)
    error: Floats
    if n_series >= 3:
        error = correlations.integral.std(axis=0, ddof=1) / np.sqrt(n_series)
    else:
        error = 2 * abs(kappa) * np.sqrt(correlations.time / (correlations.duration_ps * n_series))
    return error


def _plateaus(time: Floats, mean: Floats) -> tuple[Floats, Floats]:
    """Candidate cut-offs on a geometric grid, and the mean of the running integral over the plateau after each."""
    first = max(time[0], 3 * (time[1] - time[0]))
    count = int(np.log(time[-1] / _PLATEAU / first) / np.log(_RATIO)) + 1
    starts = first * _RATIO ** np.arange(count)
    sums = np.concatenate([[0.0], np.cumsum(mean)])
    begin, end = np.array([_window(time, start) for start in starts]).T
    return starts, (sums[end] - sums[begin]) / (end - begin)


def _window(time: Floats, start: float) -> tuple[int, int]:
    tiny = 1e-9 * start
    begin = int(np.searchsorted(time, start - tiny))
    return begin, max(begin + 1, int(np.searchsorted(time, _PLATEAU * start + tiny)))


def _first_stable(starts: Floats, plateaus: Floats, total_ps: float) -> int:
    """Index of the first cut-off that differs from none of those up to a few times it by more than its noise."""
    ratios = _RATIO ** np.arange(1, int(np.log(_REACH) / np.log(_RATIO)) + 1)
    apart = np.array([_overlap(1.0, 1.0) - 2 * _overlap(1.0, ratio) + _overlap(ratio, ratio) for ratio in ratios])
    for i, start in enumerate(starts):
        later = plateaus[i + 1 : i + 1 + len(ratios)]
        scale = np.maximum(np.abs(later), abs(plateaus[i]))
        noise = 2 * scale * np.sqrt(start * apart[: len(later)] / total_ps)
        if np.all(np.abs(later - plateaus[i]) <= _SIGNIFICANT * noise):
            return i
    return len(starts) - 1


def _overlap(first: float, second: float) -> float:
    """Integral over correlation time of the product of the windows of two plateaus.

    The window is one up to the cut-off and falls on a line to zero at the plateau's end.
    """
    nodes = np.unique([0.0, first, second, _PLATEAU * first, _PLATEAU * second])
    middles = (nodes[1:] + nodes[:-1]) / 2
    # Simpson's rule is exact for a product of straight pieces
    at_nodes = _taper(nodes, first) * _taper(nodes, second)
    at_middles = _taper(middles, first) * _taper(middles, second)
    return float(np.sum(np.diff(nodes) * (at_nodes[1:] + 4 * at_middles + at_nodes[:-1])) / 6)


def _taper(time: Floats, cutoff: float) -> Floats:
    weights: Floats = np.clip((_PLATEAU * cutoff - time) / ((_PLATEAU - 1) * cutoff), 0.0, 1.0)
    return weights


def _warnings(wanted: float, longest: float, cutoff: float, duration_ps: float) -> list[str]:
    said = []
    if wanted > longest:
        said.append(
            f"the heat current is still correlated at the end of hac.out: the integral should go to {wanted:.3g} ps but"
            f" ends at {longest:.3g} ps; ask compute_hac for more correlation steps"
        )
    if cutoff > 0.1 * duration_ps:
        said.append(
            f"the run ({duration_ps:.3g} ps) is shorter than ten times the correlation that is integrated"
            f" ({cutoff:.3g} ps); run longer"
        )
    return said
