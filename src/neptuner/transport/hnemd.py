"""Conductivity from runs under a driving force: means over time and over runs, with two errors of the mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neptuner.transport.intervals import agreement, combined_degrees, interval
from neptuner.transport.series import Blocking, blocking, running_mean, transient

Floats = NDArray[np.float64]

ENOUGH_INDEPENDENT = 20
"""Independent values below which a run is called too short to judge its own error."""
CONTRADICTION = 0.01
"""Probability at which the two errors are said to contradict each other."""


@dataclass(frozen=True)
class Rows:
    """Conductivity of one run along its driving force, as block means in equal intervals."""

    values: Floats
    """``(n_rows,)`` in W/mK."""
    row_ps: float
    """Time that a row is the mean of, in picoseconds."""


@dataclass(frozen=True)
class RunMean:
    """Conductivity of one run."""

    kappa: float
    """In W/mK, without the transient."""
    blocked: Blocking
    row_ps: float
    cut_ps: float
    """Transient left out at the beginning, in picoseconds."""
    time_ps: float
    """Time that `kappa` is the mean of, in picoseconds."""


@dataclass(frozen=True)
class Running:
    """Running averages without the transient; at the last time they are the conductivities of :class:`Hnemd`."""

    time_ps: Floats
    """``(n,)`` since the beginning of the runs."""
    runs: Floats
    """``(n_runs, n)`` in W/mK."""
    mean: Floats
    """Over runs, ``(n,)``."""
    error: Floats
    """Standard error of the mean, ``(n,)``: from the spread of three or more runs, else from blocking."""


@dataclass(frozen=True)
class Hnemd:
    """Conductivity from one or more runs at the same driving force; everything in W/mK."""

    kappa: float
    """Mean over runs, weighted by their length."""
    standard_error: float
    """From the spread of runs where there are three or more, else from blocking; nan where neither is known."""
    error_from: Literal["runs", "blocking"]
    degrees_of_freedom: float
    interval: tuple[float, float]
    """95 % interval of Student's t."""
    spread_error: float | None
    """Standard error from the spread of the runs; None for one run."""
    spread_interval: tuple[float, float] | None
    blocked_error: float
    """Standard error from blocking within the runs."""
    blocked_interval: tuple[float, float]
    agreement: float | None
    """Probability that runs scatter at least as much, were the blocked errors right."""
    time_ps: float
    """Production time of all runs together, without transients."""
    runs: tuple[RunMean, ...]
    warnings: tuple[str, ...]


def hnemd(runs: Sequence[Rows]) -> Hnemd:
    """Average the rows of some runs (homogeneous non-equilibrium molecular dynamics).

    Rows are means over equal times, so that the running average of Z. Fan et al., Phys. Rev. B 99, 064308 (2019) is
    their cumulative mean. The transient is found by :func:`neptuner.transport.series.transient`.

    Parameters
    ----------
    runs
        At least one, each with at least one row.
    """
    means = _run_means(runs)
    values = np.array([run.kappa for run in means])
    errors = np.array([run.blocked.standard_error for run in means])
    weights = np.array([run.time_ps for run in means])
    weights /= weights.sum()
    kappa = float(weights @ values)
    spread = _spread_error(values, weights)
    squared = (weights * errors) ** 2
    blocked = float(np.sqrt(squared.sum()))
    blocked_degrees = combined_degrees(squared, np.array([run.blocked.blocks - 1.0 for run in means]))
    from_runs = spread is not None and len(means) >= 3
    standard_error, degrees = (
        (spread, len(means) - 1.0) if spread is not None and from_runs else (blocked, blocked_degrees)
    )
    probability = agreement(values, errors)
    return Hnemd(
        kappa=kappa,
        standard_error=standard_error,
        error_from="runs" if from_runs else "blocking",
        degrees_of_freedom=degrees,
        interval=interval(kappa, standard_error, degrees),
        spread_error=spread,
        spread_interval=None if spread is None else interval(kappa, spread, len(means) - 1.0),
        blocked_error=blocked,
        blocked_interval=interval(kappa, blocked, blocked_degrees),
        agreement=probability,
        time_ps=float(sum(run.time_ps for run in means)),
        runs=means,
        warnings=tuple(_warnings(means, probability)),
    )


def running(runs: Sequence[Rows], result: Hnemd) -> Running:
    """Give the running averages of the runs that :func:`hnemd` was given and of their mean.

    The mean goes as far as the shortest run that is at least half as long as the longest; shorter ones are left out.
    """
    row_ps = runs[0].row_ps
    alike = [(rows.values, run.cut_ps) for rows, run in zip(runs, result.runs, strict=True) if rows.row_ps == row_ps]
    longest = max(len(values) for values, _ in alike)
    alike = [(values, cut_ps) for values, cut_ps in alike if 2 * len(values) >= longest]
    kept = [values[round(cut_ps / row_ps) :] for values, cut_ps in alike]
    length = min(len(values) for values in kept)
    averages = np.array([running_mean(values[:length]) for values in kept])
    time = alike[0][1] + row_ps * np.arange(1, length + 1, dtype=np.float64)
    mean = averages.mean(axis=0)
    error: Floats
    if len(kept) >= 3:
        error = averages.std(axis=0, ddof=1) / np.sqrt(len(kept))
    else:
        error = result.blocked_error * np.sqrt(length / np.arange(1, length + 1))
    return Running(time, averages, mean, error)


def _run_means(runs: Sequence[Rows]) -> tuple[RunMean, ...]:
    cuts = {
        row_ps: transient([run.values for run in runs if run.row_ps == row_ps])
        for row_ps in {run.row_ps for run in runs}
    }
    return tuple(_run_mean(run, cuts[run.row_ps]) for run in runs)


def _run_mean(run: Rows, found: int) -> RunMean:
    cut = min(found, len(run.values) // 2)
    kept = run.values[cut:]
    known = blocking(kept)
    return RunMean(known.mean, known, run.row_ps, cut * run.row_ps, len(kept) * run.row_ps)


def _spread_error(values: Floats, weights: Floats) -> float | None:
    """Standard error of a weighted mean whose terms have variances inverse to their weights."""
    if len(values) < 2:
        return None
    return float(np.sqrt(np.sum(weights * (values - weights @ values) ** 2) / (len(values) - 1)))


def _warnings(runs: Sequence[RunMean], probability: float | None) -> list[str]:
    said = []
    if any(run.cut_ps > 0.8 * run.time_ps for run in runs):
        said.append(
            "the conductivity still drifts in the middle of the run: the transient may be longer than what was cut;"
            " run longer"
        )
    short = [run for run in runs if run.blocked.independent < ENOUGH_INDEPENDENT or not run.blocked.plateau]
    if short:
        fewest = min(run.blocked.independent for run in short)
        of = f"{len(short)} of {len(runs)} runs are" if len(runs) > 1 else "the run is"
        said.append(
            f"{of} too short for blocking to be trusted (worth about {fewest:.0f} independent values, expected"
            f" {ENOUGH_INDEPENDENT} or more in a plateau): the blocked error may be too small; run longer, or write"
            " rows more often"
        )
    if probability is not None and probability < CONTRADICTION:
        said.append(
            "the runs differ more than their own fluctuations allow (probability"
            f" {probability:.2g}): they are not equilibrated alike, or there are correlations longer than a block"
        )
    if probability is not None and probability > 1 - CONTRADICTION:
        said.append(
            "the runs agree better than their own fluctuations allow (probability of being closer"
            f" {1 - probability:.2g}): the error from their spread is too small by chance, or they are not"
            " independent; trust the blocked error"
        )
    return said
