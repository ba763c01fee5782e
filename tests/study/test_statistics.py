from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from neptuner.study.statistics.block_model import BlockModel, contrast_error, fit_blocks, resolved
from neptuner.study.statistics.bootstrap import bca_of_ratio
from neptuner.study.statistics.gains import Gain, Losses, holm, judged, noise_floor, paired_gains, rank_stability
from neptuner.study.statistics.replication import POCOCK, adjusted, level_of_a_look, open_decisions, pairs_needed

TABLES = st.integers(2, 6).flatmap(
    lambda n: st.lists(st.lists(st.floats(0.05, 0.5), min_size=n, max_size=n), min_size=2, max_size=5)
)


def named(table: list[list[float]]) -> dict[str, dict[int, float]]:
    return {("base" if i == 0 else f"x{i}"): dict(enumerate(row)) for i, row in enumerate(table)}


def drawn(
    random: np.random.Generator, pairs: int, means: Mapping[str, float], sds: Mapping[str, float] | None = None
) -> Losses:
    """Losses with a mean, times what the seed does, times noise; of 3 % each."""
    blocks = 1 + 0.03 * random.standard_normal(pairs)
    noise = {name: 1 + (sds or {}).get(name, 0.03) * random.standard_normal(pairs) for name in means}
    return {name: dict(enumerate((mean * blocks * noise[name]).tolist())) for name, mean in means.items()}


# -- the block model -------------------------------------------------------------------------------


def least_squares(losses: Losses) -> tuple[np.ndarray, int]:
    """Residuals and degrees of freedom with a column for each configuration and seed."""
    rows = [(i, seed, loss) for i, name in enumerate(losses) for seed, loss in losses[name].items()]
    seeds = sorted({seed for _, seed, _ in rows})
    design = np.array([[i == c for c in range(len(losses))] + [s == k for k in seeds] for i, s, _ in rows], dtype=float)
    logs = np.log([loss for *_, loss in rows])
    solution, _, rank, _ = np.linalg.lstsq(design, logs, rcond=None)
    return logs - design @ solution, len(rows) - int(rank)


def test_the_model_is_least_squares_also_where_seeds_are_missing() -> None:
    random = np.random.default_rng(3)
    full = drawn(random, 6, {"base": 1.0, "a": 0.9, "b": 1.2, "c": 1.0, "alone": 1.0})
    keep = {"base": {0, 1, 2, 3, 4, 5}, "a": {0, 1, 2}, "b": {1, 2, 3, 5}, "c": {0, 5}, "alone": {4}}
    losses = {name: {k: v for k, v in values.items() if k in keep[name]} for name, values in full.items()}
    model = fit_blocks(losses)
    residuals, freedom = least_squares(losses)
    assert model.degrees_of_freedom == freedom == 6
    assert model.residuals[model.present > 0] == pytest.approx(residuals, abs=1e-12)
    assert model.residual_sd == pytest.approx(math.sqrt(np.sum(residuals**2) / freedom))
    assert model.own_degrees[-1] == pytest.approx(0)


def test_separate_groups_of_seeds_have_no_contrast_but_degrees_of_freedom() -> None:
    losses = {"a": {0: 1.0, 1: 1.1}, "b": {0: 1.2, 1: 1.1}, "c": {5: 1.0, 6: 2.0}, "d": {5: 1.0, 6: 2.1}}
    model = fit_blocks(losses)
    assert model.degrees_of_freedom == least_squares(losses)[1] == 2
    assert paired_gains(losses, "a").keys() == {"b"}


@given(TABLES.filter(lambda table: len(table) == 2))
def test_two_configurations_are_a_paired_t_test(table: list[list[float]]) -> None:
    first, second = np.log(table)
    difference = second - first
    model = fit_blocks(named(table))
    error, freedom = contrast_error(model, "base", "x1", len(first))
    assert freedom == len(first) - 1
    assert error == pytest.approx(difference.std(ddof=1) / math.sqrt(len(first)), abs=1e-14)


