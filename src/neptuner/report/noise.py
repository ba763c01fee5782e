"""What a difference between two models is worth: gains with their intervals, verdicts and the noise floor."""

from __future__ import annotations

from neptuner.report import numbers
from neptuner.report.data import Configuration, Results
from neptuner.report.statistics_data import Judged
from neptuner.study.statistics.block_model import fit_blocks
from neptuner.study.statistics.gains import Gain, compare, judged, noise_floor

LONG_BASELINE, LONG_COMBINED = "baseline-extended", "combined-extended"


def gain_of(
    results: Results, configuration: Configuration, split: str, *, quantity: str = "", strategy: str = ""
) -> Gain | None:
    """Return the gain of a configuration over the baseline, by the metric and strategy of the study if none is given.

    Without statistics in the file it is the bare reduction, without an interval.
    """
    quantity, strategy = quantity or results.metric, strategy or results.strategy
    found = results.statistics.gains.get((configuration.name, quantity, split, strategy))
    if found is not None:
        return found
    reduction = configuration.reduction_of(quantity, split).value(strategy)
    return None if reduction is None else _bare(reduction, len(configuration.runs))


def judged_of(results: Results, configuration: Configuration) -> Judged | None:
    """Return what is made of the gain of a configuration over the baseline on the split that judges."""
    if configuration.name == LONG_COMBINED:
        return extended_pair(results)
    found = results.statistics.verdicts.get(configuration.name)
    if found is not None or configuration.phase in ("baseline", "extended"):
        return found
    bare = gain_of(results, configuration, results.judged_split)
    return None if bare is None else Judged(bare, "not settled")


def extended_pair(results: Results) -> Judged | None:
    """Compare the combined model trained longer with the baseline trained longer.

    Two or three longer trainings of each say little of their noise; so the noise comes from a block model of all
    trainings of the study, relative to the loss (:mod:`neptuner.study.statistics.block_model`).
    """
    losses = _losses_by_seed(results)
    if not (losses.get(LONG_BASELINE) and losses.get(LONG_COMBINED)):
        return None
    gain = compare(fit_blocks(losses), losses, LONG_COMBINED, LONG_BASELINE)
    if gain is None:
        return None
    spread = noise_floor({LONG_BASELINE: losses[LONG_BASELINE]}, LONG_BASELINE).replicate_sd_percent
    return Judged(gain, judged(gain, gain.p, spread), gain.p)


def floor_of(results: Results, split: str = "") -> float | None:
    """Return the standard deviation between the baseline's replicates in per cent, on the split that judges."""
    return results.statistics.floor(split or results.judged_split).replicate_sd_percent


def floor_words(results: Results, split: str = "") -> str:
    """Write the noise floor as it stands beside a gain."""
    floor = floor_of(results, split)
    return "noise floor unknown" if floor is None else f"noise floor ± {numbers.spread(floor)}"


def adjustment(results: Results) -> str:
    """Say how intervals and p came about."""
    statistics = results.statistics
    if not statistics.known:
        return ""
    if all(found.adjusted_p is None for found in statistics.verdicts.values()):
        return "With one replicate there are no intervals, and nothing is settled."
    looks = f" and for {statistics.looks} looks at growing data (Pocock)" if statistics.looks > 1 else ""
    return (
        "Intervals are 95 % of each gain by itself, from differences between trainings with the same seed; p is the "
        "two-sided probability of such a gain by luck, adjusted by Holm's method for all comparisons of a "
        f"phase{looks}, and only p below 0.05 counts as better or worse."
    )


def _bare(percent: float, pairs: int) -> Gain:
    return Gain(percent, None, None, None, pairs, None, "one pair")


def _losses_by_seed(results: Results) -> dict[str, dict[int, float]]:
    """Losses that winners are chosen by, on the split that judges, of trainings on all frames."""
    found: dict[str, dict[int, float]] = {}
    for run in results.runs:
        loss = run.loss_of(results.metric, results.judged_split).value(results.strategy)
        if run.phase in ("baseline", "sweep", "combined", "ablation", "extended") and run.seed is not None and loss:
            found.setdefault(run.name, {})[run.seed] = loss
    return found
