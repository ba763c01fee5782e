"""Error against the number of training frames: would more data help, or a bigger model?

The law is ``error(n) = a + b n**-c`` with a, b >= 0 (Cortes et al., Adv. Neural Inf. Process. Syst. 6, 327 (1994)).
A few sizes with a few replicates do not fix three numbers, and the best fit says nothing of that. So every share of a
in the error and every exponent counts with its likelihood, the noise of the errors being a constant part of them that
is estimated from the same points.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neptuner.files.frames import Frame
from neptuner.study.data.grouping import group_labels
from neptuner.transport.intervals import LEVEL, half_width

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

Advice = Literal["more data", "bigger model", "neither", "cannot be told"]

FACTORS = (2.0, 4.0)
"""Times as many frames as there are, for which the error is predicted."""
PURE = 1 / 3
"""Probability beforehand of a power law without a floor."""
FLAT = 1 / 6
"""Probability beforehand of an error that does not depend on the number of frames."""
EXPONENTS = (0.05, 2.0)
"""Range of the exponent; beforehand each is as likely as the others on a logarithmic scale."""
GRID = 120
"""Shares of a in the error, each as likely as the others beforehand, and exponents that are tried at a time."""
POSSIBLE = 1e-7
"""Probability, over that of the likeliest, below which a share or an exponent is not tried again."""
LEAST_NOISE = 1e-3
"""Part of the error below which no point is believed."""
FEWEST_SIZES = 3
NEGLIGIBLE = 1.0
"""Per cent; a gain below it is none."""


@dataclass(frozen=True)
class Prediction:
    """What more frames would bring; plain numbers that go into JSON, intervals of 95 %."""

    factor: float
    frames: int
    error: float
    error_low: float
    error_high: float
    gain: float
    """Per cent of the present error."""
    gain_low: float
    gain_high: float


@dataclass(frozen=True)
class LearningCurve:
    """How the error falls with the number of frames."""

    frames: int
    """Largest size."""
    error: float
    """The law at the largest size."""
    error_low: float
    error_high: float
    floor: float
    """Median of a, the error with any number of frames, with its interval."""
    floor_low: float
    floor_high: float
    exponent: float
    """Median of c, with its interval; that of a curve that does not fall means nothing."""
    exponent_low: float
    exponent_high: float
    noise_percent: float
    """Standard deviation of the points about the law that fits best."""
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class MoreDataOrBiggerModel:
    """What to do next."""

    advice: Advice
    sentence: str


@dataclass(frozen=True)
class _Laws:
    """Every law that is tried, flattened, ``(n_laws,)``."""

    floor: Floats
    exponent: Floats
    log_error: Floats
    """Logarithm of the error at the largest size."""
    weight: Floats
    """Probability; the sum is 1."""
    spread: float
    """Standard error of ``log_error`` for a given law."""
    freedom: int
    noise: float


def fit_learning_curve(
    frames: Sequence[int], errors: Sequence[float], factors: Sequence[float] = FACTORS
) -> LearningCurve | None:
    """Fit a law to errors and tell what more frames would bring.

    Parameters
    ----------
    frames, errors
        Number of training frames and error of each training, ``(n,)``; replicates are points of their own.
    factors
        Times as many frames as the largest size for which the error is predicted.

    Returns
    -------
    None for fewer than three sizes.

    Raises
    ------
    ValueError
        If the two do not match, or a number is not above zero.
    """
    n, y = np.asarray(frames, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if n.ndim != 1 or n.shape != y.shape or not np.all(np.isfinite(y) & (y > 0) & (n > 0)):
        raise ValueError(f"expected as many errors as sizes, all above zero, found {n.tolist()} and {y.tolist()}")
    if len(np.unique(n)) < FEWEST_SIZES:
        return None
    laws, largest = _weigh_laws(n / n.max(), np.log(y)), int(n.max())
    error, error_low, error_high = _errors(laws, np.zeros_like(laws.weight))
    return LearningCurve(
        largest,
        error,
        error_low,
        error_high,
        *_quantiles(laws.floor * np.exp(laws.log_error), laws.weight),
        *_quantiles(laws.exponent, laws.weight),
        100.0 * laws.noise,
        tuple(_predict(laws, largest, factor) for factor in factors),
    )


def more_data_or_bigger_model(curve: LearningCurve, gain: float, low: float, high: float) -> MoreDataOrBiggerModel:
    """Compare what twice the data would bring with what another model brought.

    Parameters
    ----------
    curve
        Learning curve of the baseline, predicted for twice the data.
    gain, low, high
        Gain of the bigger or combined model in per cent, on the same split, and its 95 % interval.
    """
    double = next((each for each in curve.predictions if each.factor == 2.0), None)
    if double is None:
        raise ValueError("expected a learning curve that was predicted for twice the data")
    data = f"{double.gain:.1f} % ({double.gain_low:.1f} to {double.gain_high:.1f} %)"
    model = f"{gain:.1f} % ({low:.1f} to {high:.1f} %)"
    both = f"Twice the data would lower the error by {data}, the other model lowered it by {model}"
    if double.gain_high < NEGLIGIBLE and high < NEGLIGIBLE:
        return MoreDataOrBiggerModel("neither", f"{both}: neither is worth it.")
    # the gains are estimated apart, so their errors add in squares
    difference = double.gain - gain
    below = np.hypot(double.gain - double.gain_low, high - gain)
    above = np.hypot(double.gain_high - double.gain, gain - low)
    if difference - below > 0:
        return MoreDataOrBiggerModel("more data", f"{both}: more data help more.")
    if difference + above < 0:
        return MoreDataOrBiggerModel("bigger model", f"{both}: the other model helps more.")
    return MoreDataOrBiggerModel("cannot be told", f"{both}: which helps more cannot be told.")


def nested_subsets(frames: Sequence[Frame], fractions: Sequence[float], seed: int) -> list[Integers]:
    """Choose subsets at random, each part of every larger one, with the shares of cell sizes and compositions kept.

    Shares of cell sizes are kept to one frame for each size, those of compositions nearly.

    Parameters
    ----------
    frames
        Frames to choose from.
    fractions
        Shares of the frames, above 0 and at most 1, in any order.
    seed
        Of the choice.

    Returns
    -------
    Indices of the frames of each subset in ascending order; at least one.

    Raises
    ------
    ValueError
        For a fraction out of range.
    """
    if any(not 0 < fraction <= 1 for fraction in fractions):
        raise ValueError(f"expected fractions above 0 and at most 1, found {list(fractions)}")
    rng = np.random.default_rng(seed)
    by_formula = _ranks(group_labels(frames, "formula"), rng.random(len(frames)), rng)
    order = np.argsort(_ranks([frame.n_atoms for frame in frames], by_formula, rng), kind="stable")
    return [np.sort(order[: max(1, round(fraction * len(frames)))]) for fraction in fractions]


def _ranks(labels: Sequence[str] | Sequence[int], order: Floats, rng: np.random.Generator) -> Floats:
    """Rank frames within those of their label, spread evenly over 0 to 1 from a random start."""
    ranks, members = np.empty(len(labels)), defaultdict(list)
    for number in np.argsort(order, kind="stable").tolist():
        members[labels[number]].append(number)
    for label in sorted(members):
        mine = members[label]
        ranks[mine] = (np.arange(len(mine)) + rng.random()) / len(mine)
    return ranks


def _weigh_laws(x: Floats, log_y: Floats) -> _Laws:
    """Weigh laws on a grid, and again on one that is as fine as the data tell them apart."""
    floors, exponents = np.linspace(0.0, 1.0, GRID), np.geomspace(*EXPONENTS, GRID)
    for _ in range(2):
        laws = _weigh(x, log_y, floors, exponents)
        table = laws.weight.reshape(len(floors), len(exponents))
        floors = np.linspace(*_range(table[1:-1].max(axis=1), floors[1:-1]), GRID)
        floors = np.concatenate([[0.0], floors[(floors > 0) & (floors < 1)], [1.0]])
        exponents = np.geomspace(*_range(table[:-1].max(axis=0), exponents), GRID)
    return _weigh(x, log_y, floors, exponents)


def _range(weight: Floats, values: Floats) -> tuple[float, float]:
    """First and last possible value, and one to either side."""
    possible = np.flatnonzero(weight >= POSSIBLE * weight.max())
    return float(values[max(possible[0] - 1, 0)]), float(values[min(possible[-1] + 1, len(values) - 1)])


def _weigh(x: Floats, log_y: Floats, floors: Floats, exponents: Floats) -> _Laws:
    """Weigh every law by the likelihood of its best scale, whatever the noise (a flat prior on its logarithm).

    The first and the last floor are 0 and 1; those between are evenly spaced.
    """
    floor, exponent = (each.ravel() for each in np.meshgrid(floors, exponents, indexing="ij"))
    residuals = log_y - np.log(floor[:, None] + (1.0 - floor[:, None]) * x ** -exponent[:, None])
    log_error = residuals.mean(axis=1)
    squares = ((residuals - log_error[:, None]) ** 2).sum(axis=1) + len(x) * LEAST_NOISE**2
    before = np.full(len(floors), (1.0 - PURE - FLAT) * (floors[2] - floors[1]))
    before[[0, -1]] = PURE, FLAT
    weight = np.repeat(before, len(exponents)) * (squares / squares.min()) ** (-0.5 * (len(x) - 1))
    freedom = max(len(x) - 3, 1)
    noise = float(np.sqrt(squares.min() / freedom))
    return _Laws(floor, exponent, log_error, weight / weight.sum(), noise / np.sqrt(len(x)), freedom, noise)


def _predict(laws: _Laws, largest: int, factor: float) -> Prediction:
    left = laws.floor + (1.0 - laws.floor) * factor**-laws.exponent
    gain, gain_low, gain_high = _quantiles(100.0 * (1.0 - left), laws.weight)
    return Prediction(factor, round(factor * largest), *_errors(laws, np.log(left)), gain, gain_low, gain_high)


def _errors(laws: _Laws, log_part: Floats) -> tuple[float, float, float]:
    """Error at some size and its interval, from those at the largest size and the parts that are left of them."""
    logs = laws.log_error + log_part
    mean = float(laws.weight @ logs)
    deviation = float(np.sqrt(laws.weight @ (logs - mean) ** 2 + laws.spread**2))
    half = half_width(deviation, laws.freedom)
    return float(np.exp(mean)), float(np.exp(mean - half)), float(np.exp(mean + half))


def _quantiles(values: Floats, weight: Floats) -> tuple[float, float, float]:
    """Median and ends of the interval."""
    order = np.argsort(values)
    below = np.cumsum(weight[order])
    places = np.searchsorted(below, [0.5, 0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    middle, low, high = values[order][np.minimum(places, len(values) - 1)].tolist()
    return middle, low, high