def test_p_and_interval_are_those_of_scipy_for_two_configurations() -> None:
    random = np.random.default_rng(5)
    losses = drawn(random, 6, {"base": 0.2, "x": 0.19})
    # The mean of the logarithms is made that of the losses, so that the two estimates coincide.
    base, x = (np.array(list(losses[name].values())) for name in ("base", "x"))
    expected = stats.ttest_rel(np.log(base), np.log(x))
    shift = math.log(base.mean() / x.mean()) - np.mean(np.log(base / x))
    result = paired_gains(losses, "base")["x"]
    error = float(np.std(np.log(base / x), ddof=1) / math.sqrt(6))
    assert result.p == pytest.approx(2 * stats.t.sf(abs(expected.statistic + shift / error), 5), rel=1e-9)
    assert result.p == pytest.approx(expected.pvalue, rel=0.05)
    assert result.gain == pytest.approx(100 * (1 - x.mean() / base.mean()))
    half = stats.t.ppf(0.975, 5) * error
    assert (result.low, result.high) == pytest.approx(
        tuple(100 * (1 - x.mean() / base.mean() * math.exp(s * half)) for s in (1, -1))
    )


# -- gains -----------------------------------------------------------------------------------------


def test_gain_is_over_common_seeds() -> None:
    losses = {"base": {1: 0.20, 2: 0.22, 3: 9.0}, "x": {1: 0.18, 2: 0.21, 4: 9.0}, "apart": {7: 1.0}}
    gains = paired_gains(losses, "base")
    assert gains.keys() == {"x"}
    assert (gains["x"].pairs, gains["x"].gain) == (2, pytest.approx(100 * (0.42 - 0.39) / 0.42))


def test_one_pair_has_no_interval() -> None:
    gain = paired_gains({"base": {1: 0.2, 2: 0.21}, "x": {1: 0.1}, "y": {1: 0.2, 2: 0.2}}, "base")["x"]
    assert gain == Gain(50.0, None, None, None, 1, None, "one pair")
    assert judged(gain, None, 1.0) == "not settled"


def test_losses_without_a_logarithm_count_as_not_measured() -> None:
    losses = {"base": {1: 0.2, 2: 0.2, 3: math.nan}, "x": {1: 0.1, 2: 0.12, 3: 0.1}, "y": {1: 0.0, 2: math.inf}}
    gains = paired_gains(losses, "base")
    assert gains.keys() == {"x"} and gains["x"].pairs == 2
    assert paired_gains({"base": {1: math.nan}, "x": {1: 1.0}}, "base") == {}


def test_equal_losses_and_losses_without_noise() -> None:
    losses = {"base": {1: 0.2, 2: 0.3}, "same": {1: 0.2, 2: 0.3}, "half": {1: 0.1, 2: 0.15}}
    gains = paired_gains(losses, "base")
    assert (gains["same"].gain, gains["same"].p) == (0, 1)
    assert gains["half"].p == pytest.approx(0, abs=1e-12) and gains["half"].low == pytest.approx(50)


@given(TABLES, st.floats(1e-3, 1e3))
def test_gains_do_not_depend_on_the_unit_of_the_loss(table: list[list[float]], factor: float) -> None:
    plain = paired_gains(named(table), "base")
    scaled = paired_gains(named([[factor * loss for loss in row] for row in table]), "base")
    for name, gain in plain.items():
        assert scaled[name].gain == pytest.approx(gain.gain, rel=1e-6, abs=1e-6)
        assert scaled[name].high == pytest.approx(gain.high, rel=1e-4, abs=1e-4)


@given(TABLES, st.randoms(use_true_random=False))
def test_gains_do_not_depend_on_the_order_of_seeds_and_configurations(table: list[list[float]], random) -> None:
    losses = named(table)
    seeds = list(range(len(table[0])))
    random.shuffle(seeds)
    mixed = {name: {seed: losses[name][seed] for seed in seeds} for name in reversed(losses)}
    plain, other = paired_gains(losses, "base"), paired_gains(mixed, "base")
    for name, gain in plain.items():
        assert other[name].low == pytest.approx(gain.low, rel=1e-6, abs=1e-6)
        assert other[name].p == pytest.approx(gain.p, rel=1e-6, abs=1e-9)


