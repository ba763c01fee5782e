"""Errors of known law against the number of frames; subsets that keep what a data set is made of."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptuner.files.frames import Frame
from neptuner.study.statistics.learning_curve import (
    LearningCurve,
    fit_learning_curve,
    more_data_or_bigger_model,
    nested_subsets,
)

SIZES = np.repeat([50, 100, 200, 400], 3)


def fitted(a: float, b: float, c: float, noise: float = 0.0, seed: int = 0) -> LearningCurve:
    error = (a + b * SIZES**-c) * np.exp(noise * np.random.default_rng(seed).normal(size=len(SIZES)))
    found = fit_learning_curve(SIZES, error)
    assert found is not None
    json.dumps(asdict(found), allow_nan=False)
    return found


@pytest.mark.parametrize(("a", "b", "c"), [(0.05, 1.0, 0.5), (0.0, 1.0, 0.3), (0.08, 30.0, 1.5)])
def test_a_law_without_noise_is_found(a: float, b: float, c: float) -> None:
    found = fitted(a, b, c)
    assert found.error == pytest.approx(a + b * 400**-c, rel=1e-3)
    assert found.floor == pytest.approx(a, abs=2e-3)
    assert found.exponent == pytest.approx(c, rel=0.05)
    for prediction in found.predictions:
        expected = a + b * (400 * prediction.factor) ** -c
        assert prediction.frames == 400 * prediction.factor
        assert prediction.error == pytest.approx(expected, rel=2e-3)
        assert prediction.gain == pytest.approx(100 * (1 - expected / (a + b * 400**-c)), abs=0.2)


@pytest.mark.parametrize("noise", [0.01, 0.05])
@pytest.mark.parametrize(
    ("a", "b", "c"), [(0.05, 1.0, 0.5), (0.0, 1.0, 0.3), (0.1, 0.0, 1.0), (0.08, 30.0, 1.5), (0.02, 0.5, 0.2)]
)
def test_intervals_cover(a: float, b: float, c: float, noise: float) -> None:
    """At least 84 % of 40; and they are of use: narrower than anything from nothing to the law without a floor."""
    found = [fitted(a, b, c, noise, seed).predictions[0] for seed in range(40)]
    error = a + b * 800**-c
    gain = 100 * (1 - error / (a + b * 400**-c))
    assert np.mean([each.gain_low - 1e-9 <= gain <= each.gain_high + 1e-9 for each in found]) >= 0.84
    assert np.mean([each.error_low <= error <= each.error_high for each in found]) >= 0.84
    assert np.median([each.gain_high - each.gain_low for each in found]) < (6 if noise == 0.01 else 16)


def test_an_error_that_does_not_fall_promises_nothing() -> None:
    found = fitted(0.1, 0.0, 1.0, 0.01)
    assert found.predictions[0].gain < 0.2
    assert found.predictions[1].gain_low == 0.0


def test_noise_is_estimated() -> None:
    assert np.median([fitted(0.05, 1.0, 0.5, 0.03, seed).noise_percent for seed in range(30)]) == pytest.approx(3, 0.2)


def test_more_replicates_tell_more() -> None:
    rng = np.random.default_rng(1)
    widths = []
    for replicates in (2, 20):
        n = np.repeat([50, 100, 200, 400], replicates)
        found = fit_learning_curve(n, (0.05 + n**-0.5) * np.exp(0.03 * rng.normal(size=len(n))))
        assert found is not None
        widths.append(found.predictions[0].gain_high - found.predictions[0].gain_low)
    assert widths[1] < 0.7 * widths[0]


def test_two_sizes_are_too_few() -> None:
    assert fit_learning_curve([100, 200, 200], [0.3, 0.2, 0.21]) is None
    assert fit_learning_curve([100, 200, 400], [0.3, 0.2, 0.15]) is not None


@pytest.mark.parametrize(("n", "y"), [([1, 2], [1.0]), ([1, 2, 3], [1.0, 0.0, 1.0]), ([1, 2, 3], [1.0, np.nan, 1.0])])
def test_what_is_no_curve_is_refused(n: list[int], y: list[float]) -> None:
    with pytest.raises(ValueError, match="expected as many errors as sizes"):
        fit_learning_curve(n, y)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.01, 10), min_size=6, max_size=6), st.floats(1e-3, 1e3), st.integers(2, 50))
def test_units_do_not_matter(errors: list[float], unit: float, per_size: int) -> None:
    sizes = [10, 20, 40, 80, 160, 320]
    one = fit_learning_curve(sizes, errors)
    other = fit_learning_curve([per_size * n for n in sizes], [unit * e for e in errors])
    assert one is not None and other is not None
    assert other.error == pytest.approx(unit * one.error, rel=1e-6)
    assert other.predictions[1].gain == pytest.approx(one.predictions[1].gain, abs=1e-6)
    assert one.predictions[0].gain_low <= one.predictions[0].gain <= one.predictions[0].gain_high
    assert 0 <= one.predictions[0].gain <= one.predictions[1].gain <= 100


@pytest.mark.parametrize(
    ("law", "gain", "advice"),
    [
        ((0.0, 1.0, 0.5), 5.0, "more data"),
        ((0.09, 0.2, 0.5), 25.0, "bigger model"),
        ((0.1, 0.0, 1.0), 0.1, "neither"),
        ((0.05, 1.0, 0.5), 15.0, "cannot be told"),
    ],
)
def test_advice_compares_twice_the_data_with_the_model(
    law: tuple[float, float, float], gain: float, advice: str
) -> None:
    found = more_data_or_bigger_model(fitted(*law, noise=0.01), gain, gain - 0.8, gain + 0.8)
    assert found.advice == advice
    assert found.sentence.startswith("Twice the data would lower the error by ")
    assert f"{gain:.1f} %" in found.sentence


def test_advice_needs_the_prediction_for_twice_the_data() -> None:
    curve = fit_learning_curve([100, 200, 400], [0.3, 0.2, 0.15], factors=[3.0])
    assert curve is not None
    with pytest.raises(ValueError, match="twice the data"):
        more_data_or_bigger_model(curve, 1.0, 0.0, 2.0)


def structures(formulas: list[tuple[int, int]]) -> list[Frame]:
    """Frames of so many Mg and O atoms."""
    return [
        Frame(np.array(["Mg"] * mg + ["O"] * o), np.zeros((mg + o, 3)), np.eye(3) * 10, number=i + 1)
        for i, (mg, o) in enumerate(formulas)
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([(1, 1), (2, 2), (1, 3), (3, 1), (4, 4)]), min_size=1, max_size=60),
    st.lists(st.floats(0.01, 1.0), min_size=1, max_size=5),
    st.integers(0, 99),
)
def test_subsets_are_nested_and_keep_the_shares_of_sizes(
    formulas: list[tuple[int, int]], fractions: list[float], seed: int
) -> None:
    frames = structures(formulas)
    subsets = nested_subsets(frames, sorted(fractions), seed)
    total = Counter(frame.n_atoms for frame in frames)
    for fraction, subset in zip(sorted(fractions), subsets, strict=True):
        assert len(subset) == max(1, round(fraction * len(frames)))
        assert np.all(np.diff(subset) > 0)
        counts = Counter(frames[i].n_atoms for i in subset)
        share = len(subset) / len(frames)
        # ranks of a size are evenly spaced, so a cut differs by one frame from its share, the common cut by one for
        # every size
        assert all(abs(counts[size] - share * total[size]) <= 1 + len(total) for size in total)
    for small, large in pairwise(subsets):
        assert set(small.tolist()) <= set(large.tolist())


def test_compositions_keep_their_shares_nearly() -> None:
    frames = structures([(4, 4)] * 60 + [(2, 6)] * 30 + [(6, 2)] * 30)
    for seed in range(10):
        (half,) = nested_subsets(frames, [0.5], seed)
        counts = Counter(frames[i].species.tolist().count("Mg") for i in half)
        assert [counts[mg] for mg in (4, 2, 6)] == pytest.approx([30, 15, 15], abs=2)


def test_rare_structures_have_an_even_chance() -> None:
    """One frame each of forty sizes: a tenth of the frames takes four of them, and not always the same."""
    frames = structures([(1, n) for n in range(40)])
    chosen = [tuple(nested_subsets(frames, [0.1], seed)[0].tolist()) for seed in range(20)]
    assert {len(each) for each in chosen} == {4}
    assert len(set(chosen)) > 15


def test_the_seed_decides() -> None:
    frames = structures([(1, 1)] * 50)
    one, again, other = (nested_subsets(frames, [0.3], seed)[0].tolist() for seed in (1, 1, 2))
    assert one == again != other


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.5])
def test_fractions_out_of_range_are_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="expected fractions"):
        nested_subsets(structures([(1, 1)] * 5), [0.5, fraction], 0)
