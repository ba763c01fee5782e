"""Two conductivities beside each other: is their difference resolved, and if not, what would resolve it?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neptuner.transport.hnemd import Hnemd
from neptuner.transport.intervals import combined_degrees, half_width, two_sided
from neptuner.transport.planning import POWERED, time_to_resolve

Floats = NDArray[np.float64]

Method = Literal["paired", "welch", "blocking"]
_PART = 0.1
_VAGUE = 0.25


@dataclass(frozen=True)
class Conditions:
    """What the runs of a model were made with."""

    volume: float
    """In cubic angstrom."""
    fe: float
    """Driving force in 1/angstrom."""


@dataclass(frozen=True)
class Comparison:
    """Conductivity of a second model minus that of a first; in W/mK."""

    first: float
    second: float
    difference: float
    standard_error: float
    degrees_of_freedom: float
    interval: tuple[float, float]
    """95 % interval of the difference; infinite where nothing tells the error."""
    p_value: float | None
    """Probability of at least as large a difference between equal conductivities."""
    method: Method
    """``paired``: differences of runs with the same seed; ``welch``: spread of the runs of each; ``blocking``: blocked
    errors of each, where there are fewer than three runs."""
    correlation: float | None
    """Between paired runs, where there are three or more pairs."""
    resolved: bool
    """Whether the interval leaves out zero."""
    time_ps: float
    """Production time of one model so far, all runs together (of the shorter of both), in picoseconds."""
    time_for_difference_ps: float
    """Production time of each model that finds this difference four times in five, in picoseconds."""
    time_for_tenth_ps: float
    """The same for a difference of 10 %."""
    sentence: str


@dataclass(frozen=True)
class Agreement:
    """Two conductivities of the same model from two methods; in W/mK."""

    difference: float
    standard_error: float
    z: float
    """Difference over its standard error."""
    p_value: float
    sentence: str


def compare(
    first: Hnemd,
    second: Hnemd,
    *,
    names: tuple[str, str] = ("first", "second"),
    paired: bool = False,
    conditions: tuple[Conditions, Conditions] | None = None,
) -> Comparison:
    """Compare the conductivities of two models.

    With three or more runs of each the error comes from their spread: of the differences, by Student's t, where runs
    are `paired` and equally many, else by Welch's test. With fewer the blocked errors are taken: a spread of two has
    one degree of freedom and tells next to nothing.

    Parameters
    ----------
    first, second
        Conductivities of the two models.
    names
        What they are called in the sentence.
    paired
        Whether runs of equal number were given equal seeds.
    conditions
        Volume and driving force of each, from which the time is predicted that would resolve a difference; without
        them it is scaled from the errors there are.
    """
    a, b = (np.array([run.kappa for run in one.runs]) for one in (first, second))
    method = _method(len(a), len(b), paired)
    difference, error, degrees = _difference(first, second, a, b, method)
    half = half_width(error, degrees)
    time = min(first.time_ps, second.time_ps)
    tenth = _PART * (abs(first.kappa) + abs(second.kappa)) / 2
    times = tuple(_time(first, second, conditions, wanted, error, time) for wanted in (difference, tenth))
    resolved = abs(difference) > half
    return Comparison(
        first=first.kappa,
        second=second.kappa,
        difference=difference,
        standard_error=error,
        degrees_of_freedom=degrees,
        interval=(difference - half, difference + half),
        p_value=two_sided(difference / error, degrees) if error > 0 and degrees > 0 else None,
        method=method,
        correlation=_correlation(a, b) if method == "paired" else None,
        resolved=resolved,
        time_ps=time,
        time_for_difference_ps=times[0],
        time_for_tenth_ps=times[1],
        sentence=_sentence(names, (first.kappa, difference, half), resolved, time, times),
    )


def methods_agree(
    hnemd: tuple[float, float], green_kubo: tuple[float, float], cutoff_ps: float | None = None
) -> Agreement:
    """Compare the conductivities of driven runs and of equilibrium fluctuations.

    Parameters
    ----------
    hnemd, green_kubo
        Value and standard error of each in W/mK.
    cutoff_ps
        Correlation time up to which `green_kubo` was integrated, for the sentence; None where there is no such time.
    """
    difference = hnemd[0] - green_kubo[0]
    error = math.hypot(hnemd[1], green_kubo[1])
    z = difference / error if error > 0 else math.nan
    by = f"{_signed(difference)} \u00b1 {error:.2g} W/mK"
    up_to = "" if cutoff_ps is None else f" up to {duration(cutoff_ps)}"
    said = f"HNEMD and Green-Kubo{up_to} differ by {by} ({abs(z):.1f} standard errors)"
    if not math.isfinite(z):
        verdict = "HNEMD and Green-Kubo cannot be compared without an error of both"
    elif abs(z) <= 2 and error > _VAGUE * max(abs(hnemd[0]), abs(green_kubo[0])):
        verdict = f"{said}: compatible, but the error is too large to say that they agree"
    elif abs(z) <= 2:
        verdict = f"{said}: they agree"
    elif abs(z) <= 3:
        verdict = f"{said}: barely compatible; longer runs would tell"
    else:
        verdict = f"{said}: they contradict each other; check the driving force, the cut-off and the length of the runs"
    return Agreement(difference, error, z, two_sided(z, math.inf) if math.isfinite(z) else math.nan, verdict)


def _method(n_first: int, n_second: int, paired: bool) -> Method:
    if min(n_first, n_second) < 3:
        return "blocking"
    return "paired" if paired and n_first == n_second else "welch"


def _difference(first: Hnemd, second: Hnemd, a: Floats, b: Floats, method: Method) -> tuple[float, float, float]:
    """Difference, its standard error and degrees of freedom."""
    if method == "paired":
        pairs = b - a
        return float(pairs.mean()), float(pairs.std(ddof=1) / np.sqrt(len(pairs))), len(pairs) - 1.0
    if method == "welch":
        squared = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
        degrees = combined_degrees(squared, np.array([len(a) - 1.0, len(b) - 1.0]))
        return float(b.mean() - a.mean()), float(np.sqrt(squared.sum())), degrees
    errors = [run.blocked for one in (first, second) for run in one.runs]
    weights = np.concatenate([[run.time_ps / one.time_ps for run in one.runs] for one in (first, second)])
    squared = (weights * np.array([known.standard_error for known in errors])) ** 2
    degrees = combined_degrees(squared, np.array([known.blocks - 1.0 for known in errors]))
    return second.kappa - first.kappa, float(np.sqrt(squared.sum())), degrees


def _correlation(a: Floats, b: Floats) -> float | None:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def _time(
    first: Hnemd,
    second: Hnemd,
    conditions: tuple[Conditions, Conditions] | None,
    wanted: float,
    error: float,
    time: float,
) -> float:
    if wanted == 0:
        return math.inf
    if conditions is None:
        return time * (POWERED * error / wanted) ** 2
    models = [(one.kappa, given.volume, given.fe) for one, given in zip((first, second), conditions, strict=True)]
    return time_to_resolve(models[0], models[1], wanted)


def _sentence(
    names: tuple[str, str],
    found: tuple[float, float, float],
    resolved: bool,
    time: float,
    times: Sequence[float],
) -> str:
    value, difference, half = found
    both = f"\u03ba({names[1]}) \u2212 \u03ba({names[0]}) = {_signed(difference)} W/mK"
    percent = f"{_signed(100 * difference / value)} %" if value else "from nothing"
    if math.isfinite(half):
        both += f" ({percent}; 95 % interval {_signed(difference - half)} to {_signed(difference + half)})"
    else:
        both += f" ({percent}), with an unknown error"
    if resolved:
        return f"{both}: {'larger' if difference > 0 else 'smaller'}, at 95 % confidence"
    return (
        f"{both}: not resolved by {duration(time)} of each; this difference would need about {duration(times[0])} of"
        f" each, one of 10 % about {duration(times[1])}"
    )


def _signed(number: float) -> str:
    return f"{number:+.3g}".replace("-", "\u2212")


def duration(time_ps: float) -> str:
    """Write a simulated time in the unit a reader thinks in."""
    if not math.isfinite(time_ps):
        return "ever longer runs"
    for size, unit in ((1e6, "\u00b5s"), (1e3, "ns")):
        if time_ps >= size:
            return f"{time_ps / size:.3g} {unit}"
    return f"{time_ps:.3g} ps"