@given(TABLES)
def test_the_interval_excludes_zero_where_p_is_below_5_percent(table: list[list[float]]) -> None:
    for gain in paired_gains(named(table), "base").values():
        assert gain.low is not None and gain.high is not None and gain.p is not None
        assert gain.low <= gain.gain <= gain.high
        if abs(gain.p - 0.05) > 1e-9:
            assert (gain.p < 0.05) == (gain.low > 0 or gain.high < 0)


def coverage(pairs: int, studies: int, sds: Mapping[str, float], seed: int = 0) -> dict[str, float]:
    """Share of intervals that hold the true gain, by configuration."""
    random = np.random.default_rng(seed)
    means = {"base": 0.2, "a": 0.18, "b": 0.2, "c": 0.24, "d": 0.19, "noisy": 0.2}
    held = dict.fromkeys(list(means)[1:], 0)
    for _ in range(studies):
        for name, gain in paired_gains(drawn(random, pairs, means, sds), "base").items():
            assert gain.low is not None and gain.high is not None
            held[name] += gain.low <= 100 * (1 - means[name] / 0.2) <= gain.high
    return {name: count / studies for name, count in held.items()}


@pytest.mark.parametrize("pairs", [2, 3, 5])
def test_intervals_cover_the_truth(pairs: int) -> None:
    shares = coverage(pairs, 400, {})
    assert 0.93 < np.mean(list(shares.values())) < 0.985
    assert min(shares.values()) > 0.91


def test_intervals_cover_a_setting_that_is_noisier_than_the_others() -> None:
    shares = coverage(5, 400, {"noisy": 0.09})
    assert shares["noisy"] > 0.85  # with the noise of all alike it were 0.78
    assert 0.93 < np.mean(list(shares.values())) < 0.985


def test_bootstrap_intervals_cover_the_truth_with_skew_noise() -> None:
    random, held = np.random.default_rng(1), 0
    for _ in range(400):
        pairs = np.array([1.0, 0.9])[:, None] * (0.95 + 0.05 * random.exponential(1.0, (2, 20)))
        interval = bca_of_ratio(pairs[1], pairs[0], draws=2000)
        held += interval.low <= 0.9 <= interval.high
    assert 0.90 < held / 400 < 0.98


def test_bootstrap_is_that_of_scipy_but_for_its_widening() -> None:
    random = np.random.default_rng(2)
    x, b = 1 + 0.2 * random.exponential(1.0, (2, 25))
    ours = bca_of_ratio(x, b, draws=40_000)
    wide = 2 * stats.norm.cdf(math.sqrt(25 / 24) * stats.t.ppf(0.975, 24)) - 1
    theirs = stats.bootstrap(
        (x, b), lambda x, b, axis: np.log(x.mean(axis) / b.mean(axis)), paired=True, vectorized=True,
        method="BCa", confidence_level=wide, n_resamples=40_000, rng=np.random.default_rng(3),
    ).confidence_interval  # fmt: skip
    width = theirs.high - theirs.low
    assert math.log(ours.low) == pytest.approx(theirs.low, abs=0.03 * width)
    assert math.log(ours.high) == pytest.approx(theirs.high, abs=0.03 * width)


def test_p_of_the_bootstrap_belongs_to_its_interval() -> None:
    random = np.random.default_rng(4)
    x, b = 1 + 0.2 * random.exponential(1.0, (2, 25))
    low = bca_of_ratio(x, b).low
    assert bca_of_ratio(x / low, b).p == pytest.approx(0.05, abs=0.002)
    assert bca_of_ratio(x / 3, b).p == 0


def test_many_pairs_take_the_bootstrap() -> None:
    losses = drawn(np.random.default_rng(0), 30, {"base": 1.0, "x": 0.9})
    fewer = {name: {k: v for k, v in values.items() if k < 29} for name, values in losses.items()}
    many, few = paired_gains(losses, "base")["x"], paired_gains(fewer, "base")["x"]
    assert (many.method, few.method) == ("BCa", "block model")
    assert many.low is not None and many.high is not None and 5 < many.low < 10 < many.high < 15
    assert many == paired_gains(losses, "base")["x"]
    exact = {"base": losses["base"], "x": {k: v / 2 for k, v in losses["base"].items()}}
    assert paired_gains(exact, "base")["x"].method == "block model"


# -- many comparisons ------------------------------------------------------------------------------


def test_holm_by_hand() -> None:
    # Ordered: 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1 which may not be below the one before it.
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    )
    assert list(holm({"b": 0.9, "a": 0.8})) == ["b", "a"] and holm({"b": 0.9, "a": 0.8}) == {"b": 1.0, "a": 1.0}
    assert holm({}) == {}


@given(st.dictionaries(st.text(), st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_and_is_between_p_and_bonferroni(p: dict[str, float]) -> None:
    result = holm(p)
    assert result.keys() == p.keys()
    assert all(p[n] <= result[n] <= min(1, len(p) * p[n]) for n in p)
    assert all(result[m] <= result[n] for m in p for n in p if p[m] <= p[n])


def test_no_false_winner_in_most_studies_without_effect() -> None:
    random, names = np.random.default_rng(6), ["base", *"abcdefghij"]
    found = 0
    for _ in range(400):
        gains = paired_gains(drawn(random, 3, dict.fromkeys(names, 0.2), {"a": 0.09}), "base")
        p = adjusted(gains)
        found += any(judged(gains[n], p[n], 3.0) == "better" for n in gains)
    assert found <= 20  # 5 % of the studies


# -- noise and verdicts ----------------------------------------------------------------------------


def test_noise_floor() -> None:
    losses = drawn(np.random.default_rng(7), 5, {"base": 0.2, "a": 0.19, "b": 0.21})
    floor = noise_floor(losses, "base", 0.002)
    values = np.array(list(losses["base"].values()))
    assert floor.replicate_sd_percent == pytest.approx(100 * values.std(ddof=1) / values.mean())
    assert floor.last_rows_sd_percent == pytest.approx(100 * 0.002 / values.mean())
    corrected = noise_floor(losses, "base", comparisons=10).smallest_resolved_percent
    assert floor.smallest_resolved_percent is not None and corrected is not None
    assert 2 < floor.smallest_resolved_percent < corrected < 20


def test_noise_floor_of_one_replicate_is_unknown() -> None:
    floor = noise_floor({"base": {1: 0.2}, "x": {1: 0.3}}, "base")
    assert (floor.replicate_sd_percent, floor.last_rows_sd_percent, floor.smallest_resolved_percent) == (None,) * 3
    assert noise_floor({"base": {}, "x": {1: 0.3}}, "base", 0.1).last_rows_sd_percent is None


def test_smallest_resolved_gain_is_what_student_just_resolves() -> None:
    random, sizes = np.random.default_rng(8), []
    for _ in range(200):
        losses = drawn(random, 4, {"base": 1.0, **{f"x{i}": 1.0 for i in range(10)}})
        gain = paired_gains(losses, "base")["x0"]
        smallest = noise_floor(losses, "base").smallest_resolved_percent
        assert gain.high is not None and gain.low is not None and smallest is not None
        sizes.append(smallest / ((gain.high - gain.low) / 2))
    assert np.median(sizes) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("low", "high", "p", "floor", "expected"),
    [
        (2.0, 8.0, 0.01, 3.0, "better"),
        (-8.0, -2.0, 0.01, 3.0, "worse"),
        (2.0, 8.0, 0.06, 3.0, "not settled"),
        (-2.0, 2.5, 0.9, 3.0, "no difference"),
        (-2.0, 2.5, 0.9, 2.2, "not settled"),
        (-0.9, 0.8, 0.9, 0.1, "no difference"),
        (-0.9, 0.8, 0.9, None, "no difference"),
        (0.1, 0.2, 0.01, 3.0, "better"),
    ],
)
def test_judgement(low: float, high: float, p: float, floor: float | None, expected: str) -> None:
    assert judged(Gain((low + high) / 2, low, high, p, 3, 4.0, "block model"), p, floor) == expected


# -- ranks -----------------------------------------------------------------------------------------


def test_a_clear_winner_is_stable_and_equals_share() -> None:
    random = np.random.default_rng(9)
    losses = drawn(random, 3, {"base": 1.0, "far": 0.7, "a": 1.0, "b": 1.0})
    shares = rank_stability(losses, ["far", "a", "b", "missing"])
    assert shares.keys() == {"far", "a", "b"} and sum(shares.values()) == pytest.approx(1)
    assert shares["far"] > 0.98
    assert shares == rank_stability(losses, ["far", "a", "b", "missing"])


def test_rank_stability_is_the_share_of_a_normal_difference() -> None:
    # A difference of two means with a known error wins with the normal probability of their ratio.
    losses = drawn(np.random.default_rng(10), 40, {"base": 1.0, "a": 0.9, "b": 0.898})
    model = fit_blocks(losses)
    error, freedom = contrast_error(model, "a", "b", 40)
    difference = float(model.effects[2] - model.effects[1])
    expected = stats.t.cdf(difference / error, freedom)
    assert rank_stability(losses, ["a", "b"], draws=20_000)["a"] == pytest.approx(expected, abs=0.02)


def test_rank_stability_says_nothing_without_replicates() -> None:
    assert rank_stability({"base": {1: 1.0}, "x": {1: 0.5}}, ["base", "x"]) == {}
    assert rank_stability({"base": {1: 1.0, 2: 1.1}}, ["x"]) == {}


def test_ranks_without_noise_are_certain() -> None:
    losses = {"base": {1: 0.2, 2: 0.2}, "x": {1: 0.1, 2: 0.1}}
    assert rank_stability(losses, ["base", "x"]) == {"base": 0.0, "x": 1.0}


# -- adaptive replication --------------------------------------------------------------------------


@pytest.mark.parametrize("looks", [2, 3, 5, 12])
def test_the_level_of_a_look_makes_5_percent_of_all(looks: int) -> None:
    walk = np.random.default_rng(11).standard_normal((40_000, looks)).cumsum(axis=1) / np.sqrt(np.arange(1, looks + 1))
    assert np.mean(np.abs(walk).max(axis=1) > POCOCK[looks - 1]) == pytest.approx(0.05, abs=0.004)
    assert 2 * stats.norm.sf(POCOCK[looks - 1]) == pytest.approx(level_of_a_look(looks))


def test_one_look_changes_nothing_and_very_many_are_bonferroni() -> None:
    assert level_of_a_look(1) == pytest.approx(0.05, abs=1e-4)
    assert level_of_a_look(40) == pytest.approx(0.05 / 40)


def test_pairs_needed() -> None:
    n = pairs_needed(5.0, 0.03, configurations=11)
    assert n is not None
    effect = -math.log(0.95)
    assert resolved(0.03, n, 11) <= effect < resolved(0.03, n - 1, 11)
    careful = pairs_needed(5.0, 0.03, configurations=11, level=0.005, power=0.8)
    assert careful is not None and careful > n
    assert pairs_needed(0.0, 0.03) is None and pairs_needed(0.01, 0.03, most=50) is None
    assert pairs_needed(-5.0, 0.03, configurations=11) == pairs_needed(5.0, 0.03, configurations=11)


def test_a_t_test_with_the_pairs_needed_finds_the_effect_as_often_as_asked() -> None:
    n = pairs_needed(5.0, 0.03, power=0.8)
    assert n is not None
    random, found = np.random.default_rng(12), 0
    for _ in range(400):
        found += (paired_gains(drawn(random, n, {"base": 1.0, "x": 0.95}), "base")["x"].p or 1) < 0.05
    assert 0.74 < found / 400 < 0.92


def table(values: Mapping[str, list[float]]) -> Losses:
    return {name: dict(enumerate(row)) for name, row in values.items()}


CALM = {"base": [1.00, 1.01, 0.99], "c": [1.01, 0.99, 1.01], "d": [1.00, 0.98, 1.01], "e": [1.02, 1.01, 1.0]}


def test_settled_and_hopeless_decisions_are_closed() -> None:
    losses = table({**CALM, "far": [0.50, 0.51, 0.50], "worse": [1.5, 1.52, 1.5]})
    assert open_decisions(losses, "base", {"p": ["far", "worse"], "q": ["worse"]}, looks=3, most=10) == []


def test_what_looks_better_but_is_not_settled_is_open_and_takes_the_baseline_along() -> None:
    losses = table({**CALM, "promising": [0.95, 0.98, 0.95], "worse": [1.5, 1.52, 1.5]})
    groups = {"p": ["promising", "worse"], "q": ["worse"]}
    assert open_decisions(losses, "base", groups, looks=3, most=10) == ["base", "promising"]
    assert open_decisions(losses, "base", groups, looks=3, most=3) == []
    more = {**losses, "base": {**losses["base"], 3: 1.0}}
    assert open_decisions(more, "base", groups, looks=3, most=10) == ["promising"]


def test_the_order_of_the_two_best_is_open_if_it_matters() -> None:
    near = table({**CALM, "one": [0.50, 0.51, 0.50], "two": [0.51, 0.50, 0.52]})
    assert open_decisions(near, "base", {"p": ["two", "one"]}, looks=3, most=10) == ["base", "one", "two"]
    equal = table({**CALM, "one": [0.50, 0.51, 0.50], "two": [0.501, 0.511, 0.50]})
    assert open_decisions(equal, "base", {"p": ["two", "one"]}, looks=3, most=10) == []


def test_without_replicates_everything_that_looks_better_is_open() -> None:
    losses = table({"base": [1.0], "a": [0.9], "b": [1.1], "c": [0.99]})
    assert open_decisions(losses, "base", {"p": ["a", "b"], "q": ["c"]}, looks=2, most=3) == ["base", "a", "c"]


def test_an_unmeasured_group_is_left_alone() -> None:
    assert open_decisions(table(CALM), "base", {"p": ["failed"]}, looks=2, most=3) == []


@settings(max_examples=50)
@given(TABLES, st.integers(2, 8))
def test_open_decisions_are_of_the_study_and_below_the_limit(rows: list[list[float]], most: int) -> None:
    losses = named(rows)
    names = open_decisions(losses, "base", {"all": list(losses)[1:]}, looks=3, most=most)
    assert set(names) <= losses.keys() and len(names) == len(set(names)) <= 3
    assert all(len(losses[name]) < most for name in names if name != "base")


def test_looking_several_times_makes_no_more_false_winners() -> None:
    random, names, found = np.random.default_rng(13), ["base", *"abcdef"], 0
    groups = {"p": ["a", "b", "c"], "q": ["d", "e", "f"]}
    for _ in range(100):
        trials = drawn(random, 6, dict.fromkeys(names, 0.2))
        known = {name: {k: trials[name][k] for k in range(2)} for name in names}
        for n in (4, 6):
            for name in open_decisions(known, "base", groups, looks=3, most=6):
                known[name] = {k: trials[name][k] for k in range(n)}
        gains = paired_gains(known, "base")
        p = adjusted(gains, looks=3)
        found += any(judged(gains[n], p[n], 3.0) == "better" for n in gains)
    assert found <= 5


def test_a_model_of_nothing_is_empty() -> None:
    model: BlockModel = fit_blocks({})
    assert model.names == () and model.residual_sd is None and model.degrees_of_freedom == 0
